/* A reload that takes a backend away: what runs there comes to its end, and nothing new goes there. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(drain);

static const char *const names[] = {"one", "two"};

static void reload(struct process *portico, const char *yaml, int version)
{
    scene_file("portico.yaml", "%s", yaml);
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, scene_text("version=%d", version)), "%s", transcript_copy(&portico->err));
}

Test(drain, requests_at_one_that_goes_finish_and_new_ones_go_to_the_others)
{
    struct server *servers[2];
    struct wire *wires[4];
    int port = scene_port(), answers = 0;
    const char *rest = scene_text("workers: 1\nstate: %s\n", scene_path("state"));
    struct process *portico;

    servers_start(servers, names, 2);
    portico = portico_start("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers_list(servers, 2));
    for (int i = 0; i < 4; i++) {
        wires[i] = wire_connect(port);
        wire_send(wires[i], "GET /slow?ms=1000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    cr_assert(WAIT_FOR(servers[1]->counts->busy == 2, PATIENCE_MS));
    reload(portico, scene_text("%sroutes: {\"http://a.test:%d\": [%s]}\n", rest, port, servers[0]->address),
           2);
    cr_expect(turns_all(port, 10, "one"));
    for (int i = 0; i < 4; i++)
        answers += answer_read(wires[i]).status == 200;
    cr_expect_eq(answers, 4);
    cr_expect_eq(servers[1]->counts->requests, 2);
    cr_expect(WAIT_FOR(servers[1]->counts->open == 0, PATIENCE_MS), "no connection is kept to one that went");
}

Test(drain, idle_connections_to_one_that_went_are_closed)
{
    struct server *servers[2];
    int port = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\n", scene_path("state"));
    struct process *portico;

    servers_start(servers, names, 2);
    portico = portico_start("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers_list(servers, 2));
    turns_of(port, 8, "one");
    cr_assert_eq(servers[1]->counts->open, 1, "kept");
    reload(portico, scene_text("%sroutes: {\"http://a.test:%d\": [%s]}\n", rest, port, servers[0]->address),
           2);
    cr_expect(WAIT_FOR(servers[1]->counts->open == 0, PATIENCE_MS));
    cr_expect_eq(servers[0]->counts->open, 1, "the other's stay");
}

/* The pool that they are kept for is another one by now, and nobody has asked for it. */
Test(drain, idle_connections_for_a_pool_without_requests_are_closed_too)
{
    struct server *servers[2];
    int port = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\n", scene_path("state"));
    const char *one;
    struct process *portico;

    servers_start(servers, names, 2);
    one = scene_text("%sroutes: {\"http://a.test:%d\": [%s]", rest, port, servers[0]->address);
    portico = portico_start("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers_list(servers, 2));
    turns_of(port, 8, "one");
    reload(portico, scene_text("%s, \"http://b.test:%d\": [%s]}\n", one, port, servers[1]->address), 2);
    cr_assert_eq(servers[1]->counts->open, 1, "kept");
    reload(portico, scene_text("%s}\n", one), 3);
    cr_expect(WAIT_FOR(servers[1]->counts->open == 0, PATIENCE_MS));
    cr_expect_eq(servers[0]->counts->open, 1, "the other's stay");
}

/* ---- tunnels ---- */

static void greet(struct wire *wire, struct backend *backend, const char *greeting)
{
    wire_send(wire, "%s", greeting);
    play_echo(wire, backend);
}

static void play_greet_one(struct wire *wire, struct backend *backend)
{
    greet(wire, backend, "one\n");
}

static void play_greet_two(struct wire *wire, struct backend *backend)
{
    greet(wire, backend, "two\n");
}

static bool echoes(struct wire *wire, const char *text)
{
    wire_send(wire, "%s", text);
    return wire_read_until(wire, text) != NULL;
}

Test(drain, a_tunnel_to_one_that_goes_is_closed_at_its_time)
{
    struct backend *one = backend_playing(play_greet_one), *two = backend_playing(play_greet_two);
    struct wire *wires[2], *staying, *leaving;
    int port = scene_port();
    const char *rest =
        scene_text("workers: 1\nstate: %s\ntimeouts: {drain_tunnels: 3s}\n", scene_path("state"));
    struct process *portico =
        portico_start("%sroutes: {\"tcp://:%d\": [%d, %d]}\n", rest, port, one->port, two->port);
    bool is_first_one;

    for (int i = 0; i < 2; i++)
        wires[i] = wire_connect(port);
    is_first_one = strcmp(wire_read_until(wires[0], "\n"), "one\n") == 0;
    cr_assert_str_eq(wire_read_until(wires[1], "\n"), is_first_one ? "two\n" : "one\n");
    staying = wires[is_first_one ? 0 : 1];
    leaving = wires[is_first_one ? 1 : 0];
    reload(portico, scene_text("%sroutes: {\"tcp://:%d\": [%d]}\n", rest, port, one->port), 2);
    cr_expect(echoes(leaving, "until then it works"));
    cr_expect(wire_sees_end(leaving));
    cr_expect(echoes(staying, "the other one stays"));
    for (int i = 0; i < 4; i++)
        cr_expect_str_eq(wire_read_until(wire_connect(port), "\n"), "one\n");
}

static void play_switch(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    play_echo(wire, backend);
}

Test(drain, an_upgraded_connection_to_one_that_goes_is_closed_at_its_time)
{
    struct backend *upgrading = backend_playing(play_switch), *other = backend_saying("other");
    struct wire *wire;
    int port = scene_port();
    const char *rest =
        scene_text("workers: 1\nstate: %s\ntimeouts: {drain_tunnels: 3s}\n", scene_path("state"));
    struct process *portico =
        portico_start("%sroutes: {\"http://a.test:%d\": [%d]}\n", rest, port, upgrading->port);

    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    cr_assert_eq(answer_read(wire).status, 101);
    reload(portico, scene_text("%sroutes: {\"http://a.test:%d\": [%d]}\n", rest, port, other->port), 2);
    cr_expect(echoes(wire, "until then it works"));
    cr_expect(wire_sees_end(wire));
    assert_honest(port, "a.test", "other");
}

Test(drain, a_tunnel_whose_route_comes_back_stays)
{
    struct backend *one = backend_playing(play_greet_one);
    struct wire *wire;
    int port = scene_port(), other = scene_port();
    const char *rest =
        scene_text("workers: 1\nstate: %s\ntimeouts: {drain_tunnels: 3s}\n", scene_path("state"));
    const char *stays = scene_text("\"tcp://:%d\": %d", other, one->port);
    const char *both = scene_text("%sroutes: {%s, \"tcp://:%d\": %d}\n", rest, stays, port, one->port);
    struct process *portico = portico_start("%s", both);

    wire = wire_connect(port);
    cr_assert_str_eq(wire_read_until(wire, "\n"), "one\n");
    reload(portico, scene_text("%sroutes: {%s}\n", rest, stays), 2);
    reload(portico, both, 3);
    cr_expect(wire_is_silent(wire, 3300));
    cr_expect(echoes(wire, "it is there"));
    reload(portico, scene_text("%sroutes: {%s}\n", rest, stays), 4);
    cr_expect(echoes(wire, "until then"));
    cr_expect(wire_sees_end(wire), "gone again, and for good");
}

Test(drain, a_request_of_a_route_that_goes_has_until_its_time)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wires[2];
    int port = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\ntimeouts: {drain: 3s}\n", scene_path("state"));
    const char *stays = scene_text("\"http://b.test:%d\": %s", port, server->address);
    struct process *portico =
        portico_start("%sroutes: {%s, \"http://a.test:%d\": %s}\n", rest, stays, port, server->address);

    for (int i = 0; i < 2; i++) {
        wires[i] = wire_connect(port);
        wire_send(wires[i], "GET /slow?ms=%d HTTP/1.1\r\nHost: a.test\r\n\r\n", i ? 20000 : 1000);
    }
    cr_assert(WAIT_FOR(server->counts->busy == 2, PATIENCE_MS));
    reload(portico, scene_text("%sroutes: {%s}\n", rest, stays), 2);
    cr_expect_eq(answer_read(wires[0]).status, 200, "what ends by itself does");
    cr_expect_eq(answer_read(wires[1]).status, 503);
    cr_expect(portico_logs(portico, "timeouts.drain is over"));
    assert_honest(port, "b.test", "one");
}

