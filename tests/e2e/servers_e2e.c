/* The servers that can be killed and the clients that keep asking, checked against each other without Portico. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/backend.h"
#include "e2e/clients.h"
#include "e2e/server.h"

SUITE(servers);

static const char *said(const struct server *server, const char *path)
{
    return get(server->port, "a.test", path).body;
}

Test(servers, one_answers_with_its_name_and_counts)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wire = wire_connect(server->port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /serial HTTP/1.1\r\nHost: a\r\n"
                    "Content-Length: 5\r\n\r\nhelloGET /up HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect_str_eq(answer_read(wire).body, "one");
    cr_expect_str_eq(answer_read(wire).body, "one 2");
    cr_expect_eq(answer_read(wire).status, 200);
    server->counts->up_status = 503;
    server->counts->status = 500;
    cr_expect_eq(get(server->port, "a", "/up").status, 503);
    cr_expect_eq(get(server->port, "a", "/").status, 500);
    cr_expect_eq(server->counts->requests, 3);
    cr_expect_eq(server->counts->checks, 2);
    cr_expect_eq(server->counts->connections, 3);
}

Test(servers, one_counts_what_is_under_way_at_once)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *wires[3];
    const int64_t began_ms = now_ms();

    for (int i = 0; i < 3; i++) {
        wires[i] = wire_connect(server->port);
        wire_send(wires[i], "GET /slow?ms=1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(answer_read(wires[i]).body, "one");
    cr_expect_geq(now_ms() - began_ms, 1000);
    cr_expect_eq(server->counts->busy_most, 3);
    cr_expect_eq(server->counts->open_most, 3);
    cr_expect_eq(server->counts->busy, 0);
}

Test(servers, one_takes_as_many_connections_as_it_has_places)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *first, *second;

    server->counts->places = 1;
    first = wire_connect(server->port);
    wire_send(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect_str_eq(answer_read(first).body, "one");
    second = wire_connect(server->port);
    wire_send(second, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect(wire_is_silent(second, 50), "the first one is kept");
    wire_close(first);
    cr_expect_str_eq(answer_read(second).body, "one");
    cr_expect_eq(server->counts->open_most, 1);
}

Test(servers, a_killed_one_is_gone_at_once_and_another_takes_its_port)
{
    struct server *server = server_start("one", SERVER_ANSWERS);

    for (int i = 0; i < 20; i++) {
        struct wire *wire = wire_connect(server->port);

        wire_send(wire, "GET /slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
        cr_assert(WAIT_FOR(server->counts->busy == 1, PATIENCE_MS));
        server_kill(server);
        cr_assert_not(wire_can_connect(server->port));
        cr_assert(wire_sees_end(wire), "what was under way is cut");
        server_restart(server);
        cr_assert_str_eq(said(server, "/"), "one", "restart %d", i);
    }
}

Test(servers, one_that_stops_answers_what_it_has)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct wire *idle = wire_connect(server->port), *slow = wire_connect(server->port);
    struct answer answer;

    wire_send(slow, "GET /slow?ms=2000 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(WAIT_FOR(server->counts->busy == 1, PATIENCE_MS));
    server_stop(server);
    answer = answer_read(slow);
    cr_expect_str_eq(answer.body, "one");
    cr_expect_str_eq(field_of(answer.head, "Connection"), "close");
    cr_expect(wire_sees_end(idle));
    cr_expect_not(wire_can_connect(server->port));
}

Test(servers, each_misbehaves_as_it_says)
{
    struct server *silent = server_start("silent", SERVER_SILENT);
    struct server *at_once = server_start("at once", SERVER_RESETS_AT_ONCE);
    struct server *after = server_start("after", SERVER_RESETS_AFTER_REQUEST);
    struct server *midway = server_start("midway", SERVER_RESETS_IN_ANSWER);
    struct server *drips = server_start("drips", SERVER_DRIPS);
    struct server *refuses = server_start("refuses", SERVER_REFUSES);
    struct wire *wire = wire_connect(silent->port);
    struct answer answer;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect(WAIT_FOR(silent->counts->busy == 1, PATIENCE_MS));
    cr_expect(wire_is_silent(wire, 50));
    cr_expect_eq(get(at_once->port, "a", "/").status, 0);
    cr_expect_eq(at_once->counts->requests, 0);
    cr_expect_eq(get(after->port, "a", "/").status, 0);
    cr_expect_eq(after->counts->requests, 1);
    answer = get(midway->port, "a", "/");
    cr_expect_eq(answer.status, 200);
    cr_expect_not(answer.complete);
    wire = wire_connect(drips->port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect_str_eq(wire_read_bytes(wire, 2), "HT");
    cr_expect_eq(wire->length, 2);
    cr_expect_not(wire_can_connect(refuses->port));
}

Test(servers, one_stands_on_any_address_of_loopback)
{
    struct server *two = server_start_at("127.0.0.2", scene_port(), "two", SERVER_ANSWERS);
    struct server *three = server_start_at("127.0.0.3", two->port, "three", SERVER_ANSWERS);

    cr_expect_str_eq(sh("curl -sS http://127.0.0.2:%d/", two->port).out, "two");
    cr_expect_str_eq(sh("curl -sS http://127.0.0.3:%d/", two->port).out, "three");
    cr_expect_not(wire_can_connect(three->port), "nothing on 127.0.0.1");
    cr_expect_str_eq(servers_list((struct server *[]){two, three}, 2),
                     scene_text("[127.0.0.2:%d, 127.0.0.3:%d]", two->port, two->port));
}

/* ---- clients ---- */

