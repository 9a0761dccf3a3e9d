/** Looks after the pools of the process: looks up their names, checks their endpoints, ejects those that requests fail
 *  at, and says who is in each pool. One for the process, on the main thread's loop; what it knows of endpoints lives on
 *  over reloads.
 *
 *  Workers see what it says as rosters (which change with names) and standings (which change with health). */
#ifndef BACKENDS_WARDEN_H
#define BACKENDS_WARDEN_H

#include "backends/roster.h"
#include "base/error.h"

struct loop;
struct warden;

struct warden_events {
    /** A check holds on to the pools that it was begun for, whatever is taken meanwhile. */
    void (*hold)(void *pools_owner);
    void (*let_go)(void *pools_owner);
    /** The pool has another roster, or the same one with standings that changed. The roster is lent: take a reference. */
    void (*changed)(void *owner, const struct pool *pool, struct roster *roster);
};

struct warden *warden_new(struct loop *loop, const struct warden_events *on, void *owner);
/** Stops all that is under way. Reports may still come; warden_free() waits for the end of the loop. */
void warden_close(struct warden *warden);
/** After loop_free(). NULL is fine. */
void warden_free(struct warden *warden);

/** Of the cookies of sticky pools; before the pools. Copied. */
void warden_set_secret(struct warden *warden, struct slice secret);
/** What the name servers are; before the pools. Nothing changes where they are the same. @param count  0: the machine's
 *  own */
int warden_set_resolvers(struct warden *warden, const struct address *servers, size_t count,
                         struct error *error) NODISCARD;

/** The pools of a new snapshot (*pools_owner*) take over: what they share with those before by their keys is kept, and
 *  checks go on. The pools must live until the next call or the end. Begins what is to be begun; nothing waits for a
 *  name. @param rosters  gets that of each pool, by its number, with a reference; NULL where the pool is fixed */
void warden_take(struct warden *warden, void *pools_owner, const struct pool *pools, size_t count,
                 struct roster **rosters);

/** Each pool in its care with who is in it now, in the snapshot's order. Pools that are fixed are in nobody's. */
void warden_each(const struct warden *warden,
                 void (*each)(void *argument, const struct pool *pool, const struct roster *roster),
                 void *argument);

/** From any thread: changed() follows for the standing's pool, for whoever must look at it again. */
void warden_tell(struct warden *warden, struct standing *standing);
/** From any thread: an ejected endpoint was used for want of better ones, and served well. */
void warden_served(struct warden *warden, struct standing *standing);
/** From any thread: requests met enough failures of that kind in a row. */
void warden_report(struct warden *warden, struct standing *standing, enum outlier_kind kind);

#endif
