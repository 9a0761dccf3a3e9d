/* Backends that are dead, slow, many, or close at a bad moment. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/dns_server.h"
#include "e2e/portico.h"

SUITE(backends);

Test(backends, a_dead_backend_is_502_with_its_reason_in_the_log_only)
{
    struct backend *alive = backend_saying("alive");
    int port = scene_port(), dead = scene_port();
    struct process *portico = portico_start("routes:\n  http://a.test:%d: %d\n  http://b.test:%d: %d\n", port,
                                            dead, port, alive->port);
    struct answer answer = get(port, "a.test", "/");
    const char *id = field_of(answer.head, "X-Portico-Error");

    cr_expect_eq(answer.status, 502);
    cr_expect_gt(strlen(id), 3);
    cr_expect(portico_logs(portico, scene_text("nothing listens on 127.0.0.1:%d", dead)), "%s",
              transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, id));
    cr_expect_null(strstr(answer.body, scene_text("%d", dead)), "the inside stays inside: %s", answer.body);
    assert_honest(port, "b.test", "alive");
}

Test(backends, a_name_that_does_not_resolve_never_stops_the_start)
{
    struct backend *alive = backend_saying("alive");
    struct dns_server *knows_nothing = dns_server_new();
    int port = scene_port();
    struct process *portico =
        portico_start("resolvers: [127.0.0.1:%d]\nroutes:\n"
                      "  http://a.test:%d: no-such-host.invalid:80\n  http://b.test:%d: %d\n",
                      dns_server_port(knows_nothing), port, port, alive->port);

    assert_honest(port, "b.test", "alive");
    cr_expect_eq(get(port, "a.test", "/").status, 502);
    cr_expect(portico_logs(portico, "no-such-host.invalid"));
    assert_honest(port, "b.test", "alive");
}

Test(backends, names_are_resolved_and_every_address_is_tried)
{
    struct backend *four = backend_saying("over IPv4"), *six = backend_on_v6("over IPv6");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://four.test:%d: localhost:%d\n"
                  "  http://six.test:%d: \"[::1]:%d\"\n",
                  port, four->port, port, six->port);
    assert_honest(port, "four.test", "over IPv4");
    assert_honest(port, "six.test", "over IPv6");
}

Test(backends, a_list_is_served_in_turn)
{
    struct backend *one = backend_saying("x"), *two = backend_saying("x"), *three = backend_saying("x");
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": [%d, \"127.0.0.1:%d\", %d]}\n", port, one->port,
                  two->port, three->port);
    for (int i = 0; i < 9; i++)
        assert_honest(port, "a.test", "x");
    cr_expect_eq(one->requests, 3);
    cr_expect_eq(two->requests, 3);
    cr_expect_eq(three->requests, 3);
}

Test(backends, a_refused_connection_goes_to_the_next)
{
    struct backend *alive = backend_saying("alive");
    int port = scene_port(), dead = scene_port();

    portico_start("routes: {\"http://a.test:%d\": [%d, %d]}\n", port, dead, alive->port);
    for (int i = 0; i < 6; i++) {
        struct answer answer =
            ask(port,
                "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody"); /* not sent yet: safe */

        cr_assert_eq(answer.status, 200, "request %d got %d", i, answer.status);
    }
    cr_expect_eq(alive->requests, 6);
}

Test(backends, a_unix_socket_is_a_backend)
{
    struct backend *backend = backend_on_unix(scene_path("app.sock"), "by socket");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": \"unix:%s\"}\n", port, scene_path("app.sock"));
    assert_honest(port, "a.test", "by socket");
    assert_honest(port, "a.test", "by socket");
    cr_expect_eq(backend->requests, 2);
}

Test(backends, connections_are_used_again_by_other_clients)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    for (int i = 0; i < 50; i++)
        assert_honest(port, "a.test", "ok");
    cr_expect_leq(backend->connections, 2, "50 requests took %d connections", backend->connections);
}

/* ---- kept connections that die ---- */

/** One good answer a connection; the second request is read and met with silence and the end. */
static void play_die_at_the_second(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    request_read(wire);
}

