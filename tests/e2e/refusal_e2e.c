/* Requests that are not honest: refused, with nothing forwarded, and the next client is served. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(refusal);

/* Each with what a desynchronised reader would take for a second request. */
static const struct {
    const char *name, *request;
} bad_requests[] = {
    {"both lengths",
     "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"},
    {"two lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"},
    {"a list of lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4, 5\r\n\r\nabcde"},
    {"a signed length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +4\r\n\r\nabcd"},
    {"a length too long for a number",
     "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 18446744073709551620\r\n\r\nabcd"},
    {"chunked that is not last",
     "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"},
    {"an unknown coding", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {"chunked twice",
     "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
     "\r\n0\r\n\r\n"},
    {"chunked in 1.0", "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"two hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"},
    {"the same host twice", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n"},
    {"no host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"},
    {"a host with a path", "GET / HTTP/1.1\r\nHost: a.test/evil\r\n\r\n"},
    {"a host with user", "GET / HTTP/1.1\r\nHost: x@a.test\r\n\r\n"},
    {"bare LF", "GET / HTTP/1.1\nHost: a.test\n\n"},
    {"bare LF in a field", "GET / HTTP/1.1\r\nHost: a.test\nX: 1\r\n\r\n"},
    {"bare CR", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n"},
    {"folded line", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n"},
    {"space before the colon", "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n"},
    {"space before the first field", "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n"},
    {"a name that is no token", "GET / HTTP/1.1\r\nHost: a.test\r\nX(y): 1\r\n\r\n"},
    {"no version", "GET /\r\n\r\n"},
    {"a version of the future", "GET / HTTP/3.7\r\nHost: a.test\r\n\r\n"},
    {"a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a.test\r\n\r\n"},
    {"a chunk size with sign",
     "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"},
};

Test(refusal, dishonest_heads_get_400_and_go_nowhere)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://:%d\": %d}\n", port, backend->port);
    for (size_t i = 0; i < sizeof bad_requests / sizeof *bad_requests; i++) {
        struct wire *wire = wire_connect(port);
        struct answer answer;

        wire_send(wire, "%s", bad_requests[i].request);
        answer = answer_read(wire);
        cr_expect(answer.status == 400 || answer.status == 505 || answer.status == 501, "%s: got %d",
                  bad_requests[i].name, answer.status);
        cr_expect(wire_sees_end(wire), "%s: the connection must close", bad_requests[i].name);
    }
    cr_expect_null(strstr(backend_seen(backend), "smuggled"));
    cr_expect_leq(backend->requests, 0, "something was forwarded: %s", backend_seen(backend));
    assert_honest(port, "a.test", "ok");
}

Test(refusal, a_nul_in_a_field_is_refused)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n";
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send_bytes(wire, request, sizeof request - 1);
    cr_expect_eq(answer_read(wire).status, 400);
    cr_expect_eq(backend->requests, 0);
    assert_honest(port, "a.test", "ok");
}

static const char *letters(size_t count)
{
    char *text = scene_alloc(count + 1);

    memset(text, 'a', count);
    return text;
}

static const char *many_fields(int count)
{
    char *fields = scene_alloc((size_t)count * 16 + 1);

    for (int i = 0; i < count; i++)
        strcat(fields, scene_text("X-%d: 1\r\n", i));
    return fields;
}

Test(refusal, what_is_too_large_has_its_own_status)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d: %d\n"
                  "  http://small.test:%d: {to: %d, limits: {body: 1KiB}}\n",
                  port, backend->port, port, backend->port);
    cr_expect_eq(get(port, "a.test", scene_text("/%s", letters(9000))).status, 414);
    cr_expect_eq(ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX: %s\r\n\r\n", letters(33000)).status, 431);
    cr_expect_eq(ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\n%s\r\n", many_fields(130)).status, 431);
    cr_expect_eq(ask(port, "POST / HTTP/1.1\r\nHost: small.test\r\nContent-Length: 1025\r\n\r\n").status,
                 413);
    cr_expect_eq(backend->requests, 0);
    cr_expect_eq(
        ask(port,
            "POST / HTTP/1.1\r\nHost: small.test\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n%s\r\n0\r\n\r\n",
            letters(1025))
            .status,
        413, "a body that grows too large");
    cr_expect_eq(
        ask(port, "POST / HTTP/1.1\r\nHost: small.test\r\nContent-Length: 1024\r\n\r\n%s", letters(1024))
            .status,
        200);
    cr_expect_eq(get(port, "a.test", scene_text("/%s", letters(8000))).status, 200);
}

Test(refusal, a_head_that_does_not_come_is_408)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://:%d\": %d}\ntimeouts: {head: 200ms, idle: 300ms}\n", port,
                  backend->port);
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.te");
    cr_expect_eq(answer_read(wire).status, 408);
    cr_expect(wire_sees_end(wire));

    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    cr_expect(wire_sees_end(wire), "an idle connection is closed without a word");
    assert_honest(port, "a.test", "ok");
}

static const struct {
    const char *name, *answer;
} bad_answers[] = {
    {"no HTTP", "hello\r\n\r\n"},
    {"both lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"},
    {"a bare CR", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok"},
    {"a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"},
    {"no head at all", ""},
};

Test(refusal, a_backends_bad_answer_is_502)
{
    for (size_t i = 0; i < sizeof bad_answers / sizeof *bad_answers; i++) {
        struct backend *backend = backend_answering(bad_answers[i].answer);
        int port = scene_port();
        struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
        struct answer answer = get(port, "a.test", "/");

        cr_expect_eq(answer.status, 502, "%s: got %d", bad_answers[i].name, answer.status);
        cr_expect_eq(portico_stop(portico), 0);
    }
}
