#include "control/watchdog.h"

#include <stdbool.h>

#include "base/mem.h"
#include "net/loop.h"

struct watched {
    struct watchdog *watchdog;
    struct loop *loop;
};

struct watchdog {
    struct loop *loop;
    struct timer interval;
    uint64_t interval_ms;
    void (*on_alive)(void *owner);
    void *owner;
    bool is_closed;
    size_t asked; /* loops that have not answered yet */
    size_t count;
    struct watched watched[];
};

static void on_answer(void *argument)
{
    struct watchdog *watchdog = argument;

    if (--watchdog->asked == 0 && !watchdog->is_closed)
        watchdog->on_alive(watchdog->owner);
}

/* On the loop that was asked. */
static void on_question(void *argument)
{
    const struct watched *watched = argument;

    loop_post(watched->watchdog->loop, on_answer, watched->watchdog);
}

static void ask(struct watchdog *watchdog)
{
    if (watchdog->asked > 0)
        return;
    watchdog->asked = watchdog->count;
    for (size_t i = 0; i < watchdog->count; i++)
        loop_post(watchdog->watched[i].loop, on_question, &watchdog->watched[i]);
}

static void on_interval(struct timer *timer)
{
    struct watchdog *watchdog = CONTAINER_OF(timer, struct watchdog, interval);

    ask(watchdog);
    loop_arm(watchdog->loop, &watchdog->interval, watchdog->interval_ms);
}

struct watchdog *watchdog_new(struct loop *loop, struct loop *const *loops, size_t count,
                              uint64_t interval_ms, void (*on_alive)(void *owner), void *owner)
{
    struct watchdog *watchdog = mem_zeroed(1, sizeof(struct watchdog) + count * sizeof(struct watched));

    watchdog->loop = loop;
    watchdog->interval_ms = interval_ms;
    watchdog->on_alive = on_alive;
    watchdog->owner = owner;
    watchdog->count = count;
    for (size_t i = 0; i < count; i++)
        watchdog->watched[i] = (struct watched){watchdog, loops[i]};
    timer_init(&watchdog->interval, on_interval);
    on_interval(&watchdog->interval);
    return watchdog;
}

void watchdog_close(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    watchdog->is_closed = true;
    loop_cancel(watchdog->loop, &watchdog->interval);
}

void watchdog_free(struct watchdog *watchdog)
{
    mem_free(watchdog);
}
