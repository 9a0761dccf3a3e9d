/* Checks with the real prober at servers that the test plays, and what requests report; the clock is the test's.
 * Names are tests/sim_names' matter. */
#include "backends/warden.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/places.h"
#include "unit/backends/offices.h"

enum { SERVERS_MAX = 4, INTERVAL_MS = 1000, EJECT_MS = 10000 };

static const struct pool RULES = {
    .key = SLICE("@pool"),
    .health = {.is_on = true,
               .path = SLICE("/up"),
               .status_min = 200,
               .status_max = 399,
               .interval_ms = INTERVAL_MS,
               .timeout_ms = 500,
               .rise = 2,
               .fall = 3},
    .outlier = {.connect_failures = 3, .eject_ms = EJECT_MS, .eject_max_ms = 60000},
};

/* One listening server an endpoint; it answers each check with its status. */
struct checked {
    struct server server;
    int status;
    size_t checks; /* answered, and the connection ended */
};

struct scene {
    struct office *office;
    struct checked servers[SERVERS_MAX];
    size_t count;
    struct pool_target targets[SERVERS_MAX];
    struct pool pool;
    struct roster *roster;
    struct warden *warden;
    unsigned changes;
    struct roster *told; /* by the last change */
};

static void on_changed(void *owner, const struct pool *pool, struct roster *roster)
{
    struct scene *scene = owner;

    cr_expect_eq(pool, &scene->pool);
    scene->changes++;
    scene->told = roster;
}

/* The pools of a test live until its end. */
static void on_held(void *pools_owner)
{
}

static const struct warden_events EVENTS = {.hold = on_held, .let_go = on_held, .changed = on_changed};

/* The pools of another snapshot. */
static void take(struct scene *scene)
{
    struct roster *before = scene->roster;

    warden_take(scene->warden, NULL, &scene->pool, 1, &scene->roster);
    roster_unref(before);
}

static void scene_init(struct scene *scene, size_t count, const struct pool *rules)
{
    *scene = (struct scene){.office = office_new(), .count = count, .pool = *rules};
    for (size_t i = 0; i < count; i++) {
        server_open(&scene->servers[i].server, 16);
        scene->servers[i].status = 200;
        scene->targets[i] = office_server_endpoint(scene->office, &scene->servers[i].server);
    }
    scene->pool.targets = scene->targets;
    scene->pool.count = count;
    scene->warden = warden_new(scene->office->loop, &EVENTS, scene);
    warden_set_secret(scene->warden, SLICE("a secret"));
    take(scene);
}

static void scene_fini(struct scene *scene)
{
    warden_close(scene->warden);
    for (size_t i = 0; scene->roster && i < scene->roster->count; i++)
        cr_expect_null(scene->roster->endpoints[i].standing->watched_by);
    roster_unref(scene->roster);
    for (size_t i = 0; i < scene->count; i++)
        server_close(&scene->servers[i].server);
    office_free(scene->office);
    warden_free(scene->warden);
}

static bool has_ended(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);

    return got == 0 || (got < 0 && errno != EAGAIN);
}

static void serve_conn(struct checked *checked, size_t conn)
{
    char heard[1024], answer[64];

    if (checked->server.conns[conn] < 0)
        return;
    if (server_hears(&checked->server, conn, heard, sizeof(heard))) {
        snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", checked->status);
        server_says(&checked->server, conn, answer);
    } else if (has_ended(checked->server.conns[conn])) {
        close(checked->server.conns[conn]);
        checked->server.conns[conn] = -1;
        checked->checks++;
    }
}

/* @return whether each server has answered that many checks */
static bool serve(struct scene *scene, size_t checks)
{
    bool is_done = true;

    for (size_t i = 0; i < scene->count; i++) {
        struct checked *checked = &scene->servers[i];

        server_accept(&checked->server);
        for (size_t conn = 0; conn < checked->server.count; conn++)
            serve_conn(checked, conn);
        is_done &= checked->checks >= checks;
    }
    return is_done;
}

/* One check of each endpoint, from its beginning to its end. */
static void check_all(struct scene *scene)
{
    size_t checks = scene->servers[0].checks + 1;

    office_wait(scene->office, INTERVAL_MS + INTERVAL_MS / 10 + WHEEL_TICK_MS);
    OFFICE_UNTIL(scene->office, serve(scene, checks));
    office_settle(scene->office);
    for (size_t i = 0; i < scene->count; i++)
        cr_assert_eq(scene->servers[i].checks, checks, "%zu", i);
}

