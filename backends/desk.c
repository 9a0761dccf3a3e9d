#include "backends/desk.h"

#include "backends/warden.h"
#include "base/mem.h"

/* Happy path:  desk_wait() → (tick, another roster, a free place) → go() → desk_went(true): the next two may go
 * On failure:  go() → desk_wait() again, at its old place; or expired()
 * On close:    desk_leave(); a desk is freed when nobody waits and nobody uses its views */

enum { TICK_MS = 100 };

static void serve(struct desk *desk);
static void let_some_go(struct desk *desk);
static void keep_ticking(struct desk *desk);
static void want_place(struct desk *desk);

static void on_serve(struct pending *pending)
{
    serve(CONTAINER_OF(pending, struct desk, serve));
}

/* Also beside those that are still on trial: one that hangs must not keep all others. */
static void on_tick(struct timer *timer)
{
    struct desk *desk = CONTAINER_OF(timer, struct desk, tick);

    let_some_go(desk);
    keep_ticking(desk);
}

/* What is left of it goes to the next in line. */
static void on_place(void *owner, struct place *place)
{
    struct desk *desk = owner;

    desk->granted = *place;
    let_some_go(desk);
    *place = desk->granted;
    desk->granted = (struct place){0};
    keep_ticking(desk);
}

static struct desk *desk_new(struct back_office *office, const struct pool *pool, struct roster *roster)
{
    struct desk *desk = mem_new(struct desk);

    desk->pool = pool;
    desk->office = office;
    desk->view = pool_view_new(office, pool, roster);
    desk->at_once = 1;
    desk->serve.run = on_serve;
    list_init(&desk->old_views);
    list_init(&desk->waiting);
    timer_init(&desk->tick, on_tick);
    if (roster->places)
        desk->places = place_waiter_new(roster->places, back_office_loop(office), on_place, desk);
    retry_budget_init(&desk->budget, pool->retry.budget_percent, loop_now_ms(back_office_loop(office)));
    return desk;
}

static void desk_free(struct desk *desk)
{
    struct loop *loop = back_office_loop(desk->office);

    ASSERT(desk->waiting_count == 0 && desk->on_trial == 0);
    loop_cancel(loop, &desk->tick);
    loop_undefer(&desk->serve);
    place_waiter_free(desk->places);
    LIST_EACH(&desk->old_views, link) /* one of them may be what ends us */
        list_remove(link);
    pool_view_unref(desk->view);
    mem_free(desk);
}

struct desks *desks_new(struct back_office *office, struct roster *const *rosters, size_t count)
{
    struct desks *desks = mem_new(struct desks);

    desks->office = office;
    desks->rosters = rosters;
    desks->items = mem_new_n(struct desk *, count);
    desks->count = count;
    return desks;
}

void desks_free(struct desks *desks)
{
    if (!desks)
        return;
    for (size_t i = 0; i < desks->count; i++) {
        if (desks->items[i])
            desk_free(desks->items[i]);
    }
    mem_free(desks->items);
    mem_free(desks);
}

struct desk *desks_find(struct desks *desks, const struct pool *pool)
{
    struct desk **desk = &desks->items[pool->number];
    struct roster *roster = desks->rosters ? desks->rosters[pool->number] : NULL;

    ASSERT(pool->number < desks->count);
    if (*desk)
        return *desk;
    if (roster) {
        *desk = desk_new(desks->office, pool, roster);
        return *desk;
    }
    roster = roster_fixed(pool);
    *desk = desk_new(desks->office, pool, roster);
    roster_unref(roster);
    return *desk;
}

/* ---- other rosters ---- */

static void retire_views(struct desk *desk, const struct succession *succession)
{
    LIST_EACH(&desk->old_views, link)
        pool_view_retire(CONTAINER_OF(link, struct pool_view, link), succession);
}

void desk_renew(struct desk *desk, struct roster *roster)
{
    struct pool_view *old = desk->view;

    if (roster == old->roster) {
        pool_view_refresh(old);
    } else {
        desk->view = pool_view_new(desk->office, desk->pool, roster);
        list_push_back(&desk->old_views, &old->link);
        retire_views(desk, &(struct succession){.roster = roster});
        pool_view_unref(old);
    }
    desk_serve(desk);
}

void desk_retire(struct desk *desk, const struct succession *succession)
{
    retire_views(desk, succession);
    pool_view_retire(desk->view, succession);
    LIST_EACH(&desk->waiting, link) {
        struct waiter *waiter = CONTAINER_OF(link, struct waiter, link);

        if (waiter->moved)
            waiter->moved(waiter);
    }
}

/* ---- waiting ---- */

