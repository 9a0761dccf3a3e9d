#include "h2/flood.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "e2e/portico.h"

enum {
    FLOOD_MS = 2500,
    OTHERS_MS = 1000,
    BATCH_BYTES = 65536,
    REQUESTS_MOST = 200,
    GROWTH_MOST_KIB = 16 << 10,
    CUT_MS = 2000
};
enum { LARGE_BYTES = 4 << 20, SANITIZED = 6 };

/** What takes that long without sanitizers. */
static int within_ms(int ms)
{
    return ms * (scene_has_sanitizers() ? SANITIZED : 1);
}

/* ---- the backend ---- */

static void play_large(struct wire *wire, struct backend *backend)
{
    static const char part[65536];
    const char *head = scene_text("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE_BYTES);

    wire_send_bytes(wire, head, strlen(head));
    for (int sent = 0; sent < LARGE_BYTES; sent += (int)sizeof part) {
        if (!wire_send_bytes(wire, part, sizeof part))
            return;
        atomic_fetch_add(&backend->sent, sizeof part);
    }
}

static bool has_path(const char *head, const char *path)
{
    const char *target = strchr(head, ' ');

    return target && strncmp(target + 1, path, strlen(path)) == 0;
}

/** Every head counts, be its content complete or not. */
static void play_target(struct wire *wire, struct backend *backend)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    const int patience_ms = within_ms(FLOOD_LONGEST * FLOOD_MS) + PATIENCE_MS;
    const char *head;

    while ((head = wire_read_until_within(wire, "\r\n\r\n", patience_ms))) {
        atomic_fetch_add(&backend->requests, 1);
        if (has_path(head, FLOOD_PATH_LARGE)) {
            play_large(wire, backend);
        } else if (has_path(head, "/ ")) {
            wire_send_bytes(wire, answer, sizeof answer - 1);
        } else {
            const int64_t end_ms = now_ms() + within_ms((FLOOD_LONGEST + 1) * FLOOD_MS);

            while (wire_take(wire) && now_ms() < end_ms) {
                wire->length = wire->at = 0; /* content of /sink is read, and forgotten */
                poll(NULL, 0, 1);
            }
            return;
        }
    }
}

/* ---- somebody else, on a connection of their own ---- */

struct other {
    int port;
    atomic_bool stops;
    atomic_int answered, failed;
    pthread_t thread;
    double longest, *seconds; /* of each answer */
    size_t count;
};

