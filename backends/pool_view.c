#include "backends/pool_view.h"

#include "backends/health.h"
#include "backends/warden.h"
#include "base/mem.h"
#include "base/text.h"

/* A slow start goes up in steps. */
enum { SLOW_START_STEPS = 20, SLOW_START_STEP_MIN_MS = 50 };

static void on_drain(struct timer *timer);

/* A pool with max_connections counts its connections: it neither uses those of others nor lends them its own. */
static struct worker_endpoint *home_of(const struct pool_view *view, const struct endpoint *endpoint)
{
    struct worker_endpoint *home;
    struct text identity = {0};

    if (!view->roster->places)
        return back_office_use(view->office, endpoint->identity);
    text_printf(&identity, "%.*s\nof %.*s", FMT_SLICE(endpoint->identity), FMT_SLICE(view->pool->key));
    home = back_office_use(view->office, text_slice(&identity));
    text_fini(&identity);
    return home;
}

struct pool_view *pool_view_new(struct back_office *office, const struct pool *pool, struct roster *roster)
{
    struct pool_view *view = mem_new(struct pool_view);

    roster_ref(roster);
    view->pool = pool;
    view->roster = roster;
    view->office = office;
    view->users = 1;
    timer_init(&view->drain, on_drain);
    view->drain_ms[false] = pool->drain_ms;
    view->drain_ms[true] = pool->drain_tunnels_ms;
    view->endpoints = mem_new_n(struct view_endpoint, roster->count);
    for (size_t i = 0; i < roster->count; i++) {
        view->endpoints[i].home = home_of(view, &roster->endpoints[i]);
        list_init(&view->endpoints[i].occupants);
    }
    if (roster->count > 1)
        view->balance = balance_new(pool->balance, back_office_seed(office));
    pool_view_refresh(view);
    return view;
}

void pool_view_ref(struct pool_view *view)
{
    view->users++;
}

static void pool_view_free(struct pool_view *view)
{
    for (size_t i = 0; i < view->roster->count; i++)
        back_office_unuse(view->endpoints[i].home);
    list_remove(&view->link);
    loop_cancel(back_office_loop(view->office), &view->drain);
    balance_free(view->balance);
    roster_unref(view->roster);
    mem_free(view->endpoints);
    mem_free(view);
}

void pool_view_unref(struct pool_view *view)
{
    if (view && --view->users == 0)
        pool_view_free(view);
}

/* ---- who can be used ---- */

static enum standing_state state_of(const struct endpoint *endpoint)
{
    return endpoint->standing
               ? (enum standing_state)atomic_load_explicit(&endpoint->standing->state, memory_order_acquire)
               : STANDING_UP;
}

static size_t count_those(const struct roster *roster, enum standing_state state, bool is_backup)
{
    size_t count = 0;

    for (size_t i = 0; i < roster->count; i++)
        count += state_of(&roster->endpoints[i]) == state && roster->endpoints[i].is_backup == is_backup;
    return count;
}

/* Best first. What requests met counts for less than what checks say: its time runs out by itself. */
static const struct preference {
    enum standing_state state;
    bool is_backup;
} PREFERENCES[] = {
    {STANDING_UP, false},     {STANDING_UP, true},    {STANDING_EJECTED, false},
    {STANDING_EJECTED, true}, {STANDING_DOWN, false}, {STANDING_DOWN, true},
};

static struct preference best_of(const struct roster *roster)
{
    for (size_t i = 0; i < ARRAY_LEN(PREFERENCES); i++) {
        if (count_those(roster, PREFERENCES[i].state, PREFERENCES[i].is_backup))
            return PREFERENCES[i];
    }
    return PREFERENCES[0];
}

