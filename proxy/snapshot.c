#include "proxy/snapshot.h"

#include "backends/roster.h"
#include "base/mem.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

struct snapshot *snapshot_new(void)
{
    struct snapshot *snapshot = mem_new(struct snapshot);

    atomic_init(&snapshot->refs, 1);
    return snapshot;
}

void snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->refs, 1);
}

static void snapshot_free(void *argument)
{
    struct snapshot *snapshot = argument;

    table_free(snapshot->table);
    map_fini(&snapshot->routes);
    certificates_free(snapshot->certificates);
    for (size_t i = 0; i < snapshot->client_contexts_count; i++)
        tls_client_context_unref(snapshot->client_contexts[i].context);
    mem_free(snapshot->client_contexts);
    map_fini(&snapshot->pool_numbers);
    map_fini(&snapshot->endpoints); /* its keys are those of the rosters */
    for (size_t i = 0; snapshot->rosters && i < snapshot->pools_count; i++)
        roster_unref(snapshot->rosters[i]);
    mem_free(snapshot->rosters);
    arena_fini(&snapshot->arena);
    mem_free(snapshot);
}

/* A large one takes tens of milliseconds, in which a worker would serve nobody. */
void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->refs, 1) > 1)
        return;
    if (snapshot->home)
        loop_post(snapshot->home, snapshot_free, snapshot);
    else
        snapshot_free(snapshot);
}

static void index_endpoints(struct map *endpoints, const struct pool *pool, const struct roster *roster)
{
    for (size_t i = 0; roster && i < roster->count; i++)
        map_put(endpoints, roster->endpoints[i].identity, 1);
    for (size_t i = 0; !roster && i < pool->count; i++)
        map_put(endpoints, pool->targets[i].identity, 1);
}

void snapshot_index(struct snapshot *snapshot)
{
    map_reserve(&snapshot->pool_numbers, snapshot->pools_count);
    for (size_t i = 0; i < snapshot->pools_count; i++) {
        map_put(&snapshot->pool_numbers, snapshot->pools[i].key, (uint32_t)i);
        index_endpoints(&snapshot->endpoints, &snapshot->pools[i],
                        snapshot->rosters ? snapshot->rosters[i] : NULL);
    }
}

const struct pool *snapshot_pool(const struct snapshot *snapshot, struct slice key)
{
    const uint32_t number = map_get(&snapshot->pool_numbers, key);

    return number == MAP_NONE ? NULL : &snapshot->pools[number];
}

bool snapshot_has_endpoint(const struct snapshot *snapshot, struct slice identity)
{
    return map_get(&snapshot->endpoints, identity) != MAP_NONE;
}

bool snapshot_trusts(const struct snapshot *snapshot, const struct address *peer)
{
    struct ip from;

    if (snapshot->trusted_proxies_count == 0)
        return false;
    from = address_ip(peer);
    for (size_t i = 0; i < snapshot->trusted_proxies_count; i++) {
        if (cidr_has(&snapshot->trusted_proxies[i], from))
            return true;
    }
    return false;
}
