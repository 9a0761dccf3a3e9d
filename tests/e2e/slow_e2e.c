/* Those who are slow, stop, or come in numbers: every wait has its limit, what moves is left alone, and what each costs
 * in memory stays within what is promised. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/tls_wire.h"

SUITE(slow);

/* A timer of LIMIT_MS must not fire before EARLIEST_MS; late is what takes longer than any step may. */
enum { LIMIT_MS = 300, EARLIEST_MS = 250, PACE_MS = 50, KIB = 1024 };
#define LIMIT "300ms"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void expect_in_time(int64_t began_ms, const char *what)
{
    const int64_t took_ms = now_ms() - began_ms;

    cr_expect(took_ms >= EARLIEST_MS && took_ms < PATIENCE_MS, "%s: after %lld ms", what, (long long)took_ms);
}

/** So many bytes each PACE_MS, until something comes back or all is sent. */
static void trickle_by(size_t step, struct wire *wire, const char *bytes, size_t count)
{
    for (size_t at = 0; at < count && wire_is_silent(wire, PACE_MS); at += step)
        wire_send_bytes(wire, bytes + at, step);
}

static void trickle(struct wire *wire, const char *bytes, size_t count)
{
    trickle_by(1, wire, bytes, count);
}

static char *letters(size_t count)
{
    char *text = scene_alloc(count + 1);

    memset(text, 'a', count);
    return text;
}

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

Test(slow, a_head_has_its_time_in_all_not_per_byte)
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
Test(slow, a_head_on_a_port_that_has_tls_too_has_the_same_time)
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

Test(slow, who_says_nothing_between_requests_is_left_without_a_word)
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

static struct certificate leaf_for(const char *names)
{
    struct certificate ca = authority_make("test authority");

    return certificate_make(&ca, "ec", names);
}

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

Test(slow, a_handshake_has_its_time_in_all)
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

static void play_echo(struct wire *wire, struct backend *backend)
{
    while (WAIT_FOR(!wire_take(wire) || wire->at < wire->length, 20000) && wire->at < wire->length) {
        wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
        wire->at = wire->length;
    }
}

static void play_greet(struct wire *wire, struct backend *backend)
{
    wire_send(wire, "SSH-2.0-greeter\r\n");
    wire_read_all(wire);
}

/* Each may still become what the port knows. */
static const char *const undecided[] = {"P", "SSH", "\x16", "UPDATEREDIRECTREF", "GET"};

Test(slow, what_is_not_decided_in_time_is_raw)
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

Test(slow, what_is_not_decided_in_time_and_no_silence_is_closed)
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

/* ---- content of a request ---- */

#define CHUNKED_HEAD "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
#define COUNTED_HEAD "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 24\r\n\r\n"
#define FOUR(text)   text text text text

/* Content counts, not what frames it: extensions and trailers must not keep a connection alive. */
static const struct {
    const char *name, *head, *content, *rest;
    size_t step; /* bytes of content at a time */
} uploads[] = {
    {"counted", COUNTED_HEAD, "four and twenty letters!", "", 1},
    {"in one chunk", CHUNKED_HEAD "18\r\n", "four and twenty letters!", "\r\n0\r\n\r\n", 1},
    {"in chunks of a byte", CHUNKED_HEAD, FOUR(FOUR("1\r\na\r\n")) FOUR("1\r\nb\r\n"), "0\r\n\r\n", 6},
};

Test(slow, content_lives_as_long_as_bytes_move)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: " LIMIT ", head: " LIMIT
                  ", answer: " LIMIT ", answer_idle: " LIMIT "}\n",
                  port, backend->port);
    for (size_t i = 0; i < COUNT(uploads); i++) {
        const int64_t began_ms = now_ms();
        struct wire *wire = wire_connect(port);

        wire_send(wire, "%s", uploads[i].head);
        trickle_by(uploads[i].step, wire, uploads[i].content, strlen(uploads[i].content));
        wire_send(wire, "%s", uploads[i].rest);
        cr_expect_eq(answer_read(wire).status, 200, "%s", uploads[i].name);
        cr_expect_gt(now_ms() - began_ms, 3 * LIMIT_MS, "%s: longer than any limit", uploads[i].name);
        wire_close(wire);
    }
    assert_honest(port, "a.test", "ok");
}

