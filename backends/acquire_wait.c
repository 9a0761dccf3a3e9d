#include "backends/acquire_parts.h"

/* How an acquisition waits at its desk: for names, for a place, or for a backend to come back. */

static uint64_t wait_limit_ms(const struct acquisition *a, enum wait_kind what)
{
    return what == WAIT_NAMES   ? a->connect_timeout_ms
           : what == WAIT_PLACE ? a->pool->queue_ms
                                : a->pool->hold_ms;
}

static void fail_waiting(struct acquisition *a, const char *how)
{
    unsigned long long limit_ms = wait_limit_ms(a, a->waits_for);

    switch (a->waits_for) {
    case WAIT_NAMES:
        acquire_fail(a, FAULT_BACK_UNRESOLVED,
                     arena_printf(a->arena, "%.*s was not looked up within %llu ms",
                                  FMT_SLICE(a->pool->targets[0].target.text), limit_ms));
        return;
    case WAIT_PLACE:
        acquire_fail(a, FAULT_BACK_BUSY,
                     arena_printf(a->arena, "%s for a place below max_connections %llu (queue: %llu ms)", how,
                                  (unsigned long long)a->pool->max_connections, limit_ms));
        return;
    default:
        acquire_fail(a, FAULT_BACK_HELD,
                     arena_printf(a->arena, "%s for a backend to come back (hold: %llu ms)%s%.*s", how,
                                  limit_ms, a->detail.len ? "; last: " : "", FMT_SLICE(a->detail)));
        return;
    }
}

static void on_go(struct waiter *waiter)
{
    struct acquisition *a = CONTAINER_OF(waiter, struct acquisition, waiter);

    a->state = ACQUIRE_NONE;
    a->others = 0;
    a->tried_count = 0;
    acquire_attempt(a);
}

static void on_moved(struct waiter *waiter)
{
    struct acquisition *a = CONTAINER_OF(waiter, struct acquisition, waiter);

    desk_leave(waiter);
    a->waiter = (struct waiter){0};
    a->state = ACQUIRE_NONE;
    a->others = 0;
    a->tried_count = 0;
    a->on->moved(a->owner);
}

static void on_expired(struct waiter *waiter)
{
    fail_waiting(CONTAINER_OF(waiter, struct acquisition, waiter), "waited in vain");
}

/* Who was held until a backend came back may have to wait for a place there: one time is not the other's.
 * @return the time that it has waited for this by now, with the trials in between */
static uint64_t spent_waiting_ms(struct acquisition *a, enum wait_kind what)
{
    uint64_t now_ms = loop_now_ms(acquire_loop(a));

    if (!a->waits_since_ms)
        a->waits_since_ms = a->waits_for_since_ms = now_ms;
    a->waited_ms[a->waits_for] += now_ms - a->waits_for_since_ms;
    a->waits_for_since_ms = now_ms;
    a->waits_for = what;
    return a->waited_ms[what];
}

void acquire_wait(struct acquisition *a, enum wait_kind what)
{
    uint64_t limit_ms = wait_limit_ms(a, what), spent_ms = spent_waiting_ms(a, what);

    a->waiter.go = on_go;
    a->waiter.expired = on_expired;
    a->waiter.moved = a->on->moved ? on_moved : NULL;
    a->state = ACQUIRE_WAIT;
    if (spent_ms >= limit_ms)
        fail_waiting(a, "waited in vain");
    else if (!desk_wait(a->desk, &a->waiter, what,
                        limit_ms == TIMER_NEVER ? TIMER_NEVER : limit_ms - spent_ms))
        fail_waiting(a, "too many wait");
}