static char state_of(const struct scene *scene, size_t i)
{
    static const char LETTERS[] = {[STANDING_UP] = 'u', [STANDING_DOWN] = 'd', [STANDING_EJECTED] = 'e'};

    return LETTERS[atomic_load(&scene->roster->endpoints[i].standing->state)];
}

static void expect_states(const struct scene *scene, const char *states, const char *when)
{
    char found[SERVERS_MAX + 1] = "";

    for (size_t i = 0; i < scene->roster->count; i++)
        found[i] = state_of(scene, i);
    cr_expect_str_eq(found, states, "%s: %s", when, found);
}

/* --- Checks */

Test(warden, takes_all_to_be_up_until_the_first_check_which_decides)
{
    struct scene scene;

    scene_init(&scene, 2, &RULES);
    expect_states(&scene, "uu", "at first");
    cr_assert(scene.roster->is_settled);
    scene.servers[1].status = 503;
    check_all(&scene);
    expect_states(&scene, "ud", "after the first check");
    cr_expect_eq(scene.changes, 1);
    cr_expect_eq(scene.told, scene.roster, "the same endpoints are the same roster");
    scene_fini(&scene);
}

Test(warden, goes_by_rise_and_fall)
{
    struct scene scene;

    scene_init(&scene, 2, &RULES);
    check_all(&scene);
    scene.servers[0].status = 500;
    for (unsigned i = 1; i < RULES.health.fall; i++) {
        check_all(&scene);
        expect_states(&scene, "uu", "not yet");
    }
    check_all(&scene);
    expect_states(&scene, "du", "after fall bad ones");
    scene.servers[0].status = 204;
    check_all(&scene);
    expect_states(&scene, "du", "one good one");
    scene.servers[0].status = 500;
    check_all(&scene);
    scene.servers[0].status = 204;
    check_all(&scene);
    expect_states(&scene, "du", "it begins anew");
    check_all(&scene);
    expect_states(&scene, "uu", "after rise good ones");
    cr_expect_eq(scene.changes, 2);
    cr_expect_eq(atomic_load(&scene.roster->endpoints[0].standing->up_since_ms),
                 loop_now_ms(scene.office->loop));
    scene_fini(&scene);
}

Test(warden, finds_that_nothing_listens)
{
    struct pool rules = RULES;
    struct scene scene;

    rules.health.path = SLICE("");
    scene_init(&scene, 2, &rules);
    server_close(&scene.servers[1].server);
    office_wait(scene.office, WHEEL_TICK_MS);
    OFFICE_UNTIL(scene.office, state_of(&scene, 1) == 'd');
    expect_states(&scene, "ud", "a connection is enough");
    server_bind_only(&scene.servers[1].server);
    scene_fini(&scene);
}

Test(warden, whose_checks_are_switched_off_has_nobody_down)
{
    struct scene scene;

    scene_init(&scene, 2, &RULES);
    scene.servers[0].status = scene.servers[1].status = 503;
    check_all(&scene);
    expect_states(&scene, "dd", "checked");
    scene.pool.health.is_on = false;
    take(&scene);
    office_settle(scene.office);
    expect_states(&scene, "uu", "not checked any more");
    cr_expect_eq(scene.told, scene.roster);
    office_wait(scene.office, 10 * INTERVAL_MS);
    server_accept(&scene.servers[0].server);
    serve(&scene, 0);
    cr_expect_eq(scene.servers[0].checks, 1, "nobody asks it");
    scene_fini(&scene);
}

