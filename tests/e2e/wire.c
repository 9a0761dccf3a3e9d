#include "e2e/wire.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct wire *wire_of(int fd)
{
    struct wire *wire = scene_alloc(sizeof *wire);
    int yes = 1;

    wire->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return wire;
}

static int connect_v4(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

struct wire *wire_connect(int port)
{
    int fd = connect_v4(port);

    cr_assert_geq(fd, 0, "cannot connect to 127.0.0.1:%d", port);
    return wire_of(fd);
}

struct wire *wire_connect_v6(int port)
{
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0, "cannot connect to [::1]:%d", port);
    return wire_of(fd);
}

struct wire *wire_connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0, "cannot connect to %s", path);
    return wire_of(fd);
}

struct wire *wire_try(int port)
{
    int fd = connect_v4(port);

    return fd >= 0 ? wire_of(fd) : NULL;
}

bool wire_can_connect(int port)
{
    int fd = connect_v4(port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* ---- sending ---- */

bool wire_send_bytes(struct wire *wire, const void *bytes, size_t count)
{
    const char *next = bytes;

    while (count > 0) {
        ssize_t sent = send(wire->fd, next, count, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        next += sent;
        count -= (size_t)sent;
    }
    return true;
}

void wire_send(struct wire *wire, const char *format, ...)
{
    va_list values;
    char *text = NULL;
    int length;

    va_start(values, format);
    length = vasprintf(&text, format, values);
    va_end(values);
    if (length < 0)
        abort();
    wire_send_bytes(wire, text, (size_t)length);
    free(text);
}

static bool all_acknowledged(const struct wire *wire)
{
    int waiting = 0;

    return ioctl(wire->fd, SIOCOUTQ, &waiting) < 0 || waiting == 0;
}

void wire_drip(struct wire *wire, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!wire_send_bytes(wire, (const char *)bytes + i, 1))
            return;
        for (int64_t end_ms = now_ms() + 1000; !all_acknowledged(wire) && now_ms() < end_ms;)
            sched_yield();
    }
}

/* ---- receiving ---- */

static void wire_keep(struct wire *wire, const char *bytes, size_t count)
{
    if (wire->length + count + 1 > wire->room) {
        wire->room = (wire->length + count + 1) * 2;
        wire->bytes = realloc(wire->bytes, wire->room);
        if (!wire->bytes)
            abort();
    }
    memcpy(wire->bytes + wire->length, bytes, count);
    wire->length += count;
    wire->bytes[wire->length] = 0;
    if (wire->record)
        transcript_add(wire->record, bytes, count);
}

/** Waits for bytes or the end until that time; false when neither came. */
static bool wire_receive(struct wire *wire, int64_t end_ms)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    const int64_t left_ms = end_ms - now_ms();
    char part[16384];
    ssize_t got;

    if (wire->ended || poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0) <= 0)
        return false;
    got = recv(wire->fd, part, sizeof part, 0);
    if (got > 0)
        wire_keep(wire, part, (size_t)got);
    else
        wire->ended = true;
    wire->was_reset = got < 0;
    return true;
}

bool wire_take(struct wire *wire)
{
    while (wire_receive(wire, 0)) {
    }
    return !wire->ended;
}

static char *wire_lift(struct wire *wire, size_t count)
{
    char *lifted = scene_alloc(count + 1);

    if (count)
        memcpy(lifted, wire->bytes + wire->at, count);
    wire->at += count;
    return lifted;
}

char *wire_read_until_within(struct wire *wire, const char *text, int ms)
{
    const int64_t end_ms = now_ms() + ms;
    const size_t length = strlen(text);

    for (;;) {
        const char *from = wire->bytes ? wire->bytes + wire->at : "";
        const char *found = memmem(from, wire->length - wire->at, text, length);

        if (found)
            return wire_lift(wire, (size_t)(found - from) + length);
        if (!wire_receive(wire, end_ms))
            return NULL;
    }
}

char *wire_read_until(struct wire *wire, const char *text)
{
    return wire_read_until_within(wire, text, PATIENCE_MS);
}

char *wire_read_bytes_within(struct wire *wire, size_t count, int ms)
{
    const int64_t end_ms = now_ms() + ms;

    while (wire->length - wire->at < count) {
        if (!wire_receive(wire, end_ms))
            return NULL;
    }
    return wire_lift(wire, count);
}

char *wire_read_bytes(struct wire *wire, size_t count)
{
    return wire_read_bytes_within(wire, count, PATIENCE_MS);
}

char *wire_read_all(struct wire *wire)
{
    const int64_t end_ms = now_ms() + PATIENCE_MS;

    while (!wire->ended) {
        if (!wire_receive(wire, end_ms))
            return NULL;
    }
    return wire_lift(wire, wire->length - wire->at);
}

bool wire_is_silent(struct wire *wire, int ms)
{
    return wire->at == wire->length && !wire->ended && !wire_receive(wire, now_ms() + ms);
}

bool wire_sees_end(struct wire *wire)
{
    const char *rest = wire_read_all(wire);

    return rest && !*rest;
}

/* ---- ends ---- */

void wire_shut(struct wire *wire)
{
    shutdown(wire->fd, SHUT_WR);
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
    wire->ended = true;
}

void wire_reset(struct wire *wire)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    wire_close(wire);
}
