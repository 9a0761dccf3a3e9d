#include "net/watch.h"

#include <criterion/criterion.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/net/party.h"

struct ear {
    struct watch watch;
    unsigned heard, calls;
    void (*then)(struct ear *ear);
    struct ear *other;
    int spare;
};

static void on_ready(struct watch *watch, unsigned events)
{
    struct ear *ear = CONTAINER_OF(watch, struct ear, watch);

    ear->heard |= events;
    ear->calls++;
    if (ear->then)
        ear->then(ear);
}

static void ear_init(struct ear *ear, struct loop *loop, int fd)
{
    *ear = (struct ear){.watch.on_ready = on_ready};
    cr_assert_eq(watch_add(loop, &ear->watch, fd), 0);
}

Test(watch, reports_once_until_the_next_edge)
{
    struct loop *loop = test_loop();
    struct ear ear;
    unsigned calls;
    char c;
    int fds[2];

    unix_pair(fds);
    ear_init(&ear, loop, fds[1]);
    RUN_UNTIL(loop, ear.heard & WATCH_WRITABLE);
    cr_assert_not(ear.heard & WATCH_READABLE);
    cr_assert_eq(write(fds[0], "x", 1), 1);
    RUN_UNTIL(loop, ear.heard & WATCH_READABLE);
    calls = ear.calls;
    settle(loop);
    cr_assert_eq(ear.calls, calls, "not read, but told");
    cr_assert_eq(read(fds[1], &c, 1), 1);
    watch_wait(&ear.watch, WATCH_READABLE);
    ear.heard = 0;
    cr_assert_eq(write(fds[0], "y", 1), 1);
    RUN_UNTIL(loop, ear.heard & WATCH_READABLE);
    ear.heard = 0;
    watch_wait(&ear.watch, WATCH_READABLE);
    close(fds[0]);
    RUN_UNTIL(loop, ear.heard & (WATCH_PEER_ENDED | WATCH_BROKEN));
    watch_close(&ear.watch);
    cr_assert_eq(ear.watch.fd, -1);
    loop_free(loop);
}

/* The other's event may have been fetched together with this one. */
static void replace_other(struct ear *ear)
{
    struct ear *other = ear->other;

    ear->then = other->then = NULL;
    watch_remove(&other->watch);
    other->heard = 0;
    cr_assert_eq(watch_add(ear->watch.loop, &other->watch, ear->spare), 0);
}

Test(watch, event_fetched_for_a_removed_watch_is_dropped_even_when_it_is_used_anew)
{
    struct loop *loop = test_loop();
    struct ear a, b;
    int first[2], second[2], spare[2];

    unix_pair(first);
    unix_pair(second);
    unix_pair(spare);
    cr_assert_eq(write(first[0], "x", 1), 1);
    cr_assert_eq(write(second[0], "x", 1), 1);
    ear_init(&a, loop, first[1]);
    ear_init(&b, loop, second[1]);
    a.then = b.then = replace_other;
    a.other = &b;
    b.other = &a;
    a.spare = b.spare = spare[1];
    settle(loop);
    /* One of the two was replaced by a descriptor that nothing can be read from. */
    cr_assert(!(a.heard & WATCH_READABLE) != !(b.heard & WATCH_READABLE));
    watch_remove(&a.watch);
    watch_remove(&b.watch);
    for (unsigned i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
        close(spare[i]);
    }
    loop_free(loop);
}

Test(watch, moved_watch_gets_the_events)
{
    struct loop *loop = test_loop();
    struct ear a, b = {.watch.on_ready = on_ready};
    unsigned calls;
    int fds[2];

    unix_pair(fds);
    ear_init(&a, loop, fds[1]);
    settle(loop);
    calls = a.calls;
    watch_move(&a.watch, &b.watch);
    cr_assert_eq(a.watch.fd, -1);
    cr_assert_eq(write(fds[0], "x", 1), 1);
    RUN_UNTIL(loop, b.heard & WATCH_READABLE);
    cr_assert_eq(a.calls, calls);
    watch_close(&b.watch);
    close(fds[0]);
    loop_free(loop);
}

enum { MANY = 600 };

Test(watch, more_than_a_batch_at_once)
{
    struct loop *loop = test_loop();
    static struct ear ears[MANY];
    static int fds[MANY][2];
    struct rlimit limit;
    unsigned heard = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)4096);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 0; i < MANY; i++) {
        unix_pair(fds[i]);
        ear_init(&ears[i], loop, fds[i][1]);
        cr_assert_eq(write(fds[i][0], "x", 1), 1);
    }
    settle(loop);
    for (unsigned i = 0; i < MANY; i++) {
        heard += ears[i].heard & WATCH_READABLE ? 1 : 0;
        watch_close(&ears[i].watch);
        close(fds[i][0]);
    }
    cr_assert_eq(heard, MANY);
    loop_free(loop);
}

Test(watch, what_cannot_be_watched_is_refused)
{
    struct loop *loop = test_loop();
    struct watch watch = {.on_ready = on_ready};

    cr_assert_eq(watch_add(loop, &watch, 100000), -1);
    cr_assert_eq(watch.fd, -1);
    watch_remove(&watch);
    loop_free(loop);
}
