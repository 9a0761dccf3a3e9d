/* Clients that leave: while they send, while they wait, while they are sent to; all at once or their own direction
 * only. What the backend did for them ends at once, and nobody else gets what was meant for them. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(aborts);

/* The backend's connection ends within this time, though Portico's own timers are far longer. */
enum { AT_ONCE_MS = 4000 };

/* ---- a backend that does as the path says ---- */

static const char *path_of(const char *head)
{
    const char *path = strchr(head, ' ');

    return path ? scene_text("%.*s", (int)strcspn(path + 1, " "), path + 1) : "";
}

/** Reads until the other side has gone; what it says is left unread. */
static void await_end(struct wire *wire)
{
    for (int64_t end_ms = now_ms() + PATIENCE_MS; !wire->ended && now_ms() < end_ms;)
        wire_is_silent(wire, 5);
}

static void stream_without_end(struct wire *wire)
{
    wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int64_t end_ms = now_ms() + PATIENCE_MS; now_ms() < end_ms && wire_take(wire); poll(NULL, 0, 2)) {
        if (!wire_send_bytes(wire, "5\r\nhello\r\n", 10))
            return;
    }
}

static void flood(struct wire *wire)
{
    static char bytes[65536];

    memset(bytes, 'x', sizeof bytes);
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (wire_send_bytes(wire, bytes, sizeof bytes)) {
    }
}

static void answer_with_path(struct wire *wire, const char *path)
{
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
}

/* Half of it, and the other half when the client has had time to leave. */
static void answer_slowly(struct wire *wire, const char *path)
{
    const size_t half = strlen(path) / 2;

    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%.*s", strlen(path), (int)half, path);
    poll(NULL, 0, 2);
    wire_send(wire, "%s", path + half);
}

static void play(struct wire *wire, struct backend *backend)
{
    const char *head;

    while ((head = request_read(wire)) != NULL) {
        const char *path = path_of(head);

        atomic_fetch_add(&backend->requests, 1);
        if (strncmp(path, "/hang", 5) == 0)
            await_end(wire);
        else if (strncmp(path, "/stream", 7) == 0)
            stream_without_end(wire);
        else if (strncmp(path, "/flood", 6) == 0)
            flood(wire);
        else if (strncmp(path, "/slow", 5) == 0)
            answer_slowly(wire, path);
        else
            answer_with_path(wire, path);
        if (wire->ended)
            return;
    }
}

/* ---- the stage ---- */

static struct {
    struct backend *backend;
    struct process *portico;
    int port;
} stage;

/* One worker: every request could be given the connection that the last one left. The stage before is no more. */
static void stage_open(void)
{
    if (stage.portico)
        process_kill(stage.portico);
    stage.backend = backend_playing(play);
    stage.port = scene_port();
    stage.portico =
        portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", stage.port, stage.backend->port);
}

static struct wire *sent(const char *request)
{
    struct wire *wire = wire_connect(stage.port);

    wire_send_bytes(wire, request, strlen(request));
    return wire;
}

static bool is_alone(const struct backend *backend)
{
    return backend->open == 0;
}

/** The backend's connection of the one who left has ended, and others are served. */
static void expect_aborted(const char *what)
{
    cr_expect(WAIT_FOR(is_alone(stage.backend), AT_ONCE_MS), "%s: the backend still works", what);
    for (int i = 0; i < 3; i++) {
        const char *path = scene_text("/own/%d", i);

        cr_expect_str_eq(get(stage.port, "a.test", path).body, path, "%s", what);
    }
}

#define GET_OF(path) "GET " path " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define POST_OF(path, framing, content)                                                                      \
    "POST " path " HTTP/1.1\r\nHost: a.test\r\n" framing "\r\n\r\n" content