/* A reload, with one target less and in another order. */
Test(warden, knows_its_endpoints_again)
{
    struct standing *standing;
    struct pool_target last;
    struct scene scene;
    struct pool other;

    scene_init(&scene, 3, &RULES);
    scene.servers[2].status = 503;
    check_all(&scene);
    expect_states(&scene, "uud", "checked");
    standing = standing_ref(scene.roster->endpoints[2].standing);
    last = scene.targets[2];
    scene.targets[2] = scene.targets[1];
    scene.targets[0] = last;
    scene.targets[1] = scene.targets[2];
    scene.pool.count = 2;
    take(&scene);
    cr_assert_eq(scene.roster->count, 2);
    expect_states(&scene, "du", "it is known by its identity");
    cr_expect_eq(scene.roster->endpoints[0].standing, standing);
    other = scene.pool;
    other.key = SLICE("@other");
    roster_unref(scene.roster);
    warden_take(scene.warden, NULL, &other, 1, &scene.roster);
    expect_states(&scene, "uu", "another pool knows nothing of it");
    cr_expect_null(standing->watched_by);
    standing_unref(standing);
    scene_fini(&scene);
}

/* While one is under way. */
Test(warden, of_a_pool_that_goes_ends_its_checks)
{
    struct scene scene;
    char heard[1024];

    scene_init(&scene, 1, &RULES);
    office_wait(scene.office, WHEEL_TICK_MS);
    OFFICE_UNTIL(scene.office, (server_accept(&scene.servers[0].server), scene.servers[0].server.count == 1));
    OFFICE_UNTIL(scene.office, server_hears(&scene.servers[0].server, 0, heard, sizeof(heard)));
    cr_expect(strstr(heard, "GET /up HTTP/1.1\r\n"), "%s", heard);
    warden_take(scene.warden, NULL, NULL, 0, NULL);
    OFFICE_UNTIL(scene.office, has_ended(scene.servers[0].server.conns[0]));
    office_wait(scene.office, 10 * INTERVAL_MS);
    server_accept(&scene.servers[0].server);
    cr_expect_eq(scene.servers[0].server.count, 1);
    cr_expect_eq(scene.changes, 0);
    scene_fini(&scene);
}

Test(warden, taken_anew_while_a_check_is_under_way_lets_it_end)
{
    struct scene scene;

    scene_init(&scene, 1, &RULES);
    scene.servers[0].status = 503;
    office_wait(scene.office, WHEEL_TICK_MS);
    OFFICE_UNTIL(scene.office, (server_accept(&scene.servers[0].server), scene.servers[0].server.count == 1));
    take(&scene);
    expect_states(&scene, "u", "it was not answered");
    OFFICE_UNTIL(scene.office, serve(&scene, 1) && state_of(&scene, 0) == 'd');
    cr_expect_eq(scene.servers[0].server.count, 1, "nothing was asked again");
    scene_fini(&scene);
}

Test(warden, closed_while_checks_are_under_way_ends_them)
{
    struct scene scene;

    scene_init(&scene, 3, &RULES);
    office_wait(scene.office, WHEEL_TICK_MS);
    OFFICE_UNTIL(scene.office, (server_accept(&scene.servers[0].server), scene.servers[0].server.count == 1));
    warden_report(scene.warden, scene.roster->endpoints[0].standing, OUTLIER_CONNECT);
    warden_tell(scene.warden, scene.roster->endpoints[1].standing);
    scene_fini(&scene);
}

/* --- Reports */

static struct pool unchecked(void)
{
    struct pool rules = RULES;

    rules.health = (struct pool_health){0};
    return rules;
}

static void report(struct scene *scene, size_t i)
{
    warden_report(scene->warden, scene->roster->endpoints[i].standing, OUTLIER_CONNECT);
    office_settle(scene->office);
}

Test(warden, ejects_one_that_was_reported_and_takes_it_back)
{
    const struct pool rules = unchecked();
    struct scene scene;

    scene_init(&scene, 2, &rules);
    report(&scene, 1);
    expect_states(&scene, "ue", "reported");
    cr_expect_eq(scene.changes, 1);
    office_wait(scene.office, EJECT_MS - 2 * WHEEL_TICK_MS);
    expect_states(&scene, "ue", "not yet");
    office_wait(scene.office, 3 * WHEEL_TICK_MS);
    expect_states(&scene, "uu", "its time is over");
    cr_expect_eq(scene.changes, 2);
    cr_expect_neq(atomic_load(&scene.roster->endpoints[1].standing->up_since_ms), 0, "it starts slowly");
    report(&scene, 1);
    office_wait(scene.office, EJECT_MS + WHEEL_TICK_MS);
    expect_states(&scene, "ue", "twice as long");
    office_wait(scene.office, EJECT_MS + WHEEL_TICK_MS);
    expect_states(&scene, "uu", "over again");
    scene_fini(&scene);
}

