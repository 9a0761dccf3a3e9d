#include "control/watchdog.h"

#include <criterion/criterion.h>
#include <poll.h>

#include "net/loop.h"

enum { INTERVAL_MS = 8, WORKERS = 2 };

/* Loops without threads: one that is not run is one that hangs. */
struct kennel {
    struct loop *loop;
    struct loop *workers[WORKERS];
    struct watchdog *watchdog;
    unsigned barks;
};

static void on_alive(void *owner)
{
    struct kennel *kennel = owner;

    kennel->barks++;
}

static struct loop *new_loop(void)
{
    struct error error = {0};
    struct loop *loop = NULL;

    cr_assert_eq(loop_new(&loop, &error), 0, "%s", error.text);
    return loop;
}

static void kennel_init(struct kennel *kennel)
{
    *kennel = (struct kennel){.loop = new_loop(), .workers = {new_loop(), new_loop()}};
    kennel->watchdog = watchdog_new(kennel->loop, kennel->workers, WORKERS, INTERVAL_MS, on_alive, kennel);
}

static void kennel_fini(struct kennel *kennel)
{
    watchdog_close(kennel->watchdog);
    for (unsigned i = 0; i < WORKERS; i++)
        loop_free(kennel->workers[i]);
    loop_free(kennel->loop);
    watchdog_free(kennel->watchdog);
}

/* For some intervals, with so many of the workers running. */
static void run(struct kennel *kennel, unsigned running)
{
    const uint64_t end_us = loop_now_us() + (uint64_t)20 * INTERVAL_MS * 1000;

    while (loop_now_us() < end_us) {
        for (unsigned i = 0; i < running; i++)
            loop_run_once(kennel->workers[i]);
        loop_run_once(kennel->loop);
        poll(NULL, 0, 1);
    }
}

Test(watchdog, is_heard_while_all_loops_answer)
{
    struct kennel kennel;

    kennel_init(&kennel);
    run(&kennel, WORKERS);
    cr_expect_gt(kennel.barks, 2);
    cr_expect_leq(kennel.barks, 21, "once an interval");
    kennel_fini(&kennel);
}

Test(watchdog, is_silent_while_one_loop_hangs_and_heard_when_it_goes_on)
{
    struct kennel kennel;
    unsigned before;

    kennel_init(&kennel);
    run(&kennel, WORKERS - 1);
    cr_expect_eq(kennel.barks, 0);
    run(&kennel, WORKERS);
    cr_expect_gt(kennel.barks, 2);
    run(&kennel, 0);
    before = kennel.barks;
    run(&kennel, WORKERS - 1);
    cr_expect_leq(kennel.barks, before + 1, "what was under way when it began to hang");
    kennel_fini(&kennel);
}

Test(watchdog, that_was_closed_says_nothing_of_answers_on_their_way)
{
    struct kennel kennel;

    kennel_init(&kennel);
    watchdog_close(kennel.watchdog);
    run(&kennel, WORKERS);
    cr_expect_eq(kennel.barks, 0);
    kennel_fini(&kennel);
}
