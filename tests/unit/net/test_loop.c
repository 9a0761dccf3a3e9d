#include "net/loop.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

#include "unit/net/party.h"

static char diary[256];

static void note(const char *what)
{
    strncat(diary, what, sizeof(diary) - strlen(diary) - 1);
}

static void assert_diary(const char *expected)
{
    cr_assert_str_eq(diary, expected);
}

/* Ends of turns. */

struct job {
    struct pending pending;
    struct loop *loop;
    const char *name;
    struct job *then;
    void (*defer_then)(struct loop *loop, struct pending *pending);
};

static void on_job(struct pending *pending)
{
    struct job *job = CONTAINER_OF(pending, struct job, pending);

    note(job->name);
    if (job->then)
        job->defer_then(job->loop, &job->then->pending);
}

static struct job job_of(struct loop *loop, const char *name)
{
    return (struct job){.pending.run = on_job, .loop = loop, .name = name};
}

static void note_freed(void *object)
{
    note(object);
}

Test(loop, turn_ends_with_pending_then_last_then_retired)
{
    struct loop *loop = test_loop();
    struct job a = job_of(loop, "a"), b = job_of(loop, "b"), last = job_of(loop, "z");

    loop_retire(loop, (char *)"F", note_freed);
    loop_defer_last(loop, &last.pending);
    loop_defer(loop, &a.pending);
    loop_defer(loop, &a.pending);
    a.then = &b;
    a.defer_then = loop_defer;
    loop_run_once(loop);
    assert_diary("abzF");
    loop_free(loop);
}

Test(loop, last_may_bring_more_pending_work_in_the_same_turn)
{
    struct loop *loop = test_loop();
    struct job last = job_of(loop, "z"), more = job_of(loop, "m");

    last.then = &more;
    last.defer_then = loop_defer;
    loop_defer_last(loop, &last.pending);
    loop_run_once(loop);
    assert_diary("zm");
    loop_free(loop);
}

static void stop_after(struct pending *pending)
{
    struct job *job = CONTAINER_OF(pending, struct job, pending);

    note(job->name);
    loop_stop(job->loop);
}

Test(loop, next_waits_for_the_next_turn_which_comes_without_waiting)
{
    struct loop *loop = test_loop();
    struct job first = job_of(loop, "1"), second = job_of(loop, "2");
    unsigned turn = loop_turn(loop);

    first.then = &second;
    first.defer_then = loop_defer_next;
    second.pending.run = stop_after;
    loop_defer(loop, &first.pending);
    loop_run(loop); /* would hang if the poll waited */
    assert_diary("12");
    cr_assert_geq(loop_turn(loop) - turn, 2);
    loop_free(loop);
}

Test(loop, undeferred_work_does_not_run)
{
    struct loop *loop = test_loop();
    struct job a = job_of(loop, "a"), b = job_of(loop, "b");

    loop_defer(loop, &a.pending);
    loop_defer_next(loop, &b.pending);
    loop_undefer(&a.pending);
    loop_undefer(&b.pending);
    loop_run_once(loop);
    loop_run_once(loop);
    assert_diary("");
    loop_free(loop);
}

static void on_endless(struct pending *pending)
{
    struct job *job = CONTAINER_OF(pending, struct job, pending);

    loop_defer(job->loop, pending);
}

Test(loop, endless_work_lets_the_poll_run)
{
    struct loop *loop = test_loop();
    struct job endless = job_of(loop, ""), stop = job_of(loop, "s");

    endless.pending.run = on_endless;
    stop.pending.run = stop_after;
    loop_defer(loop, &endless.pending);
    loop_defer_next(loop, &stop.pending);
    loop_run(loop);
    assert_diary("s");
    loop_undefer(&endless.pending);
    loop_free(loop);
}

static struct loop *retiring_loop;

static void retire_another(void *object)
{
    note(object);
    for (unsigned i = 0; i < 20; i++) /* the list grows while it is worked off */
        loop_retire(retiring_loop, (char *)"r", note_freed);
}

Test(loop, retired_objects_go_in_order_and_may_retire_more)
{
    retiring_loop = test_loop();
    loop_retire(retiring_loop, (char *)"1", retire_another);
    loop_retire(retiring_loop, (char *)"2", note_freed);
    loop_run_once(retiring_loop);
    assert_diary("12rrrrrrrrrrrrrrrrrrrr");
    loop_retire(retiring_loop, (char *)"!", note_freed);
    loop_free(retiring_loop);
    assert_diary("12rrrrrrrrrrrrrrrrrrrr!");
}

/* Timers. */

