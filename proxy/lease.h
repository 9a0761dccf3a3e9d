/** A worker's own count of who still uses a snapshot, so that the request path touches no shared counter.
 *  New work takes the worker's current lease; a reload gives the worker a new one, and the old snapshot goes
 * when the last exchange, tunnel or TLS connection that began under it ends. */
#ifndef PROXY_LEASE_H
#define PROXY_LEASE_H

#include <stdint.h>

#include "base/list.h"
#include "proxy/departures.h"

struct back_office;
struct desks;
struct pool;
struct roster;
struct snapshot;

struct lease {
    struct link link; /* in the worker's leases, as long as it has users */
    struct snapshot *snapshot;
    unsigned users;
    struct desks *desks; /* of its pools */
    struct departures departures;
};

/** With one user; takes a reference on the snapshot. */
struct lease *lease_new(struct snapshot *snapshot, struct back_office *office);
/** The pool has another roster, or its endpoints' standing changed. */
void lease_renew(struct lease *lease, uint32_t pool_number, struct roster *roster);
/** *successor* is the worker's lease from now on: who waits moves there, and what goes on at endpoints or routes
 *  that it lacks drains. */
void lease_retire(struct lease *lease, struct lease *successor);
/** The same for one of the pools, of which the worker's lease has another roster now. */
void lease_retire_pool(struct lease *lease, const struct pool *pool, const struct roster *roster);

static inline struct lease *lease_take(struct lease *lease)
{
    lease->users++;
    return lease;
}

/** The last user's drop frees it. NULL is fine. */
void lease_drop(struct lease *lease);

#endif
