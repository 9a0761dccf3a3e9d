/* Clients that take their time before there is a request: a head, a handshake, a first byte. Each wait has its
 * limit, in all and not per byte. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/slow.h"

SUITE(slow_clients);

/* ---- a head that comes slowly ---- */

static const struct {
    const char *name, *at_once,
        *slowly; /* what is sent, and what then comes byte by byte for longer than the limit */
    bool pads;
} slow_heads[] = {
    {"from its first byte", "", "GET / HTTP/1.1\r\nHost: a.test\r\nX: ", true},
    {"in its target", "GET /", "", true},
    {"in a field", "GET / HTTP/1.1\r\nHost: a.test\r\nX: ", "", true},
    {"after its last field", "GET / HTTP/1.1\r\nHost: a.test\r\n", "", false},
    {"at its very end", "GET / HTTP/1.1\r\nHost: a.test\r\n\r", "", false},
    {"of an unfinished method", "G", "", false},
    {"after an empty line", "\r\nGET / HTTP/1.1\r\n", "", false},
    {"after a whole request", "GET /first HTTP/1.1\r\nHost: a.test\r\n\r\nGET /second HT", "", false},
};

static void expect_408(int port, size_t row)
{
    const int64_t began_ms = now_ms();
    struct wire *wire = wire_connect(port);
    const char *slowly = scene_text("%s%s", slow_heads[row].slowly, slow_heads[row].pads ? letters(400) : "");
    struct answer answer;

    wire_send(wire, "%s", slow_heads[row].at_once);
    if (strstr(slow_heads[row].at_once, "/first"))
        cr_expect_eq(answer_read(wire).status, 200);
    trickle(wire, slowly, strlen(slowly));
    answer = answer_read(wire);
    cr_expect_eq(answer.status, 408, "%s: %d", slow_heads[row].name, answer.status);
    expect_in_time(began_ms, slow_heads[row].name);
    cr_expect(wire_sees_end(wire), "%s", slow_heads[row].name);
    wire_close(wire);
}

Test(slow_clients, a_head_has_its_time_in_all_not_per_byte)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"http://a.test:%d\": %d}\ntimeouts: {head: " LIMIT "}\n", port, backend->port);

    for (size_t i = 0; i < COUNT(slow_heads); i++)
        expect_408(port, i);
    cr_expect(portico_logs(portico, "reason=head_timeout"));
    cr_expect_eq(backend->requests, 1);
    assert_honest(port, "a.test", "ok");
}

/** Two kinds on a port are told apart by a byte: the head's time runs from it. */
Test(slow_clients, a_head_on_a_port_that_has_tls_too_has_the_same_time)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d, \"tls://b.test:%d\": %d}\ntimeouts: {head: " LIMIT
                  "}\n",
                  port, backend->port, port, backend->port);
    for (size_t i = 0; i < COUNT(slow_heads); i++)
        expect_408(port, i);
    assert_honest(port, "a.test", "ok");
}

Test(slow_clients, who_says_nothing_between_requests_is_left_without_a_word)
{
    static const char *const said[] = {"", "\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"};
    struct backend *backend = backend_saying("ok");
    int alone = scene_port(), shared = scene_port();
    const int ports[] = {alone, shared};

    portico_start("routes: {\"http://a.test:%d\": %d, \"http://a.test:%d\": %d, \"tls://b.test:%d\": %d}\n"
                  "timeouts: {idle: " LIMIT "}\n",
                  alone, backend->port, shared, backend->port, shared, backend->port);
    for (size_t at = 0; at < COUNT(ports); at++) {
        for (size_t i = 0; i < COUNT(said); i++) {
            const int64_t began_ms = now_ms();
            struct wire *wire = wire_connect(ports[at]);

            wire_send(wire, "%s", said[i]);
            if (strlen(said[i]) > 2)
                cr_expect_eq(answer_read(wire).status, 200);
            cr_expect(wire_sees_end(wire), "said %zu bytes", strlen(said[i]));
            expect_in_time(began_ms, said[i]);
        }
    }
    assert_honest(alone, "a.test", "ok");
}

/* ---- TLS ---- */

static const struct {
    const char *name;
    size_t at_once; /* bytes of the hello; SIZE_MAX: all */
    const char *slowly;
    bool is_trickled; /* the hello's rest */
} slow_handshakes[] = {
    {"a byte", 1, "", false},
    {"two bytes", 2, "", false},
    {"half a hello", 60, "", false},
    {"a hello byte by byte", 0, "", true},
    {"a hello and nothing more", SIZE_MAX, "", false},
    {"a hello, then a record byte by byte", SIZE_MAX, "\x17\x03\x03\x00\xff", false},
    {"a hello, then nothing but changes of ciphers", SIZE_MAX,
     "\x14\x03\x03\x00\x01\x01\x14\x03\x03\x00\x01\x01", false},
};

