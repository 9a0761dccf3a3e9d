/** Where a worker serves one pool: the view of it that holds now, the requests that wait for an endpoint, and the budget
 *  for trying again. Made when the first request of the pool comes; belongs to the worker's lease on the snapshot. */
#ifndef BACKENDS_DESK_H
#define BACKENDS_DESK_H

#include "backends/pool_view.h"
#include "backends/retry_budget.h"
#include "base/timer.h"
#include "net/loop.h"

/** More than these wait for no pool on a worker: who comes then is refused. */
enum { DESK_WAITING_MAX = 1000 };

/** What for. */
enum wait_kind { WAIT_NAMES, WAIT_PLACE, WAIT_HOLD, WAIT_KINDS };

/** Whoever waits. Those that came first go first; one that goes in vain may wait on, at its old place. */
struct waiter {
    struct link link;
    struct timer deadline;
    uint64_t number;  /* in the order of arrival; 0: has not waited yet */
    bool is_on_trial; /* was let go, and has not told yet what came of it */
    struct desk *desk;
    void (*go)(struct waiter *waiter);      /* try now: desk_went() follows, or desk_wait() again */
    void (*expired)(struct waiter *waiter); /* waited in vain until the end */
    void (*moved)(struct waiter *waiter);   /* the desk retires: waits elsewhere from now on. NULL: stays */
};

struct desk {
    const struct pool *pool;
    struct back_office *office;
    struct pool_view *view;
    struct link old_views;  /* with requests still under way */
    struct link waiting;    /* waiters by number */
    enum wait_kind awaited; /* by the last one that began to wait */
    size_t waiting_count, on_trial;
    size_t at_once; /* how many go next: one; twice as many after one that gets through, else half */
    uint64_t numbers;
    struct timer tick; /* lets the first one try again */
    struct pending serve;
    struct place_waiter *places; /* gets us one; NULL: no max_connections */
    struct place granted;        /* while it does: for the first that waits and can use it */
    struct retry_budget budget;
    unsigned dials; /* whose turn it is among the pool's sources */
};

/** The desks of one lease, by pool number. */
struct desks {
    struct back_office *office;
    struct roster *const *rosters; /* of the snapshot, by pool number; NULL: all are fixed */
    struct desk **items;
    size_t count;
};

struct desks *desks_new(struct back_office *office, struct roster *const *rosters, size_t count);
/** When nobody uses them any more. NULL is fine. */
void desks_free(struct desks *desks);
struct desk *desks_find(struct desks *desks, const struct pool *pool);

/** The pool's roster is another one, or the standing of its endpoints changed. Whoever waits tries again. */
void desk_renew(struct desk *desk, struct roster *roster);
/** The desks of a new snapshot take over: who waits is moved there, and what goes on at endpoints that are not in the
 *  succession has until the drain's limits. May be called again: more of them may go. */
void desk_retire(struct desk *desk, const struct succession *succession);

/** Must a request that comes now wait behind others? Then it waits for what they wait for: desk->awaited. */
static inline bool desk_has_queue(const struct desk *desk)
{
    return desk->waiting_count || desk->on_trial;
}
/** Waits until go() or expired(), neither from inside this call.
 *  @param left_ms  until expired()
 *  @return false when too many wait */
bool desk_wait(struct desk *desk, struct waiter *waiter, enum wait_kind what, uint64_t left_ms) NODISCARD;
/** Waits no more, and was not let go. Harmless when it did not wait. */
void desk_leave(struct waiter *waiter);
/** What came of a trial: it got through, or it failed for good. Harmless when it was on none. */
void desk_went(struct waiter *waiter, bool got_through);
/** What was waited for may be there. */
void desk_serve(struct desk *desk);

#endif
