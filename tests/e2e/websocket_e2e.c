/* Upgrade: after 101 both sides talk as they like; CONNECT is not served. */
#include <signal.h>

#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(websocket);

static struct wire *upgraded(int port)
{
    struct wire *wire = wire_connect(port);
    struct answer answer;

    wire_send(wire, "GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    answer = answer_read(wire);
    cr_assert_eq(answer.status, 101);
    cr_expect_str_eq(field_of(answer.head, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    cr_expect_str_eq(field_of(answer.head, "Upgrade"), "websocket");
    return wire;
}

Test(websocket, frames_go_both_ways_until_one_side_closes)
{
    struct app app = app_start();
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, app.port);
    wire = upgraded(port);
    for (int i = 0; i < 3; i++) {
        wire_send_bytes(wire, "\x81\x85\0\0\0\0hello", 11); /* masked with zeros */
        cr_expect_str_eq(wire_read_bytes(wire, 7), "\x81\x05hello");
    }
    wire_send_bytes(wire, "\x88\x80\0\0\0\0", 6);
    cr_expect_not_null(wire_read_bytes(wire, 2));
    cr_expect(wire_sees_end(wire));
    assert_honest(port, "a.test", "app");
}

/* Reads to the end, then says how much that was. */
static void play_count_then_tell(struct wire *wire, struct backend *backend)
{
    char *sent;

    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    sent = wire_read_all(wire);
    wire_send(wire, "got %s", sent ? sent : "no end");
}

Test(websocket, each_direction_ends_on_its_own)
{
    struct backend *backend = backend_playing(play_count_then_tell);
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *wire = upgraded(port);

    wire_send(wire, "all of it");
    wire_shut(wire);
    cr_expect_str_eq(wire_read_all(wire), "got all of it");
    cr_expect(portico_access_logs(portico, " 101 13 "), "%s", transcript_copy(&portico->out));
    cr_expect_eq(portico_stop(portico), 0);
}

static void play_leave_at_once(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nbye");
}

Test(websocket, a_backend_that_leaves_first_is_heard_out)
{
    struct backend *backend = backend_playing(play_leave_at_once);
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    for (int i = 0; i < 5; i++) {
        struct wire *wire = upgraded(port);

        cr_expect_str_eq(wire_read_all(wire), "bye");
        if (i % 2)
            wire_reset(wire);
        else
            wire_close(wire);
    }
    cr_expect_eq(portico_stop(portico), 0);
}

Test(websocket, a_frame_sent_with_the_request_is_not_lost)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        "\x81\x82\0\0\0\0hi";
    struct app app = app_start();
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, app.port);
    wire = wire_connect(port);
    wire_send_bytes(wire, request, sizeof request - 1);
    cr_expect_eq(answer_read(wire).status, 101);
    cr_expect_str_eq(wire_read_bytes(wire, 4), "\x81\x02hi");
}

Test(websocket, a_backend_that_says_no_answers_as_usual)
{
    struct backend *backend = backend_saying("no upgrade");
    int port = scene_port();
    struct answer answer;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    answer = ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.body, "no upgrade");
    assert_honest(port, "a.test", "no upgrade");
}

static void play_uninvited_101(struct wire *wire, struct backend *backend)
{
    while (request_read(wire))
        wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
}

Test(websocket, a_101_that_nobody_asked_for_is_a_bad_answer)
{
    struct backend *backend = backend_playing(play_uninvited_101);
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
}

Test(websocket, a_node_client_talks_through_it)
{
    struct app app = app_start();
    int port = scene_port();
    struct run run;

    portico_start("routes: {\"http://localhost:%d\": %d}\n", port, app.port);
    run = sh("node -e 'const r = require(\"http\").get({port: %d, host: \"localhost\", headers: {Connection: "
             "\"Upgrade\","
             " Upgrade: \"websocket\", \"Sec-WebSocket-Version\": 13, \"Sec-WebSocket-Key\": \"x\"}});"
             " r.on(\"upgrade\", (a, s) => { s.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 104, 105]));"
             " s.on(\"data\", (d) => { console.log(d.subarray(2).toString()); s.destroy(); }); });'",
             port);
    cr_expect_str_eq(run.all, "hi\n");
}

Test(websocket, connect_is_refused)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    int status;

    portico_start("routes: {\"http://:%d\": %d}\n", port, backend->port);
    status = ask(port, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n").status;
    cr_expect(status == 405 || status == 501 || status == 400, "got %d", status);
    cr_expect_eq(backend->requests, 0);
    assert_honest(port, "a.test", "ok");
}

/* An upgraded connection is a tunnel: `drain` is for requests. */
Test(websocket, outlives_the_drain_of_requests)
{
    struct app app = app_start();
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n"
                                            "timeouts: {drain: 300ms, drain_tunnels: 1500ms}\n",
                                            port, app.port);
    struct wire *wire = upgraded(port);

    process_signal(portico, SIGTERM);
    cr_assert(portico_logs(portico, "drain_deadline"));
    wire_send_bytes(wire, "\x81\x85\0\0\0\0hello", 11);
    cr_expect_str_eq(wire_read_bytes(wire, 7), "\x81\x05hello");
    cr_expect(wire_sees_end(wire));
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}
