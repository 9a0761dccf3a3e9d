#include "proxy/lease.h"

#include "backends/desk.h"
#include "base/macro.h"
#include "base/map.h"
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

/* Endpoints of all pools of a snapshot, looked up when the first one is missed: a pool may have another key now, and the
 * same servers. */
struct presence {
    const struct snapshot *snapshot;
    struct map identities;
    bool is_known;
};

static void note_presence(struct presence *presence, const struct pool *pool, const struct roster *roster)
{
    for (size_t i = 0; roster && i < roster->count; i++)
        map_put(&presence->identities, roster->endpoints[i].identity, 1);
    for (size_t i = 0; !roster && i < pool->count; i++)
        map_put(&presence->identities, pool->targets[i].identity, 1);
}

static bool is_present(void *owner, const struct endpoint *endpoint)
{
    struct presence *presence = owner;
    const struct snapshot *snapshot = presence->snapshot;

    for (size_t i = 0; !presence->is_known && i < snapshot->pools_count; i++)
        note_presence(presence, &snapshot->pools[i], snapshot->rosters ? snapshot->rosters[i] : NULL);
    presence->is_known = true;
    return map_get(&presence->identities, endpoint->identity) != MAP_NONE;
}

static void retire_desk(struct desk *desk, struct lease *successor, struct presence *presence)
{
    const struct pool *pool = successor_of(desk->pool, successor->snapshot);
    const struct roster *roster = pool ? desks_find(successor->desks, pool)->view->roster : NULL;

    desk_retire(desk, &(struct succession){roster, is_present, presence});
}

void lease_retire(struct lease *lease, struct lease *successor)
{
    struct presence presence = {.snapshot = successor->snapshot};

    for (size_t i = 0; i < lease->desks->count; i++) {
        if (lease->desks->items[i])
            retire_desk(lease->desks->items[i], successor, &presence);
    }
    map_fini(&presence.identities);
    departures_note(lease, successor->snapshot);
}

void lease_retire_pool(struct lease *lease, const struct pool *pool, const struct roster *roster)
{
    const struct pool *own = successor_of(pool, lease->snapshot);
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
