#include "e2e/caller.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/content.h"

enum { SILENCE_S = 30 }; /* far more than any step takes, and less than the test may */

bool caller_fail(struct caller *caller, enum mishap mishap, const char *format, ...)
{
    va_list values;

    if (caller->mishap)
        return false;
    caller->mishap = mishap;
    va_start(values, format);
    vsnprintf(caller->detail, sizeof caller->detail, format, values);
    va_end(values);
    return false;
}

static bool fail_by_errno(struct caller *caller, int error_number, const char *doing)
{
    enum mishap mishap = MISHAP_RESET;

    if (error_number == EAGAIN || error_number == ETIMEDOUT)
        mishap = MISHAP_SILENT;
    else if (error_number == ECONNREFUSED)
        mishap = MISHAP_REFUSED;
    return caller_fail(caller, mishap, "%s: %s", doing, strerror(error_number));
}

/* ---- beginning and end ---- */

bool caller_connect(struct caller *caller, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval silence = {.tv_sec = SILENCE_S};
    const int yes = 1;

    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(caller->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(caller->fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    if (caller->room_bytes)
        setsockopt(caller->fd, SOL_SOCKET, SO_RCVBUF, &caller->room_bytes, sizeof caller->room_bytes);
    if (connect(caller->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return fail_by_errno(caller, errno, "connect");
    return true;
}

bool caller_secure(struct caller *caller, SSL_CTX *context, const char *name, SSL_SESSION *session)
{
    char why[96];

    caller->tls = SSL_new(context);
    SSL_set_fd(caller->tls, caller->fd);
    SSL_set_tlsext_host_name(caller->tls, name);
    SSL_set1_host(caller->tls, name);
    if (session)
        SSL_set_session(caller->tls, session);
    ERR_clear_error();
    if (SSL_connect(caller->tls) == 1)
        return true;
    ERR_error_string_n(ERR_peek_error(), why, sizeof why);
    return caller_fail(caller, MISHAP_HANDSHAKE, "%s", why);
}

/* A session is fit to be resumed only after a shutdown in order. */
void caller_hang_up(struct caller *caller)
{
    if (caller->tls) {
        if (!caller->mishap)
            SSL_shutdown(caller->tls);
        SSL_free(caller->tls);
    }
    if (caller->fd >= 0)
        close(caller->fd);
    ERR_clear_error();
    *caller = (struct caller){.fd = -1, .room_bytes = caller->room_bytes};
}

/* ---- sending ---- */

static ssize_t send_some(struct caller *caller, const char *bytes, size_t count)
{
    return caller->tls ? SSL_write(caller->tls, bytes, (int)count)
                       : send(caller->fd, bytes, count, MSG_NOSIGNAL);
}

bool caller_send(struct caller *caller, const void *bytes, size_t count)
{
    const char *next = bytes;

    while (count > 0 && !caller->mishap) {
        ssize_t sent = send_some(caller, next, count);

        if (sent <= 0)
            return fail_by_errno(caller, errno, "send");
        next += sent;
        count -= (size_t)sent;
    }
    return !caller->mishap;
}

bool caller_say(struct caller *caller, const char *format, ...)
{
    char text[2048];
    va_list values;
    int length;

    va_start(values, format);
    length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return caller_send(caller, text, (size_t)length);
}

/* ---- receiving ---- */

static ssize_t receive_some(struct caller *caller)
{
    char *room = caller->bytes + caller->length;
    const size_t count = sizeof caller->bytes - caller->length;

    return caller->tls ? SSL_read(caller->tls, room, (int)count) : recv(caller->fd, room, count, 0);
}

static bool fail_to_receive(struct caller *caller, ssize_t got)
{
    if (caller->tls)
        got = SSL_get_error(caller->tls, (int)got) == SSL_ERROR_ZERO_RETURN || errno == 0 ? 0 : -1;
    if (got < 0)
        return fail_by_errno(caller, errno, "receive");
    return caller_fail(caller, caller->has_begun ? MISHAP_TRUNCATED : MISHAP_CLOSED, "the end came");
}

static bool caller_fill(struct caller *caller)
{
    ssize_t got;

    if (caller->mishap)
        return false;
    memmove(caller->bytes, caller->bytes + caller->at, caller->length - caller->at);
    caller->length -= caller->at;
    caller->at = 0;
    errno = 0;
    got = receive_some(caller);
    if (got <= 0)
        return fail_to_receive(caller, got);
    caller->length += (size_t)got;
    caller->has_begun = true;
    return true;
}

bool caller_until(struct caller *caller, const char *text)
{
    const size_t length = strlen(text);

    while (!caller->mishap) {
        const char *from = caller->bytes + caller->at,
                   *found = memmem(from, caller->length - caller->at, text, length);
        const size_t count = found ? (size_t)(found - from) + length : caller->length - caller->at;

        if (count >= sizeof caller->text)
            return caller_fail(caller, MISHAP_CONTENT, "no end of what should be short");
        if (found) {
            memcpy(caller->text, from, count);
            caller->text[count] = 0;
            caller->at += count;
            return true;
        }
        caller_fill(caller);
    }
    return false;
}

bool caller_expect(struct caller *caller, const void *bytes, size_t count)
{
    const char *due = bytes;

    while (count > 0) {
        size_t part = caller->length - caller->at;

        if (part == 0 && !caller_fill(caller))
            return false;
        part = caller->length - caller->at < count ? caller->length - caller->at : count;
        if (memcmp(caller->bytes + caller->at, due, part) != 0)
            return caller_fail(caller, MISHAP_CONTENT, "other bytes, %zu before the end", count);
        caller->at += part;
        due += part;
        count -= part;
    }
    return true;
}

bool caller_check(struct caller *caller, uint64_t offset, uint64_t count)
{
    while (count > 0) {
        const size_t part = count < CONTENT_PART ? (size_t)count : CONTENT_PART;

        if (!caller_expect(caller, content_at(offset), part))
            return false;
        offset += part;
        count -= part;
    }
    return true;
}

bool caller_answer(struct caller *caller, int status)
{
    if (!caller->mishap)
        caller->has_begun = caller->length > caller->at;
    if (!caller_until(caller, "\r\n\r\n"))
        return false;
    caller->closes = strcasestr(caller->text, "\r\nConnection: close\r\n") != NULL;
    if (strtol(caller->text + strcspn(caller->text, " "), NULL, 10) != status)
        return caller_fail(caller, MISHAP_STATUS, "%.*s", (int)strcspn(caller->text, "\r"), caller->text);
    return true;
}
