#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/timer.h"

struct alarm {
    struct timer timer;
    unsigned fired;
    uint64_t fired_ms;
    struct timer_wheel *wheel;
    struct alarm *cancels; /* when it fires */
};

static void on_fired(struct timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);

    alarm->fired++;
    alarm->fired_ms = alarm->wheel->now_ms;
    if (alarm->cancels)
        timer_cancel(alarm->wheel, &alarm->cancels->timer);
}

static struct alarm alarm_on(struct timer_wheel *wheel)
{
    struct alarm alarm = {.wheel = wheel};

    timer_init(&alarm.timer, on_fired);
    return alarm;
}

static struct timer_wheel wheel;

static void begin(void)
{
    timer_wheel_init(&wheel, 1000000);
}

Test(timer, fires_once_at_its_deadline_and_not_before, .init = begin)
{
    struct alarm alarm = alarm_on(&wheel);

    timer_arm(&wheel, &alarm.timer, 100);
    timer_wheel_advance(&wheel, 1000099);
    cr_expect_eq(alarm.fired, 0);
    timer_wheel_advance(&wheel, 1000100 + WHEEL_TICK_MS);
    cr_expect_eq(alarm.fired, 1);
    timer_wheel_advance(&wheel, 1100000);
    cr_expect_eq(alarm.fired, 1);
    cr_expect_not(timer_is_armed(&alarm.timer));
}

Test(timer, moved_further_out_does_not_fire_at_its_old_place, .init = begin)
{
    struct alarm alarm = alarm_on(&wheel);

    timer_arm(&wheel, &alarm.timer, 100);
    timer_wheel_advance(&wheel, 1000080);
    timer_arm(&wheel, &alarm.timer, 1000);
    timer_wheel_advance(&wheel, 1000500);
    cr_expect_eq(alarm.fired, 0);
    timer_wheel_advance(&wheel, 1001080 + WHEEL_TICK_MS);
    cr_expect_eq(alarm.fired, 1);
}

Test(timer, moved_nearer_fires_there, .init = begin)
{
    struct alarm alarm = alarm_on(&wheel);

    timer_arm(&wheel, &alarm.timer, 50000);
    timer_arm(&wheel, &alarm.timer, 40);
    timer_wheel_advance(&wheel, 1000040 + WHEEL_TICK_MS);
    cr_expect_eq(alarm.fired, 1);
}

Test(timer, longer_than_the_wheels_turn_goes_round, .init = begin)
{
    const uint64_t hour = 3600 * 1000;
    struct alarm alarm = alarm_on(&wheel);

    timer_arm(&wheel, &alarm.timer, hour);
    for (uint64_t now = 1000000; now < 1000000 + hour; now += 997)
        timer_wheel_advance(&wheel, now);
    cr_expect_eq(alarm.fired, 0);
    timer_wheel_advance(&wheel, 1000000 + hour + WHEEL_TICK_MS);
    cr_expect_eq(alarm.fired, 1);
}

Test(timer, cancelled_by_another_of_the_same_tick_never_fires, .init = begin)
{
    struct alarm first = alarm_on(&wheel), second = alarm_on(&wheel);

    first.cancels = &second;
    timer_arm(&wheel, &first.timer, 100);
    timer_arm(&wheel, &second.timer, 100);
    timer_wheel_advance(&wheel, 1000200);
    cr_expect_eq(first.fired, 1);
    cr_expect_eq(second.fired, 0);
    cr_expect_eq(timer_wheel_wait_ms(&wheel), UINT64_MAX);
}

Test(timer, never_cancels, .init = begin)
{
    struct alarm alarm = alarm_on(&wheel);

    timer_arm(&wheel, &alarm.timer, 100);
    timer_arm(&wheel, &alarm.timer, TIMER_NEVER);
    timer_wheel_advance(&wheel, 2000000);
    cr_expect_eq(alarm.fired, 0);
}

/* Against the plain meaning: the deadline is reached, at most a tick late, and the wheel asks in time. */
Test(timer, random_arming_keeps_every_deadline, .init = begin)
{
    enum { COUNT = 200, STEPS = 20000 };
    static struct alarm alarms[COUNT];
    static uint64_t due_ms[COUNT];
    uint64_t now = 1000000;

    srand(7);
    for (int i = 0; i < COUNT; i++)
        alarms[i] = alarm_on(&wheel);
    for (int step = 0; step < STEPS; step++) {
        int i = rand() % COUNT;
        uint64_t delay = (uint64_t)(rand() % 90000);

        timer_arm(&wheel, &alarms[i].timer, delay);
        due_ms[i] = now + delay;
        alarms[i].fired = 0;
        now += (uint64_t)(rand() % 50);
        timer_wheel_advance(&wheel, now);
        for (int k = 0; k < COUNT; k++) {
            if (!due_ms[k])
                continue;
            cr_assert(!alarms[k].fired || alarms[k].fired_ms >= due_ms[k], "early");
            cr_assert(alarms[k].fired || now < due_ms[k] + WHEEL_TICK_MS, "late: %llu at %llu",
                      (unsigned long long)due_ms[k], (unsigned long long)now);
        }
    }
}