static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

Test(backends, a_stale_connection_costs_a_get_nothing)
{
    struct backend *backend = backend_playing(play_die_at_the_second);
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(get(port, "a.test", "/one").status, 200);
    cr_expect_eq(get(port, "a.test", "/two").status, 200);
    cr_expect_eq(count_of(backend_seen(backend), "GET /two "), 2, "tried, died, tried anew");
    cr_expect_eq(backend->connections, 2);
}

Test(backends, a_post_that_was_sent_is_never_sent_twice)
{
    struct backend *backend = backend_playing(play_die_at_the_second);
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(get(port, "a.test", "/one").status, 200);
    cr_expect_eq(ask(port, "POST /pay HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nmoney").status,
                 502);
    cr_expect_eq(count_of(backend_seen(backend), "POST /pay "), 1);
    cr_expect_eq(get(port, "a.test", "/three").status, 200);
}

static void play_die_at_the_first(struct wire *wire, struct backend *backend)
{
    request_read(wire);
}

Test(backends, a_fresh_connection_that_dies_is_not_replayed)
{
    struct backend *backend = backend_playing(play_die_at_the_first);
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
    cr_expect_eq(backend->connections, 1);
}

static void play_close_after_answer(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

Test(backends, connections_that_were_closed_while_kept_are_noticed)
{
    struct backend *backend = backend_playing(play_close_after_answer);
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(ask(port, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx").status, 200,
                     "request %d", i);
        cr_assert(WAIT_FOR(backend->open == 0, PATIENCE_MS)); /* its end is there before the next request */
    }
}

static void play_talk_too_much(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    wire_read_all(wire);
}

Test(backends, bytes_after_an_answer_are_never_the_next_one)
{
    struct backend *backend = backend_playing(play_talk_too_much);
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(get(port, "a.test", "/").body, "ok", "request %d", i);
}

/* ---- slow ones ---- */

static void play_never_answer(struct wire *wire, struct backend *backend)
{
    request_read(wire);
    wire_read_until_within(wire, "never", 20000);
}

static void play_stop_midway(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    wire_read_until_within(wire, "never", 20000);
}

Test(backends, an_answer_that_does_not_begin_is_504_naming_the_timer)
{
    struct backend *backend = backend_playing(play_never_answer), *quick = backend_saying("quick");
    int port = scene_port();
    struct process *portico = portico_start("routes:\n"
                                            "  http://a.test:%d: {to: %d, timeouts: {answer: 200ms}}\n"
                                            "  http://b.test:%d: %d\n",
                                            port, backend->port, port, quick->port);
    struct answer answer = get(port, "a.test", "/");

    cr_expect_eq(answer.status, 504);
    cr_expect(portico_logs(portico, "answer"), "the log names the timer");
    cr_expect(portico_logs(portico, field_of(answer.head, "X-Portico-Error")));
    cr_expect(WAIT_FOR(backend->open == 0, PATIENCE_MS), "the backend is let go");
    assert_honest(port, "b.test", "quick");
}

Test(backends, an_answer_that_stops_midway_ends_and_looks_cut)
{
    struct backend *backend = backend_playing(play_stop_midway);
    int port = scene_port();
    struct wire *wire;
    struct answer answer;

    portico_start("routes: {\"http://a.test:%d\": {to: %d, timeouts: {answer_idle: 200ms}}}\n", port,
                  backend->port);
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 200);
    cr_expect_not(answer.complete);
    cr_expect(wire->ended);
}

static void play_answer_early(struct wire *wire, struct backend *backend)
{
    if (wire_read_until(wire, "\r\n\r\n"))
        wire_send(wire, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    wire_read_until_within(wire, "never", 1000);
}

Test(backends, an_answer_before_the_uploads_end_reaches_the_client)
{
    struct backend *backend = backend_playing(play_answer_early);
    int port = scene_port();
    struct wire *wire;
    struct answer answer;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send(wire, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nbegin");
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 403);
    cr_expect_str_eq(answer.body, "no");
}
