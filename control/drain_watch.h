/** What drains, told while it does: after a reload what goes on at routes and endpoints that are gone, at its start and its
 *  end; while the process stops, a line a second of what it still waits for, to the log and the service manager.
 *  Part of the service; on the main thread. */
#ifndef CONTROL_DRAIN_WATCH_H
#define CONTROL_DRAIN_WATCH_H

#include <stdbool.h>

#include "base/timer.h"
#include "conf/settings.h"
#include "control/census.h"

struct manager;

/** An older configuration of which something has a deadline. */
struct drain_told {
    uint64_t version, since_ms;
};

struct drain_watch {
    struct loop *loop;
    struct manager *manager;
    struct worker *const *workers;
    unsigned workers_count;
    struct timer timer;
    struct census *census;
    uint64_t newest; /* version that serves */
    bool is_reload;  /* the next census tells what begins to drain */
    bool is_stopping;
    uint64_t stopping_since_ms;
    struct timeouts timeouts; /* while it stops */
    struct drain_told *told;
    size_t told_count, told_cap;
};

/** All zero is fine for drain_watch_fini(). */
void drain_watch_init(struct drain_watch *watch, struct loop *loop, struct manager *manager,
                      struct worker *const *workers, unsigned workers_count);
/** Before the workers and the loop are freed. */
void drain_watch_fini(struct drain_watch *watch);

/** All workers serve by that version now. */
void drain_watch_reloaded(struct drain_watch *watch, uint64_t version);
/** The workers drain, by those timeouts. */
void drain_watch_stop(struct drain_watch *watch, const struct timeouts *timeouts);
/** While it stops: until all that is of that load is cut. TIMER_NEVER: it is not */
uint64_t drain_watch_left_ms(const struct drain_watch *watch, struct load load);

#endif
