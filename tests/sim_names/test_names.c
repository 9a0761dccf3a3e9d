/* Who is in a pool, as its names are answered: the real warden, with answers that the test gives, on a clock that it
 * moves. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "backends/warden.h"
#include "base/text.h"
#include "net/loop.h"
#include "sim_names/fake_resolver.h"

enum { TARGETS_MAX = 4, FOUND_MAX = 8, AHEAD_MS = 100 * 3600 * 1000 };

struct scene {
    struct loop *loop;
    struct arena arena;
    struct warden *warden;
    struct pool_target targets[TARGETS_MAX];
    struct pool pool;
    struct roster *roster; /* the last one that was told */
    unsigned changes;
    struct text text;
};

static void keep(struct scene *scene, struct roster *roster)
{
    if (roster)
        roster_ref(roster);
    roster_unref(scene->roster);
    scene->roster = roster;
}

static void on_changed(void *owner, const struct pool *pool, struct roster *roster)
{
    struct scene *scene = owner;

    cr_expect_eq(pool, &scene->pool);
    scene->changes++;
    keep(scene, roster);
}

/* The pools of a test live until its end. */
static void on_held(void *pools_owner)
{
}

static const struct warden_events EVENTS = {.hold = on_held, .let_go = on_held, .changed = on_changed};

static void take(struct scene *scene)
{
    struct roster *roster = NULL;

    warden_take(scene->warden, NULL, &scene->pool, 1, &roster);
    keep(scene, roster);
    roster_unref(roster);
}

static void add_target(struct scene *scene, const char *text)
{
    struct pool_target *target = &scene->targets[scene->pool.count++];
    struct error error;

    cr_assert_eq(target_parse(slice_str(text), &scene->arena, &target->target, &error), 0, "%s", error.text);
    target->identity = target->target.text;
    target->weight = 1;
}

/* @param targets  with a blank between them */
static void scene_init(struct scene *scene, const char *targets)
{
    struct slice rest = slice_str(targets);
    struct error error;

    *scene = (struct scene){.pool = {.key = SLICE("@pool"), .targets = scene->targets}};
    while (rest.len) {
        ptrdiff_t blank = slice_find(rest, ' ');
        size_t len = blank < 0 ? rest.len : (size_t)blank;

        add_target(scene, arena_copy(&scene->arena, slice_head(rest, len)).data);
        rest = slice_from(rest, MIN(len + 1, rest.len));
    }
    cr_assert_eq(loop_new(&scene->loop, &error), 0, "%s", error.text);
    timer_wheel_advance(loop_timers(scene->loop),
                        (loop_now_ms(scene->loop) + AHEAD_MS) / WHEEL_TICK_MS * WHEEL_TICK_MS);
    scene->warden = warden_new(scene->loop, &EVENTS, scene);
    cr_assert_eq(warden_set_resolvers(scene->warden, NULL, 0, &error), 0);
    take(scene);
}

static void settle(struct scene *scene)
{
    for (unsigned i = 0; i < 4; i++)
        loop_run_once(scene->loop);
}

static void wait_ms(struct scene *scene, uint64_t ms)
{
    struct timer_wheel *wheel = loop_timers(scene->loop);

    settle(scene);
    timer_wheel_advance(wheel, wheel->now_ms + ms);
    settle(scene);
}

static void scene_fini(struct scene *scene)
{
    warden_close(scene->warden);
    cr_expect_eq(asked.under_way, 0);
    cr_expect_eq(asked.resolvers, 0);
    cr_expect_eq(loop_timers(scene->loop)->queued, 0, "a timer is armed");
    cr_expect_eq(atomic_load(&scene->roster->refs), 1);
    roster_unref(scene->roster);
    loop_free(scene->loop);
    warden_free(scene->warden);
    text_fini(&scene->text);
    arena_fini(&scene->arena);
}

/* --- Answers */

/* "10.0.0.1", "::1"; of a service "10.0.0.1 8080 priority weight". */
static struct found_address found_of(const char *text)
{
    struct found_address found = {0};
    unsigned port = 0, priority = 0, weight = 0;
    char host[64];
    struct ip ip;

