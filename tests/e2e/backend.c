#include "e2e/backend.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LONG_MS = 60000 }; /* a backend outwaits its test */

/* ---- requests ---- */

static bool chunks_skip(struct wire *wire)
{
    for (;;) {
        const char *line = wire_read_until_within(wire, "\r\n", LONG_MS);
        size_t size;

        if (!line)
            return false;
        size = strtoul(line, NULL, 16);
        if (size == 0)
            break;
        if (!wire_read_bytes_within(wire, size + 2, LONG_MS))
            return false;
    }
    for (;;) {
        const char *line = wire_read_until_within(wire, "\r\n", LONG_MS);

        if (!line || strcmp(line, "\r\n") == 0)
            return line != NULL;
    }
}

char *request_read(struct wire *wire)
{
    char *head = wire_read_until_within(wire, "\r\n\r\n", LONG_MS);

    if (!head)
        return NULL;
    if (field_count(head, "Transfer-Encoding"))
        return chunks_skip(wire) ? head : NULL;
    if (field_count(head, "Content-Length")) {
        const size_t length = strtoul(field_of(head, "Content-Length"), NULL, 10);

        return wire_read_bytes_within(wire, length, LONG_MS) ? head : NULL;
    }
    return head;
}

static void answer_all(struct wire *wire, struct backend *backend)
{
    const char *head_end = strstr(backend->answer, "\r\n\r\n");
    const size_t head_length = head_end ? (size_t)(head_end - backend->answer) + 4 : strlen(backend->answer);
    const char *head;

    while ((head = request_read(wire)) != NULL) {
        const bool bodyless = strncmp(head, "HEAD ", 5) == 0;

        atomic_fetch_add(&backend->requests, 1);
        if (!wire_send_bytes(wire, backend->answer, bodyless ? head_length : strlen(backend->answer)))
            return;
        if (!strstr(backend->answer, "Content-Length:") && !strstr(backend->answer, "chunked"))
            return; /* its body ends with the connection */
    }
}

/* ---- threads ---- */

struct visit {
    struct backend *backend;
    struct wire *wire;
};

static void *visit_serve(void *arg)
{
    struct visit *visit = arg;

    if (visit->backend->play)
        visit->backend->play(visit->wire, visit->backend);
    else
        answer_all(visit->wire, visit->backend);
    wire_close(visit->wire);
    atomic_fetch_sub(&visit->backend->open, 1);
    return NULL;
}

static void *backend_accept(void *arg)
{
    struct backend *backend = arg;
    int fd;

    while ((fd = accept4(backend->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct visit *visit = scene_alloc(sizeof *visit);
        pthread_t thread;

        *visit = (struct visit){.backend = backend, .wire = wire_of(fd)};
        visit->wire->record = &backend->seen;
        atomic_fetch_add(&backend->connections, 1);
        atomic_fetch_add(&backend->open, 1);
        if (pthread_create(&thread, NULL, visit_serve, visit) != 0)
            abort();
        pthread_detach(thread);
    }
    return NULL;
}

/** Starts to listen; all fields must be set. */
static struct backend *backend_run(struct backend *backend)
{
    pthread_t thread;

    cr_assert_eq(listen(backend->listener, 1024), 0);
    transcript_init(&backend->seen);
    cr_assert_eq(pthread_create(&thread, NULL, backend_accept, backend), 0);
    pthread_detach(thread);
    return backend;
}

static struct backend *backend_new(int family)
{
    struct backend *backend = scene_alloc(sizeof *backend);

    backend->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(backend->listener, 0);
    return backend;
}

static struct backend *backend_new_v4(void)
{
    struct backend *backend = backend_new(AF_INET);
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(backend->listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(getsockname(backend->listener, (struct sockaddr *)&at, &size), 0);
    backend->port = ntohs(at.sin_port);
    return backend;
}

static const char *ok_with(const char *body)
{
    return scene_text("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                      strlen(body), body);
}

struct backend *backend_answering(const char *bytes)
{
    struct backend *backend = backend_new_v4();

    backend->answer = bytes;
    return backend_run(backend);
}

struct backend *backend_saying(const char *body)
{
    return backend_answering(ok_with(body));
}

struct backend *backend_playing(void (*play)(struct wire *wire, struct backend *backend))
{
    struct backend *backend = backend_new_v4();

    backend->play = play;
    return backend_run(backend);
}

struct backend *backend_on_unix(const char *path, const char *body)
{
    struct backend *backend = backend_new(AF_UNIX);
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    cr_assert_eq(bind(backend->listener, (struct sockaddr *)&at, sizeof at), 0);
    backend->answer = ok_with(body);
    return backend_run(backend);
}

struct backend *backend_on_v6(const char *body)
{
    struct backend *backend = backend_new(AF_INET6);
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof at;

    cr_assert_eq(bind(backend->listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(getsockname(backend->listener, (struct sockaddr *)&at, &size), 0);
    backend->port = ntohs(at.sin6_port);
    backend->answer = ok_with(body);
    return backend_run(backend);
}

void backend_deafen(struct backend *backend)
{
    shutdown(backend->listener, SHUT_RDWR); /* wakes the accepting thread, too */
}

/* ---- what it got ---- */

bool backend_sees(struct backend *backend, const char *text)
{
    return transcript_says(&backend->seen, text, PATIENCE_MS);
}

char *backend_seen(struct backend *backend)
{
    return transcript_copy(&backend->seen);
}

char *backend_last_head(struct backend *backend)
{
    char *seen = backend_seen(backend);
    char *last = seen;

    for (char *line = seen; line; line = strstr(line, "\r\n")) {
        const char *version;

        line += line == seen ? 0 : 2;
        version = strstr(line, " HTTP/1.");
        if (version && version < line + strcspn(line, "\r"))
            last = line;
    }
    return scene_text("%.*s", (int)(strstr(last, "\r\n\r\n") ? strstr(last, "\r\n\r\n") + 4 - last : 0),
                      last);
}