Test(slow, content_that_stops_is_408)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: " LIMIT "}\n", port, backend->port);

    for (size_t i = 0; i < COUNT(uploads); i++) {
        for (size_t stop = 0; stop < 8; stop += 7) {
            const int64_t began_ms = now_ms();
            struct wire *wire = wire_connect(port);
            struct answer answer;

            wire_send(wire, "%s", uploads[i].head);
            wire_send_bytes(wire, uploads[i].content, stop);
            answer = answer_read(wire);
            cr_expect_eq(answer.status, 408, "%s after %zu: %d", uploads[i].name, stop, answer.status);
            expect_in_time(began_ms, uploads[i].name);
            cr_expect(wire_sees_end(wire), "%s after %zu", uploads[i].name, stop);
            wire_close(wire);
        }
    }
    cr_expect(portico_logs(portico, "timeouts.stall: no byte of the request's content came"));
    cr_expect(WAIT_FOR(backend->open == 0, PATIENCE_MS), "the backend is let go");
    cr_expect_eq(backend->requests, 0);
    assert_honest(port, "a.test", "ok");
}

static const struct {
    const char *name, *at_once, *slowly;
} slow_framings[] = {
    {"the size of a chunk", "", "00000000000000000"},
    {"an extension of a chunk", "1;x=", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},
    {"a trailer", "1\r\na\r\n0\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},
};

Test(slow, what_frames_content_does_not_keep_it_alive)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: " LIMIT "}\n", port, backend->port);
    for (size_t i = 0; i < COUNT(slow_framings); i++) {
        const int64_t began_ms = now_ms();
        struct wire *wire = wire_connect(port);

        wire_send(wire, CHUNKED_HEAD "%s", slow_framings[i].at_once);
        trickle(wire, slow_framings[i].slowly, strlen(slow_framings[i].slowly));
        cr_expect_eq(answer_read(wire).status, 408, "%s", slow_framings[i].name);
        expect_in_time(began_ms, slow_framings[i].name);
        wire_close(wire);
    }
    assert_honest(port, "a.test", "ok");
}

/* ---- content of an answer ---- */

enum { NARROW_PORT = 8000 };

/** A network of this test's own, with segments as outside: the kernel's buffers, which go by them, stay small. */
static void narrow_ground(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_mtu = 1500};
    int fd;

    scene_alone();
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFMTU, &lo), 0);
    close(fd);
}

enum { LARGE = 64 << 20 };

/** Sends LARGE bytes and counts what it was rid of. */
static void play_pour(struct wire *wire, struct backend *backend)
{
    char *part = letters(64 * KIB);

    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (size_t sent = 0; sent < LARGE && wire_send_bytes(wire, part, 64 * KIB); sent += 64 * KIB)
        atomic_fetch_add(&backend->sent, 64 * KIB);
}

Test(slow, who_takes_nothing_of_an_answer_is_cut)
{
    struct backend *pouring = backend_playing(play_pour), *quick = backend_saying("quick");
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\ntimeouts: {stall: " LIMIT "}\n", port,
        pouring->port, port, quick->port);
    const int64_t began_ms = now_ms();
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(WAIT_FOR(pouring->connections == 1 && pouring->open == 0, PATIENCE_MS),
              "its backend is let go");
    expect_in_time(began_ms, "cut");
    cr_expect_lt(pouring->sent, LARGE, "the backend was held back");
    cr_expect(portico_logs(portico, "timeouts.stall: the client took no byte of the answer"));
    cr_expect(WAIT_FOR(!wire_take(wire), PATIENCE_MS));
    cr_expect_lt(wire->length, LARGE);
    assert_honest(port, "b.test", "quick");
}

/** Reads what there is, at most a part, each PACE_MS, until that time; false when an end comes first. */
static bool sip(struct wire *wire, size_t part, int64_t end_ms)
{
    char *bytes = letters(part);

    while (now_ms() < end_ms) {
        struct pollfd ready = {.fd = wire->fd, .events = POLLIN};

        if (poll(&ready, 1, PATIENCE_MS) <= 0 || recv(wire->fd, bytes, part, 0) <= 0)
            return false;
        poll(NULL, 0, PACE_MS); /* the pace is what is tested */
    }
    return true;
}

