/** Whom a reload affects: what goes on now at routes, endpoints and ports that will be gone, and what becomes of it.
 *  For control/changes alone. */
#ifndef CONTROL_CHANGES_AFFECTED_H
#define CONTROL_CHANGES_AFFECTED_H

#include "base/text.h"
#include "proxy/snapshot.h"
#include "proxy/worker_count.h"

/** What one route, or one named pool, has under way. */
struct affected_sum {
    struct load all;
    struct load gone; /* of those: at targets that no pool has any more */
};

struct affected_sums {
    struct affected_sum *items;
    size_t count, cap;
    struct map by_name;
};

/** In the owner's memory; lends both snapshots and the count. */
struct affected {
    const struct snapshot *before, *after;
    const struct worker_count *count;
    struct map targets; /* identities of all targets of *after* */
    struct affected_sums routes, pools;
};

/** @param count  NULL: nothing is under way */
void affected_init(struct affected *affected, const struct snapshot *before, const struct snapshot *after,
                   const struct worker_count *count);
void affected_fini(struct affected *affected);

/** Of the route, by action.id. */
struct affected_sum affected_route(const struct affected *affected, struct slice id);
/** Of the pool of that key, by routes that stay. */
struct affected_sum affected_pool(const struct affected *affected, struct slice key);
/** HTTP connections at a port that no route names any more. */
size_t affected_connections(const struct affected *affected, uint16_t port);

/** "2 requests have 30s to end, 3 tunnels 5m"; nothing where there are none. @param where  "", or "at …", after the noun */
void affected_describe(const struct affected *affected, struct load load, const char *where,
                       struct text *out);

#endif
