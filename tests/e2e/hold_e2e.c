/* Requests that wait: for a backend that is away (`hold`), and for a place at one that is full (`max_connections`). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(hold);
SUITE(queue);

enum { WAITERS = 8, APART_MS = 40, AWAY_MS = 3000 };

static struct wire *request_begin(int port, const char *path)
{
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET %s HTTP/1.1\r\nHost: a.test\r\n\r\n", path);
    return wire;
}

static void requests_begin(struct wire **wires, int count, int port, const char *path)
{
    for (int i = 0; i < count; i++)
        wires[i] = request_begin(port, path);
}

/** How many of them were answered with that status. */
static int answers_of(struct wire **wires, int count, int status)
{
    int found = 0;

    for (int i = 0; i < count; i++)
        found += answer_read(wires[i]).status == status;
    return found;
}

static struct server *server_away(void)
{
    return server_at("127.0.0.1", scene_port(), "one", SERVER_ANSWERS);
}

/* ---- hold ---- */

Test(hold, no_request_fails_while_the_only_backend_is_replaced)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct clients *clients;
    int port = scene_port(), before;
    int64_t back_ms;

    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %d, hold: 10s}}\n", port, server->port);
    clients = clients_start((struct clients_terms){.port = port, .pause_ms = 20, .patience_ms = 15000});
    cr_assert(WAIT_FOR(clients->answered > 500, PATIENCE_MS));
    server_stop(server);
    poll(NULL, 0, AWAY_MS);
    before = clients->answered;
    back_ms = now_ms();
    server_restart(server);
    cr_expect(WAIT_FOR(clients->answered >= before + 500, PATIENCE_MS), "%d answers more",
              clients->answered - before);
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
    cr_expect_gt(clients_longest_ms(clients), AWAY_MS / 2, "they did wait: %d ms",
                 clients_longest_ms(clients));
    cr_expect_gt(clients_served_by(clients, "one", back_ms), 0);
}

Test(hold, a_backend_that_comes_late_is_waited_for_also_with_checks)
{
    struct server *servers[2] = {server_away(), server_away()};
    struct wire *wires[WAITERS];
    int port = scene_port();
    struct process *portico = portico_start(
        "workers: 2\nroutes: {\"http://a.test:%d\": {to: %s, hold: 20s, health: {path: /up, interval: "
        "500ms, timeout: 500ms}}}\n",
        port, servers_list(servers, 2));

    for (int i = 0; i < 2; i++)
        cr_assert(portico_logs(portico, scene_text("endpoint=\"%s\"", servers[i]->address)), "%s",
                  transcript_copy(&portico->err));
    requests_begin(wires, WAITERS, port, "/");
    cr_expect(wire_is_silent(wires[0], 300));
    server_restart(servers[1]);
    cr_expect_eq(answers_of(wires, WAITERS, 200), WAITERS);
}

/** Each comes when the one before is waiting. */
static void serials_begin(struct wire **wires, int port)
{
    for (int i = 0; i < WAITERS; i++) {
        wires[i] = request_begin(port, "/serial");
        cr_assert(wire_is_silent(wires[i], APART_MS));
    }
}

/** They reached the server in the order in which they came to us. */
static void expect_in_order(struct wire **wires)
{
    for (int i = 0, last = 0; i < WAITERS; i++) {
        const struct answer answer = answer_read(wires[i]);
        const int serial = answer.status == 200 ? atoi(answer.body + strlen("one ")) : 0;

        cr_expect_gt(serial, last, "waiter %d: %d %s", i, answer.status, answer.body);
        last = serial;
    }
}

/* One connection at a time: several that begin at once may overtake each other on their way to the server. */
Test(hold, those_that_wait_go_in_order)
{
    struct server *server = server_away();
    struct wire *wires[WAITERS];
    int port = scene_port();

    portico_start(
        "workers: 1\nroutes: {\"http://a.test:%d\": {to: %d, hold: 8s, max_connections: 1, queue: 8s}}\n",
        port, server->port);
    serials_begin(wires, port);
    server_restart(server);
    expect_in_order(wires);
}

Test(hold, who_waits_too_long_gets_503_and_when_to_come_again)
{
    struct server *server = server_away();
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": {to: %d, hold: " LIMIT "}}\n", port, server->port);
    const int64_t began_ms = now_ms();
    struct answer answer = get(port, "a.test", "/");

    expect_in_time(began_ms, "hold");
    cr_expect_eq(answer.status, 503);
    cr_expect_gt(atoi(field_of(answer.head, "Retry-After")), 0, "%s", answer.head);
    cr_expect(portico_logs(portico, field_of(answer.head, "X-Portico-Error")));
    cr_expect(portico_logs(portico, scene_text("nothing listens on %s", server->address)));
    server_restart(server);
    assert_honest(port, "a.test", "one");
}

