#include "backends/roster.h"

#include <criterion/criterion.h>

#include "backends/places.h"

static struct pool_target target_of(struct arena *arena, const char *text)
{
    struct pool_target target = {.weight = 1};
    struct error error;

    cr_assert_eq(target_parse(slice_str(text), arena, &target.target, &error), 0, "%s", error.text);
    target.identity = target.target.text;
    return target;
}

static struct address address_of(const char *ip, uint16_t port)
{
    struct ip parsed;

    cr_assert(ip_parse(slice_str(ip), &parsed));
    return address_from_ip(parsed, port);
}

Test(roster, an_address_is_called_as_it_was_written)
{
    struct arena arena = {0};
    struct pool_target target = target_of(&arena, "10.0.0.1:80");
    struct address address = address_of("10.0.0.1", 80);
    struct roster *roster = roster_new();
    struct endpoint *endpoint = roster_add(roster, &target, &address, 1);

    cr_assert_str_eq(endpoint->text.data, "10.0.0.1:80");
    cr_assert_str_eq(endpoint->identity.data, "10.0.0.1:80");
    cr_assert_null(endpoint->standing);
    roster_unref(roster);
    arena_fini(&arena);
}

Test(roster, addresses_of_a_name_are_endpoints_apart)
{
    struct arena arena = {0};
    struct pool_target target = target_of(&arena, "app.test:80");
    struct address addresses[] = {address_of("10.0.0.1", 80), address_of("10.0.0.2", 80),
                                  address_of("::1", 80)};
    struct roster *roster = roster_new();

    for (size_t i = 0; i < 2; i++)
        roster_add(roster, &target, &addresses[i], 1);
    roster_add(roster, &target, &addresses[1], 2); /* of one host: it is known by the first */
    cr_assert_str_eq(roster->endpoints[0].text.data, "app.test:80 (10.0.0.1:80)");
    cr_assert_str_eq(roster->endpoints[1].text.data, "app.test:80 (10.0.0.2:80)");
    cr_assert(!slice_eq(roster->endpoints[0].identity, roster->endpoints[1].identity));
    cr_assert_neq(roster->endpoints[0].name, roster->endpoints[1].name);
    cr_assert(slice_eq(roster->endpoints[1].identity, roster->endpoints[2].identity));
    cr_assert_eq(roster->endpoints[2].addresses_count, 2);
    roster_unref(roster);
    arena_fini(&arena);
}

Test(roster, takes_weight_and_backup_from_the_target)
{
    struct arena arena = {0};
    struct pool_target target = target_of(&arena, "10.0.0.1:80");
    struct address address = address_of("10.0.0.1", 80);
    struct roster *roster = roster_new();

    target.weight = 7;
    target.is_backup = true;
    roster_add(roster, &target, &address, 1);
    target.weight = 0; /* nobody said one */
    roster_add(roster, &target, &address, 1);
    cr_assert_eq(roster->endpoints[0].weight, 7);
    cr_assert(roster->endpoints[0].is_backup);
    cr_assert_eq(roster->endpoints[1].weight, 1);
    roster_unref(roster);
    arena_fini(&arena);
}

Test(roster, the_last_one_gives_back_standings_and_places)
{
    struct arena arena = {0};
    struct pool_target target = target_of(&arena, "10.0.0.1:80");
    struct address address = address_of("10.0.0.1", 80);
    struct standing *standing = standing_new();
    struct places *places = places_new(1);
    struct roster *roster = roster_new();
    struct place place;

    roster_add(roster, &target, &address, 1)->standing = standing_ref(standing);
    roster->places = places;
    cr_assert(place_take(&place, places, standing));
    roster_ref(roster);
    roster_unref(roster);
    cr_assert_eq(atomic_load(&standing->refs), 3);
    roster_unref(roster);
    cr_assert_eq(atomic_load(&standing->refs), 2, "the place lives on");
    place_give_back(&place);
    place_give_back(&place); /* harmless */
    cr_assert_eq(atomic_load(&standing->refs), 1);
    cr_assert_eq(atomic_load(&standing->in_use), 0);
    standing_unref(standing);
    roster_unref(NULL);
    arena_fini(&arena);
}

Test(roster, is_fixed_where_nothing_can_change_it)
{
    struct arena arena = {0};
    struct pool_target one = target_of(&arena, "10.0.0.1:80"), name = target_of(&arena, "app.test:80"),
                       path = target_of(&arena, "unix:/run/app.sock"),
                       service = target_of(&arena, "srv:_http._tcp.app.test");
    struct pool_target two[] = {one, path};
    const struct {
        struct pool pool;
        bool is_fixed;
    } rows[] = {
        {{.targets = &one, .count = 1}, true},
        {{.targets = &path, .count = 1}, true},
        {{.targets = &name, .count = 1}, false},
        {{.targets = &service, .count = 1}, false},
        {{.targets = two, .count = 2}, false},
        {{.targets = &one, .count = 1, .health = {.is_on = true}}, false},
        {{.targets = &one, .count = 1, .max_connections = 1}, false},
        {{.targets = &one, .count = 1, .sticky = SLICE("c")}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(pool_is_fixed(&rows[i].pool), rows[i].is_fixed, "%zu", i);
    arena_fini(&arena);
}

Test(roster, of_fixed_targets_waits_for_no_name)
{
    struct arena arena = {0};
    struct pool_target targets[] = {target_of(&arena, "10.0.0.1:80"), target_of(&arena, "unix:/run/app.sock"),
                                    target_of(&arena, "app.test:80")};
    struct roster *whole = roster_fixed(&(struct pool){.targets = targets, .count = 2});
    struct roster *part = roster_fixed(&(struct pool){.targets = targets, .count = 3});

    cr_assert_eq(whole->count, 2);
    cr_assert(whole->is_settled);
    cr_assert_eq(whole->endpoints[1].addresses[0].family, AF_UNIX);
    cr_assert_eq(part->count, 2);
    cr_assert(!part->is_settled);
    roster_unref(whole);
    roster_unref(part);
    arena_fini(&arena);
}
