#include "unit/backends/offices.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* --- Servers */

static void bind_loopback(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    cr_assert_eq(bind(server->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(getsockname(server->fd, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
}

void server_open(struct server *server, int backlog)
{
    bind_loopback(server);
    cr_assert_eq(listen(server->fd, backlog), 0);
}

void server_bind_only(struct server *server)
{
    bind_loopback(server);
}

void server_close(struct server *server)
{
    for (size_t i = 0; i < server->count; i++) {
        if (server->conns[i] >= 0)
            close(server->conns[i]);
    }
    close(server->fd);
}

void server_accept(struct server *server)
{
    int fd;

    while ((fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        cr_assert_lt(server->count, SERVER_CONNS_MAX);
        server->conns[server->count++] = fd;
    }
}

size_t server_hears(struct server *server, size_t conn, char *out, size_t size)
{
    ssize_t got = recv(server->conns[conn], out, size - 1, 0);

    out[MAX(got, 0)] = '\0';
    return (size_t)MAX(got, 0);
}

void server_says(struct server *server, size_t conn, const char *text)
{
    cr_assert_eq(send(server->conns[conn], text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* --- The office */

struct office *office_new(void)
{
    struct office *office = mem_new(struct office);
    struct error error;

    cr_assert_eq(loop_new(&office->loop, &error), 0, "%s", error.text);
    timer_wheel_advance(loop_timers(office->loop), loop_now_ms(office->loop) + 3600 * 1000);
    office->back = back_office_new(office->loop, NULL);
    return office;
}

void office_free(struct office *office)
{
    desks_free(office->desks);
    back_office_free(office->back);
    loop_free(office->loop);
    arena_fini(&office->arena);
    mem_free(office);
}

void office_settle(struct office *office)
{
    for (int i = 0; i < 10; i++)
        loop_run_once(office->loop);
}

void office_wait(struct office *office, uint64_t ms)
{
    struct timer_wheel *wheel = loop_timers(office->loop);

    timer_wheel_advance(wheel, wheel->now_ms + ms);
    office_settle(office);
}

struct pool_target office_endpoint(struct office *office, const char *target)
{
    struct pool_target endpoint = {0};
    struct error error;

    cr_assert_eq(target_parse(slice_str(target), &office->arena, &endpoint.target, &error), 0, "%s",
                 error.text);
    endpoint.identity = endpoint.target.text;
    return endpoint;
}

struct pool_target office_server_endpoint(struct office *office, const struct server *server)
{
    char port[8];

    snprintf(port, sizeof(port), "%u", server->port);
    return office_endpoint(office, port);
}

/* --- Requests */

static void on_head(void *owner, const struct head *head, bool last)
{
    struct request *request = owner;

    request->status = head->status;
    if (!last)
        return;
    request->is_done = true;
    acquire_release(&request->attempt);
}

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct request *request = owner;

    if (!last)
        return;
    request->is_done = true;
    acquire_release(&request->attempt);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
}

static void on_credit(void *owner, size_t n)
{
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct request *request = owner;

    request->was_reset = true;
    request->fault = fault;
    request->error_number = error_number;
}

static const struct http_end_events END_EVENTS = {on_head, on_data, on_trailers, on_credit, on_reset};

static void on_ready(void *owner)
{
    struct request *request = owner;
    const struct head head = {.method = METHOD_GET,
                              .method_text = SLICE("GET"),
                              .target = SLICE("/"),
                              .authority = SLICE("app.test"),
                              .major = 1,
                              .minor = 1};

    request->readies++;
    if (request->attempt.is_raw)
        return;
    http_end_own(request->attempt.end, &END_EVENTS, request);
    request->attempt.end->ops->head(request->attempt.end, &head, true);
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct request *request = owner;

    request->faileds++;
    request->fault = fault;
    request->error_number = error_number;
    snprintf(request->detail, sizeof(request->detail), "%.*s", FMT_SLICE(detail));
}

static void on_taken_out(void *owner, bool of_tunnels)
{
    struct request *request = owner;

    request->taken_out++;
    request->was_of_tunnels = of_tunnels;
}

static const struct acquire_events EVENTS = {
    .ready = on_ready, .failed = on_failed, .taken_out = on_taken_out};

void office_begin(struct office *office, const struct pool *pool, struct roster *roster)
{
    desks_free(office->desks);
    office->roster = roster;
    office->desks = desks_new(office->back, &office->roster, 1);
    office->pool = pool;
}

static struct desks *desks_of(struct office *office, const struct pool *pool)
{
    if (office->pool != pool)
        office_begin(office, pool, NULL);
    return office->desks;
}

void request_start(struct request *request, struct office *office, const struct pool *pool)
{
    *request = (struct request){.office = office};
    request->attempt = (struct acquisition){
        .desks = desks_of(office, pool),
        .pool = pool,
        .arena = &office->arena,
        .on = &EVENTS,
        .owner = request,
        .connect_timeout_ms = 5000,
    };
    acquire_start(&request->attempt);
}

void request_answer(struct request *request, struct server *server, size_t conn, const char *answer)
{
    char heard[1024] = "";

    OFFICE_UNTIL(request->office, request->readies || request->faileds);
    cr_assert_eq(request->readies, 1, "%s", request->detail);
    OFFICE_UNTIL(request->office, (server_accept(server), server->count > conn) &&
                                      server_hears(server, conn, heard, sizeof(heard)));
    cr_assert(strstr(heard, "GET / HTTP/1.1\r\n"), "%s", heard);
    server_says(server, conn, answer);
    OFFICE_UNTIL(request->office, request->is_done);
}