    cr_assert_geq(sscanf(text, "%63s %u %u %u", host, &port, &priority, &weight), 1);
    cr_assert(ip_parse(slice_str(host), &ip), "%s", host);
    found.address = address_from_ip(ip, (uint16_t)port);
    found.priority = (uint16_t)priority;
    found.weight = (uint16_t)weight;
    return found;
}

#define ANSWER(scene, name, ttl_ms, ...)                                                                     \
    answer((scene), (name), (ttl_ms), (const char *const[]){__VA_ARGS__, NULL})

static void answer(struct scene *scene, const char *name, uint64_t ttl_ms, const char *const *addresses)
{
    struct found_address found[FOUND_MAX];
    size_t count = 0;

    for (; addresses[count]; count++)
        found[count] = found_of(addresses[count]);
    lookup_answer(asked_for(name), &(struct lookup_answer){.found = found, .count = count, .ttl_ms = ttl_ms});
    settle(scene);
}

static void fails(struct scene *scene, const char *name, const char *reason, bool is_authoritative)
{
    lookup_answer(asked_for(name),
                  &(struct lookup_answer){.reason = reason, .is_authoritative = is_authoritative});
    settle(scene);
}

/* --- What is expected */

static void describe(struct text *text, const struct endpoint *endpoint)
{
    char address[ADDRESS_TEXT];

    for (size_t i = 0; i < endpoint->addresses_count; i++)
        text_printf(text, "%s%s", i ? "+" : "", address_describe(&endpoint->addresses[i], address));
    if (endpoint->weight != 1)
        text_printf(text, " x%u", endpoint->weight);
    if (endpoint->is_backup)
        text_printf(text, " backup");
}

/* "10.0.0.1:80, 10.0.0.2:80 x3 backup, 10.0.0.3:80+[::1]:80" */
static void expect_roster(struct scene *scene, const char *wanted)
{
    text_clear(&scene->text);
    text_add(&scene->text, SLICE(""));
    for (size_t i = 0; i < scene->roster->count; i++) {
        text_printf(&scene->text, "%s", i ? ", " : "");
        describe(&scene->text, &scene->roster->endpoints[i]);
    }
    cr_expect_str_eq(scene->text.data, wanted, "%s", scene->text.data);
}

static void expect_asked_after(struct scene *scene, uint64_t ms)
{
    cr_expect_eq(asked.under_way, 0);
    wait_ms(scene, ms - WHEEL_TICK_MS);
    cr_expect_eq(asked.under_way, 0, "sooner than %llu ms", (unsigned long long)ms);
    wait_ms(scene, 2 * WHEEL_TICK_MS);
    cr_expect_eq(asked.under_way, 1, "later than %llu ms", (unsigned long long)ms);
}

Test(names, are_looked_up_at_once_and_waited_for)
{
    struct scene scene;

    scene_init(&scene, "app.test:8080");
    cr_assert_eq(asked_for("app.test")->kind, LOOKUP_ADDRESSES);
    expect_roster(&scene, "");
    cr_assert(!scene.roster->is_settled);
    ANSWER(&scene, "app.test", 30000, "10.0.0.1", "10.0.0.2");
    cr_assert(scene.roster->is_settled);
    expect_roster(&scene, "10.0.0.1:8080, 10.0.0.2:8080");
    cr_expect_eq(scene.changes, 1);
    cr_expect_str_eq(scene.roster->endpoints[0].text.data, "app.test:8080 (10.0.0.1:8080)");
    scene_fini(&scene);
}

/* A host named "srv" has a dot for another reason. */
Test(names, with_a_last_dot_are_asked_for_as_full_ones)
{
    struct scene scene;

    scene_init(&scene, "app.test.:80 srv.:80 srv:_http._tcp.app.");
    cr_assert_not_null(asked_for("app.test."));
    cr_assert_not_null(asked_for("srv"));
    cr_assert_not_null(asked_for("_http._tcp.app."));
    scene_fini(&scene);
}

Test(names, leave_addresses_in_peace)
{
    struct scene scene;

    scene_init(&scene, "10.0.0.9:80 app.test:80");
    expect_roster(&scene, "10.0.0.9:80");
    cr_assert(!scene.roster->is_settled);
    cr_assert_eq(asked.times, 1);
    ANSWER(&scene, "app.test", 30000, "10.0.0.1");
    expect_roster(&scene, "10.0.0.9:80, 10.0.0.1:80");
    scene_fini(&scene);
}

