#include "control/changes_affected.h"

#include "base/mem.h"
#include "conf/quantity.h"

/* ---- sums ---- */

static void add(struct affected_sums *sums, struct slice name, struct load load, bool is_gone)
{
    uint32_t at = map_put(&sums->by_name, name, (uint32_t)sums->count);
    struct affected_sum *sum;

    if (at == sums->count) {
        mem_grow((void **)&sums->items, &sums->cap, sums->count + 1, sizeof(*sums->items));
        sums->items[sums->count++] = (struct affected_sum){0};
    }
    sum = &sums->items[at];
    sum->all.requests += load.requests;
    sum->all.tunnels += load.tunnels;
    sum->gone.requests += is_gone ? load.requests : 0;
    sum->gone.tunnels += is_gone ? load.tunnels : 0;
}

static struct affected_sum find(const struct affected_sums *sums, struct slice name)
{
    uint32_t at = map_get(&sums->by_name, name);

    return at == MAP_NONE ? (struct affected_sum){0} : sums->items[at];
}

static void sums_fini(struct affected_sums *sums)
{
    map_fini(&sums->by_name);
    mem_free(sums->items);
}

/* ---- what is under way ---- */

static void index_targets(struct affected *affected)
{
    for (size_t i = 0; i < affected->after->pools_count; i++) {
        const struct pool *pool = &affected->after->pools[i];

        for (size_t k = 0; k < pool->count; k++)
            (void)map_put(&affected->targets, pool->targets[k].identity, 1);
    }
}

/* What drains since an earlier reload is none of this one's. */
static void sort_place(struct affected *affected, const struct place_count *place)
{
    const bool is_gone = map_get(&affected->targets, place->target) == MAP_NONE;

    if (map_get(&affected->before->routes, place->route) == MAP_NONE)
        return;
    add(&affected->routes, place->route, place->load, is_gone);
    if (map_get(&affected->after->routes, place->route) != MAP_NONE)
        add(&affected->pools, place->pool, place->load, is_gone);
}

void affected_init(struct affected *affected, const struct snapshot *before, const struct snapshot *after,
                   const struct worker_count *count)
{
    *affected = (struct affected){.before = before, .after = after, .count = count};
    if (!count || count->places_count == 0)
        return;
    index_targets(affected);
    for (size_t i = 0; i < count->places_count; i++)
        sort_place(affected, &count->places[i]);
}

void affected_fini(struct affected *affected)
{
    map_fini(&affected->targets);
    sums_fini(&affected->routes);
    sums_fini(&affected->pools);
}

struct affected_sum affected_route(const struct affected *affected, struct slice id)
{
    return find(&affected->routes, id);
}

struct affected_sum affected_pool(const struct affected *affected, struct slice key)
{
    return find(&affected->pools, key);
}

size_t affected_connections(const struct affected *affected, uint16_t port)
{
    if (!affected->count || table_port(affected->after->table, port))
        return 0;
    for (size_t i = 0; i < affected->count->ports_count; i++) {
        if (affected->count->ports[i].port == port)
            return affected->count->ports[i].connections;
    }
    return 0;
}

/* ---- in words ---- */

/* @param follows  what of the sentence has been said already */
static void describe(size_t count, const char *noun, const char *where, uint64_t limit_ms, bool follows,
                     struct text *out)
{
    if (count == 0)
        return;
    text_printf(out, "%s%zu %s%s%s", follows ? ", " : "", count, noun, count == 1 ? "" : "s", where);
    if (limit_ms == SETTING_NONE) {
        text_add_literal(out, " may go on");
        return;
    }
    text_add(out, follows ? SLICE(" ") : count == 1 ? SLICE(" has ") : SLICE(" have "));
    quantity_describe(QUANTITY_DURATION, limit_ms, out);
    if (!follows)
        text_add_literal(out, " to end");
}

void affected_describe(const struct affected *affected, struct load load, const char *where, struct text *out)
{
    const struct timeouts *timeouts = &affected->before->timeouts;
    const bool is_limited = timeouts->drain != SETTING_NONE;

    describe(load.requests, "request", where, timeouts->drain, false, out);
    if (load.requests && load.tunnels && !is_limited)
        text_add_literal(out, ", ");
    describe(load.tunnels, "tunnel", load.requests ? "" : where, timeouts->drain_tunnels,
             load.requests && is_limited, out);
}