/** Only what the client's kernel takes can be seen to move, so that its steps must be small against the limit. */
Test(slow, who_takes_an_answer_slowly_goes_on_getting_it)
{
    int room = 32 * KIB;
    struct backend *pouring;
    struct wire *wire;

    narrow_ground();
    pouring = backend_playing(play_pour);
    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: 1s, answer_idle: 1s}\n", NARROW_PORT,
                  pouring->port);
    wire = wire_connect(NARROW_PORT);
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(sip(wire, (size_t)room, now_ms() + 3000));
    cr_expect_lt(pouring->sent, LARGE, "the backend goes at the client's pace");
}

/* ---- backends ---- */

static void play_trickle_head(struct wire *wire, struct backend *backend)
{
    if (request_read(wire)) {
        wire_send(wire, "HTTP/1.1 200 OK\r\nX: ");
        trickle(wire, letters(200), 200);
    }
}

static void play_trickle_status(struct wire *wire, struct backend *backend)
{
    static const char line[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    if (request_read(wire))
        trickle(wire, line, sizeof line - 1);
    wire_read_until_within(wire, "never", 20000);
}

static void play_say_nothing(struct wire *wire, struct backend *backend)
{
    request_read(wire);
    wire_read_until_within(wire, "never", 20000);
}

static void play_trickle_content(struct wire *wire, struct backend *backend)
{
    if (request_read(wire)) {
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n");
        trickle(wire, "four and twenty letters!", 24);
    }
    wire_read_until_within(wire, "never", 20000);
}

static void play_stop_in_chunk(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor");
    wire_read_until_within(wire, "never", 20000);
}

static void play_stop_before_last_chunk(struct wire *wire, struct backend *backend)
{
    if (request_read(wire))
        wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    wire_read_until_within(wire, "never", 20000);
}

static void play_hint_without_end(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    for (int i = 0; i < 1000 && wire_is_silent(wire, PACE_MS); i++)
        wire_send(wire, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
}

static const struct {
    const char *name;
    void (*play)(struct wire *wire, struct backend *backend);
} slow_backends[] = {
    {"no answer at all", play_say_nothing},
    {"a head byte by byte", play_trickle_head},
    {"a status line byte by byte", play_trickle_status},
};

/** The first byte of an answer is that of its head that can be passed on: the time runs until the head is whole. */
Test(slow, a_head_of_an_answer_has_its_time_in_all)
{
    struct backend *quick = backend_saying("quick");
    int port = scene_port();

    for (size_t i = 0; i < COUNT(slow_backends); i++) {
        struct backend *slow = backend_playing(slow_backends[i].play);
        struct process *portico = portico_start(
            "routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\ntimeouts: {answer: " LIMIT "}\n",
            port, slow->port, port, quick->port);
        const int64_t began_ms = now_ms();
        struct answer answer = get(port, "a.test", "/");

        cr_expect_eq(answer.status, 504, "%s: %d", slow_backends[i].name, answer.status);
        expect_in_time(began_ms, slow_backends[i].name);
        cr_expect(portico_logs(portico, "timeouts.answer: no answer began"), "%s", slow_backends[i].name);
        cr_expect(portico_logs(portico, field_of(answer.head, "X-Portico-Error")));
        cr_expect(WAIT_FOR(slow->open == 0, PATIENCE_MS), "%s is let go", slow_backends[i].name);
        assert_honest(port, "b.test", "quick");
        cr_expect_eq(portico_stop(portico), 0);
    }
}

/** Its queue is full, so that the kernel lets further ones wait. */
static int port_that_takes_nobody(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fd, 0), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < 4; i++) {
        int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        cr_assert(connect(waiting, (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
    }
    return ntohs(at.sin_port);
}

Test(slow, a_connection_to_a_backend_has_its_time_with_its_handshake)
{
    struct backend *deaf = backend_playing(play_say_nothing), *quick = backend_saying("quick");
    static const char *const hosts[] = {"full.test", "tls.test"};
    int port = scene_port();
    struct process *portico =
        portico_start("routes:\n"
                      "  http://full.test:%d: %d\n"
                      "  http://tls.test:%d: {to: \"https://127.0.0.1:%d\", verify: off}\n"
                      "  http://b.test:%d: %d\n"
                      "timeouts: {connect: " LIMIT "}\n",
                      port, port_that_takes_nobody(), port, deaf->port, port, quick->port);

    for (size_t i = 0; i < COUNT(hosts); i++) {
        const int64_t began_ms = now_ms();
        struct answer answer = get(port, hosts[i], "/");

        cr_expect_eq(answer.status, 504, "%s: %d", hosts[i], answer.status);
        expect_in_time(began_ms, hosts[i]);
        cr_expect(
            portico_logs(
                portico,
                scene_text("reason=connect_timeout client=127.0.0.1 method=\"GET\" host=\"%s\"", hosts[i])),
            "%s", transcript_copy(&portico->err));
    }
    cr_expect(WAIT_FOR(deaf->open == 0, PATIENCE_MS), "the backend is let go");
    assert_honest(port, "b.test", "quick");
}

Test(slow, hints_without_end_are_a_bad_answer)
{
    struct backend *backend = backend_playing(play_hint_without_end);
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"http://a.test:%d\": %d}\ntimeouts: {answer: " LIMIT "}\n", port, backend->port);
    struct wire *wire = wire_connect(port);
    int hints = 0;
    struct answer answer;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    while ((answer = answer_read(wire)).status == 103)
        hints++;
    cr_expect_eq(answer.status, 502);
    cr_expect(hints > 0 && hints < 100, "%d hints", hints);
    cr_expect(portico_logs(portico, "backend_bad_answer"));
}

Test(slow, an_answer_lives_as_long_as_bytes_move)
{
    struct backend *backend = backend_playing(play_trickle_content);
    int port = scene_port();
    struct answer answer;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {answer: " LIMIT ", answer_idle: " LIMIT
                  ", stall: " LIMIT "}\n",
                  port, backend->port);
    answer = get(port, "a.test", "/");
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.body, "four and twenty letters!");
}

Test(slow, an_answer_that_stops_in_chunks_looks_cut)
{
    void (*const plays[])(struct wire *, struct backend *) = {play_stop_in_chunk,
                                                              play_stop_before_last_chunk};
    int port = scene_port();

    for (size_t i = 0; i < COUNT(plays); i++) {
        struct backend *backend = backend_playing(plays[i]);
        struct process *portico = portico_start(
            "routes: {\"http://a.test:%d\": %d}\ntimeouts: {answer_idle: " LIMIT "}\n", port, backend->port);
        const int64_t began_ms = now_ms();
        struct wire *wire = wire_connect(port);
        struct answer answer;

        wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        answer = answer_read(wire);
        cr_expect_eq(answer.status, 200);
        cr_expect_not(answer.complete);
        cr_expect(wire->ended);
        expect_in_time(began_ms, "cut");
        cr_expect(portico_logs(portico, "timeouts.answer_idle"));
        cr_expect(WAIT_FOR(backend->open == 0, PATIENCE_MS));
        cr_expect_eq(portico_stop(portico), 0);
    }
}

static void play_never_read(struct wire *wire, struct backend *backend)
{
    WAIT_FOR(backend->sent > 0, 20000);
}

Test(slow, a_backend_that_takes_nothing_is_504)
{
    struct backend *deaf = backend_playing(play_never_read), *quick = backend_saying("quick");
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\ntimeouts: {stall: " LIMIT "}\n", port,
        deaf->port, port, quick->port);
    const int64_t began_ms = now_ms();
    struct wire *wire = wire_connect(port);
    char *part = letters(64 * KIB);

    wire_send(wire, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (struct pollfd ready = {.fd = wire->fd, .events = POLLOUT}; poll(&ready, 1, 200) > 0;) {
        if (send(wire->fd, part, 64 * KIB, MSG_DONTWAIT | MSG_NOSIGNAL) <= 0)
            break;
    }
    cr_expect_eq(answer_read(wire).status, 504);
    expect_in_time(began_ms, "504");
    cr_expect(portico_logs(portico, "timeouts.stall: the backend took no byte of the request"));
    deaf->sent = 1;
    assert_honest(port, "b.test", "quick");
}

/* ---- tunnels ---- */

static void play_upgrade(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    play_echo(wire, backend);
}

/** An echo behind each kind of tunnel, which a first exchange has opened. */
static struct wire *tunnel_open(int port, size_t kind)
{
    static const char upgrade[] =
        "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct wire *wire = wire_connect(port);
    const struct bytes hello = hello_for("b.test");

    if (kind == 0) {
        wire_send(wire, "%s", upgrade);
        cr_expect_eq(answer_read(wire).status, 101);
    } else if (kind == 1) {
        wire_send_bytes(wire, hello.bytes, hello.count);
        cr_expect_str_eq(hello_verdict(wire, hello), "passed");
    } else {
        wire_send(wire, "SSH-2.0-x\r\n");
        cr_expect_not_null(wire_read_until(wire, "\n"));
    }
    return wire;
}

Test(slow, a_tunnel_lives_as_long_as_bytes_move)
{
    static const char *const kinds[] = {"upgrade", "tls", "ssh"};
    struct backend *upgrade = backend_playing(play_upgrade), *echo = backend_playing(play_echo);
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d, \"tls://b.test:%d\": %d,"
                                            " \"ssh://:%d\": %d}\ntimeouts: {tunnel: " LIMIT "}\n",
                                            port, upgrade->port, port, echo->port, port, echo->port);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct wire *wire = tunnel_open(port, i);
        int64_t began_ms;

        for (int byte = 0; byte < 3 * LIMIT_MS / PACE_MS; byte++) {
            cr_assert(wire_is_silent(wire, PACE_MS), "%s ended", kinds[i]);
            wire_send(wire, "x");
            cr_assert_not_null(wire_read_bytes(wire, 1), "%s", kinds[i]);
        }
        began_ms = now_ms();
        cr_expect(WAIT_FOR(!wire_take(wire), PATIENCE_MS), "%s is idle", kinds[i]);
        expect_in_time(began_ms, kinds[i]);
        wire_close(wire);
    }
    cr_expect(WAIT_FOR(upgrade->open + echo->open == 0, PATIENCE_MS), "the backends are let go");
    cr_expect(portico_access_logs(portico, "end=tunnel_idle"), "%s", transcript_copy(&portico->out));
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- limits ---- */

