#include "backends/roster.h"

#include "backends/places.h"
#include "base/mem.h"

struct standing *standing_new(void)
{
    struct standing *standing = mem_new(struct standing);

    atomic_init(&standing->refs, 1);
    return standing;
}

struct standing *standing_ref(struct standing *standing)
{
    atomic_fetch_add_explicit(&standing->refs, 1, memory_order_relaxed);
    return standing;
}

void standing_unref(struct standing *standing)
{
    if (!standing || atomic_fetch_sub_explicit(&standing->refs, 1, memory_order_acq_rel) > 1)
        return;
    mem_free(standing);
}

struct roster *roster_new(void)
{
    static atomic_uint_least64_t numbers;
    struct roster *roster = mem_new(struct roster);

    atomic_init(&roster->refs, 1);
    roster->number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
    return roster;
}

void roster_ref(struct roster *roster)
{
    atomic_fetch_add_explicit(&roster->refs, 1, memory_order_relaxed);
}

void roster_unref(struct roster *roster)
{
    if (!roster || atomic_fetch_sub_explicit(&roster->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < roster->count; i++)
        standing_unref(roster->endpoints[i].standing);
    places_unref(roster->places);
    mem_free(roster->endpoints);
    map_fini(&roster->by_tag);
    arena_fini(&roster->arena);
    mem_free(roster);
}

/* A name's addresses are endpoints of their own, and no two of them share connections. */
static void name_endpoint(struct roster *roster, struct endpoint *endpoint)
{
    const struct pool_target *target = endpoint->target;
    char address[ADDRESS_TEXT];

    endpoint->text = target->target.text;
    endpoint->identity = target->identity;
    if (target_is_name(&target->target)) {
        address_describe(&endpoint->addresses[0], address);
        endpoint->text = arena_printf(&roster->arena, "%.*s (%s)", FMT_SLICE(target->target.text), address);
        endpoint->identity = arena_printf(&roster->arena, "%.*s %s", FMT_SLICE(target->identity), address);
    }
    endpoint->name = slice_hash(endpoint->identity);
}

struct endpoint *roster_add(struct roster *roster, const struct pool_target *target,
                            const struct address *addresses, size_t count)
{
    struct endpoint *endpoint;

    ASSERT(count > 0 && count <= ARRAY_LEN(endpoint->addresses));
    mem_grow((void **)&roster->endpoints, &roster->cap, roster->count + 1, sizeof(*endpoint));
    endpoint = &roster->endpoints[roster->count++];
    *endpoint = (struct endpoint){.target = target,
                                  .addresses_count = count,
                                  .weight = target->weight ? target->weight : 1,
                                  .is_backup = target->is_backup};
    memcpy(endpoint->addresses, addresses, count * sizeof(*addresses));
    name_endpoint(roster, endpoint);
    return endpoint;
}

bool pool_target_address(const struct pool_target *target, struct address *out)
{
    switch (target->target.kind) {
    case TARGET_IP:
        *out = address_from_ip(target->target.ip, target->target.port);
        return true;
    case TARGET_UNIX:
        return address_from_path(target->target.name, out) == 0; /* target_parse() checked its length */
    default:
        return false;
    }
}

bool pool_is_fixed(const struct pool *pool)
{
    struct address address;

    return pool->count == 1 && pool_target_address(&pool->targets[0], &address) && !pool->health.is_on &&
           !pool->max_connections && !pool->sticky.len;
}

struct roster *roster_fixed(const struct pool *pool)
{
    struct roster *roster = roster_new();
    struct address address;

    for (size_t i = 0; i < pool->count; i++) {
        if (pool_target_address(&pool->targets[i], &address))
            roster_add(roster, &pool->targets[i], &address, 1);
    }
    roster->is_settled = roster->count == pool->count;
    return roster;
}