Test(hold, who_leaves_while_waiting_is_not_sent_on)
{
    struct server *server = server_away();
    struct wire *leaves, *stays;
    int port = scene_port();
    struct process *portico =
        portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: %d, hold: 8s}}\n", port, server->port);

    leaves = request_begin(port, "/");
    stays = request_begin(port, "/");
    cr_assert(wire_is_silent(leaves, APART_MS) && wire_is_silent(stays, APART_MS));
    wire_reset(leaves); /* without that it might still be there for its answer */
    cr_assert(portico_access_logs(portico, "end=client_gone"), "%s", transcript_copy(&portico->out));
    server_restart(server);
    cr_expect_eq(answer_read(stays).status, 200);
    cr_expect_eq(server->counts->requests, 1);
}

Test(hold, a_post_waits_with_its_content)
{
    struct server *server = server_away();
    struct wire *wire;
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": {to: %d, hold: 8s}}\n", port, server->port);
    wire = wire_connect(port);
    wire_send(wire, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20000\r\n\r\n%s", letters(20000));
    cr_expect(wire_is_silent(wire, APART_MS));
    server_restart(server);
    cr_expect_str_eq(answer_read(wire).body, "one");
}

Test(hold, without_it_nobody_waits)
{
    struct server *server = server_away();
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, server->port);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
}

/* ---- max_connections ---- */

Test(queue, no_more_than_so_many_at_once_of_all_workers)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wires[WAITERS];
    int port = scene_port();

    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %d, max_connections: 2, queue: 6s}}\n",
                  port, server->port);
    for (int round = 0; round < 3; round++) {
        requests_begin(wires, WAITERS, port, "/slow?ms=100");
        cr_expect_eq(answers_of(wires, WAITERS, 200), WAITERS, "round %d", round);
    }
    cr_expect_eq(server->counts->busy_most, 2);
}

/* A server with two threads, each for one connection: one that is kept idle by a worker would lock the other out. */
Test(queue, a_backend_with_so_many_places_serves_all_workers)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct clients *clients;
    int port = scene_port();

    server->counts->places = 2;
    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %d, max_connections: 2, queue: 6s}}\n",
                  port, server->port);
    clients = clients_start((struct clients_terms){.port = port, .count = 16, .pause_ms = 5});
    cr_expect(WAIT_FOR(clients->answered >= 400, PATIENCE_MS), "%d answers", clients->answered);
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
}

Test(queue, those_that_wait_go_in_order)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *first, *wires[WAITERS];
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: %d, max_connections: 1, queue: 8s}}\n",
                  port, server->port);
    first = request_begin(port, "/slow?ms=60000");
    cr_assert(WAIT_FOR(server->counts->busy == 1, PATIENCE_MS));
    serials_begin(wires, port);
    wire_reset(first);
    expect_in_order(wires);
}

Test(queue, a_busy_pool_serves_all_who_keep_asking)
{
    struct server *servers[2] = {server_start("one", SERVER_ANSWERS), server_start("two", SERVER_ANSWERS)};
    struct clients *clients;
    int port = scene_port();

    servers[0]->counts->delay_ms = servers[1]->counts->delay_ms = 5;
    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %s, max_connections: 3, queue: 6s}}\n",
                  port, servers_list(servers, 2));
    clients = clients_start((struct clients_terms){.port = port, .count = 32});
    cr_expect(WAIT_FOR(clients->answered >= 600, PATIENCE_MS), "%d answers", clients->answered);
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
    for (int i = 0; i < 2; i++)
        cr_expect_leq(servers[i]->counts->busy_most, 3);
}

Test(queue, who_finds_no_place_in_time_gets_503)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wires[2], *third;
    int port = scene_port();
    int64_t began_ms;
    struct answer answer;

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: %d, max_connections: 2, queue: " LIMIT
                  "}}\n",
                  port, server->port);
    requests_begin(wires, 2, port, "/slow?ms=2000");
    cr_assert(WAIT_FOR(server->counts->busy == 2, PATIENCE_MS));
    began_ms = now_ms();
    third = request_begin(port, "/");
    answer = answer_read(third);
    expect_in_time(began_ms, "queue");
    cr_expect_eq(answer.status, 503);
    cr_expect_eq(answers_of(wires, 2, 200), 2);
    assert_honest(port, "a.test", "one");
    cr_expect_eq(server->counts->requests, 3);
}

Test(queue, a_full_backend_leaves_the_rest_to_another)
{
    struct server *servers[2] = {server_start("one", SERVER_ANSWERS), server_start("two", SERVER_ANSWERS)};
    struct wire *wires[4];
    int port = scene_port();
    int64_t began_ms;

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: %s, max_connections: 2, queue: 6s}}\n",
                  port, servers_list(servers, 2));
    began_ms = now_ms();
    requests_begin(wires, 4, port, "/slow?ms=1000");
    cr_expect_eq(answers_of(wires, 4, 200), 4);
    cr_expect_lt(now_ms() - began_ms, 2000 + PATIENCE_MS / 4, "none waited for another");
    cr_expect_eq(servers[0]->counts->busy_most, 2);
    cr_expect_eq(servers[1]->counts->busy_most, 2);
}
