#include "backends/ward.h"

#include "backends/places.h"
#include "base/mem.h"
#include "tls/mac.h"

/* Happy path:  names are answered → the roster is made → the patients follow → whoever looks at the pool is told
 * On change:   ward_publish() gathers what one turn of the loop brings */

static void add_literal(struct roster *roster, const struct pool_target *target)
{
    struct address address;

    if (pool_target_address(target, &address))
        roster_add(roster, target, &address, 1);
}

static bool is_one_host(const struct ward_name *name)
{
    return name->count == 2 && name->target->kind == TARGET_NAME &&
           name->found[0].address.family != name->found[1].address.family;
}

static struct address with_port(struct address address, const struct target *target)
{
    if (target->kind == TARGET_NAME)
        address_set_port(&address, target->port);
    return address;
}

enum { WEIGHT_MAX = 1000000 };

/* Of SRV records those of the best priority serve, the others stand by (RFC 2782). */
static void add_found(struct roster *roster, const struct pool_target *target, const struct ward_name *name)
{
    for (size_t i = 0; i < name->count; i++) {
        struct address address = with_port(name->found[i].address, &target->target);
        struct endpoint *endpoint = roster_add(roster, target, &address, 1);

        endpoint->is_backup |= name->found[i].priority > name->found[0].priority;
        if (target->target.kind == TARGET_SRV)
            endpoint->weight = (uint32_t)MIN((uint64_t)endpoint->weight * MAX(name->found[i].weight, 1),
                                             (uint64_t)WEIGHT_MAX);
    }
}

static void add_name(struct roster *roster, const struct pool_target *target, const struct ward_name *name)
{
    struct address both[2];

    if (!is_one_host(name)) {
        add_found(roster, target, name);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        both[i] = with_port(name->found[i].address, &target->target);
    roster_add(roster, target, both, ARRAY_LEN(both));
}

static void set_tags(const struct ward *ward, struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct endpoint *endpoint = &roster->endpoints[i];
        struct slice what = arena_printf(&roster->arena, "%.*s %.*s", FMT_SLICE(ward->pool->key),
                                         FMT_SLICE(endpoint->identity));
        char tag[MAC_TAG_LEN];

        mac_tag(ward->keeper->secret, what, tag);
        endpoint->tag = arena_copy(&roster->arena, slice_of(tag, sizeof(tag)));
        map_put(&roster->by_tag, endpoint->tag, (uint32_t)i);
    }
}

static void make_roster(struct ward *ward)
{
    struct roster *before = ward->roster, *roster = roster_new();

    roster->is_settled = true;
    for (size_t i = 0; i < ward->pool->count; i++) {
        const struct pool_target *target = &ward->pool->targets[i];
        const struct ward_name *name = ward->names[i];

        if (!target_is_name(&target->target)) {
            add_literal(roster, target);
            continue;
        }
        add_name(roster, target, name);
        roster->is_settled &= name->is_answered;
        if (name->reason && !roster->why_empty.len)
            roster->why_empty = arena_copy(&roster->arena, slice_str(name->reason));
    }
    if (ward->pool->sticky.len)
        set_tags(ward, roster);
    if (ward->places) {
        places_ref(ward->places);
        roster->places = ward->places;
    }
    ward->roster = roster;
    ward->is_outdated = false;
    ward_patients_take(ward, before);
    roster_unref(before);
}

static void on_publish(struct pending *pending)
{
    struct ward *ward = CONTAINER_OF(pending, struct ward, publish);

    if (ward->is_outdated)
        make_roster(ward);
    ward->keeper->changed(ward->keeper->owner, ward->pool, ward->roster);
}

void ward_publish(struct ward *ward, bool is_outdated)
{
    ward->is_outdated |= is_outdated;
    loop_defer(ward->keeper->loop, &ward->publish);
}

struct ward *ward_new(struct ward_keeper *keeper, const struct pool *pool)
{
    struct ward *ward = mem_new(struct ward);

    ward->keeper = keeper;
    ward->publish.run = on_publish;
    ward_checks_init(ward);
    ward_take(ward, pool);
    return ward;
}

/* Another limit needs other places; who has one of the old ones gives it back to the same standing. */
static void take_places(struct ward *ward, uint64_t max)
{
    if (ward->places_max == max)
        return;
    places_unref(ward->places);
    ward->places = max ? places_new(max) : NULL;
    ward->places_max = max;
}

void ward_take(struct ward *ward, const struct pool *pool)
{
    ward->pool = pool;
    take_places(ward, pool->max_connections);
    ward_names_take(ward);
    make_roster(ward); /* what it points to is the new snapshot's */
}

void ward_free(struct ward *ward)
{
    loop_undefer(&ward->publish);
    ward_names_free(ward);
    ward_patients_free(ward);
    roster_unref(ward->roster);
    places_unref(ward->places);
    mem_free(ward);
}
