#include "proxy/departures.h"

#include "backends/occupancy.h"
#include "base/mem.h"
#include "proxy/lease.h"
#include "proxy/snapshot.h"

/* What is over, but still connecting, is looked at again after so long: a try has a limit of its own. */
enum { AGAIN_MS = 100 };

static void on_due(struct timer *timer);

void departures_init(struct departures *departures)
{
    timer_init(&departures->timer, on_due);
}

static struct loop *loop_of(const struct lease *lease)
{
    return back_office_loop(lease->desks->office);
}

void departures_fini(struct lease *lease)
{
    if (!lease->departures.since_ms)
        return;
    loop_cancel(loop_of(lease), &lease->departures.timer);
    mem_free(lease->departures.since_ms);
}

/* ---- how long is left ---- */

static uint64_t route_left_ms(const struct lease *lease, const struct acquisition *acquisition)
{
    const struct departures *departures = &lease->departures;
    const struct timeouts *timeouts = &lease->snapshot->timeouts;
    const uint64_t most_ms = acquisition->is_tunnel ? timeouts->drain_tunnels : timeouts->drain;
    const uint64_t since_ms = departures->since_ms ? departures->since_ms[acquisition->route] : 0;
    uint64_t age_ms;

    if (since_ms == 0 || most_ms == SETTING_NONE)
        return TIMER_NEVER;
    age_ms = loop_now_ms(loop_of(lease)) - since_ms;
    return age_ms >= most_ms ? 0 : most_ms - age_ms;
}

uint64_t departures_left_ms(const struct lease *lease, const struct acquisition *acquisition)
{
    return MIN(route_left_ms(lease, acquisition), occupancy_left_ms(acquisition));
}

/* ---- the ends ---- */

struct round {
    struct lease *lease;
    const struct snapshot *newest;
    uint64_t due_ms;
};

static void look_when(void *argument, struct acquisition *acquisition)
{
    struct round *round = argument;

    round->due_ms = MIN(round->due_ms, route_left_ms(round->lease, acquisition));
}

static void arm(struct lease *lease, uint64_t least_ms)
{
    struct round round = {.lease = lease, .due_ms = TIMER_NEVER};

    if (!lease->departures.since_ms)
        return;
    occupancy_each(lease->desks, look_when, &round);
    loop_arm(loop_of(lease), &lease->departures.timer, MAX(round.due_ms, least_ms));
}

static void end_if_due(void *argument, struct acquisition *acquisition)
{
    const struct round *round = argument;

    if (route_left_ms(round->lease, acquisition) == 0)
        occupancy_take_out(acquisition);
}

/* The last one that ends would free the lease. */
static void on_due(struct timer *timer)
{
    struct lease *lease = lease_take(CONTAINER_OF(timer, struct lease, departures.timer));
    struct round round = {.lease = lease};

    occupancy_each(lease->desks, end_if_due, &round);
    arm(lease, AGAIN_MS);
    lease_drop(lease);
}

/* ---- which go ---- */

static void note(struct lease *lease, const struct snapshot *newest, uint32_t route)
{
    struct departures *departures = &lease->departures;
    const struct slice id = lease->snapshot->actions[route].id;

    if (map_get(&newest->routes, id) != MAP_NONE) {
        if (departures->since_ms)
            departures->since_ms[route] = 0;
        return;
    }
    if (!departures->since_ms)
        departures->since_ms = mem_new_n(uint64_t, lease->snapshot->actions_count);
    if (departures->since_ms[route] == 0)
        departures->since_ms[route] = loop_now_ms(loop_of(lease));
}

static void note_user(void *argument, struct acquisition *acquisition)
{
    const struct round *round = argument;

    note(round->lease, round->newest, acquisition->route);
}

void departures_note(struct lease *lease, const struct snapshot *newest)
{
    struct round round = {.lease = lease, .newest = newest};

    occupancy_each(lease->desks, note_user, &round);
    arm(lease, 0);
}

void departures_note_route(struct lease *lease, const struct snapshot *newest, uint32_t route)
{
    note(lease, newest, route);
    arm(lease, 0);
}
