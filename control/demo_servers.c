#include "control/demo_servers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/demo_app.h"
#include "http/h1_server.h"
#include "net/listener.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

/* Happy path:  listen on three ports → accept → greet as that port does, until the other side ends
 * On failure:  a port that is taken is said at the start
 * On close:    the loop stops; the process ends soon after, and the connections with it */

enum { DEMO_SERVER_MAGIC = 0xde305e2e };

struct demo_server {
    unsigned magic;
    struct demo_servers *all;
    uint16_t port;
    void (*serve)(struct demo_server *server, struct stream *stream);
    const char *name;
    int fd;
    struct listener *listener;
};

struct demo_servers {
    struct loop *loop;
    pthread_t thread;
    struct certificates *certificates;
    struct demo_server servers[3];
};

/* ---- greets like SSH ---- */

static size_t on_ssh_bytes(void *owner, struct slice lent)
{
    struct stream *stream = owner;
    struct slice parts[] = {SLICE("you said: "), lent};

    stream_write(stream, parts, ARRAY_LEN(parts), STREAM_LATER);
    stream_end(stream, true);
    return lent.len;
}

static void on_ssh_drained(void *owner)
{
    (void)owner; /* a greeting always fits */
}

static void on_ssh_eof(void *owner)
{
    stream_end(owner, false);
}

static void on_ssh_closed(void *owner, enum fault fault, int error_number)
{
    (void)owner; /* nothing of ours to free */
}

static const struct stream_events SSH_EVENTS = {on_ssh_bytes, on_ssh_drained, on_ssh_eof, on_ssh_closed};

static void serve_ssh(struct demo_server *server, struct stream *stream)
{
    struct slice banner = SLICE("SSH-2.0-portico_demo\r\n");

    stream_own(stream, &SSH_EVENTS, stream);
    stream_write(stream, &banner, 1, STREAM_NOW);
    stream_want(stream, true);
}

/* ---- the web app, plain and behind TLS ---- */

static void serve_app(struct demo_server *server, struct stream *stream)
{
    demo_app_serve(server->all->loop, stream, server->name);
}

static void on_established(void *owner, struct stream *stream)
{
    serve_app(CAST(demo_server, DEMO_SERVER, owner), stream);
}

static void on_handshake_failed(void *owner, enum fault fault, const char *detail)
{
    (void)CAST(demo_server, DEMO_SERVER, owner); /* the client was told by an alert */
}

static const struct tls_stream_events TLS_EVENTS = {on_established, on_handshake_failed};

static void serve_tls(struct demo_server *server, struct stream *stream)
{
    static const char *const ALPN[] = {"http/1.1", NULL};
    static const struct tls_server_options OPTIONS = {.alpn = ALPN};
    struct tls_identity *identity = certificates_find(server->all->certificates, SLICE("closed.localhost"));

    if (identity)
        tls_stream_accept(stream, identity, &OPTIONS, &TLS_EVENTS, server);
    else
        stream_close(stream);
}

/* ---- start and stop ---- */

static void on_accepted(void *owner, struct stream *stream)
{
    struct demo_server *server = CAST(demo_server, DEMO_SERVER, owner);

    server->serve(server, stream);
}

static int open_server(struct demo_server *server, struct error *error)
{
    const struct ip loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct address address = address_from_ip(loopback, server->port);

    if (listener_is_taken(&address)) {
        listener_explain(&address, EADDRINUSE, error);
        return -1;
    }
    server->fd = listener_open(&address, false);
    if (server->fd < 0) {
        listener_explain(&address, errno, error);
        return -1;
    }
    server->listener = listener_new(server->all->loop, server->fd, false, on_accepted, server, error);
    return server->listener ? 0 : -1;
}

static void *run(void *argument)
{
    struct demo_servers *servers = argument;

    pthread_setname_np(pthread_self(), "demo");
    loop_run(servers->loop);
    return NULL;
}

static void close_all(struct demo_servers *servers)
{
    for (size_t i = 0; i < ARRAY_LEN(servers->servers); i++) {
        if (servers->servers[i].listener)
            listener_free(servers->servers[i].listener, false);
        if (servers->servers[i].fd >= 0)
            close(servers->servers[i].fd);
    }
    demo_app_close_all();
    loop_free(servers->loop);
    mem_free(servers);
}

int demo_servers_start(struct certificates *certificates, struct demo_servers **out, struct error *error)
{
    struct demo_servers *servers = mem_new(struct demo_servers);
    sigset_t all, before;
    int rc;

    servers->certificates = certificates;
    servers->servers[0] = (struct demo_server){.port = DEMO_APP_PORT, .serve = serve_app, .name = "the app"};
    servers->servers[1] =
        (struct demo_server){.port = DEMO_TLS_PORT, .serve = serve_tls, .name = "the closed app"};
    servers->servers[2] = (struct demo_server){.port = DEMO_SSH_PORT, .serve = serve_ssh, .name = "ssh"};
    if (loop_new(&servers->loop, error) < 0) {
        mem_free(servers);
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(servers->servers); i++) {
        MAGIC_SET(&servers->servers[i], DEMO_SERVER);
        servers->servers[i].all = servers;
        servers->servers[i].fd = -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(servers->servers); i++) {
        if (open_server(&servers->servers[i], error) < 0) {
            close_all(servers);
            return -1;
        }
    }
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&servers->thread, NULL, run, servers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        close_all(servers);
        return error_set(error, "no thread for the sample servers: %s", strerror(rc));
    }
    *out = servers;
    return 0;
}

void demo_servers_stop(struct demo_servers *servers)
{
    loop_stop(servers->loop);
    pthread_join(servers->thread, NULL);
    close_all(servers);
}
