#include "h2/flood.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "e2e/portico.h"

enum { FLOOD_MS = 2500, BATCH_BYTES = 65536, REQUESTS_MOST = 200, GROWTH_MOST_KIB = 16 << 10, CUT_MS = 2000 };
enum { LARGE_BYTES = 4 << 20, SANITIZED = 6 };

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
    const char *head;

    while ((head = wire_read_until_within(wire, "\r\n\r\n", FLOOD_MS + PATIENCE_MS))) {
        atomic_fetch_add(&backend->requests, 1);
        if (has_path(head, FLOOD_PATH_LARGE)) {
            play_large(wire, backend);
        } else if (has_path(head, "/ ")) {
            wire_send_bytes(wire, answer, sizeof answer - 1);
        } else {
            const int64_t end_ms = now_ms() + 2 * (int64_t)FLOOD_MS;

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
    double *seconds; /* of each answer */
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
    return other->count ? other->seconds[other->count / 2] : 0;
}

static double usual_latency(int port)
{
    struct other *other = other_start(port);

    WAIT_FOR(other->answered >= 200, PATIENCE_MS);
    return other_stop(other);
}

/* ---- the flood ---- */

static bool is_over(const struct flood *flood)
{
    return flood->peer->was_ended || flood->peer->has_goaway;
}

/** @return how long it went on, in milliseconds */
static int flood_run(struct flood *flood)
{
    const int64_t began_ms = now_ms(), end_ms = began_ms + FLOOD_MS;
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
        if (sent < 0)
            break;
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

static void judge(const struct flood *flood, int requests, long growth_kib, int lasted_ms)
{
    cr_expect_leq(requests, REQUESTS_MOST, "%d requests to the backend", requests);
    if (!scene_has_sanitizers())
        cr_expect_leq(growth_kib, GROWTH_MOST_KIB, "grown by %ld KiB", growth_kib);
    if (!flood->is_endured)
        cr_expect(is_over(flood) && lasted_ms <= CUT_MS * (scene_has_sanitizers() ? SANITIZED : 1),
                  "it must be cut, and went on for %d ms", lasted_ms);
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
    double usual_s, during_s;
    struct other *other;
    long before_kib, growth_kib;
    int lasted_ms, requests;

    assert_honest_h2(port);
    usual_s = usual_latency(port);
    before_kib = rss_kib(portico->pid);
    requests = target->requests;
    other = other_start(port);
    flood.peer = peer_open(port, 0);
    flood.peer->keeps_content = false;
    flood.next_id = 1;
    lasted_ms = flood_run(&flood);
    during_s = other_stop(other);
    growth_kib = peak_rss_kib(portico->pid) - before_kib;
    requests = target->requests - requests;
    fprintf(stderr,
            "flood: %-42s %4d ms, %9llu bytes sent, %8llu received, %3d backend requests, %6ld KiB grown, "
            "others %.2f times as "
            "long, %s%s\n",
            name, lasted_ms, (unsigned long long)flood.peer->sent, (unsigned long long)flood.peer->received,
            requests, growth_kib, during_s / usual_s,
            !is_over(&flood)         ? "endured"
            : flood.peer->has_goaway ? "GOAWAY "
                                     : "cut",
            flood.peer->has_goaway ? error_code_name(flood.peer->goaway_code) : "");
    judge(&flood, requests, growth_kib, lasted_ms);
    peer_close(flood.peer);
    assert_honest_h2(port);
    assert_honest(port, "other.test", "b");
}