static char *fields(int count)
{
    char *text = scene_text("%s", "");

    for (int i = 0; i < count; i++)
        text = scene_text("%sX-%d: 1\r\n", text, i);
    return text;
}

/** To the byte: what is within is served, what is one over is not. */
Test(slow, limits_hold_to_the_byte)
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

Test(slow, content_has_the_limit_of_its_route)
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

Test(slow, a_connection_has_its_number_of_requests)
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

Test(slow, at_the_limit_of_connections_others_wait_and_nothing_spins)
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

/* ---- what many of them cost ---- */

enum {
    CROWD = 2000,
    HEAD_LIMIT_KIB = 32,
    BUFFERS_KIB = 2 * 64, /* a direction each */
    SLACK_KIB = 4,
    PROMISE_KIB = HEAD_LIMIT_KIB + BUFFERS_KIB + SLACK_KIB,
    ANSWER_BYTES = 10 << 20,
};

/** Connected, not blocking, and with little room of its own. */
static int crowd_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NARROW_PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4 * KIB;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/** What each of a crowd says; as much of it as goes out while the crowd gathers. */
struct speech {
    struct bytes once;    /* first */
    struct bytes endless; /* then, again and again; empty: no more */
};

static size_t speak(int fd, const struct speech *speech, size_t said)
{
    for (;;) {
        const struct bytes part = said < speech->once.count ? speech->once : speech->endless;
        const size_t at = said < speech->once.count ? said
                          : part.count              ? (said - speech->once.count) % part.count
                                                    : 0;
        const ssize_t sent = part.count ? send(fd, part.bytes + at, part.count - at, MSG_NOSIGNAL) : 0;

        if (sent <= 0)
            return said;
        said += (size_t)sent;
    }
}

