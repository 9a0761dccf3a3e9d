/** How one worker sees a pool: a roster, which of its endpoints can be used now, and whose turn it is. Another roster
 *  makes another view; who uses an endpoint of the old one keeps that view until done.
 *  Owned by the worker's desk (backends/desk.h) and by its users, counted. */
#ifndef BACKENDS_POOL_VIEW_H
#define BACKENDS_POOL_VIEW_H

#include "backends/back_office.h"
#include "backends/roster.h"
#include "base/timer.h"

/** Whoever uses an endpoint, embedded in what it is. */
struct occupant {
    struct link link;
    /** The endpoint was taken out of the pool, and the time of requests, or (*of_tunnels*) of tunnels, is over. */
    void (*taken_out)(struct occupant *occupant, bool of_tunnels);
};

struct view_endpoint {
    struct worker_endpoint *home;
    struct link occupants;
    unsigned in_row[OUTLIER_KINDS]; /* failures, of each kind */
    bool can_be_used;               /* it is one of those that the balance picks from */
    uint64_t gone_at_ms;            /* it left the pool then; 0: it is there */
    bool is_told[2];                /* requests, tunnels: their time is over */
};

struct pool_view {
    struct link link; /* in the desk's old ones */
    const struct pool *pool;
    struct roster *roster;
    struct back_office *office;
    struct view_endpoint *endpoints; /* as in the roster */
    struct balance *balance;         /* NULL: there is one at most */
    uint64_t refresh_at_ms;          /* a slow start moves on; UINT64_MAX: nothing changes by itself */
    struct timer drain;              /* of endpoints that are gone */
    uint64_t drain_ms[2]; /* of requests, of tunnels: what they drain for may be the last to hold the pool */
    unsigned users;
    bool is_degraded; /* nothing is as it should be: the least bad are used */
};

/** With one user. Takes a reference on the roster. */
struct pool_view *pool_view_new(struct back_office *office, const struct pool *pool, struct roster *roster);
void pool_view_ref(struct pool_view *view);
/** NULL is fine. The last one frees it. */
void pool_view_unref(struct pool_view *view);

/** Looks at the standings again. Where workers wait for places, idle connections give theirs up. */
void pool_view_refresh(struct pool_view *view);

/** What is asked of pool_view_pick(). */
struct pool_question {
    uint64_t key;          /* BALANCE_HASH */
    struct slice tag;      /* of a sticky pool: what the client's cookie says; empty: none */
    const uint32_t *tried; /* indexes that are not wanted any more */
    size_t tried_count;
    bool may_reuse; /* an idle connection will do: it has its place */
};

enum pool_answer {
    POOL_PICKED,
    POOL_EMPTY, /* there is no endpoint, or every one was tried */
    POOL_FULL,  /* those that are left are at max_connections */
};

/** @param place  where the pool has max_connections and no idle connection is there: one that was taken */
enum pool_answer pool_view_pick(struct pool_view *view, const struct pool_question *question, uint32_t *index,
                                struct place *place);
/** Where the endpoint with that standing is. @return false: it is not in the view, or not one to be used now */
bool pool_view_find(const struct pool_view *view, const struct standing *standing, uint32_t *index);
/** The occupant uses the endpoint from here on. */
void pool_view_enter(struct pool_view *view, uint32_t index, struct occupant *occupant);
void pool_view_leave(struct pool_view *view, uint32_t index, struct occupant *occupant);
/** An occupant has a connection now, and did not heed taken_out() before: if its time is over it is told again. */
void pool_view_connected(struct pool_view *view, uint32_t index);

/** Until what uses the endpoint is told that its time is over; TIMER_NEVER: it stays, or was told. */
uint64_t pool_view_left_ms(const struct pool_view *view, uint32_t index, bool of_tunnels);

/** A request met a failure of that kind, or went well in that respect. Tells the warden when there were enough in a
 *  row. */
void pool_view_failed(struct pool_view *view, uint32_t index, enum outlier_kind kind);
static inline void pool_view_went_well(struct pool_view *view, uint32_t index, enum outlier_kind kind)
{
    view->endpoints[index].in_row[kind] = 0;
}

/** An endpoint served well though it was only used for want of better ones. */
void pool_view_served(struct pool_view *view, uint32_t index);

/** What takes the place of a roster. */
struct succession {
    const struct roster *roster; /* of the same pool; NULL: there is none */
    /** Whether another pool has that endpoint now; NULL: none has. */
    bool (*has)(void *owner, const struct endpoint *endpoint);
    void *owner;
};

/** Endpoints that are not in the succession have left: their idle connections are closed, shared ones
 *  take no more requests, and who uses them is told to
 *  leave when the pool's drain_ms and drain_tunnels_ms are over. May be called again. */
void pool_view_retire(struct pool_view *view, const struct succession *succession);

#endif