enum { OTHER_MOST = 20000 };

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *other_live(void *argument)
{
    struct other *other = argument;
    struct wire *wire = wire_connect(other->port);

    while (!atomic_load(&other->stops) && other->count < OTHER_MOST) {
        const double began = seconds_now();

        wire_send(wire, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
        if (answer_read(wire).status != 200) {
            atomic_fetch_add(&other->failed, 1);
            break;
        }
        other->seconds[other->count++] = seconds_now() - began;
        atomic_fetch_add(&other->answered, 1);
        poll(NULL, 0, 1);
    }
    wire_close(wire);
    return NULL;
}

static struct other *other_start(int port)
{
    struct other *other = scene_alloc(sizeof *other);

    *other = (struct other){.port = port, .seconds = scene_alloc(OTHER_MOST * sizeof(double))};
    cr_assert_eq(pthread_create(&other->thread, NULL, other_live, other), 0);
    return other;
}

static int by_size(const void *one, const void *two)
{
    const double a = *(const double *)one, b = *(const double *)two;

    return (a > b) - (a < b);
}

/** @return the median, in seconds */
static double other_stop(struct other *other)
{
    atomic_store(&other->stops, true);
    pthread_join(other->thread, NULL);
    cr_expect_eq(other->failed, 0, "others are served");
    cr_expect_gt(other->count, 0, "others are served");
    qsort(other->seconds, other->count, sizeof(double), by_size);
    other->longest = other->count ? other->seconds[other->count - 1] : 0;
    return other->count ? other->seconds[other->count / 2] : 0;
}

static double usual_latency(int port)
{
    struct other *other = other_start(port);

    WAIT_FOR(other->answered >= 300, PATIENCE_MS);
    return other_stop(other);
}

/* ---- the flood ---- */

static int times_of(const struct flood *flood)
{
    return flood->times_as_long ? flood->times_as_long : 1;
}

static bool is_over(const struct flood *flood)
{
    return flood->peer->was_ended || flood->peer->has_goaway;
}

/** @return how long it went on, in milliseconds */
static int flood_run(struct flood *flood)
{
    const int64_t began_ms = now_ms(),
                  end_ms = began_ms + (flood->is_endured ? FLOOD_MS : within_ms(FLOOD_MS * times_of(flood)));
    struct frames out = {0};
    size_t at = 0;

    frames_put_preface(&out, NULL, 0);
    while (!is_over(flood) && now_ms() < end_ms) {
        long sent;

        if (at == out.len) {
            at = out.len = 0;
            flood->more(flood, &out);
            flood->rounds++;
        }
        sent = peer_try_send(flood->peer, out.bytes + at, out.len - at);
        if (sent < 0) {
            flood->peer->was_ended = true;
            break;
        }
        at += (size_t)sent;
        if (!flood->reads_nothing)
            peer_read(flood->peer, sent > 0 || out.len == 0 ? 0 : 1);
        else if (sent == 0)
            poll(NULL, 0, 1);
    }
    frames_free(&out);
    return (int)(now_ms() - began_ms);
}

static void assert_honest_h2(int port)
{
    struct peer *peer = peer_open(port, 0);
    struct frames frames = {0};

    frames_put_preface(&frames, NULL, 0);
    frames_put_request(&frames, 1, "GET", "/", "a.test", FLAG_END_STREAM);
    peer_send(peer, frames.bytes, frames.len);
    frames_free(&frames);
    cr_expect(peer_await(peer, 1) && peer_stream(peer, 1)->status == 200, "an honest request is answered");
    peer_close(peer);
}

struct figures {
    int lasted_ms, requests;
    long growth_kib;
    double times, longest_ms; /* others' latency */
};

static void tell(const char *name, const struct flood *flood, const struct figures *figures)
{
    const struct peer *peer = flood->peer;
    const char *end = !is_over(flood)    ? "endured"
                      : peer->has_goaway ? scene_text("GOAWAY %s", error_code_name(peer->goaway_code))
                                         : "cut";

    fprintf(stderr,
            "flood: %-40s %-24s %4d ms, %8llu B sent, %3d backend requests, %5ld KiB grown, others: %.2f "
            "times as long, "
            "%.1f ms at most\n",
            name, end, figures->lasted_ms, (unsigned long long)peer->sent, figures->requests,
            figures->growth_kib, figures->times, figures->longest_ms);
}

static void judge(const struct flood *flood, const struct figures *figures)
{
    cr_expect_leq(figures->requests, REQUESTS_MOST, "%d requests to the backend", figures->requests);
    if (!scene_has_sanitizers())
        cr_expect_leq(figures->growth_kib, GROWTH_MOST_KIB, "grown by %ld KiB", figures->growth_kib);
    if (!flood->is_endured)
        cr_expect(is_over(flood) && figures->lasted_ms <= within_ms(CUT_MS * times_of(flood)),
                  "it must be cut, and went on for %d ms", figures->lasted_ms);
    if (flood->peer->has_goaway && !flood->is_endured)
        cr_expect_neq(flood->peer->goaway_code, 0, "GOAWAY says why");
}

void flood_play(const char *name, struct flood flood)
{
    struct backend *target = backend_playing(play_target), *others = backend_saying("b");
    const int port = scene_port();
    const struct process *portico = portico_start(
        "workers: 1\nlog: {access: off}\nroutes:\n  http://a.test:%d: %d\n  http://other.test:%d: %d\n", port,
        target->port, port, others->port);
    struct figures figures;
    double usual_s;
    struct other *other;
    long before_kib;
    int64_t began_ms;
    int requests;

    assert_honest_h2(port);
    usual_s = usual_latency(port);
    before_kib = rss_kib(portico->pid);
    requests = target->requests;
    other = other_start(port);
    flood.peer = peer_open(port, 0);
    flood.peer->keeps_content = false;
    flood.next_id = 1;
    began_ms = now_ms();
    figures.lasted_ms = flood_run(&flood);
    WAIT_FOR(now_ms() - began_ms >= OTHERS_MS,
             PATIENCE_MS); /* few of theirs fall into one that is cut at once */
    figures.times = other_stop(other) / usual_s;
    figures.longest_ms = 1e3 * other->longest;
    figures.growth_kib = peak_rss_kib(portico->pid) - before_kib;
    figures.requests = target->requests - requests;
    tell(name, &flood, &figures);
    judge(&flood, &figures);
    peer_close(flood.peer);
    assert_honest_h2(port);
    assert_honest(port, "other.test", "b");
}
