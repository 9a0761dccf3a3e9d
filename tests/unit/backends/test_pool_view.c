#include "backends/pool_view.h"

#include <stdio.h>

#include "backends/places.h"
#include "unit/backends/offices.h"

enum { ENDPOINTS_MAX = 6, PICKS = 600 };

/* A pool, whose endpoints are told apart by letters: 'a' is the first. */
struct scene {
    struct office *office;
    struct pool_target targets[ENDPOINTS_MAX];
    struct standing *standings[ENDPOINTS_MAX];
    struct pool pool;
    struct roster *roster;
    struct pool_view *view;
    uint32_t tried[ENDPOINTS_MAX];
    size_t tried_count;
    bool may_reuse;
};

static void add_endpoint(struct scene *scene, size_t i, bool is_backup)
{
    char text[32], letter[] = {(char)('a' + i), '\0'};
    struct pool_target *target = &scene->targets[i];
    struct address address;
    struct endpoint *endpoint;

    snprintf(text, sizeof(text), "10.0.0.1:%zu", i + 1);
    *target = office_endpoint(scene->office, text);
    target->weight = 1;
    target->is_backup = is_backup;
    scene->standings[i] = standing_new();
    cr_assert(pool_target_address(target, &address));
    endpoint = roster_add(scene->roster, target, &address, 1);
    endpoint->standing = standing_ref(scene->standings[i]);
    endpoint->tag = arena_copy(&scene->roster->arena, slice_str(letter));
    map_put(&scene->roster->by_tag, endpoint->tag, (uint32_t)i);
}

static void set_states(struct scene *scene, const char *states)
{
    static const enum standing_state OF[] = {
        ['u'] = STANDING_UP, ['d'] = STANDING_DOWN, ['e'] = STANDING_EJECTED};

    for (size_t i = 0; i < scene->pool.count; i++)
        atomic_store(&scene->standings[i]->state, (unsigned char)OF[states[i] | 0x20]);
}

/* A letter an endpoint: 'u' up, 'd' down, 'e' ejected; a capital one is a backup. */
static void scene_init(struct scene *scene, const char *states, const struct pool *rules)
{
    *scene = (struct scene){.office = office_new(), .pool = *rules, .roster = roster_new()};
    scene->pool.key = SLICE("@pool");
    scene->pool.targets = scene->targets;
    scene->pool.count = strlen(states);
    for (size_t i = 0; i < scene->pool.count; i++)
        add_endpoint(scene, i, states[i] < 'a');
    set_states(scene, states);
    if (rules->max_connections)
        scene->roster->places = places_new(rules->max_connections);
    scene->view = pool_view_new(scene->office->back, &scene->pool, scene->roster);
}

static void scene_fini(struct scene *scene)
{
    pool_view_unref(scene->view);
    cr_expect_eq(atomic_load(&scene->roster->refs), 1);
    roster_unref(scene->roster);
    for (size_t i = 0; i < scene->pool.count; i++) {
        cr_expect_eq(atomic_load(&scene->standings[i]->refs), 1);
        standing_unref(scene->standings[i]);
    }
    office_free(scene->office);
}

/* @return the letter; '-' where there is none, '!' where all are full */
static char pick(struct scene *scene, const char *tag)
{
    const struct pool_question question = {.tag = slice_str(tag),
                                           .tried = scene->tried,
                                           .tried_count = scene->tried_count,
                                           .may_reuse = scene->may_reuse};
    struct place place = {0};
    uint32_t index;

    switch (pool_view_pick(scene->view, &question, &index, &place)) {
    case POOL_PICKED:
        place_give_back(&place);
        return (char)('a' + index);
    case POOL_FULL:
        return '!';
    default:
        return '-';
    }
}

/* Whoever is picked, in alphabetical order. */
static void expect_picked(struct scene *scene, const char *wanted, const char *name)
{
    char picked[ENDPOINTS_MAX + 1] = "";
    size_t counts[ENDPOINTS_MAX] = {0}, count = 0;

    for (size_t i = 0; i < PICKS; i++)
        counts[pick(scene, NULL) - 'a']++;
    for (size_t i = 0; i < ENDPOINTS_MAX; i++) {
        if (counts[i])
            picked[count++] = (char)('a' + i);
    }
    cr_expect_str_eq(picked, wanted, "%s: %s", name, picked);
}

