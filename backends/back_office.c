#include "backends/back_office.h"

#include "base/map.h"
#include "base/mem.h"

struct back_office {
    struct loop *loop;
    struct warden *warden;
    struct map by_identity; /* index into endpoints */
    struct worker_endpoint **endpoints;
    size_t count, cap, tidy_at;
    uint32_t *in_use, *free_slots;
    size_t slots, slots_cap, free_count, free_cap;
    uint64_t seed;
    bool is_closed;
};

/* Endpoints that nobody uses go when there are that many more of them than after the last time. */
enum { TIDY_STEP = 256 };

struct back_office *back_office_new(struct loop *loop, struct warden *warden)
{
    struct back_office *office = mem_new(struct back_office);

    office->loop = loop;
    office->warden = warden;
    office->seed = loop_now_us() ^ (uint64_t)(uintptr_t)office;
    office->tidy_at = TIDY_STEP;
    return office;
}

static void endpoint_close(struct worker_endpoint *endpoint)
{
    idle_conns_close(&endpoint->idle);
    shared_conns_close(&endpoint->shared);
}

void back_office_close(struct back_office *office)
{
    office->is_closed = true;
    for (size_t i = 0; i < office->count; i++)
        endpoint_close(office->endpoints[i]);
}

static void endpoint_free(struct worker_endpoint *endpoint)
{
    shared_conns_fini(&endpoint->shared);
    mem_free((char *)endpoint->identity.data);
    mem_free(endpoint);
}

void back_office_free(struct back_office *office)
{
    if (!office)
        return;
    back_office_close(office);
    for (size_t i = 0; i < office->count; i++)
        endpoint_free(office->endpoints[i]);
    mem_free(office->endpoints);
    mem_free(office->in_use);
    mem_free(office->free_slots);
    map_fini(&office->by_identity);
    mem_free(office);
}

struct loop *back_office_loop(const struct back_office *office)
{
    return office->loop;
}

struct warden *back_office_warden(const struct back_office *office)
{
    return office->warden;
}

uint64_t back_office_seed(struct back_office *office)
{
    return office->seed += 0x9e3779b97f4a7c15ULL;
}

uint32_t *back_office_in_use(struct back_office *office)
{
    return office->in_use;
}

size_t back_office_idle(const struct back_office *office)
{
    size_t idle = 0;

    for (size_t i = 0; i < office->count; i++)
        idle += office->endpoints[i]->idle.count;
    return idle;
}

size_t back_office_endpoints(const struct back_office *office)
{
    return office->count;
}

/* A slot never moves: balances hold it. */
static uint32_t slot_take(struct back_office *office)
{
    if (office->free_count)
        return office->free_slots[--office->free_count];
    mem_grow((void **)&office->in_use, &office->slots_cap, office->slots + 1, sizeof(*office->in_use));
    office->in_use[office->slots] = 0;
    return (uint32_t)office->slots++;
}

static void slot_give_back(struct back_office *office, uint32_t slot)
{
    mem_grow((void **)&office->free_slots, &office->free_cap, office->free_count + 1,
             sizeof(*office->free_slots));
    office->free_slots[office->free_count++] = slot;
}

/* Addresses that names had once would pile up otherwise. */
static void tidy(struct back_office *office)
{
    size_t kept = 0;

    map_fini(&office->by_identity);
    office->by_identity = (struct map){0};
    for (size_t i = 0; i < office->count; i++) {
        struct worker_endpoint *endpoint = office->endpoints[i];

        if (endpoint->users == 0 && endpoint->idle.count == 0 && shared_conns_is_empty(&endpoint->shared)) {
            slot_give_back(office, endpoint->slot);
            endpoint_free(endpoint);
            continue;
        }
        map_put(&office->by_identity, endpoint->identity, (uint32_t)kept);
        office->endpoints[kept++] = endpoint;
    }
    office->count = kept;
    office->tidy_at = kept + TIDY_STEP;
}

static struct worker_endpoint *add(struct back_office *office, struct slice identity)
{
    struct worker_endpoint *endpoint = mem_new(struct worker_endpoint);

    if (office->count >= office->tidy_at)
        tidy(office);
    mem_grow((void **)&office->endpoints, &office->cap, office->count + 1, sizeof(*office->endpoints));
    endpoint->identity = slice_of(mem_string(identity), identity.len);
    endpoint->slot = slot_take(office);
    idle_conns_init(&endpoint->idle, office->loop);
    shared_conns_init(&endpoint->shared, office->loop);
    endpoint->idle.is_closed = endpoint->shared.is_closed = office->is_closed;
    office->endpoints[office->count] = endpoint;
    map_put(&office->by_identity, endpoint->identity, (uint32_t)office->count++);
    return endpoint;
}

struct worker_endpoint *back_office_use(struct back_office *office, struct slice identity)
{
    uint32_t index = map_get(&office->by_identity, identity);
    struct worker_endpoint *endpoint = index == MAP_NONE ? add(office, identity) : office->endpoints[index];

    endpoint->users++;
    return endpoint;
}

void back_office_unuse(struct worker_endpoint *endpoint)
{
    ASSERT(endpoint->users > 0);
    endpoint->users--;
}

void back_office_keep(struct back_office *office, bool (*stays)(void *owner, struct slice identity),
                      void *owner)
{
    for (size_t i = 0; i < office->count; i++) {
        struct worker_endpoint *endpoint = office->endpoints[i];

        if (endpoint->idle.count && !stays(owner, endpoint->identity))
            idle_conns_drop(&endpoint->idle);
    }
}
