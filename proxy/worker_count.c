#include "proxy/worker_count.h"

#include <string.h>

#include "backends/occupancy.h"
#include "base/mem.h"
#include "proxy/front.h"
#include "proxy/lease.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

static void load_add(struct load *sum, struct load part)
{
    sum->requests += part.requests;
    sum->tunnels += part.tunnels;
}

/* ---- what is added where ---- */

/* In order of versions, of which there are few. */
static struct version_count *version_of(struct worker_count *count, uint64_t version)
{
    size_t at = 0;

    while (at < count->versions_count && count->versions[at].version < version)
        at++;
    if (at < count->versions_count && count->versions[at].version == version)
        return &count->versions[at];
    mem_grow((void **)&count->versions, &count->versions_cap, count->versions_count + 1,
             sizeof(*count->versions));
    memmove(&count->versions[at + 1], &count->versions[at],
            (count->versions_count++ - at) * sizeof(*count->versions));
    count->versions[at] = (struct version_count){.version = version};
    return &count->versions[at];
}

static void add_version(struct worker_count *sum, const struct version_count *part)
{
    struct version_count *version = version_of(sum, part->version);

    version->connections += part->connections;
    load_add(&version->all, part->all);
    load_add(&version->leaving, part->leaving);
    version->left_ms = MAX(version->left_ms, part->left_ms);
}

static void add_place(struct worker_count *sum, const struct place_count *part)
{
    struct slice id =
        arena_printf(&sum->arena, "%.*s\n%.*s", FMT_SLICE(part->route), FMT_SLICE(part->target));
    uint32_t at = map_put(&sum->by_place, id, (uint32_t)sum->places_count);
    struct place_count *place;

    if (at < sum->places_count) {
        load_add(&sum->places[at].load, part->load);
        return;
    }
    mem_grow((void **)&sum->places, &sum->places_cap, sum->places_count + 1, sizeof(*sum->places));
    place = &sum->places[sum->places_count++];
    *place = (struct place_count){.route = slice_head(id, part->route.len),
                                  .pool = arena_copy(&sum->arena, part->pool),
                                  .target = slice_from(id, part->route.len + 1),
                                  .load = part->load};
}

static void add_port(struct worker_count *sum, uint16_t number, size_t connections)
{
    for (size_t i = 0; i < sum->ports_count; i++) {
        if (sum->ports[i].port == number) {
            sum->ports[i].connections += connections;
            return;
        }
    }
    mem_grow((void **)&sum->ports, &sum->ports_cap, sum->ports_count + 1, sizeof(*sum->ports));
    sum->ports[sum->ports_count++] = (struct port_count){number, connections};
}

void worker_count_add(struct worker_count *sum, const struct worker_count *part)
{
    sum->connections += part->connections;
    load_add(&sum->load, part->load);
    for (size_t i = 0; i < part->versions_count; i++)
        add_version(sum, &part->versions[i]);
    for (size_t i = 0; i < part->places_count; i++)
        add_place(sum, &part->places[i]);
    for (size_t i = 0; i < part->ports_count; i++)
        add_port(sum, part->ports[i].port, part->ports[i].connections);
}

void worker_count_fini(struct worker_count *count)
{
    mem_free(count->versions);
    mem_free(count->places);
    mem_free(count->ports);
    map_fini(&count->by_place);
    arena_fini(&count->arena);
    *count = (struct worker_count){0};
}

/* ---- counting ---- */

struct counting {
    struct worker_count *count;
    const struct lease *lease;
};

static void count_acquisition(void *argument, struct acquisition *acquisition)
{
    const struct counting *counting = argument;
    const struct snapshot *snapshot = counting->lease->snapshot;
    const struct load one = {.requests = !acquisition->is_tunnel, .tunnels = acquisition->is_tunnel};
    const uint64_t left_ms = departures_left_ms(counting->lease, acquisition);
    struct version_count version = {.version = snapshot->version, .all = one};

    if (left_ms != TIMER_NEVER) {
        version.leaving = one;
        version.left_ms = left_ms;
    }
    add_version(counting->count, &version);
    add_place(counting->count, &(struct place_count){.route = snapshot->actions[acquisition->route].id,
                                                     .pool = acquisition->pool->key,
                                                     .target = acquisition->endpoint->target->identity,
                                                     .load = one});
}

static void count_front(void *argument, const struct front_view *front)
{
    const struct counting *counting = argument;
    struct worker_count *count = counting->count;

    count->load.requests += front->requests;
    count->load.tunnels += front->tunnels;
    if (!front->is_http || front->tunnels)
        return;
    add_port(count, front->port, 1);
    if (front->lease)
        version_of(count, front->lease->snapshot->version)->connections++;
}

void worker_count_take(const struct worker *worker, struct worker_count *count)
{
    struct counting counting = {.count = count};

    count->connections = worker->fronts_count;
    LIST_EACH(&worker->leases, link) {
        counting.lease = CONTAINER_OF(link, struct lease, link);
        (void)version_of(count, counting.lease->snapshot->version);
        occupancy_each(counting.lease->desks, count_acquisition, &counting);
    }
    fronts_each(worker, count_front, &counting);
}