Test(names, of_one_turn_are_told_once)
{
    struct scene scene;

    scene_init(&scene, "a.test:80 b.test:80");
    lookup_answer(asked_for("a.test"),
                  &(struct lookup_answer){
                      .found = (struct found_address[]){found_of("10.0.0.1")}, .count = 1, .ttl_ms = 1000});
    ANSWER(&scene, "b.test", 1000, "10.0.0.2");
    cr_expect_eq(scene.changes, 1);
    expect_roster(&scene, "10.0.0.1:80, 10.0.0.2:80");
    scene_fini(&scene);
}

/* --- When they are looked up again */

Test(names, are_looked_up_again_when_their_ttl_is_over)
{
    static const struct {
        uint64_t ttl_ms, again_ms;
    } rows[] = {{30000, 30000}, {0, 1000}, {999, 1000}, {1008, 1008}, {300000, 300000}, {86400000, 300000}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;

        scene_init(&scene, "app.test:80");
        ANSWER(&scene, "app.test", rows[i].ttl_ms, "10.0.0.1");
        expect_asked_after(&scene, rows[i].again_ms);
        scene_fini(&scene);
    }
}

Test(names, that_failed_are_looked_up_again_soon_and_then_less_often)
{
    static const uint64_t delays_ms[] = {1000, 2000, 4000, 5000, 5000};
    struct scene scene;

    scene_init(&scene, "app.test:80");
    for (unsigned i = 0; i < ARRAY_LEN(delays_ms); i++) {
        fails(&scene, "app.test", "the name servers did not answer in time", i == 1);
        cr_expect(scene.roster->is_settled, "answered, if not well");
        expect_asked_after(&scene, delays_ms[i]);
    }
    cr_expect_str_eq(scene.roster->why_empty.data, "the name servers did not answer in time");
    cr_expect_eq(scene.changes, 1, "%u", scene.changes);
    ANSWER(&scene, "app.test", 30000, "10.0.0.1");
    expect_roster(&scene, "10.0.0.1:80");
    cr_expect_eq(scene.changes, 2);
    scene_fini(&scene);
}

/* --- What changes */

Test(names, whose_addresses_stay_change_nothing)
{
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "10.0.0.1", "10.0.0.2", "10.0.0.3");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.3", "10.0.0.1", "10.0.0.2");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 5000, "10.0.0.2", "10.0.0.3", "10.0.0.1");
    cr_expect_eq(scene.changes, 1, "in whichever order they come");
    expect_asked_after(&scene, 5000);
    scene_fini(&scene);
}

Test(names, that_move_keep_the_standing_of_who_stays)
{
    struct standing *goes, *stays;
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "10.0.0.1", "10.0.0.2");
    goes = standing_ref(scene.roster->endpoints[0].standing);
    stays = scene.roster->endpoints[1].standing;
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.2", "10.0.0.3");
    expect_roster(&scene, "10.0.0.2:80, 10.0.0.3:80");
    cr_expect_eq(scene.changes, 2);
    cr_expect_eq(scene.roster->endpoints[0].standing, stays);
    cr_expect_neq(scene.roster->endpoints[1].standing, goes);
    cr_expect_null(goes->watched_by);
    cr_expect_eq(atomic_load(&goes->refs), 1);
    standing_unref(goes);
    scene_fini(&scene);
}

Test(names, that_the_servers_do_not_tell_keep_their_addresses)
{
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "10.0.0.1");
    wait_ms(&scene, 1000);
    for (unsigned i = 0; i < 3; i++) {
        fails(&scene, "app.test", "SERVFAIL", false);
        wait_ms(&scene, 1000u << i);
    }
    expect_roster(&scene, "10.0.0.1:80");
    cr_expect_eq(scene.changes, 1);
    ANSWER(&scene, "app.test", 1000, "10.0.0.1");
    cr_expect_eq(scene.changes, 1, "as it was");
    scene_fini(&scene);
}