struct crowd {
    int fds[CROWD];
    size_t said[CROWD];
};

/** All have said what they can, and the memory stands still. */
static long crowd_gather(struct crowd *crowd, const struct speech *speech, pid_t portico)
{
    enum { STILL = 3, STILL_KIB = 256 };
    long last_kib = -1, now_kib;
    int still = 0;

    for (int i = 0; i < CROWD; i++) {
        crowd->fds[i] = crowd_connect();
        crowd->said[i] = speak(crowd->fds[i], speech, 0);
    }
    for (const int64_t end_ms = now_ms() + 2L * PATIENCE_MS; still < STILL && now_ms() < end_ms;
         last_kib = now_kib) {
        bool has_moved = false;

        for (int i = 0; i < CROWD; i++) {
            const size_t said = speak(crowd->fds[i], speech, crowd->said[i]);

            has_moved = has_moved || said != crowd->said[i];
            crowd->said[i] = said;
        }
        poll(NULL, 0, 200); /* what was sent is read meanwhile */
        now_kib = rss_kib(portico);
        still = has_moved || labs(now_kib - last_kib) > STILL_KIB ? 0 : still + 1;
    }
    return rss_kib(portico);
}

static void crowd_leave(struct crowd *crowd, pid_t portico)
{
    const struct linger now = {.l_onoff = 1};

    for (int i = 0; i < CROWD; i++) {
        struct pollfd ended = {.fd = crowd->fds[i], .events = POLLRDHUP};

        cr_assert_eq(poll(&ended, 1, 0), 0, "%d was sent away", i);
        setsockopt(crowd->fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(crowd->fds[i]);
    }
    cr_assert(WAIT_FOR(fd_count(portico) < 200, PATIENCE_MS), "%d descriptors stay", fd_count(portico));
}

/** One crowd after the other: none costs more than is promised, and what the first ones left is used again. */
static void expect_crowds_within_promise(const char *name, const struct speech *speech,
                                         struct process *portico)
{
    enum { ROUNDS = 3 };
    static struct crowd crowd;
    const long before_kib = rss_kib(portico->pid);
    long grown_kib[ROUNDS], most_kib;

    for (int i = 0; i < ROUNDS; i++) {
        grown_kib[i] = crowd_gather(&crowd, speech, portico->pid) - before_kib;
        cr_expect_geq(fd_count(portico->pid), CROWD, "%s: all are held", name);
        crowd_leave(&crowd, portico->pid);
        cr_expect_leq(grown_kib[i] / CROWD, PROMISE_KIB, "%s: %ld KiB each", name, grown_kib[i] / CROWD);
    }
    cr_log_info("%s: KiB each of %d: %.1f, %.1f, %.1f; %ld KiB before, %ld left\n", name, CROWD,
                (double)grown_kib[0] / CROWD, (double)grown_kib[1] / CROWD, (double)grown_kib[2] / CROWD,
                before_kib, rss_kib(portico->pid));
    most_kib = grown_kib[0] > grown_kib[1] ? grown_kib[0] : grown_kib[1];
    cr_expect_leq(grown_kib[2], most_kib * 11 / 10 + 1024, "%s: %ld KiB, then %ld", name, most_kib,
                  grown_kib[2]);
}

static struct process *crowd_portico(const char *routes)
{
    return portico_start("%slog: {access: off}\nlimits: {connections: 5000}\n"
                         "timeouts: {head: 60s, handshake: 60s, stall: 60s, answer: 60s, answer_idle: 60s}\n",
                         routes);
}

Test(slow, many_heads_that_do_not_end_cost_what_is_promised, .timeout = 120)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: ";
    static char head[HEAD_LIMIT_KIB * KIB];
    struct backend *backend;
    struct process *portico;

    narrow_ground();
    scene_needs_plain_build();
    backend = backend_saying("ok");
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d}\n", NARROW_PORT, backend->port));
    memset(head, 'a', sizeof head);
    memcpy(head, begin, sizeof begin - 1);
    assert_honest(NARROW_PORT, "a.test", "ok");
    expect_crowds_within_promise("heads without end", &(struct speech){.once = {head, sizeof head - 1}},
                                 portico);
    assert_honest(NARROW_PORT, "a.test", "ok");
}