static const struct {
    const char *name, *request, *seen;
} uploads[] = {
    {"content of a length", POST_OF("/up", "Content-Length: 100", "hello"), "hello"},
    {"content of a length, none of it there", POST_OF("/up", "Content-Length: 100", ""),
     "Content-Length: 100"},
    {"chunks", POST_OF("/up", "Transfer-Encoding: chunked", "5\r\nhello\r\n"), "hello"},
    {"half a chunk", POST_OF("/up", "Transfer-Encoding: chunked", "a\r\nhello"), "hello"},
    {"chunks but for the last line", POST_OF("/up", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"),
     "hello"},
    {"chunks and half a trailer", POST_OF("/up", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nT: 1\r\n"),
     "hello"},
};

static const struct {
    const char *name;
    void (*leave)(struct wire *wire);
} ways[] = {{"closes", wire_close}, {"resets", wire_reset}, {"shuts its direction", wire_shut}};

Test(aborts, a_client_that_leaves_while_it_sends_ends_the_request)
{
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++) {
        for (size_t j = 0; j < sizeof ways / sizeof *ways; j++) {
            const char *what = scene_text("%s, the client %s", uploads[i].name, ways[j].name);
            struct wire *wire;

            stage_open();
            wire = sent(uploads[i].request);
            cr_expect(backend_sees(stage.backend, uploads[i].seen), "%s", what);
            ways[j].leave(wire);
            cr_expect(WAIT_FOR(is_alone(stage.backend), AT_ONCE_MS), "%s: the backend still waits", what);
            cr_expect_eq(stage.backend->requests, 0, "%s: the backend took it for complete", what);
            expect_aborted(what);
            cr_expect_eq(stage.backend->connections, 2, "%s", what);
        }
    }
}

static const struct {
    const char *name, *request;
    bool has_begun; /* the client sees some of its answer */
} waits[] = {
    {"while it waits", GET_OF("/hang"), false},
    {"while it waits, its content sent", POST_OF("/hang", "Content-Length: 5", "hello"), false},
    {"in the middle of a stream", GET_OF("/stream"), true},
    {"in the middle of a flood that it does not read", GET_OF("/flood"), true},
    {"while it waits for the first of three", GET_OF("/hang") GET_OF("/never") GET_OF("/never"), false},
    {"in the middle of the first of two", GET_OF("/stream") GET_OF("/never"), true},
    {"while it waits for the second of three", GET_OF("/first") GET_OF("/hang") GET_OF("/never"), true},
};

Test(aborts, a_client_that_resets_ends_its_request_whatever_it_waits_for)
{
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct wire *wire;

        stage_open();
        wire = sent(waits[i].request);
        cr_expect(WAIT_FOR(stage.backend->requests > 0, PATIENCE_MS), "%s", waits[i].name);
        if (waits[i].has_begun)
            cr_expect_not_null(wire_read_until(wire, "\r\n\r\n"), "%s", waits[i].name);
        if (strstr(waits[i].request, "/first"))
            cr_expect(backend_sees(stage.backend, "/hang"));
        wire_reset(wire);
        expect_aborted(waits[i].name);
        cr_expect_null(strstr(backend_seen(stage.backend), "/never"), "%s: a later request went on",
                       waits[i].name);
    }
}

Test(aborts, a_client_that_closes_in_the_middle_of_its_answer_ends_it)
{
    static const char *const requests[] = {GET_OF("/stream"), GET_OF("/flood"),
                                           GET_OF("/stream") GET_OF("/never")};

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct wire *wire;

        stage_open();
        wire = sent(requests[i]);
        cr_expect_not_null(wire_read_until(wire, "\r\n\r\n"), "%s", requests[i]);
        wire_close(wire);
        expect_aborted(requests[i]);
        cr_expect_null(strstr(backend_seen(stage.backend), "/never"), "%s", requests[i]);
    }
}

/* RFC 9112 §9.6: who ends its direction may still be there for the answer. */
Test(aborts, a_client_that_has_sent_all_and_shuts_gets_its_whole_answer)
{
    static const char *const requests[] = {
        GET_OF("/slow/to/the/end"), POST_OF("/slow/to/the/end", "Content-Length: 5", "hello"),
        POST_OF("/slow/to/the/end", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")};

    stage_open();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct wire *wire = sent(requests[i]);
        struct answer answer;

        wire_shut(wire);
        answer = answer_read(wire);
        cr_expect(answer.complete, "%s", requests[i]);
        cr_expect_str_eq(answer.body, "/slow/to/the/end");
        cr_expect(wire_sees_end(wire), "%s", requests[i]);
    }
    cr_expect_eq(stage.backend->connections, 1, "each answer was whole, so the connection is used again");
}

Test(aborts, pipelined_requests_of_a_client_that_shuts_are_all_answered)
{
    struct wire *wire;

    stage_open();
    wire = sent(GET_OF("/slow/first") GET_OF("/slow/second") GET_OF("/slow/third"));
    wire_shut(wire);
    cr_expect_str_eq(answer_read(wire).body, "/slow/first");
    cr_expect_str_eq(answer_read(wire).body, "/slow/second");
    cr_expect_str_eq(answer_read(wire).body, "/slow/third");
    cr_expect(wire_sees_end(wire));
}

/* ---- many rounds ---- */

/** Leaves somewhere: at once, behind a pause, or in the middle of its answer. */
static void leave_somewhere(unsigned round)
{
    static const char *const requests[] = {
        GET_OF("/slow/of/another"),
        GET_OF("/slow/of/another") GET_OF("/another") GET_OF("/slow/of/another"),
        POST_OF("/slow/of/another", "Content-Length: 5", "hello"),
        POST_OF("/of/another", "Content-Length: 10", "hello"),
        POST_OF("/of/another", "Transfer-Encoding: chunked", "5\r\nhello\r\n"),
        "GET /of/another HTTP/1.1\r\nHos",
    };
    struct wire *wire = sent(requests[round % (sizeof requests / sizeof *requests)]);

    if (round / 6 % 3 == 1)
        poll(NULL, 0, 1);
    else if (round / 6 % 3 == 2)
        wire_read_until_within(wire, "HTTP", 2);
    ways[round / 18 % 3].leave(wire);
}

Test(aborts, nobody_gets_the_answer_of_one_who_left)
{
    stage_open();
    for (unsigned round = 0; round < 540; round++) {
        const char *path = scene_text("/slow/own/%u", round);
        struct answer answer;

        leave_somewhere(round);
        answer = get(stage.port, "a.test", path);
        cr_assert_eq(answer.status, 200, "round %u: %d", round, answer.status);
        cr_assert_str_eq(answer.body, path, "round %u", round);
    }
}
