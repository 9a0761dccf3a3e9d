/** A worker's own count of who still uses a snapshot, so that the request path touches no shared counter.
 *  New work takes the worker's current lease; a reload gives the worker a new one, and the old snapshot goes
 * when the last exchange, tunnel or TLS connection that began under it ends. */
#ifndef PROXY_LEASE_H
#define PROXY_LEASE_H

#include <stdint.h>

struct snapshot;

struct lease {
    struct snapshot *snapshot;
    unsigned users;
    uint32_t *turns; /* by pool number: whose turn it is on this worker */
};

/** With one user; takes a reference on the snapshot. */
struct lease *lease_new(struct snapshot *snapshot);

static inline struct lease *lease_take(struct lease *lease)
{
    lease->users++;
    return lease;
}

/** The last user's drop frees it. NULL is fine. */
void lease_drop(struct lease *lease);

#endif