Test(pool_view, prefers_as_the_table_says)
{
    static const struct {
        const char *states, *picked;
        bool is_degraded;
    } rows[] = {
        {"uuu", "abc", false}, {"udu", "ac", false}, {"ueu", "ac", false},  {"uuU", "ab", false},
        {"udU", "a", false},   {"ddU", "c", false},  {"deUU", "cd", false}, {"eeU", "c", false},
        {"ddd", "abc", true},  {"ded", "b", true},   {"eeE", "ab", true},   {"ddE", "c", true},
        {"ddD", "ab", true},   {"deD", "b", true},   {"DDD", "abc", true},  {"d", "a", true},
        {"UU", "ab", false},   {"dU", "b", false},   {"dddE", "d", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;

        scene_init(&scene, rows[i].states, &(struct pool){0});
        expect_picked(&scene, rows[i].picked, rows[i].states);
        cr_expect_eq(scene.view->is_degraded, rows[i].is_degraded, "%s", rows[i].states);
        scene_fini(&scene);
    }
}

Test(pool_view, looks_at_standings_when_it_is_told)
{
    struct scene scene;

    scene_init(&scene, "uu", &(struct pool){0});
    set_states(&scene, "du");
    pool_view_refresh(scene.view);
    expect_picked(&scene, "b", "one went down");
    set_states(&scene, "dd");
    pool_view_refresh(scene.view);
    expect_picked(&scene, "ab", "both went down");
    cr_assert(scene.view->is_degraded);
    set_states(&scene, "uu");
    pool_view_refresh(scene.view);
    expect_picked(&scene, "ab", "both came back");
    cr_assert(!scene.view->is_degraded);
    scene_fini(&scene);
}

/* --- Those that were tried */

Test(pool_view, asks_the_others_when_some_were_tried)
{
    static const struct {
        const char *states, *tried, *next;
    } rows[] = {
        {"uuu", "a", "bc"}, {"uuu", "ab", "c"}, {"uuu", "abc", "-"}, {"u", "a", "-"},   {"u", "", "a"},
        {"udu", "ac", "b"}, {"uUd", "a", "b"},  {"uUd", "ab", "c"},  {"uUU", "a", "b"}, {"uUU", "ab", "c"},
        {"udU", "a", "c"},  {"udU", "ac", "b"}, {"ude", "a", "b"},   {"dd", "a", "b"},  {"eed", "ab", "c"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        char next;

        scene_init(&scene, rows[i].states, &(struct pool){0});
        for (const char *at = rows[i].tried; *at; at++)
            scene.tried[scene.tried_count++] = (uint32_t)(*at - 'a');
        next = pick(&scene, NULL);
        cr_expect(strchr(rows[i].next, next), "%s after %s: %c", rows[i].states, rows[i].tried, next);
        scene_fini(&scene);
    }
}

Test(pool_view, of_nobody_picks_nobody)
{
    struct scene scene;

    scene_init(&scene, "", &(struct pool){0});
    cr_assert_eq(pick(&scene, NULL), '-');
    cr_assert_eq(pick(&scene, "a"), '-');
    pool_view_refresh(scene.view);
    scene_fini(&scene);
}

/* --- Sticky */

Test(pool_view, a_tag_leads_to_its_endpoint_while_that_is_well)
{
    static const struct {
        const char *states, *tag, *picked; /* one of these */
    } rows[] = {
        {"uuu", "b", "b"},  {"udu", "b", "ac"}, {"ueu", "b", "ac"}, {"uuu", "x", "abc"},
        {"uuu", "", "abc"}, {"uUU", "c", "c"}, /* a session that began at a backup stays there */
        {"udU", "b", "a"},  {"ddd", "b", "b"},  {"dde", "b", "c"},  {"ddd", "c", "c"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;

        scene_init(&scene, rows[i].states, &(struct pool){.sticky = SLICE("c")});
        for (size_t n = 0; n < 20; n++) {
            char picked = pick(&scene, rows[i].tag);

            cr_expect(strchr(rows[i].picked, picked), "%s with %s: %c", rows[i].states, rows[i].tag, picked);
        }
        scene_fini(&scene);
    }
}

Test(pool_view, a_tag_of_one_that_was_tried_leads_elsewhere)
{
    struct scene scene;

    scene_init(&scene, "uu", &(struct pool){.sticky = SLICE("c")});
    scene.tried_count = 1; /* 'a' */
    cr_assert_eq(pick(&scene, "a"), 'b');
    scene_fini(&scene);
}

/* --- max_connections */

Test(pool_view, tells_full_from_empty)
{
    struct scene scene;
    struct place places[2];

    scene_init(&scene, "uu", &(struct pool){.max_connections = 1});
    cr_assert(place_take(&places[0], scene.roster->places, scene.standings[0]));
    expect_picked(&scene, "b", "a is full");
    cr_assert_eq(pick(&scene, "a"), 'b', "whoever would like a as well");
    cr_assert(place_take(&places[1], scene.roster->places, scene.standings[1]));
    cr_assert_eq(pick(&scene, NULL), '!');
    scene.tried_count = 2;
    scene.tried[1] = 1;
    cr_assert_eq(pick(&scene, NULL), '-', "both were tried");
    scene.tried_count = 1;
    cr_assert_eq(pick(&scene, NULL), '!', "b may be free later");
    place_give_back(&places[0]);
    place_give_back(&places[1]);
    scene_fini(&scene);
}

/* While the ones that should serve are full, those that should not are left alone. */
Test(pool_view, full_ones_are_waited_for_rather_than_that_a_backup_is_used)
{
    struct scene scene;
    struct place place;

    scene_init(&scene, "udU", &(struct pool){.max_connections = 1});
    cr_assert(place_take(&place, scene.roster->places, scene.standings[0]));
    cr_assert_eq(pick(&scene, NULL), '!');
    place_give_back(&place);
    scene_fini(&scene);
}

Test(pool_view, of_a_pool_with_max_connections_shares_no_connections_with_other_pools)
{
    struct scene scene;
    struct pool open, other;
    struct roster *open_roster = roster_new(), *other_roster = roster_new();
    struct pool_view *open_view, *open_again, *other_view, *again;

    scene_init(&scene, "u", &(struct pool){.max_connections = 1});
    open = other = scene.pool;
    open.key = SLICE("@open");
    open.max_connections = 0;
    other.key = SLICE("@other");
    roster_add(open_roster, &scene.targets[0], scene.roster->endpoints[0].addresses, 1);
    roster_add(other_roster, &scene.targets[0], scene.roster->endpoints[0].addresses, 1);
    other_roster->places = places_new(1);
    open_view = pool_view_new(scene.office->back, &open, open_roster);
    open_again = pool_view_new(scene.office->back, &open, open_roster);
    other_view = pool_view_new(scene.office->back, &other, other_roster);
    again = pool_view_new(scene.office->back, &scene.pool, scene.roster);
    cr_expect_eq(open_view->endpoints[0].home, open_again->endpoints[0].home);
    cr_expect_eq(again->endpoints[0].home, scene.view->endpoints[0].home, "a reload leaves them");
    cr_expect_neq(open_view->endpoints[0].home, scene.view->endpoints[0].home);
    cr_expect_neq(other_view->endpoints[0].home, scene.view->endpoints[0].home);
    pool_view_unref(again);
    pool_view_unref(open_view);
    pool_view_unref(open_again);
    pool_view_unref(other_view);
    roster_unref(open_roster);
    roster_unref(other_roster);
    scene_fini(&scene);
}

/* --- Slow start */

/* Of PICKS. */
static size_t share_of_first(struct scene *scene)
{
    size_t count = 0;

    for (size_t i = 0; i < PICKS; i++)
        count += pick(scene, NULL) == 'a';
    return count;
}

Test(pool_view, one_that_came_back_is_given_its_share_step_by_step)
{
    enum { SLOW_MS = 20000 };
    struct scene scene;
    size_t before = 0;

    scene_init(&scene, "uu", &(struct pool){.slow_start_ms = SLOW_MS});
    cr_assert_eq(share_of_first(&scene), PICKS / 2, "nobody came back");
    atomic_store(&scene.standings[0]->up_since_ms, loop_now_ms(scene.office->loop));
    pool_view_refresh(scene.view);
    for (size_t step = 0; step < 4; step++) {
        double tenths = 1 + 9 * (double)step / 4; /* of its weight; the other's is ten */
        double wanted = PICKS * tenths / (tenths + 10);
        size_t share = share_of_first(&scene);

        cr_expect(share > 0.8 * wanted - 3 && share < 1.2 * wanted + 3, "step %zu: %zu, not %g", step, share,
                  wanted);
        cr_expect_gt(share, before);
        before = share;
        office_wait(scene.office, SLOW_MS / 4);
    }
    cr_expect(share_of_first(&scene) > PICKS / 2 - 5);
    cr_assert_eq(scene.view->refresh_at_ms, UINT64_MAX, "it is over");
    scene_fini(&scene);
}

/* --- Use, and what is met */

struct guest {
    struct occupant occupant;
    unsigned requests, tunnels;
};

static void on_taken_out(struct occupant *occupant, bool of_tunnels)
{
    struct guest *guest = CONTAINER_OF(occupant, struct guest, occupant);

    guest->requests += !of_tunnels;
    guest->tunnels += of_tunnels;
}

Test(pool_view, lives_until_its_last_occupant_leaves)
{
    struct scene scene;
    struct guest guest = {.occupant.taken_out = on_taken_out};
    struct pool_view *view;
    uint32_t slot;

    scene_init(&scene, "uu", &(struct pool){0});
    view = scene.view;
    slot = view->endpoints[1].home->slot;
    pool_view_enter(view, 1, &guest.occupant);
    cr_assert_eq(back_office_in_use(scene.office->back)[slot], 1);
    scene.view = NULL;
    pool_view_unref(view);
    cr_assert_eq(atomic_load(&scene.roster->refs), 2);
    pool_view_leave(view, 1, &guest.occupant);
    cr_assert_eq(back_office_in_use(scene.office->back)[slot], 0);
    cr_assert_eq(atomic_load(&scene.roster->refs), 1);
    scene_fini(&scene);
}

Test(pool_view, retired_tells_requests_and_tunnels_apart)
{
    struct scene scene;
    struct guest guest = {.occupant.taken_out = on_taken_out}, stays = {.occupant.taken_out = on_taken_out};
    struct roster *successor = roster_new();

    scene_init(&scene, "uu", &(struct pool){.drain_ms = 1000, .drain_tunnels_ms = 3000});
    roster_add(successor, &scene.targets[1], scene.roster->endpoints[1].addresses, 1);
    pool_view_enter(scene.view, 0, &guest.occupant);
    pool_view_enter(scene.view, 1, &stays.occupant);
    pool_view_retire(scene.view, &(struct succession){.roster = successor});
    office_wait(scene.office, 900);
    cr_assert_eq(guest.requests + guest.tunnels, 0);
    office_wait(scene.office, 200);
    cr_assert(guest.requests == 1 && guest.tunnels == 0);
    pool_view_retire(scene.view, &(struct succession){.roster = successor}); /* says nothing new */
    office_wait(scene.office, 1700);
    cr_assert(guest.requests == 1 && guest.tunnels == 0);
    office_wait(scene.office, 400);
    cr_assert(guest.requests == 1 && guest.tunnels == 1);
    cr_assert_eq(stays.requests + stays.tunnels, 0);
    pool_view_leave(scene.view, 0, &guest.occupant);
    pool_view_leave(scene.view, 1, &stays.occupant);
    roster_unref(successor);
    scene_fini(&scene);
}

/* In a row: one that goes well in that respect begins anew. */
Test(pool_view, counts_failures_of_each_kind_apart)
{
    const struct pool rules = {.outlier = {.connect_failures = 3, .resets = 2}};
    struct scene scene;
    const struct view_endpoint *endpoint;

    scene_init(&scene, "uu", &rules);
    endpoint = &scene.view->endpoints[0];
    pool_view_failed(scene.view, 0, OUTLIER_CONNECT);
    pool_view_failed(scene.view, 0, OUTLIER_CONNECT);
    pool_view_failed(scene.view, 0, OUTLIER_RESET);
    pool_view_failed(scene.view, 0, OUTLIER_ERROR);
    cr_expect_eq(endpoint->in_row[OUTLIER_CONNECT], 2);
    cr_expect_eq(endpoint->in_row[OUTLIER_RESET], 1);
    cr_expect_eq(endpoint->in_row[OUTLIER_ERROR], 0, "it is not counted");
    pool_view_failed(scene.view, 0, OUTLIER_CONNECT);
    cr_expect_eq(endpoint->in_row[OUTLIER_CONNECT], 0, "it was reported");
    pool_view_went_well(scene.view, 0, OUTLIER_RESET);
    cr_expect_eq(endpoint->in_row[OUTLIER_RESET], 0);
    scene_fini(&scene);
}
