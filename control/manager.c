#include "control/manager.h"

#include <string.h>

#include "base/mem.h"
#include "base/timer.h"
#include "control/notifier.h"
#include "control/watchdog.h"
#include "proxy/snapshot.h"
#include "proxy/worker_control.h"

enum { MARGIN_MS = 15000 }; /* after the drain's limits: last bytes go out within 10 s */

struct manager {
    struct notifier *notifier;
    struct watchdog *watchdog; /* NULL: nobody wants it */
};

struct manager *manager_new(void)
{
    struct manager *manager = mem_new(struct manager);

    manager->notifier = notifier_new();
    return manager;
}

void manager_close(struct manager *manager)
{
    watchdog_close(manager->watchdog);
}

void manager_free(struct manager *manager)
{
    watchdog_free(manager->watchdog);
    notifier_free(manager->notifier);
    mem_free(manager);
}

/* ---- alive ---- */

static void on_alive(void *owner)
{
    const struct manager *manager = owner;

    notifier_alive(manager->notifier);
}

void manager_watch(struct manager *manager, struct loop *loop, struct worker *const *workers, size_t count)
{
    const uint64_t interval_ms = notifier_watchdog_us(manager->notifier) / 2 / 1000;
    struct loop **loops;

    if (interval_ms == 0)
        return;
    loops = mem_new_n(struct loop *, count);
    for (size_t i = 0; i < count; i++)
        loops[i] = worker_loop(workers[i]);
    manager->watchdog = watchdog_new(loop, loops, count, interval_ms, on_alive, manager);
    mem_free(loops);
}

/* ---- what happens ---- */

void manager_serving(struct manager *manager, const struct snapshot *snapshot)
{
    notifier_ready(manager->notifier, "serving version %llu of %.*s: %zu routes",
                   (unsigned long long)snapshot->version, FMT_SLICE(snapshot->source),
                   snapshot->routes_count);
}

void manager_reloading(struct manager *manager)
{
    notifier_reloading(manager->notifier);
}

void manager_refused(struct manager *manager, const struct snapshot *serving, const char *reason)
{
    notifier_ready(manager->notifier, "still serving version %llu: the reload was refused: %s",
                   (unsigned long long)serving->version, reason);
}

void manager_draining(struct manager *manager, const struct snapshot *snapshot)
{
    const uint64_t most_ms = MAX(snapshot->timeouts.drain, snapshot->timeouts.drain_tunnels);

    if (most_ms == SETTING_NONE)
        notifier_stopping(manager->notifier, TIMER_NEVER,
                          "draining: waiting for requests and tunnels to end, without a limit");
    else
        notifier_stopping(manager->notifier, most_ms + MARGIN_MS,
                          "draining: waiting for requests and tunnels to end, at most %llu s",
                          (unsigned long long)(most_ms + 999) / 1000);
}

void manager_handed_over(struct manager *manager, int64_t pid)
{
    notifier_main_pid(manager->notifier, pid);
}

void manager_still_draining(struct manager *manager, size_t requests, size_t tunnels,
                            const char *seconds_left)
{
    if (strcmp(seconds_left, "none") == 0)
        notifier_status(manager->notifier,
                        "draining: requests left: %zu, tunnels: %zu, without a limit: a second signal ends "
                        "them",
                        requests, tunnels);
    else
        notifier_status(manager->notifier, "draining: requests left: %zu, tunnels: %zu, for at most %s s",
                        requests, tunnels, seconds_left);
}
