/* Content that moves is left alone, however slowly; what stops, or is not taken, is cut. So are tunnels. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/slow.h"

SUITE(slow_content);

/* What moves moves at this pace, for three times as long as it might stand still. */
#define STANDSTILL "1s"
enum { STANDSTILL_MS = 1000, MOVE_MS = 150 };

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
    {"in chunks of a byte", CHUNKED_HEAD, FOUR(FOUR("1\r\na\r\n")) FOUR("1\r\nb\r\n1\r\nc\r\n"), "0\r\n\r\n",
     6},
};

/** All side by side, a step each MOVE_MS, as long as nothing comes back. */
static void uploads_move(struct wire *wires[COUNT(uploads)])
{
    for (size_t step = 0; step * uploads[0].step < strlen(uploads[0].content); step++) {
        poll(NULL, 0, MOVE_MS); /* the pace is what is tested */
        for (size_t i = 0; i < COUNT(uploads); i++) {
            if (wire_is_silent(wires[i], 0))
                wire_send_bytes(wires[i], uploads[i].content + step * uploads[i].step, uploads[i].step);
        }
    }
}

Test(slow_content, content_lives_as_long_as_bytes_move)
{
    struct backend *backend = backend_saying("ok");
    struct wire *wires[COUNT(uploads)];
    int port = scene_port();
    int64_t began_ms;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: " STANDSTILL ", head: " STANDSTILL
                  ", answer: " STANDSTILL ", answer_idle: " STANDSTILL "}\n",
                  port, backend->port);
    began_ms = now_ms();
    for (size_t i = 0; i < COUNT(uploads); i++) {
        wires[i] = wire_connect(port);
        wire_send(wires[i], "%s", uploads[i].head);
    }
    uploads_move(wires);
    cr_expect_gt(now_ms() - began_ms, 3 * STANDSTILL_MS, "longer than any limit");
    for (size_t i = 0; i < COUNT(uploads); i++) {
        wire_send(wires[i], "%s", uploads[i].rest);
        cr_expect_eq(answer_read(wires[i]).status, 200, "%s", uploads[i].name);
    }
    assert_honest(port, "a.test", "ok");
}

Test(slow_content, content_that_stops_is_408)
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

Test(slow_content, what_frames_content_does_not_keep_it_alive)
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

Test(slow_content, who_takes_nothing_of_an_answer_is_cut)
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

/** Only what the client's kernel takes can be seen to move, in steps of a third of what our kernel holds for it: these
 * must be small against the limit. */
Test(slow_content, who_takes_an_answer_slowly_goes_on_getting_it)
{
    int room = 32 * KIB;
    struct backend *pouring;
    struct wire *wire;

    narrow_ground();
    pouring = backend_playing(play_pour);
    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: 2s, answer_idle: 2s}\n", NARROW_PORT,
                  pouring->port);
    wire = wire_connect(NARROW_PORT);
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(sip(wire, (size_t)room, now_ms() + 5000));
    cr_expect_lt(pouring->sent, LARGE, "the backend goes at the client's pace");
}

static void play_never_read(struct wire *wire, struct backend *backend)
{
    WAIT_FOR(backend->sent > 0, 20000);
}

Test(slow_content, a_backend_that_takes_nothing_is_504)
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
    for (struct pollfd ready = {.fd = wire->fd, .events = POLLIN | POLLOUT};
         poll(&ready, 1, PATIENCE_MS) > 0 && !(ready.revents & POLLIN);) {
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

Test(slow_content, a_tunnel_lives_as_long_as_bytes_move)
{
    static const char *const kinds[] = {"upgrade", "tls", "ssh"};
    struct backend *upgrade = backend_playing(play_upgrade), *echo = backend_playing(play_echo);
    struct wire *wires[COUNT(kinds)];
    int64_t moved_ms[COUNT(kinds)];
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d, \"tls://b.test:%d\": %d,"
                                            " \"ssh://:%d\": %d}\ntimeouts: {tunnel: " STANDSTILL "}\n",
                                            port, upgrade->port, port, echo->port, port, echo->port);

    for (size_t i = 0; i < COUNT(kinds); i++)
        wires[i] = tunnel_open(port, i);
    for (int byte = 0; byte < 3 * STANDSTILL_MS / MOVE_MS; byte++) {
        poll(NULL, 0, MOVE_MS); /* the pace is what is tested */
        for (size_t i = 0; i < COUNT(kinds); i++) {
            cr_assert(wire_is_silent(wires[i], 0), "%s ended", kinds[i]);
            moved_ms[i] = now_ms();
            wire_send(wires[i], "x");
            cr_assert_not_null(wire_read_bytes(wires[i], 1), "%s", kinds[i]);
        }
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        cr_expect(WAIT_FOR(!wire_take(wires[i]), PATIENCE_MS), "%s is idle", kinds[i]);
        cr_expect_gt(now_ms() - moved_ms[i], STANDSTILL_MS - MOVE_MS, "%s", kinds[i]);
    }
    cr_expect(WAIT_FOR(upgrade->open + echo->open == 0, PATIENCE_MS), "the backends are let go");
    cr_expect(portico_access_logs(portico, "end=tunnel_idle"), "%s", transcript_copy(&portico->out));
    cr_expect_eq(portico_stop(portico), 0);
}
