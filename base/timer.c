#include "base/timer.h"

#include "base/macro.h"

/* A timer that moved further out stays in the slot it is in; when that slot comes up, it is queued again.
 * So re-arming on every byte costs two stores. One whose deadline lies beyond the wheel's turn goes round. */

static uint64_t tick_of(uint64_t ms)
{
    return (ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
    *wheel = (struct timer_wheel){.now_ms = now_ms, .tick = now_ms / WHEEL_TICK_MS};
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

void timer_init(struct timer *timer, void (*on_expired)(struct timer *timer))
{
    *timer = (struct timer){.on_expired = on_expired};
}

static void unqueue(struct timer_wheel *wheel, struct timer *timer)
{
    if (!link_is_in_list(&timer->link))
        return;
    list_remove(&timer->link);
    wheel->queued--;
    if (list_is_empty(&wheel->slots[timer->slot]))
        wheel->occupied[timer->slot / 64] &= ~(1ULL << (timer->slot % 64));
}

/* At most one turn ahead, and never in the slot that is being handled. */
static void enqueue(struct timer_wheel *wheel, struct timer *timer)
{
    uint64_t tick = MAX(tick_of(timer->deadline_ms), wheel->tick + 1);

    tick = MIN(tick, wheel->tick + WHEEL_SLOTS - 1);
    timer->slot = (unsigned)(tick % WHEEL_SLOTS);
    list_push_back(&wheel->slots[timer->slot], &timer->link);
    wheel->occupied[timer->slot / 64] |= 1ULL << (timer->slot % 64);
    wheel->queued++;
}

static uint64_t queued_tick(const struct timer_wheel *wheel, const struct timer *timer)
{
    return wheel->tick + (timer->slot + WHEEL_SLOTS - wheel->tick % WHEEL_SLOTS) % WHEEL_SLOTS;
}

void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t delay_ms)
{
    if (delay_ms == TIMER_NEVER) {
        timer_cancel(wheel, timer);
        return;
    }
    timer->deadline_ms = MAX(wheel->now_ms + delay_ms, (uint64_t)1);
    if (link_is_in_list(&timer->link)) {
        if (queued_tick(wheel, timer) <= tick_of(timer->deadline_ms))
            return;
        unqueue(wheel, timer);
    }
    enqueue(wheel, timer);
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer)
{
    unqueue(wheel, timer);
    timer->deadline_ms = 0;
}

static void handle_slot(struct timer_wheel *wheel, unsigned slot)
{
    while (!list_is_empty(&wheel->slots[slot])) {
        struct timer *timer = LIST_FIRST(&wheel->slots[slot], struct timer, link);

        unqueue(wheel, timer);
        enqueue(wheel, timer);
        if (timer->deadline_ms > wheel->now_ms)
            continue;
        timer_cancel(wheel, timer);
        timer->on_expired(timer);
    }
}

static uint64_t next_occupied(const struct timer_wheel *wheel)
{
    uint64_t from = wheel->tick + 1;

    for (uint64_t at = from; at < from + WHEEL_SLOTS;) {
        unsigned slot = (unsigned)(at % WHEEL_SLOTS);
        uint64_t word = wheel->occupied[slot / 64] >> (slot % 64);

        if (word)
            return at + (unsigned)__builtin_ctzll(word);
        at += 64 - slot % 64;
    }
    return UINT64_MAX;
}

void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms)
{
    uint64_t last = now_ms / WHEEL_TICK_MS;

    wheel->now_ms = MAX(wheel->now_ms, now_ms);
    while (wheel->queued) {
        uint64_t next = next_occupied(wheel);

        if (next > last)
            break;
        wheel->tick = next;
        handle_slot(wheel, (unsigned)(next % WHEEL_SLOTS));
    }
    wheel->tick = MAX(wheel->tick, last);
}

uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel)
{
    uint64_t next;

    if (!wheel->queued)
        return UINT64_MAX;
    next = next_occupied(wheel) * WHEEL_TICK_MS;
    return next > wheel->now_ms ? next - wheel->now_ms : 0;
}
