#include "net/splice.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/socket_stream.h"
#include "net/watch.h"
#include "unit/net/party.h"

/* The giver's peer sends *total* bytes of a pattern; pass() moves them on, and the taker's peer compares. */
struct scene {
    struct loop *loop;
    struct party from, to;
    int source, sink; /* the peers */
    size_t moved, most_waiting;
    size_t pass_limit; /* pass() takes no more than this in all */
};

static struct scene *the_scene;

static bool on_pass(void *owner)
{
    struct scene *scene = the_scene;
    struct spliced spliced = {0};

    cr_assert_eq(owner, &scene->from);
    if (scene->moved < scene->pass_limit)
        spliced = stream_splice(scene->from.stream, scene->to.stream, scene->pass_limit - scene->moved);
    scene->moved += spliced.bytes;
    scene->most_waiting = MAX(scene->most_waiting, spliced.waiting);
    if (spliced.waiting)
        stream_want(scene->from.stream, false);
    return spliced.bytes > 0;
}

static void on_drained(struct party *to)
{
    stream_want(the_scene->from.stream, true);
}

static struct stream_events passing; /* a party's, and pass() */

static void scene_init(struct scene *scene, size_t pass_limit)
{
    int in[2], out[2];

    *scene = (struct scene){.loop = test_loop(), .pass_limit = pass_limit};
    the_scene = scene;
    tcp_pair(in);
    tcp_pair(out);
    scene->source = in[0];
    scene->sink = out[0];
    party_own(&scene->from, socket_stream_new(scene->loop, in[1], NULL, false));
    party_own(&scene->to, socket_stream_new(scene->loop, out[1], NULL, false));
    scene->to.on_drained = on_drained;
    passing = *scene->from.stream->on;
    passing.pass = on_pass;
    stream_own(scene->from.stream, &passing, &scene->from);
    stream_want(scene->from.stream, true);
}

static void scene_fini(struct scene *scene)
{
    party_fini(&scene->from);
    party_fini(&scene->to);
    close(scene->source);
    close(scene->sink);
    loop_free(scene->loop);
}

Test(splice, moves_nothing_before_what_the_sink_keeps)
{
    struct scene scene;
    struct slice kept = slice_str("first");

    scene_init(&scene, SIZE_MAX);
    stream_write(scene.to.stream, &kept, 1, STREAM_LATER);
    cr_expect_eq(stream_splice(scene.from.stream, scene.to.stream, 1).bytes, 0);
    scene_fini(&scene);
}

/* Where streams are watched the portable way there are no bare sockets, and all is read and lent. */
#if WATCH_IS_EPOLL

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 7 + (at >> 9));
}

static size_t source_sends(const struct scene *scene, size_t from, size_t total)
{
    unsigned char part[8192];
    size_t len = MIN(total - from, sizeof(part));
    ssize_t sent;

    for (size_t i = 0; i < len; i++)
        part[i] = pattern(from + i);
    sent = send(scene->source, part, len, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

static size_t sink_reads(const struct scene *scene, size_t from)
{
    unsigned char part[8192];
    ssize_t got = recv(scene->sink, part, sizeof(part), 0);

    for (ssize_t i = 0; i < got; i++)
        cr_assert_eq(part[i], pattern(from + (size_t)i), "byte %zu", from + (size_t)i);
    return got > 0 ? (size_t)got : 0;
}

Test(splice, moves_bytes_in_order_past_bytes)
{
    enum { TOTAL = 3 * 1024 * 1024 };
    struct scene scene;
    size_t sent = 0, got = 0;

    scene_init(&scene, SIZE_MAX);
    while (got < TOTAL) {
        sent += source_sends(&scene, sent, TOTAL);
        run_a_little(scene.loop);
        got += sink_reads(&scene, got);
    }
    cr_expect_eq(scene.moved, TOTAL);
    cr_expect_eq(scene.from.calls, 0);
    cr_expect_eq(scene.from.stream->bytes_in, TOTAL);
    cr_expect_eq(scene.to.stream->bytes_out, TOTAL);
    scene_fini(&scene);
}

Test(splice, what_the_sink_does_not_take_waits_and_is_told_as_drained)
{
    enum { TOTAL = 16 * 1024 * 1024 };
    struct scene scene;
    size_t sent = 0, got = 0;

    scene_init(&scene, SIZE_MAX);
    while (scene.most_waiting == 0 && sent < TOTAL) { /* nobody reads the sink */
        sent += source_sends(&scene, sent, TOTAL);
        run_a_little(scene.loop);
    }
    cr_assert_gt(scene.most_waiting, 0, "the socket took all of it");
    cr_expect_leq(scene.most_waiting, SPLICE_MOST_BYTES);
    while (got < sent) {
        got += sink_reads(&scene, got);
        run_a_little(scene.loop);
    }
    cr_expect_gt(scene.to.drained, 0);
    cr_expect_eq(scene.to.stream->bytes_out, sent);
    scene_fini(&scene);
}

Test(splice, moves_no_more_than_asked_and_lends_the_rest)
{
    struct scene scene;
    size_t got = 0;

    scene_init(&scene, 1000);
    cr_assert_eq(source_sends(&scene, 0, 1500), 1500);
    RUN_UNTIL(scene.loop, scene.from.got.len == 500);
    RUN_UNTIL(scene.loop, (got += sink_reads(&scene, got)) == 1000);
    cr_expect_eq((unsigned char)scene.from.got.data[0], pattern(1000));
    scene_fini(&scene);
}

Test(splice, the_givers_end_is_told)
{
    struct scene scene;
    size_t got = 0;

    scene_init(&scene, SIZE_MAX);
    cr_assert_eq(source_sends(&scene, 0, 700), 700);
    shutdown(scene.source, SHUT_WR);
    RUN_UNTIL(scene.loop, scene.from.eofs == 1);
    RUN_UNTIL(scene.loop, (got += sink_reads(&scene, got)) == 700);
    scene_fini(&scene);
}

#endif
