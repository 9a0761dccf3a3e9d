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
    departures_init(&lease->departures);
    return lease;
}

void lease_renew(struct lease *lease, uint32_t pool_number, struct roster *roster)
{
    desk_renew(desks_find(lease->desks, &lease->snapshot->pools[pool_number]), roster);
}

/* Its endpoints may be there without it: a pool may have another key now, and the same servers. */
static bool is_present(void *owner, const struct endpoint *endpoint)
{
    return snapshot_has_endpoint(owner, endpoint->identity);
}

static void retire_desk(struct desk *desk, struct lease *successor)
{
    const struct pool *pool = snapshot_pool(successor->snapshot, desk->pool->key);
    const struct roster *roster = pool ? desks_find(successor->desks, pool)->view->roster : NULL;

    desk_retire(desk, &(struct succession){roster, is_present, successor->snapshot});
}

void lease_retire(struct lease *lease, struct lease *successor)
{
    for (size_t i = 0; i < lease->desks->count; i++) {
        if (lease->desks->items[i])
            retire_desk(lease->desks->items[i], successor);
    }
    departures_note(lease, successor->snapshot);
}

void lease_retire_pool(struct lease *lease, const struct pool *pool, const struct roster *roster)
{
    const struct pool *own = snapshot_pool(lease->snapshot, pool->key);
    struct desk *desk = own ? lease->desks->items[own->number] : NULL;

    if (desk)
        desk_retire(desk, &(struct succession){.roster = roster});
}

void lease_drop(struct lease *lease)
{
    if (!lease)
        return;
    ASSERT(lease->users > 0);
    if (--lease->users > 0)
        return;
    list_remove(&lease->link);
    departures_fini(lease);
    desks_free(lease->desks);
    snapshot_unref(lease->snapshot);
    mem_free(lease);
}