static void leave_queue(struct waiter *waiter)
{
    struct desk *desk = waiter->desk;

    list_remove(&waiter->link);
    loop_cancel(back_office_loop(desk->office), &waiter->deadline);
    desk->waiting_count--;
}

static void on_expired(struct timer *timer)
{
    struct waiter *waiter = CONTAINER_OF(timer, struct waiter, deadline);

    leave_queue(waiter);
    waiter->expired(waiter);
}

/* By number, looked for from where it most likely stands: new ones at the end, those that come back near the front. */
static void enqueue(struct desk *desk, struct waiter *waiter)
{
    struct link *at = &desk->waiting;

    if (waiter->number == desk->numbers) {
        list_push_back(at, &waiter->link);
        return;
    }
    for (at = at->next; at != &desk->waiting; at = at->next) {
        if (CONTAINER_OF(at, struct waiter, link)->number > waiter->number)
            break;
    }
    list_push_back(at, &waiter->link); /* in front of it */
}

/* @return false: it came back at once */
static bool let_go(struct desk *desk)
{
    struct waiter *waiter = LIST_FIRST(&desk->waiting, struct waiter, link);
    bool is_trial = desk->awaited == WAIT_HOLD;

    leave_queue(waiter);
    waiter->is_on_trial = is_trial;
    desk->on_trial += is_trial;
    waiter->go(waiter);
    return !link_is_in_list(&waiter->link);
}

/* Backends come back without a word; places that become free are told, but a race may be lost. */
static void arm_tick(struct desk *desk)
{
    if (!timer_is_armed(&desk->tick))
        loop_arm(back_office_loop(desk->office), &desk->tick, TICK_MS);
}

/* Whoever has idle connections there is asked to close them. There may be nobody: names come and go. */
static void want_place(struct desk *desk)
{
    struct warden *warden = back_office_warden(desk->office);
    const struct roster *roster = desk->view->roster;

    if (!desk->places || !place_waiter_join(desk->places))
        return;
    if (warden && roster->count)
        warden_tell(warden, roster->endpoints[0].standing);
    desk_serve(desk); /* one may have become free just before */
}

/* Not all the way: it may have hung since long ago, at one of many. */
static void went_in_vain(struct desk *desk)
{
    desk->at_once = MAX(desk->at_once / 2, (size_t)1);
}

bool desk_wait(struct desk *desk, struct waiter *waiter, enum wait_kind what, uint64_t left_ms)
{
    if (desk->waiting_count >= DESK_WAITING_MAX && waiter->number == 0)
        return false;
    if (waiter->is_on_trial) {
        waiter->is_on_trial = false;
        desk->on_trial--;
        went_in_vain(desk);
    }
    waiter->desk = desk;
    if (waiter->number == 0)
        waiter->number = ++desk->numbers;
    timer_init(&waiter->deadline, on_expired);
    enqueue(desk, waiter);
    desk->awaited = what;
    desk->waiting_count++;
    loop_arm(back_office_loop(desk->office), &waiter->deadline, left_ms);
    arm_tick(desk);
    if (what == WAIT_PLACE)
        want_place(desk);
    return true;
}

void desk_leave(struct waiter *waiter)
{
    if (link_is_in_list(&waiter->link))
        leave_queue(waiter);
}

/* Whether a backend is back is tried out by few. A place or an address is there or is not, which tells at once. */
static void let_some_go(struct desk *desk)
{
    size_t most = desk->awaited == WAIT_HOLD ? desk->at_once : DESK_WAITING_MAX;

    for (size_t left = most; left > 0 && desk->waiting_count; left--) {
        if (!let_go(desk)) /* in vain: nor will others get through */
            break;
    }
}

static void keep_ticking(struct desk *desk)
{
    if (!desk->waiting_count) {
        loop_cancel(back_office_loop(desk->office), &desk->tick);
        return;
    }
    arm_tick(desk);
    if (desk->awaited == WAIT_PLACE)
        want_place(desk);
}

/* Those that went before are let through first, so that nobody overtakes by way of an idle connection. */
static void serve(struct desk *desk)
{
    if (!desk->on_trial)
        let_some_go(desk);
    keep_ticking(desk);
}

void desk_went(struct waiter *waiter, bool got_through)
{
    struct desk *desk = waiter->desk;

    if (!waiter->is_on_trial)
        return;
    waiter->is_on_trial = false;
    desk->on_trial--;
    if (got_through)
        desk->at_once = MIN(desk->at_once * 2, (size_t)DESK_WAITING_MAX);
    else
        went_in_vain(desk);
    desk_serve(desk);
}

void desk_serve(struct desk *desk)
{
    if (desk->waiting_count && !desk->on_trial)
        loop_defer(back_office_loop(desk->office), &desk->serve);
    else if (!desk->waiting_count && !desk->on_trial)
        desk->at_once = 1;
}
