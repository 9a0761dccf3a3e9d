#include "backends/warden.h"

#include "backends/ward.h"
#include "base/map.h"
#include "base/mem.h"

struct warden {
    struct ward_keeper keeper;
    const struct warden_events *on;
    void *owner;
    struct ward **wards;
    size_t count;
    struct address *servers; /* what the resolver asks */
    size_t servers_count;
    bool is_closed;
};

/* From a worker. */
struct report {
    struct warden *warden;
    struct standing *standing;
    void (*act)(struct ward_patient *patient, enum outlier_kind kind);
    enum outlier_kind kind; /* OUTLIER_KINDS: of none */
};

static void on_changed(void *owner, const struct pool *pool, struct roster *roster)
{
    struct warden *warden = owner;

    warden->on->changed(warden->owner, pool, roster);
}

struct warden *warden_new(struct loop *loop, const struct warden_events *on, void *owner)
{
    struct warden *warden = mem_new(struct warden);

    warden->keeper = (struct ward_keeper){
        .loop = loop,
        .changed = on_changed,
        .owner = warden,
    };
    warden->keeper.random = random_of(loop_now_us());
    warden->on = on;
    warden->keeper.hold = on->hold;
    warden->keeper.let_go = on->let_go;
    warden->owner = owner;
    return warden;
}

static void free_wards(struct warden *warden)
{
    for (size_t i = 0; i < warden->count; i++)
        ward_free(warden->wards[i]);
    mem_free(warden->wards);
    warden->wards = NULL;
    warden->count = 0;
}

void warden_close(struct warden *warden)
{
    if (!warden)
        return;
    warden->is_closed = true;
    free_wards(warden);
    resolver_free(TAKE(warden->keeper.resolver));
}

void warden_free(struct warden *warden)
{
    if (!warden)
        return;
    ASSERT(warden->is_closed);
    mem_free((char *)warden->keeper.secret.data);
    mem_free(warden->servers);
    mem_free(warden);
}

void warden_set_secret(struct warden *warden, struct slice secret)
{
    char *before = (char *)warden->keeper.secret.data;

    warden->keeper.secret = slice_of(mem_string(secret), secret.len);
    mem_free(before);
}

static bool has_resolvers(const struct warden *warden, const struct address *servers, size_t count)
{
    bool has = warden->keeper.resolver && count == warden->servers_count;

    for (size_t i = 0; has && i < count; i++)
        has = address_eq(&servers[i], &warden->servers[i]);
    return has;
}

static void keep_servers(struct warden *warden, const struct address *servers, size_t count)
{
    warden->servers = mem_resize(warden->servers, MAX(count, (size_t)1) * sizeof(*servers));
    warden->servers_count = count;
    for (size_t i = 0; i < count; i++)
        warden->servers[i] = servers[i];
}

int warden_set_resolvers(struct warden *warden, const struct address *servers, size_t count,
                         struct error *error)
{
    struct resolver *resolver;

    if (has_resolvers(warden, servers, count))
        return 0;
    if (resolver_new(warden->keeper.loop, servers, count, &resolver, error) < 0)
        return -1;
    for (size_t i = 0; i < warden->count; i++)
        ward_names_stop(warden->wards[i]);
    resolver_free(warden->keeper.resolver);
    warden->keeper.resolver = resolver;
    keep_servers(warden, servers, count);
    for (size_t i = 0; i < warden->count; i++)
        ward_names_ask(warden->wards[i]);
    return 0;
}

/* ---- the pools of a snapshot ---- */

static void index_wards(const struct warden *warden, struct map *by_key)
{
    for (size_t i = 0; i < warden->count; i++) {
        warden->wards[i]->is_taken = false;
        map_put(by_key, warden->wards[i]->pool->key, (uint32_t)i);
    }
}

static struct ward *take(struct warden *warden, const struct map *by_key, const struct pool *pool)
{
    uint32_t index = map_get(by_key, pool->key);

    if (index == MAP_NONE || warden->wards[index]->is_taken)
        return ward_new(&warden->keeper, pool);
    warden->wards[index]->is_taken = true;
    ward_take(warden->wards[index], pool);
    return warden->wards[index];
}

static void leave_rest(struct warden *warden)
{
    for (size_t i = 0; i < warden->count; i++) {
        if (!warden->wards[i]->is_taken)
            ward_free(warden->wards[i]);
    }
    mem_free(warden->wards);
}

void warden_take(struct warden *warden, void *pools_owner, const struct pool *pools, size_t count,
                 struct roster **rosters)
{
    struct ward **wards = mem_new_n(struct ward *, count);
    struct map by_key = {0};
    size_t wards_count = 0;

    warden->keeper.pools_owner = pools_owner;
    index_wards(warden, &by_key);
    for (size_t i = 0; i < count; i++) {
        struct ward *ward;

        if (pool_is_fixed(&pools[i]))
            continue;
        ward = take(warden, &by_key, &pools[i]);
        wards[wards_count++] = ward;
        roster_ref(ward->roster);
        rosters[i] = ward->roster;
    }
    map_fini(&by_key); /* its keys are those of the old pools */
    leave_rest(warden);
    warden->wards = wards;
    warden->count = wards_count;
}

void warden_each(const struct warden *warden,
                 void (*each)(void *argument, const struct pool *pool, const struct roster *roster),
                 void *argument)
{
    for (size_t i = 0; i < warden->count; i++)
        each(argument, warden->wards[i]->pool, warden->wards[i]->roster);
}

/* ---- reports ---- */

static void on_report(void *argument)
{
    struct report *report = argument;
    struct ward_patient *patient = report->standing->watched_by;

    if (!report->warden->is_closed && patient)
        report->act(patient, report->kind);
    standing_unref(report->standing);
    mem_free(report);
}

static void post(struct warden *warden, struct standing *standing,
                 void (*act)(struct ward_patient *patient, enum outlier_kind kind), enum outlier_kind kind)
{
    struct report *report = mem_new(struct report);

    *report = (struct report){warden, standing_ref(standing), act, kind};
    loop_post(warden->keeper.loop, on_report, report);
}

static void tell(struct ward_patient *patient, enum outlier_kind kind)
{
    ward_publish(patient->ward, false);
}

static void served(struct ward_patient *patient, enum outlier_kind kind)
{
    ward_served(patient);
}

void warden_tell(struct warden *warden, struct standing *standing)
{
    post(warden, standing, tell, OUTLIER_KINDS);
}

void warden_served(struct warden *warden, struct standing *standing)
{
    post(warden, standing, served, OUTLIER_KINDS);
}

void warden_report(struct warden *warden, struct standing *standing, enum outlier_kind kind)
{
    post(warden, standing, ward_reported, kind);
}
