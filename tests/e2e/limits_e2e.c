/* What is within a limit is served, what is over it is not; and who waits at one costs nothing. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/slow.h"

SUITE(limits);

static char *fields(int count)
{
    char *text = scene_text("%s", "");

    for (int i = 0; i < count; i++)
        text = scene_text("%sX-%d: 1\r\n", text, i);
    return text;
}

/** To the byte: what is within is served, what is one over is not. */
Test(limits, limits_hold_to_the_byte)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n";
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\nlimits: {head: 2KiB, target: 256B, fields: 10}\n",
                  port, backend->port);
    for (int over = 0; over < 2; over++) {
        const int room = 2 * KIB - (int)sizeof head + 1 + over;

        cr_expect_eq(
            ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX: %s\r\n\r\n", letters((size_t)room)).status,
            over ? 431 : 200);
        cr_expect_eq(
            ask(port, "GET /%s HTTP/1.1\r\nHost: a.test\r\n\r\n", letters(255 + (size_t)over)).status,
            over ? 414 : 200);
        cr_expect_eq(ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\n%s\r\n", fields(9 + over)).status,
                     over ? 431 : 200);
    }
    cr_expect_eq(ask(port, "GET /%s", letters(4000)).status, 414, "before its end is known");
    cr_expect_eq(ask(port, "GET / HTTP/1.1\r\nX: %s", letters(4000)).status, 431);
    assert_honest(port, "a.test", "ok");
}

static const struct {
    const char *name, *host, *framing;
    size_t over; /* bytes of content over the route's limit of a KiB; the file's is 2 KiB */
    int status;
} bodies[] = {
    {"counted, within", "a.test", "counted", 0, 200},
    {"counted, a byte over", "a.test", "counted", 1, 413},
    {"chunked, within", "a.test", "chunked", 0, 200},
    {"chunked, a byte over", "a.test", "chunked", 1, 413},
    {"in small chunks, within", "a.test", "small", 0, 200},
    {"in small chunks, a byte over", "a.test", "small", 1, 413},
    {"counted, of a route without its own", "b.test", "counted", KIB, 200},
    {"counted, a byte over that", "b.test", "counted", KIB + 1, 413},
    {"chunked, a byte over that", "b.test", "chunked", KIB + 1, 413},
    {"counted, of a route that lifts it", "c.test", "counted", 100 * KIB, 200},
    {"chunked, of a route that lifts it", "c.test", "chunked", 100 * KIB, 200},
};

static char *request_with(const char *host, const char *framing, size_t count)
{
    char *request = scene_text("POST / HTTP/1.1\r\nHost: %s\r\n", host);

    if (strcmp(framing, "counted") == 0)
        return scene_text("%sContent-Length: %zu\r\n\r\n%s", request, count, letters(count));
    request = scene_text("%sTransfer-Encoding: chunked\r\n\r\n", request);
    if (strcmp(framing, "chunked") == 0)
        return scene_text("%s%zx\r\n%s\r\n0\r\n\r\n", request, count, letters(count));
    for (; count >= 16; count -= 16)
        request = scene_text("%s10\r\n%s\r\n", request, letters(16));
    return scene_text("%s%s0\r\n\r\n", request, count ? "1\r\na\r\n" : "");
}

Test(limits, content_has_the_limit_of_its_route)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d: {to: %d, limits: {body: 1KiB}}\n"
                  "  http://b.test:%d: %d\n"
                  "  http://c.test:%d: {to: %d, limits: {body: none}}\n"
                  "limits: {body: 2KiB}\n",
                  port, backend->port, port, backend->port, port, backend->port);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct answer answer =
            ask(port, "%s", request_with(bodies[i].host, bodies[i].framing, KIB + bodies[i].over));

        cr_expect_eq(answer.status, bodies[i].status, "%s: %d", bodies[i].name, answer.status);
    }
    assert_honest(port, "a.test", "ok");
}

Test(limits, a_connection_has_its_number_of_requests)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://a.test:%d\": %d}\nlimits: {requests_per_connection: 3}\n", port,
                  backend->port);
    wire = wire_connect(port);
    for (int i = 1; i <= 5; i++)
        wire_send(wire, "GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", i);
    for (int i = 1; i <= 3; i++) {
        struct answer answer = answer_read(wire);

        cr_expect_eq(answer.status, 200);
        cr_expect_str_eq(field_of(answer.head, "Connection"), i == 3 ? "close" : "");
    }
    cr_expect(wire_sees_end(wire));
    cr_expect_eq(backend->requests, 3);
    assert_honest(port, "a.test", "ok");
}

Test(limits, at_the_limit_of_connections_others_wait_and_nothing_spins)
{
    enum { LIMIT_OF_CONNECTIONS = 8, CLIENTS = 12 };
    struct wire *wires[CLIENTS];
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\nlimits: {connections: %d}\n", port,
                      backend->port, LIMIT_OF_CONNECTIONS);
    long before_ms, spent_ms;

    for (int i = 0; i < CLIENTS; i++) {
        wires[i] = wire_connect(port);
        wire_send(wires[i], "GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", i);
        if (i < LIMIT_OF_CONNECTIONS)
            cr_assert_eq(answer_read(wires[i]).status, 200);
    }
    cr_expect(portico_logs(portico, "accept_paused"));
    before_ms = cpu_ms(portico->pid);
    cr_expect(wire_is_silent(wires[CLIENTS - 1], 1000), "the last one waits");
    spent_ms = cpu_ms(portico->pid) - before_ms;
    cr_expect_lt(spent_ms, 100, "%ld ms of processor time in a second of waiting", spent_ms);
    cr_expect(wire_is_silent(wires[LIMIT_OF_CONNECTIONS], 0), "and so does the first of them");
    for (int i = 0; i < CLIENTS - LIMIT_OF_CONNECTIONS; i++) { /* one for one */
        wire_reset(wires[i]);
        cr_expect_eq(answer_read(wires[LIMIT_OF_CONNECTIONS + i]).status, 200, "%d", i);
    }
    for (int i = CLIENTS - LIMIT_OF_CONNECTIONS; i < CLIENTS; i++) {
        wire_send(wires[i], "GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n");
        cr_expect_eq(answer_read(wires[i]).status, 200, "those that were in are served");
        wire_reset(wires[i]);
    }
    cr_expect(WAIT_FOR(get(port, "a.test", "/").status == 200, PATIENCE_MS));
    cr_expect_eq(portico_stop(portico), 0);
}