Test(slow, many_hellos_that_do_not_end_cost_what_is_promised, .timeout = 120)
{
    static char padding[15 * KIB] = {0, 21, (15 * KIB - 4) >> 8, (char)((15 * KIB - 4) & 0xff)};
    struct backend *backend;
    struct certificate leaf;
    struct process *portico;
    struct bytes hello, in_bytes;

    narrow_ground();
    scene_needs_plain_build();
    backend = backend_saying("ok");
    leaf = leaf_for("DNS:a.test");
    portico =
        crowd_portico(scene_text("routes: {\"https://a.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n",
                                 NARROW_PORT, backend->port, leaf.cert, leaf.key));
    hello = hello_make((struct hello_terms){.extensions = {padding, sizeof padding}});
    in_bytes = hello_in_records((struct bytes){hello.bytes, 10000}, 1);
    cr_expect_str_eq(hello_try(NARROW_PORT, hello_for("a.test")), "served");
    expect_crowds_within_promise("hellos without end",
                                 &(struct speech){.once = {hello.bytes, hello.count - 1}}, portico);
    expect_crowds_within_promise("hellos in records of a byte", &(struct speech){.once = in_bytes}, portico);
    cr_expect_str_eq(hello_try(NARROW_PORT, hello_for("a.test")), "served");
}

