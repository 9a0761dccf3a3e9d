/* HTTP/1.0 and 1.1 on both sides: order, framing, interim answers, bodies. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(http);

static int port_to(int backend_port)
{
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend_port);
    return port;
}

/* ---- connections ---- */

Test(http, a_connection_serves_many_requests_one_after_the_other)
{
    struct backend *backend = backend_saying("ok");
    struct wire *wire = wire_connect(port_to(backend->port));

    for (int i = 0; i < 20; i++) {
        struct answer answer;

        wire_send(wire, "GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", i);
        answer = answer_read(wire);
        cr_assert_eq(answer.status, 200, "request %d", i);
        cr_assert_str_eq(answer.body, "ok");
    }
    cr_expect_eq(backend->connections, 1, "one backend connection is enough, %d were used",
                 backend->connections);
}

Test(http, pipelined_requests_are_answered_in_order)
{
    struct app app = app_start();
    struct wire *wire = wire_connect(port_to(app.port));

    wire_send(wire, "GET /slow?ms=80 HTTP/1.1\r\nHost: a.test\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nsecond"
                    "HEAD /third HTTP/1.1\r\nHost: a.test\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "6\r\nfourth\r\n0\r\n\r\n"
                    "GET /status/204 HTTP/1.1\r\nHost: a.test\r\n\r\n"
                    "GET /chunked HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    cr_expect_str_eq(answer_read(wire).body, "slow");
    cr_expect_str_eq(answer_read(wire).body, "second");
    cr_expect_eq(answer_read_head(wire).status, 200);
    cr_expect_str_eq(answer_read(wire).body, "fourth");
    cr_expect_eq(answer_read(wire).status, 204);
    cr_expect_str_eq(answer_read(wire).body, "one two three");
    cr_expect(wire_sees_end(wire));
}

Test(http, requests_arrive_whole_though_sent_byte_by_byte)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    struct app app = app_start();
    struct wire *wire = wire_connect(port_to(app.port));

    wire_drip(wire, request, strlen(request));
    cr_expect_str_eq(answer_read(wire).body, "abcde");
}

Test(http, a_1_0_client_gets_1_0_manners)
{
    struct app app = app_start();
    int port = port_to(app.port);
    struct wire *wire = wire_connect(port);
    struct answer answer;

    wire_send(wire, "GET /chunked HTTP/1.0\r\nHost: a.test\r\n\r\n");
    answer = answer_read(wire);
    cr_expect_eq(field_count(answer.head, "Transfer-Encoding"), 0, "no chunks for 1.0");
    cr_expect_str_eq(answer.body, "one two three");
    cr_expect(wire_sees_end(wire));

    wire = wire_connect(port);
    for (int i = 0; i < 2; i++) {
        wire_send(
            wire,
            "POST /echo HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc");
        answer = answer_read_head(wire);
        cr_expect_eq(answer.status, 200);
        if (field_count(answer.head, "Content-Length")) {
            cr_expect_str_eq(field_of(answer.head, "Connection"), "keep-alive");
            cr_expect_str_eq(wire_read_bytes(wire, 3), "abc");
        } else { /* a body of unknown length can only end with the connection */
            cr_expect_str_eq(wire_read_all(wire), "abc");
            wire = wire_connect(port);
        }
    }
}