/* One family's servers fail, the other's answer: of that one there are no more than they say. */
Test(names, that_are_told_in_part_keep_the_family_that_is_not_told)
{
    struct scene scene;
    const struct lookup_answer part = {
        .found = (struct found_address[]){found_of("10.0.0.2"), found_of("10.0.0.3")},
        .count = 2,
        .ttl_ms = 30000,
        .lacks_ipv6 = true};

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "10.0.0.1", "10.0.0.2", "::1", "::2");
    wait_ms(&scene, 1000);
    lookup_answer(asked_for("app.test"), &part);
    settle(&scene);
    expect_roster(&scene, "10.0.0.2:80, 10.0.0.3:80, [::1]:80, [::2]:80");
    expect_asked_after(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.3");
    expect_roster(&scene, "10.0.0.3:80");
    scene_fini(&scene);
}

Test(names, that_are_said_not_to_be_have_no_address_any_more)
{
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "10.0.0.1");
    wait_ms(&scene, 1000);
    fails(&scene, "app.test", "no such name (NXDOMAIN)", true);
    expect_roster(&scene, "");
    cr_expect(scene.roster->is_settled);
    cr_expect_str_eq(scene.roster->why_empty.data, "no such name (NXDOMAIN)");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.2");
    expect_roster(&scene, "10.0.0.2:80");
    cr_expect_eq(scene.changes, 3);
    scene_fini(&scene);
}

/* People look for the reason that holds now. */
Test(names, without_addresses_tell_the_last_reason)
{
    struct scene scene;

    scene_init(&scene, "app.test:80");
    fails(&scene, "app.test", "the name servers did not answer in time", false);
    wait_ms(&scene, 1000);
    fails(&scene, "app.test", "no such name (NXDOMAIN)", true);
    cr_expect_str_eq(scene.roster->why_empty.data, "no such name (NXDOMAIN)");
    scene_fini(&scene);
}

/* --- Families */

Test(names, of_one_address_in_each_family_are_one_endpoint)
{
    struct standing *standing;
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "::1", "10.0.0.1");
    expect_roster(&scene, "10.0.0.1:80+[::1]:80");
    standing = scene.roster->endpoints[0].standing;
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.1");
    expect_roster(&scene, "10.0.0.1:80");
    cr_expect_eq(scene.roster->endpoints[0].standing, standing, "the same host");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "app.test", 1000, "10.0.0.1", "::1", "::2");
    expect_roster(&scene, "10.0.0.1:80, [::1]:80, [::2]:80");
    scene_fini(&scene);
}

Test(names, of_two_addresses_in_one_family_are_two_endpoints)
{
    struct scene scene;

    scene_init(&scene, "app.test:80");
    ANSWER(&scene, "app.test", 1000, "::2", "::1");
    expect_roster(&scene, "[::1]:80, [::2]:80");
    scene_fini(&scene);
}

/* --- Services */

Test(names, of_services_have_ports_weights_and_those_that_stand_by)
{
    struct scene scene;

    scene_init(&scene, "srv:_http._tcp.app.test");
    cr_assert_eq(asked_for("_http._tcp.app.test")->kind, LOOKUP_SERVICE);
    ANSWER(&scene, "_http._tcp.app.test", 1000, "10.0.0.1 8001 10 3", "10.0.0.2 8002 10 0",
           "10.0.0.3 8003 20 5");
    expect_roster(&scene, "10.0.0.1:8001 x3, 10.0.0.2:8002, 10.0.0.3:8003 x5 backup");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "_http._tcp.app.test", 1000, "10.0.0.3 8003 20 5");
    expect_roster(&scene, "10.0.0.3:8003 x5");
    scene_fini(&scene);
}

Test(names, of_services_multiply_the_targets_weight_up_to_a_bound)
{
    struct scene scene;

    scene_init(&scene, "srv:_http._tcp.app.test");
    scene.targets[0].weight = 1000;
    scene.targets[0].is_backup = true;
    take(&scene);
    ANSWER(&scene, "_http._tcp.app.test", 1000, "10.0.0.1 80 0 2", "10.0.0.2 80 0 65535", "10.0.0.3 80 1 1");
    expect_roster(&scene, "10.0.0.1:80 x2000 backup, 10.0.0.2:80 x1000000 backup, 10.0.0.3:80 x1000 backup");
    scene_fini(&scene);
}