/** Takes every connection, reads what comes, and sends as much of a long answer as goes out. */
static void *pour_to_all(void *arg)
{
    static struct pollfd fds[2 * CROWD];
    static size_t sent[2 * CROWD];
    const char *head = scene_text("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", ANSWER_BYTES);
    const struct speech speech = {.once = bytes_of(head), .endless = {letters(64 * KIB), 64 * KIB}};
    size_t count = 1;
    char part[KIB];

    fds[0] = (struct pollfd){.fd = *(int *)arg, .events = POLLIN};
    while (poll(fds, count, -1) > 0) {
        if (fds[0].revents && count < COUNT(fds)) {
            sent[count] = 0;
            fds[count++] = (struct pollfd){.fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC),
                                           .events = POLLIN};
        }
        for (size_t i = count; i-- > 1;) {
            if (!fds[i].revents)
                continue;
            if (fds[i].revents & POLLIN && recv(fds[i].fd, part, sizeof part, 0) > 0)
                fds[i].events |= POLLOUT;
            else if (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) {
                close(fds[i].fd);
                fds[i] = fds[--count];
                sent[i] = sent[count];
                continue;
            }
            if (fds[i].events & POLLOUT)
                sent[i] = speak(fds[i].fd, &speech, sent[i]);
        }
    }
    return NULL;
}

/** A listening socket of a backend that is none of backend.h's threads. */
static int crowd_listen(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4 * KIB;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); /* those that it takes have the same */
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fd, 2 * CROWD), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

Test(slow, many_answers_that_nobody_takes_cost_what_is_promised, .timeout = 120)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    static int listener;
    struct backend *quick;
    struct process *portico;
    pthread_t pouring;
    int port;

    narrow_ground();
    scene_needs_plain_build();
    quick = backend_saying("ok");
    listener = crowd_listen(&port);
    cr_assert_eq(pthread_create(&pouring, NULL, pour_to_all, &listener), 0);
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n",
                                       NARROW_PORT, port, NARROW_PORT, quick->port));
    assert_honest(NARROW_PORT, "b.test", "ok");
    expect_crowds_within_promise("answers not taken", &(struct speech){.once = {request, sizeof request - 1}},
                                 portico);
    assert_honest(NARROW_PORT, "b.test", "ok");
}

Test(slow, many_uploads_that_nobody_takes_cost_what_is_promised, .timeout = 120)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10485760\r\n\r\n";
    const struct bytes content = {letters(64 * KIB), 64 * KIB};
    struct backend *quick;
    struct process *portico;
    int port;

    narrow_ground();
    scene_needs_plain_build();
    quick = backend_saying("ok");
    crowd_listen(&port); /* the kernel takes connections, nobody reads */
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n",
                                       NARROW_PORT, port, NARROW_PORT, quick->port));
    assert_honest(NARROW_PORT, "b.test", "ok");
    expect_crowds_within_promise(
        "uploads not taken", &(struct speech){.once = {head, sizeof head - 1}, .endless = content}, portico);
    assert_honest(NARROW_PORT, "b.test", "ok");
}