Test(drain, connections_at_a_port_that_goes_are_closed_when_idle)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *idle, *busy;
    int port = scene_port(), other = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\n", scene_path("state"));
    const char *stays = scene_text("\"http://a.test:%d\": %s", other, server->address);
    struct process *portico =
        portico_start("%sroutes: {%s, \"http://a.test:%d\": %s}\n", rest, stays, port, server->address);
    struct answer answer;

    idle = wire_connect(port);
    wire_send(idle, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_eq(answer_read(idle).status, 200);
    busy = wire_connect(port);
    wire_send(busy, "GET /slow?ms=3000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(WAIT_FOR(server->counts->busy == 1, PATIENCE_MS));
    reload(portico, scene_text("%sroutes: {%s}\n", rest, stays), 2);
    cr_expect(wire_sees_end(idle));
    answer = answer_read(busy);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(field_of(answer.head, "Connection"), "close");
    cr_expect(wire_sees_end(busy));
    cr_expect(portico_logs(portico, "; 2 connections end after the answer under way"), "%s",
              transcript_copy(&portico->err));
}

/* ---- reloads after reloads ---- */

/* A request may be older than the last reload but one. */
Test(drain, requests_of_an_older_configuration_drain_too)
{
    struct server *servers[2];
    struct wire *wire;
    int port = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\ntimeouts: {drain: 500ms}\n", scene_path("state"));
    struct process *portico;

    servers_start(servers, names, 2);
    portico = portico_start("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers[0]->address);
    wire = wire_connect(port);
    wire_send(wire, "GET /slow?ms=20000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(WAIT_FOR(servers[0]->counts->busy == 1, PATIENCE_MS));
    reload(portico, scene_text("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers[0]->address), 2);
    cr_assert(wire_is_silent(wire, 700), "it is still there, and so is its backend");
    reload(portico, scene_text("%sroutes: {\"http://a.test:%d\": %s}\n", rest, port, servers[1]->address), 3);
    cr_expect_eq(answer_read(wire).status, 503);
    cr_expect(portico_logs(portico, "reason=taken_out"));
}

Test(drain, a_pool_of_another_name_with_the_same_servers_drains_nothing)
{
    struct server *servers[2];
    struct wire *wire;
    int port = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\ntimeouts: {drain: 300ms}\n", scene_path("state"));
    struct process *portico;

    servers_start(servers, names, 2);
    portico = portico_start("%sroutes: {\"http://a.test:%d\": \"@shop\"}\nbackends: {shop: %s}\n", rest, port,
                            servers_list(servers, 2));
    wire = wire_connect(port);
    wire_send(wire, "GET /slow?ms=1500 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(WAIT_FOR(servers[0]->counts->busy + servers[1]->counts->busy == 1, PATIENCE_MS));
    reload(portico,
           scene_text("%sroutes: {\"http://a.test:%d\": \"@store\"}\nbackends: {store: %s}\n", rest, port,
                      servers_list(servers, 2)),
           2);
    cr_expect_eq(answer_read(wire).status, 200);
}

/* Whoever waits for a backend that was never right goes to the right one, once the file says it. */
Test(drain, requests_that_are_held_go_where_the_new_configuration_says)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wire;
    int port = scene_port(), nobody = scene_port();
    const char *rest = scene_text("workers: 1\nstate: %s\n", scene_path("state"));
    struct process *portico =
        portico_start("%sroutes: {\"http://a.test:%d\": {to: %d, hold: 8s}}\n", rest, port, nobody);

    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(wire_is_silent(wire, 300));
    reload(
        portico,
        scene_text("%sroutes: {\"http://a.test:%d\": {to: \"%s\", hold: 8s}}\n", rest, port, server->address),
        2);
    cr_expect_eq(answer_read(wire).status, 200);
}