/* The backend says 200 with a length, so a 1.0 client that asks for it can stay. */
Test(http, a_1_0_client_may_keep_its_connection)
{
    struct backend *backend = backend_saying("ok");
    struct wire *wire = wire_connect(port_to(backend->port));

    for (int i = 0; i < 3; i++) {
        struct answer answer;

        wire_send(wire, "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
        answer = answer_read(wire);
        cr_assert_str_eq(answer.body, "ok");
        cr_assert_str_eq(field_of(answer.head, "Connection"), "keep-alive");
    }
}

/* ---- bodies and their ends ---- */

Test(http, a_body_until_close_from_a_1_0_backend_is_passed_on)
{
    struct backend *backend =
        backend_answering("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end");
    int port = port_to(backend->port);
    struct wire *wire = wire_connect(port);

    for (int i = 0; i < 2; i++) {
        struct answer answer;

        wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        answer = answer_read(wire);
        cr_expect_str_eq(answer.body, "until the end");
        cr_expect_str_eq(field_of(answer.head, "Transfer-Encoding"), "chunked",
                         "the client can tell the end");
    }
}

/* As the request's target says: with what framing, and whether at once or when told to. */
static void play_cut_short(struct wire *wire, struct backend *backend)
{
    const char *head = request_read(wire);

    if (!head)
        return;
    wire_send(wire, strstr(head, "/chunked")
                        ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    while (strstr(head, "/later") && backend->sent == 0 && wire_is_silent(wire, 5)) {
    }
}

static const char *const cut_short[] = {"GET /counted/later HTTP/1.1", "GET /chunked/later HTTP/1.1",
                                        "GET /counted/later HTTP/1.0", "GET /chunked/later HTTP/1.0",
                                        "GET /counted/now HTTP/1.1",   "GET /chunked/now HTTP/1.1",
                                        "GET /counted/now HTTP/1.0",   "GET /chunked/now HTTP/1.0"};

/* What had not left yet is a 502 instead. */
Test(http, a_truncated_answer_never_looks_complete)
{
    struct backend *backend = backend_playing(play_cut_short);
    int port = port_to(backend->port);

    for (size_t i = 0; i < sizeof cut_short / sizeof *cut_short; i++) {
        struct wire *wire = wire_connect(port);
        struct answer answer;

        backend->sent = 0;
        wire_send(wire, "%s\r\nHost: a.test\r\n\r\n", cut_short[i]);
        if (strstr(cut_short[i], "/later"))
            cr_expect(
                WAIT_FOR(wire_take(wire) && strstr(wire->bytes ? wire->bytes : "", "only this"), PATIENCE_MS),
                "%s", cut_short[i]);
        backend->sent = 1;
        answer = answer_read(wire);
        cr_expect_not(answer.complete && answer.status == 200 && !wire->was_reset, "%s", cut_short[i]);
        cr_expect((answer.complete && answer.status == 502) || wire_read_all(wire),
                  "%s: the connection ends with it", cut_short[i]);
    }
}

Test(http, chunks_and_trailers_pass_both_ways)
{
    struct app app = app_start();
    struct answer answer =
        ask(port_to(app.port), "POST /trailers HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n"
                               "Transfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n"
                               "2\r\nhi\r\n0\r\nX-Check: seen\r\n\r\n");

    cr_expect_str_eq(answer.body, "with trailers");
    cr_expect_str_eq(field_of(answer.trailers, "X-Sum"), "42");
    cr_expect_str_eq(field_of(answer.trailers, "X-Got"), "seen");
}

Test(http, head_204_and_304_have_no_body)
{
    static const char not_modified[] =
        "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 500\r\n\r\n";
    struct backend *backend = backend_answering(not_modified);
    struct app app = app_start();
    int port = scene_port();
    struct wire *wire;
    struct answer answer;

    portico_start("routes:\n  http://a.test:%d: %d\n  http://b.test:%d: %d\n", port, app.port, port,
                  backend->port);
    wire = wire_connect(port);
    wire_send(wire, "HEAD /big?n=1000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    answer = answer_read_head(wire);
    cr_expect_str_eq(field_of(answer.head, "Content-Length"), "1000", "as GET would have it");
    wire_send(wire, "GET /status/204 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 204);
    cr_expect_eq(field_count(answer.head, "Content-Length") + field_count(answer.head, "Transfer-Encoding"),
                 0);
    wire_send(wire, "GET /old HTTP/1.1\r\nHost: b.test\r\nIf-None-Match: \"1\"\r\n\r\n");
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 304);
    cr_expect_str_eq(field_of(answer.head, "ETag"), "\"1\"");
    wire_send(wire, "GET /after HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_str_eq(answer_read(wire).body, "app", "the connection is still in step");
}

/* ---- interim answers ---- */

Test(http, expect_100_continue_reaches_the_backend_and_back)
{
    struct app app = app_start();
    int port = port_to(app.port);
    struct wire *wire = wire_connect(port);
    struct run run;

    wire_send(wire,
              "POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 100);
    wire_send(wire, "body");
    cr_expect_str_eq(answer_read(wire).body, "body");

    run = sh("head -c 2000000 /dev/zero | tr '\\0' x | curl -sS -H 'Host: a.test' -H 'Expect: 100-continue'"
             " --data-binary @- http://127.0.0.1:%d/sha; head -c 2000000 /dev/zero | tr '\\0' x | sha256sum",
             port);
    cr_expect_eq(run.status, 0);
    cr_expect_eq(strncmp(run.out, run.out + 64, 64), 0, "%s", run.all);
}

Test(http, early_hints_pass)
{
    struct app app = app_start();
    struct wire *wire = wire_connect(port_to(app.port));
    struct answer answer;

    wire_send(wire, "GET /early HTTP/1.1\r\nHost: a.test\r\n\r\n");
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 103);
    cr_expect_str_eq(field_of(answer.head, "Link"), "</style.css>; rel=preload; as=style");
    cr_expect_str_eq(answer_read(wire).body, "after hints");
}

/* ---- streams ---- */

Test(http, server_sent_events_arrive_while_the_stream_is_open)
{
    struct app app = app_start();
    struct wire *wire = wire_connect(port_to(app.port));

    wire_send(wire, "GET /sse HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_not_null(wire_read_until(wire, "data: event 0\n\n"));
    cr_expect_not(wire->ended);
    cr_expect_not_null(wire_read_until(wire, "data: event 3\n\n"));
}

static void play_two_chunks(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    if (wire_read_until_within(wire, "go on", 20000)) /* never: the next request waits its turn */
        return;
}

Test(http, each_chunk_is_passed_on_at_once)
{
    struct backend *backend = backend_playing(play_two_chunks);
    struct wire *wire = wire_connect(port_to(backend->port));

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_not_null(wire_read_until_within(wire, "1\r\na\r\n", 1000));
}

Test(http, an_upload_is_passed_on_while_it_goes_on)
{
    struct backend *backend = backend_saying("ok");
    struct wire *wire = wire_connect(port_to(backend->port));

    wire_send(wire, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    cr_expect(backend_sees(backend, "first"));
    wire_send(wire, "4\r\nlast\r\n0\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
}

Test(http, curl_wget_and_node_get_the_same_bytes)
{
    struct app app = app_start();
    int port = scene_port();
    const char *sum;

    portico_start("routes: {\"http://localhost:%d\": %d}\n", port, app.port);
    sum = sh("curl -sS http://localhost:%d/big?n=3000000 | sha256sum", port).out;
    cr_expect_str_eq(sh("wget -q -O - http://localhost:%d/big?n=3000000 | sha256sum", port).out, sum);
    cr_expect_eq(strncmp(get(port, "localhost", "/sum?n=3000000").body, sum, 64), 0);
    cr_expect_eq(
        strncmp(sh("node -e 'fetch(\"http://localhost:%d/big?n=3000000\").then(r => r.arrayBuffer()).then("
                   "b => console.log(require(\"crypto\").createHash(\"sha256\").update(Buffer.from(b))"
                   ".digest(\"hex\")))'",
                   port)
                    .out,
                sum, 64),
        0);
}
