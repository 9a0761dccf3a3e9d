#include "proxy/snapshot.h"

#include "backends/roster.h"
#include "base/mem.h"
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

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->refs, 1) > 1)
        return;
    table_free(snapshot->table);
    certificates_free(snapshot->certificates);
    for (size_t i = 0; i < snapshot->client_contexts_count; i++)
        tls_client_context_unref(snapshot->client_contexts[i].context);
    mem_free(snapshot->client_contexts);
    for (size_t i = 0; snapshot->rosters && i < snapshot->pools_count; i++)
        roster_unref(snapshot->rosters[i]);
    mem_free(snapshot->rosters);
    arena_fini(&snapshot->arena);
    mem_free(snapshot);
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