/* An endpoint that came back lately is given its share bit by bit. */
static uint32_t weight_now(struct pool_view *view, const struct endpoint *endpoint, uint64_t now_ms)
{
    const uint64_t slow_start_ms = view->pool->slow_start_ms;
    uint64_t since_ms =
        endpoint->standing ? atomic_load_explicit(&endpoint->standing->up_since_ms, memory_order_relaxed) : 0;

    if (!slow_start_ms || !since_ms || now_ms >= since_ms + slow_start_ms)
        return endpoint->weight * BALANCE_WEIGHT_ONE;
    view->refresh_at_ms = MIN(view->refresh_at_ms, now_ms + MAX(slow_start_ms / SLOW_START_STEPS,
                                                                (uint64_t)SLOW_START_STEP_MIN_MS));
    return health_slow_start(endpoint->weight, since_ms, slow_start_ms, now_ms);
}

static void give_up_idle(struct pool_view *view)
{
    const struct roster *roster = view->roster;

    for (size_t i = 0; i < roster->count; i++) {
        if (places_are_taken(roster->places, roster->endpoints[i].standing))
            idle_conns_drop(&view->endpoints[i].home->idle);
    }
}

void pool_view_refresh(struct pool_view *view)
{
    const struct roster *roster = view->roster;
    const struct preference best = best_of(roster);
    const uint64_t now_ms = loop_now_ms(back_office_loop(view->office));
    struct balance_candidate *candidates = mem_new_n(struct balance_candidate, roster->count);
    size_t count = 0;

    view->is_degraded = best.state != STANDING_UP;
    view->refresh_at_ms = UINT64_MAX;
    for (size_t i = 0; i < roster->count; i++) {
        const struct endpoint *endpoint = &roster->endpoints[i];
        struct view_endpoint *seen = &view->endpoints[i];

        seen->can_be_used = state_of(endpoint) == best.state && endpoint->is_backup == best.is_backup;
        if (seen->can_be_used)
            candidates[count++] = (struct balance_candidate){
                .index = (uint32_t)i,
                .slot = seen->home->slot,
                .weight = weight_now(view, endpoint, now_ms),
                .name = endpoint->name,
            };
    }
    if (view->balance)
        balance_set(view->balance, candidates, count);
    mem_free(candidates);
    if (roster->places && places_are_wanted(roster->places))
        give_up_idle(view);
}

/* ---- picking ---- */

struct choice {
    struct pool_view *view;
    const struct pool_question *question;
    bool met_full; /* one was left out for being full */
};

static bool was_tried(const struct pool_question *question, uint32_t index)
{
    for (size_t i = 0; i < question->tried_count; i++) {
        if (question->tried[i] == index)
            return true;
    }
    return false;
}

static bool has_idle(const struct choice *choice, uint32_t index)
{
    return choice->question->may_reuse && choice->view->endpoints[index].home->idle.count > 0;
}

static bool is_full(const struct choice *choice, uint32_t index)
{
    const struct roster *roster = choice->view->roster;

    return roster->places && !has_idle(choice, index) &&
           places_are_taken(roster->places, roster->endpoints[index].standing);
}

static bool may_take(void *owner, uint32_t index)
{
    struct choice *choice = owner;

    if (was_tried(choice->question, index))
        return false;
    if (!is_full(choice, index))
        return true;
    choice->met_full = true;
    return false;
}

/* The cookie's endpoint, unless it is down or was tried. */
static bool pick_by_tag(struct choice *choice, uint32_t *index)
{
    struct pool_view *view = choice->view;

    *index = choice->question->tag.len ? map_get(&view->roster->by_tag, choice->question->tag) : MAP_NONE;
    if (*index == MAP_NONE)
        return false;
    return (view->endpoints[*index].can_be_used ||
            (!view->is_degraded && state_of(&view->roster->endpoints[*index]) == STANDING_UP)) &&
           may_take(choice, *index);
}

/* When all that should be used was tried: whatever else there is, the well ones first. */
static bool pick_another(struct choice *choice, uint32_t *index)
{
    const struct roster *roster = choice->view->roster;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < roster->count; i++) {
            bool is_up = state_of(&roster->endpoints[i]) == STANDING_UP;

            if (!choice->view->endpoints[i].can_be_used && is_up == (pass == 0) && may_take(choice, i)) {
                *index = i;
                return true;
            }
        }
    }
    return false;
}