static void expect_handshake_ended(int port, size_t row)
{
    const struct bytes hello = hello_for("a.test");
    const size_t at_once =
        slow_handshakes[row].at_once < hello.count ? slow_handshakes[row].at_once : hello.count;
    const int64_t began_ms = now_ms();
    struct wire *wire = wire_connect(port);

    wire_send_bytes(wire, hello.bytes, at_once);
    if (at_once == hello.count) {
        cr_expect_not_null(wire_read_bytes(wire, 5), "the server's first record");
        while (wire_take(wire) && !wire_is_silent(wire, PACE_MS)) /* the rest of its flight */
            wire->at = wire->length;
        for (size_t i = 0; i < 8 && wire_is_silent(wire, PACE_MS) && *slow_handshakes[row].slowly; i++)
            wire_send_bytes(wire, slow_handshakes[row].slowly + i % strlen(slow_handshakes[row].slowly), 1);
    } else if (slow_handshakes[row].is_trickled) {
        trickle(wire, hello.bytes, hello.count);
    }
    cr_expect(WAIT_FOR(!wire_take(wire), PATIENCE_MS), "%s", slow_handshakes[row].name);
    expect_in_time(began_ms, slow_handshakes[row].name);
    wire_close(wire);
}

Test(slow_clients, a_handshake_has_its_time_in_all)
{
    struct certificate leaf = leaf_for("DNS:a.test");
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), shared = scene_port();
    struct process *portico =
        portico_start("routes: {\"https://a.test:%d\": %d, \"https://a.test:%d\": %d,"
                      " \"http://a.test:%d\": %d}\n"
                      "certificates: [{cert: %s, key: %s}]\ntimeouts: {handshake: " LIMIT "}\n",
                      port, backend->port, shared, backend->port, shared, backend->port, leaf.cert, leaf.key);

    for (size_t i = 0; i < COUNT(slow_handshakes); i++) {
        expect_handshake_ended(port, i);
        expect_handshake_ended(shared, i);
    }
    cr_expect(portico_logs(portico, "reason=tls_handshake_timeout"));
    cr_expect_eq(backend->connections, 0);
    assert_honest(shared, "a.test", "ok");
    cr_expect_not_null(strstr(tls_get(port, "a.test", "").all, "\r\n\r\nok"));
}

/* ---- sniffing ---- */

static void play_greet(struct wire *wire, struct backend *backend)
{
    wire_send(wire, "SSH-2.0-greeter\r\n");
    wire_read_all(wire);
}

/* Each may still become what the port knows. */
static const char *const undecided[] = {"P", "SSH", "\x16", "UPDATEREDIRECTREF", "GET"};

Test(slow_clients, what_is_not_decided_in_time_is_raw)
{
    struct backend *web = backend_saying("web"), *raw = backend_playing(play_echo);
    int port = scene_port();

    portico_start(
        "routes: {\"http://a.test:%d\": %d, \"tls://b.test:%d\": %d, \"ssh://:%d\": %d, \"tcp://:%d\": %d}\n"
        "timeouts: {sniff: " LIMIT "}\n",
        port, web->port, port, web->port, port, web->port, port, raw->port);
    for (size_t i = 0; i < COUNT(undecided); i++) {
        const int64_t began_ms = now_ms();
        struct wire *wire = wire_connect(port);

        trickle(wire, undecided[i], strlen(undecided[i]));
        cr_expect_not_null(wire_read_until(wire, scene_text("%.5s", undecided[i])), "%s", undecided[i]);
        expect_in_time(began_ms, undecided[i]);
        wire_close(wire);
    }
    cr_expect_eq(web->connections, 0);
    assert_honest(port, "a.test", "web");
}

Test(slow_clients, what_is_not_decided_in_time_and_no_silence_is_closed)
{
    struct backend *web = backend_saying("web"), *ssh = backend_playing(play_greet);
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d, \"tls://b.test:%d\": %d, \"ssh://:%d\": %d}\n"
                      "timeouts: {sniff: " LIMIT "}\n",
                      port, web->port, port, web->port, port, ssh->port);

    for (size_t i = 0; i < COUNT(undecided); i++) {
        const int64_t began_ms = now_ms();
        struct wire *wire = wire_connect(port);

        trickle(wire, undecided[i], strlen(undecided[i]));
        cr_expect(WAIT_FOR(!wire_take(wire), PATIENCE_MS), "%s", undecided[i]);
        cr_expect_eq(wire->length, 0, "%s", undecided[i]);
        expect_in_time(began_ms, undecided[i]);
        wire_close(wire);
    }
    cr_expect(portico_logs(portico, "reason=unknown_protocol"));
    cr_expect_eq(web->connections + ssh->connections, 0);
    assert_honest(port, "a.test", "web");
}