struct alarm {
    struct timer timer;
    struct loop *loop;
    uint64_t rang_ms;
    bool stops;
};

static void on_alarm(struct timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);

    alarm->rang_ms = loop_now_ms(alarm->loop);
    if (alarm->stops)
        loop_stop(alarm->loop);
}

Test(loop, timers_ring_in_time_and_not_before)
{
    struct loop *loop = test_loop();
    struct alarm late = {.loop = loop, .stops = true}, soon = {.loop = loop}, never = {.loop = loop};
    uint64_t start_ms = loop_now_ms(loop);

    timer_init(&late.timer, on_alarm);
    timer_init(&soon.timer, on_alarm);
    timer_init(&never.timer, on_alarm);
    loop_arm(loop, &late.timer, 60);
    loop_arm(loop, &soon.timer, 20);
    loop_arm(loop, &never.timer, 40);
    loop_cancel(loop, &never.timer);
    loop_run(loop);
    cr_assert_geq(soon.rang_ms - start_ms, 20);
    cr_assert_lt(soon.rang_ms, late.rang_ms);
    cr_assert_geq(late.rang_ms - start_ms, 60);
    cr_assert_eq(never.rang_ms, 0);
    loop_free(loop);
}

static void arm_sooner(struct pending *pending)
{
    struct job *job = CONTAINER_OF(pending, struct job, pending);
    static struct alarm alarm;

    alarm = (struct alarm){.loop = job->loop, .stops = true};
    timer_init(&alarm.timer, on_alarm);
    loop_arm(job->loop, &alarm.timer, 10);
}

Test(loop, sooner_timer_moves_the_alarm_forward)
{
    struct loop *loop = test_loop();
    struct alarm far = {.loop = loop};
    struct job sooner = job_of(loop, "");
    uint64_t start_us = loop_now_us();

    timer_init(&far.timer, on_alarm);
    loop_arm(loop, &far.timer, 20 * 1000);
    loop_run_once(loop);
    sooner.pending.run = arm_sooner;
    loop_defer(loop, &sooner.pending);
    loop_run(loop);
    cr_assert_lt(loop_now_us() - start_us, 10U * 1000 * 1000);
    loop_cancel(loop, &far.timer);
    loop_free(loop);
}

/* Other threads. */

enum { POSTS = 1000 };

struct mail {
    struct loop *loop;
    unsigned sent, got;
};

struct letter {
    struct mail *mail;
    unsigned number;
};

static struct letter letters[POSTS];

static void on_letter(void *argument)
{
    struct letter *letter = argument;

    cr_assert_eq(letter->number, letter->mail->got, "in order");
    if (++letter->mail->got == POSTS)
        loop_stop(letter->mail->loop);
}

static void *post_all(void *argument)
{
    struct mail *mail = argument;

    for (unsigned i = 0; i < POSTS; i++) {
        letters[i] = (struct letter){mail, i};
        loop_post(mail->loop, on_letter, &letters[i]);
    }
    return NULL;
}

Test(loop, posts_from_a_thread_arrive_in_order)
{
    struct mail mail = {.loop = test_loop()};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, post_all, &mail), 0);
    loop_run(mail.loop);
    pthread_join(thread, NULL);
    cr_assert_eq(mail.got, POSTS);
    loop_free(mail.loop);
}

static void note_call(void *argument)
{
    note(argument);
}

Test(loop, posts_after_the_stop_are_run_by_free)
{
    struct loop *loop = test_loop();

    loop_stop(loop);
    loop_run(loop);
    loop_post(loop, note_call, (char *)"p");
    loop_free(loop);
    assert_diary("p");
}

static void *stop_it(void *loop)
{
    loop_stop(loop);
    return NULL;
}

Test(loop, stop_from_a_thread)
{
    struct loop *loop = test_loop();
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, stop_it, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_free(loop);
}

static void on_signal(int signo, void *argument)
{
    cr_assert_eq(signo, SIGUSR1);
    loop_stop(argument);
}

Test(loop, signals_arrive_on_the_loop)
{
    struct loop *loop = test_loop();
    struct error error = {0};

    cr_assert_eq(loop_on_signal(loop, SIGUSR1, on_signal, loop, &error), 0);
    cr_assert_eq(loop_on_signal(loop, SIGKILL, on_signal, loop, &error), -1);
    cr_assert_neq(error.text[0], '\0');
    raise(SIGUSR1);
    loop_run(loop);
    loop_free(loop);
}

Test(loop, never_run_is_freed_clean)
{
    loop_free(test_loop());
    loop_free(NULL);
}