Test(servers, clients_record_every_answer)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct clients *clients = clients_start((struct clients_terms){.port = server->port, .posts_every = 4});

    cr_assert(WAIT_FOR(clients->answered >= 2000, PATIENCE_MS));
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
    cr_expect_eq(clients->count, (size_t)server->counts->requests);
    cr_expect_eq(clients_served_by(clients, "one", 0), server->counts->requests);
    cr_expect_eq(server->counts->connections, 64);
    cr_expect_leq(server->counts->busy_most, 64);
}

Test(servers, clients_record_failures_with_their_time)
{
    struct server *server = server_start("one", SERVER_ANSWERS);
    struct clients *clients;
    int64_t killed_ms;

    server->counts->delay_ms = 20;
    clients = clients_start((struct clients_terms){.port = server->port, .pause_ms = 5});
    cr_assert(WAIT_FOR(clients->answered >= 200, PATIENCE_MS));
    killed_ms = now_ms();
    server_kill(server);
    cr_assert(WAIT_FOR(clients->failed >= 200, PATIENCE_MS), "refused ones go on asking");
    server_restart(server);
    cr_assert(WAIT_FOR(clients->answered >= 600, PATIENCE_MS));
    server->counts->status = 500;
    cr_assert(WAIT_FOR(clients->failed >= 600, PATIENCE_MS));
    clients_stop(clients);
    for (size_t i = 0; i < clients->count && clients->asks[i].ended_ms < killed_ms; i++)
        cr_assert_eq(clients->asks[i].status, 200, "%s", clients_describe(clients));
    cr_expect_not_null(strstr(clients_describe(clients), ": 0 "));
    cr_expect_eq(clients_failed(clients, true), clients->failed);
}

Test(servers, clients_do_not_wait_for_ever)
{
    struct server *silent = server_start("silent", SERVER_SILENT);
    struct clients *clients =
        clients_start((struct clients_terms){.port = silent->port, .count = 3, .patience_ms = 100});

    cr_assert(WAIT_FOR(clients->failed >= 6, PATIENCE_MS));
    clients_stop(clients);
    cr_expect_eq(clients->answered, 0);
    cr_expect_str_eq(clients->asks[0].why, "no answer in time");
    cr_expect_geq(clients_longest_ms(clients), 100);
}