Test(warden, never_ejects_more_than_half_while_the_others_do_well)
{
    const struct pool rules = unchecked();
    struct scene scene;

    scene_init(&scene, 4, &rules);
    report(&scene, 0);
    report(&scene, 1);
    report(&scene, 2);
    expect_states(&scene, "eeuu", "three of four");
    office_wait(scene.office, EJECT_MS + WHEEL_TICK_MS);
    expect_states(&scene, "uuuu", "later");
    scene_fini(&scene);
}

Test(warden, ejects_nobody_who_is_alone)
{
    struct pool rules = unchecked();
    struct scene scene;

    rules.max_connections = 10; /* else it would need no warden */
    scene_init(&scene, 1, &rules);
    report(&scene, 0);
    expect_states(&scene, "u", "alone");
    cr_expect_eq(scene.changes, 0);
    scene_fini(&scene);
}

/* The ejection, and when it ends, live on. */
Test(warden, taken_anew_remembers_an_ejection)
{
    const struct pool rules = unchecked();
    struct scene scene;

    scene_init(&scene, 2, &rules);
    report(&scene, 0);
    office_wait(scene.office, EJECT_MS / 2);
    take(&scene);
    expect_states(&scene, "eu", "taken anew");
    office_wait(scene.office, EJECT_MS / 2 + WHEEL_TICK_MS);
    expect_states(&scene, "uu", "its time is over");
    scene_fini(&scene);
}

/* Reports come from other threads, when they come. */
Test(warden, of_one_that_is_gone_reports_do_not_matter)
{
    const struct pool rules = unchecked();
    struct standing *standing;
    struct scene scene;

    scene_init(&scene, 2, &rules);
    standing = standing_ref(scene.roster->endpoints[1].standing);
    warden_report(scene.warden, standing, OUTLIER_CONNECT);
    warden_tell(scene.warden, standing);
    warden_take(scene.warden, NULL, NULL, 0, NULL);
    office_settle(scene.office);
    cr_expect_eq(atomic_load(&standing->state), STANDING_UP);
    cr_expect_eq(scene.changes, 0);
    standing_unref(standing);
    scene_fini(&scene);
}

Test(warden, tells_on_whoever_must_look_again)
{
    const struct pool rules = unchecked();
    struct scene scene;

    scene_init(&scene, 2, &rules);
    warden_tell(scene.warden, scene.roster->endpoints[0].standing);
    warden_tell(scene.warden, scene.roster->endpoints[1].standing);
    office_settle(scene.office);
    cr_expect_eq(scene.changes, 1, "once a turn");
    cr_expect_eq(scene.told, scene.roster);
    scene_fini(&scene);
}

/* --- What is in a roster */

Test(warden, keeps_places_while_their_number_stays)
{
    struct pool rules = unchecked();
    struct places *places;
    struct scene scene;

    rules.max_connections = 10;
    scene_init(&scene, 1, &rules);
    places = scene.roster->places;
    cr_assert_not_null(places);
    places_ref(places);
    take(&scene);
    cr_expect_eq(scene.roster->places, places);
    scene.pool.max_connections = 11;
    take(&scene);
    cr_expect_neq(scene.roster->places, places);
    places_unref(places);
    scene_fini(&scene);
}

Test(warden, gives_tags_that_stay)
{
    struct pool rules = unchecked();
    struct slice first, second;
    char copy[33] = "";
    struct scene scene;

    rules.sticky = SLICE("server");
    scene_init(&scene, 2, &rules);
    first = scene.roster->endpoints[0].tag;
    second = scene.roster->endpoints[1].tag;
    cr_assert_eq(first.len, 32);
    cr_assert(!slice_eq(first, second));
    cr_expect_eq(map_get(&scene.roster->by_tag, second), 1);
    memcpy(copy, first.data, first.len);
    take(&scene);
    cr_expect(slice_eq(scene.roster->endpoints[0].tag, slice_str(copy)));
    warden_set_secret(scene.warden, SLICE("another secret"));
    take(&scene);
    cr_expect(!slice_eq(scene.roster->endpoints[0].tag, slice_str(copy)));
    scene_fini(&scene);
}
