/** Timers of one loop: a wheel of slots, time passed in, no I/O.
 *  Arming and cancelling are a few stores and synchronous: a cancelled timer never fires.
 *  Start with timer_arm(); the wheel is driven by net/loop (or by a test's virtual clock). */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/** A delay that never ends: arming with it cancels. */
#define TIMER_NEVER UINT64_MAX

enum { WHEEL_SLOTS = 4096, WHEEL_TICK_MS = 8 };

struct timer {
    struct link link;     /* in a slot of the wheel */
    uint64_t deadline_ms; /* 0: not armed */
    unsigned slot;
    void (*on_expired)(struct timer *timer);
};

struct timer_wheel {
    uint64_t now_ms;
    uint64_t tick; /* the last one that was handled */
    size_t queued;
    uint64_t occupied[WHEEL_SLOTS / 64];
    struct link slots[WHEEL_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

/** @param on_expired  called from timer_wheel_advance(); may arm and cancel any timer, and free this one's
 * owner at the end of the turn only */
void timer_init(struct timer *timer, void (*on_expired)(struct timer *timer));

/** (Re-)arms: fires once, at the first advance that reaches now + delay. Moving a deadline further out is two
 * stores. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t delay_ms);
void timer_cancel(struct timer_wheel *wheel, struct timer *timer);

static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->deadline_ms != 0;
}

/** Moves time on and fires what is due, earliest slot first. */
void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms);

/** Milliseconds until the wheel wants to be advanced again (never late, maybe early), or UINT64_MAX. */
uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel);

#endif