static bool pick(struct choice *choice, uint32_t *index)
{
    struct pool_view *view = choice->view;
    bool is_restricted = choice->question->tried_count || view->roster->places;
    struct balance_question question = {
        .key = choice->question->key,
        .in_use = back_office_in_use(view->office),
        .may_take = is_restricted ? may_take : NULL,
        .owner = choice,
    };

    if (pick_by_tag(choice, index))
        return true;
    if (!view->balance) {
        *index = 0;
        return view->roster->count && may_take(choice, 0);
    }
    *index = balance_pick(view->balance, &question);
    return *index != BALANCE_NONE || (!choice->met_full && pick_another(choice, index));
}

/* Workers may race for the last place. */
static bool take_place(const struct choice *choice, uint32_t index, struct place *place)
{
    const struct roster *roster = choice->view->roster;

    return !roster->places || has_idle(choice, index) ||
           place_take(place, roster->places, roster->endpoints[index].standing);
}

enum pool_answer pool_view_pick(struct pool_view *view, const struct pool_question *question, uint32_t *index,
                                struct place *place)
{
    struct choice choice = {view, question, false};

    if (view->refresh_at_ms != UINT64_MAX &&
        loop_now_ms(back_office_loop(view->office)) >= view->refresh_at_ms)
        pool_view_refresh(view);
    while (pick(&choice, index)) {
        if (take_place(&choice, *index, place))
            return POOL_PICKED;
    }
    return choice.met_full ? POOL_FULL : POOL_EMPTY;
}

bool pool_view_find(const struct pool_view *view, const struct standing *standing, uint32_t *index)
{
    for (uint32_t i = 0; i < view->roster->count; i++) {
        if (view->roster->endpoints[i].standing == standing) {
            *index = i;
            return view->endpoints[i].can_be_used;
        }
    }
    return false;
}

void pool_view_enter(struct pool_view *view, uint32_t index, struct occupant *occupant)
{
    struct view_endpoint *endpoint = &view->endpoints[index];

    pool_view_ref(view);
    list_push_back(&endpoint->occupants, &occupant->link);
    back_office_in_use(view->office)[endpoint->home->slot]++;
}

void pool_view_leave(struct pool_view *view, uint32_t index, struct occupant *occupant)
{
    list_remove(&occupant->link);
    back_office_in_use(view->office)[view->endpoints[index].home->slot]--;
    pool_view_unref(view);
}

/* ---- what requests meet ---- */

static unsigned limit_of(const struct pool_outlier *outlier, enum outlier_kind kind)
{
    return kind == OUTLIER_CONNECT ? outlier->connect_failures
           : kind == OUTLIER_RESET ? outlier->resets
                                   : outlier->errors;
}

void pool_view_failed(struct pool_view *view, uint32_t index, enum outlier_kind kind)
{
    struct view_endpoint *endpoint = &view->endpoints[index];
    struct standing *standing = view->roster->endpoints[index].standing;
    unsigned limit = limit_of(&view->pool->outlier, kind);
    struct warden *warden = back_office_warden(view->office);

    if (!limit || ++endpoint->in_row[kind] < limit)
        return;
    endpoint->in_row[kind] = 0;
    if (standing && warden)
        warden_report(warden, standing, kind);
}

void pool_view_served(struct pool_view *view, uint32_t index)
{
    const struct endpoint *endpoint = &view->roster->endpoints[index];
    struct warden *warden = back_office_warden(view->office);

    if (warden && state_of(endpoint) == STANDING_EJECTED)
        warden_served(warden, endpoint->standing);
}

/* ---- endpoints that go ---- */

