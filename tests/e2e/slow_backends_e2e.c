/* Backends that take their time: to be reached, to answer, and to go on with an answer. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/slow.h"

SUITE(slow_backends);

/* An answer that moves does so at this pace, for more than three times as long as it might stand still. */
#define STANDSTILL "1s"
enum { STANDSTILL_MS = 1000, MOVE_MS = 150 };

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
    static const char content[] = "four and twenty letters!";

    if (request_read(wire)) {
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n");
        for (size_t i = 0; i < sizeof content - 1 && wire_is_silent(wire, MOVE_MS); i++)
            wire_send_bytes(wire, content + i, 1);
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
Test(slow_backends, a_head_of_an_answer_has_its_time_in_all)
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

Test(slow_backends, a_connection_to_a_backend_has_its_time_with_its_handshake)
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

Test(slow_backends, hints_without_end_are_a_bad_answer)
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

Test(slow_backends, an_answer_lives_as_long_as_bytes_move)
{
    struct backend *backend = backend_playing(play_trickle_content);
    int port = scene_port();
    struct answer answer;
    int64_t began_ms;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {answer: " STANDSTILL
                  ", answer_idle: " STANDSTILL ", stall: " STANDSTILL "}\n",
                  port, backend->port);
    began_ms = now_ms();
    answer = get(port, "a.test", "/");
    cr_expect_gt(now_ms() - began_ms, 3 * STANDSTILL_MS, "longer than any limit");
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.body, "four and twenty letters!");
}

Test(slow_backends, an_answer_that_stops_in_chunks_looks_cut)
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
