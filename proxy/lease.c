#include "proxy/lease.h"

#include "backends/desk.h"
#include "base/macro.h"
#include "base/mem.h"
#include "proxy/snapshot.h"

struct lease *lease_new(struct snapshot *snapshot, struct back_office *office)
{
    struct lease *lease = mem_new(struct lease);

    snapshot_ref(snapshot);
    lease->snapshot = snapshot;
    lease->users = 1;
    lease->desks = desks_new(office, snapshot->rosters, snapshot->pools_count);
    return lease;
}

void lease_renew(struct lease *lease, uint32_t pool_number, struct roster *roster)
{
    desk_renew(desks_find(lease->desks, &lease->snapshot->pools[pool_number]), roster);
}

static const struct pool *pool_of_key(const struct snapshot *snapshot, struct slice key)
{
    for (size_t i = 0; i < snapshot->pools_count; i++) {
        if (slice_eq(snapshot->pools[i].key, key))
            return &snapshot->pools[i];
    }
    return NULL;
}

/* Most reloads leave most pools where they are. */
static const struct pool *successor_of(const struct pool *pool, const struct snapshot *snapshot)
{
    if (pool->number < snapshot->pools_count && slice_eq(snapshot->pools[pool->number].key, pool->key))
        return &snapshot->pools[pool->number];
    return pool_of_key(snapshot, pool->key);
}

void lease_retire(struct lease *lease, struct lease *successor)
{
    for (size_t i = 0; i < lease->desks->count; i++) {
        struct desk *desk = lease->desks->items[i];
        const struct pool *pool = desk ? successor_of(desk->pool, successor->snapshot) : NULL;

        if (desk)
            desk_retire(desk, pool ? desks_find(successor->desks, pool)->view->roster : NULL);
    }
}

void lease_drop(struct lease *lease)
{
    if (!lease)
        return;
    ASSERT(lease->users > 0);
    if (--lease->users > 0)
        return;
    list_remove(&lease->link);
    desks_free(lease->desks);
    snapshot_unref(lease->snapshot);
    mem_free(lease);
}