static bool is_in(const struct roster *roster, const struct endpoint *endpoint)
{
    for (size_t i = 0; roster && i < roster->count; i++) {
        const struct endpoint *other = &roster->endpoints[i];

        if (other->name == endpoint->name && slice_eq(other->identity, endpoint->identity))
            return true;
    }
    return false;
}

static void take_out(struct view_endpoint *endpoint, bool of_tunnels)
{
    endpoint->is_told[of_tunnels] = true;
    LIST_EACH(&endpoint->occupants, link) {
        struct occupant *occupant = CONTAINER_OF(link, struct occupant, link);

        occupant->taken_out(occupant, of_tunnels);
    }
}

/* Until they are told; TIMER_NEVER: they never are, or were already. */
static uint64_t left_ms(const struct pool_view *view, const struct view_endpoint *endpoint, uint64_t now_ms,
                        bool of_tunnels)
{
    uint64_t age_ms = now_ms - endpoint->gone_at_ms, most_ms = view->drain_ms[of_tunnels];

    if (!endpoint->gone_at_ms || endpoint->is_told[of_tunnels] || most_ms == TIMER_NEVER)
        return TIMER_NEVER;
    return age_ms >= most_ms ? 0 : most_ms - age_ms;
}

static void arm_drain(struct pool_view *view, uint64_t now_ms)
{
    uint64_t due_ms = TIMER_NEVER;

    for (size_t i = 0; i < view->roster->count; i++) {
        const struct view_endpoint *endpoint = &view->endpoints[i];

        if (list_is_empty(&endpoint->occupants))
            continue;
        due_ms = MIN(due_ms, left_ms(view, endpoint, now_ms, false));
        due_ms = MIN(due_ms, left_ms(view, endpoint, now_ms, true));
    }
    loop_arm(back_office_loop(view->office), &view->drain, due_ms);
}

static void on_drain(struct timer *timer)
{
    struct pool_view *view = CONTAINER_OF(timer, struct pool_view, drain);
    uint64_t now_ms = loop_now_ms(back_office_loop(view->office));

    pool_view_ref(view); /* the last occupant's leaving would free it */
    for (size_t i = 0; i < view->roster->count; i++) {
        struct view_endpoint *endpoint = &view->endpoints[i];

        if (left_ms(view, endpoint, now_ms, false) == 0)
            take_out(endpoint, false);
        if (left_ms(view, endpoint, now_ms, true) == 0)
            take_out(endpoint, true);
    }
    arm_drain(view, now_ms);
    pool_view_unref(view);
}

void pool_view_connected(struct pool_view *view, uint32_t index)
{
    struct view_endpoint *endpoint = &view->endpoints[index];

    if (!endpoint->gone_at_ms)
        return;
    endpoint->is_told[false] = endpoint->is_told[true] = false;
    arm_drain(view, loop_now_ms(back_office_loop(view->office)));
}

uint64_t pool_view_left_ms(const struct pool_view *view, uint32_t index, bool of_tunnels)
{
    return left_ms(view, &view->endpoints[index], loop_now_ms(back_office_loop(view->office)), of_tunnels);
}

static bool stays(const struct succession *succession, const struct endpoint *endpoint)
{
    return is_in(succession->roster, endpoint) ||
           (succession->has && succession->has(succession->owner, endpoint));
}

void pool_view_retire(struct pool_view *view, const struct succession *succession)
{
    uint64_t now_ms = loop_now_ms(back_office_loop(view->office));

    for (size_t i = 0; i < view->roster->count; i++) {
        struct view_endpoint *endpoint = &view->endpoints[i];

        if (stays(succession, &view->roster->endpoints[i])) {
            endpoint->gone_at_ms = 0;
        } else if (!endpoint->gone_at_ms) {
            endpoint->gone_at_ms = now_ms;
            endpoint->is_told[false] = endpoint->is_told[true] = false;
            idle_conns_drop(&endpoint->home->idle);
            shared_conns_drain(&endpoint->home->shared);
        }
    }
    arm_drain(view, now_ms);
}