/* Of a service one IPv4 and one IPv6 address may be two hosts. */
Test(names, of_services_are_never_one_endpoint)
{
    struct scene scene;

    scene_init(&scene, "srv:_http._tcp.app.test");
    ANSWER(&scene, "_http._tcp.app.test", 1000, "10.0.0.1 80 0 1", "::1 80 0 1");
    expect_roster(&scene, "10.0.0.1:80, [::1]:80");
    wait_ms(&scene, 1000);
    ANSWER(&scene, "_http._tcp.app.test", 1000, "10.0.0.1 80 0 1", "::1 80 0 2");
    expect_roster(&scene, "10.0.0.1:80, [::1]:80 x2");
    cr_expect_eq(scene.changes, 2, "another weight is a change");
    scene_fini(&scene);
}

/* --- Reloads */

Test(names, taken_anew_keep_their_answers)
{
    struct scene scene;

    scene_init(&scene, "a.test:80 b.test:80");
    ANSWER(&scene, "a.test", 5000, "10.0.0.1");
    take(&scene);
    cr_assert_eq(asked.times, 2, "nothing is asked again");
    expect_roster(&scene, "10.0.0.1:80");
    cr_expect(!scene.roster->is_settled);
    ANSWER(&scene, "b.test", 5000, "10.0.0.2");
    expect_roster(&scene, "10.0.0.1:80, 10.0.0.2:80");
    scene.pool.count = 1;
    take(&scene);
    expect_roster(&scene, "10.0.0.1:80");
    cr_expect(scene.roster->is_settled);
    expect_asked_after(&scene, 5000);
    scene_fini(&scene);
}

Test(names, in_another_order_keep_their_own_answers)
{
    struct pool_target others[2];
    struct scene scene;

    scene_init(&scene, "a.test:80 b.test:81");
    ANSWER(&scene, "a.test", 5000, "10.0.0.1");
    ANSWER(&scene, "b.test", 5000, "10.0.0.2");
    others[0] = scene.targets[1];
    others[1] = scene.targets[0];
    scene.pool.targets = others;
    take(&scene);
    expect_roster(&scene, "10.0.0.2:81, 10.0.0.1:80");
    cr_expect_eq(asked.times, 2);
    scene_fini(&scene);
}

Test(names, that_are_no_more_are_not_asked_for_any_more)
{
    struct scene scene;

    scene_init(&scene, "a.test:80 b.test:80");
    scene.pool.count = 1;
    take(&scene);
    cr_expect_eq(asked.under_way, 1);
    asked_for("a.test");
    scene_fini(&scene);
}

Test(names, that_stand_twice_are_two_targets)
{
    struct scene scene;

    scene_init(&scene, "app.test:80 app.test:81");
    ANSWER(&scene, "app.test", 5000, "10.0.0.1");
    expect_roster(&scene, "10.0.0.1:80");
    ANSWER(&scene, "app.test", 5000, "10.0.0.1");
    expect_roster(&scene, "10.0.0.1:80, 10.0.0.1:81");
    take(&scene);
    expect_roster(&scene, "10.0.0.1:80, 10.0.0.1:81");
    cr_expect_eq(asked.times, 2);
    scene_fini(&scene);
}

Test(names, are_asked_for_anew_where_other_servers_are_named)
{
    const struct address servers[] = {found_of("10.9.9.9 53").address};
    struct error error;
    struct scene scene;

    scene_init(&scene, "a.test:80 b.test:80");
    ANSWER(&scene, "a.test", 5000, "10.0.0.1");
    cr_assert_eq(warden_set_resolvers(scene.warden, NULL, 0, &error), 0);
    cr_expect_eq(asked.times, 2, "they are the same");
    cr_assert_eq(warden_set_resolvers(scene.warden, servers, 1, &error), 0);
    cr_expect_eq(asked.times, 4);
    cr_expect_eq(asked.under_way, 2);
    cr_expect_eq(asked.resolvers, 1);
    cr_assert_eq(warden_set_resolvers(scene.warden, servers, 1, &error), 0);
    cr_expect_eq(asked.times, 4);
    wait_ms(&scene, 10000);
    cr_expect_eq(asked.times, 4, "the old answer's time does not count");
    ANSWER(&scene, "a.test", 5000, "10.0.0.2");
    ANSWER(&scene, "b.test", 5000, "10.0.0.3");
    expect_roster(&scene, "10.0.0.2:80, 10.0.0.3:80");
    scene_fini(&scene);
}
