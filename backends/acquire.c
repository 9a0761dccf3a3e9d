#include "backends/acquire.h"

#include "base/mem.h"
#include "http/h1_client.h"
#include "net/proxy_protocol.h"

/* Happy path:  NONE → (CONNECT →) READY → NONE; NONE → READY on an idle connection
 * On failure:  CONNECT → CONNECT at another endpoint, as `retry` says → WAIT, as the pool says → failed() and NONE
 *              WAIT → (the desk says go) → CONNECT, READY, or WAIT again at the old place
 *              READY → CONNECT by acquire_again()
 * On close:    acquire_release() cancels whatever the state holds. */

static const struct h1_client_limits ANSWER_LIMITS = {.head_bytes = 64 * 1024, .fields = 256};

/* Tries that are told one by one. */
enum { TRAIL_MAX = 5 };

static void attempt(struct acquisition *a);

static struct loop *loop_of(const struct acquisition *a)
{
    return back_office_loop(a->desk->office);
}

/* ---- the endpoint in use ---- */

static void on_taken_out(struct occupant *occupant, bool of_tunnels)
{
    struct acquisition *a = CONTAINER_OF(occupant, struct acquisition, occupant);

    if (a->state == ACQUIRE_READY) /* a connection that is still being made has its own deadline */
        a->on->taken_out(a->owner, of_tunnels);
}

static void enter(struct acquisition *a, uint32_t index)
{
    a->view = a->desk->view;
    a->index = index;
    a->endpoint = &a->view->roster->endpoints[index];
    a->backend = a->endpoint->text;
    a->is_degraded = a->view->is_degraded;
    a->occupant.taken_out = on_taken_out;
    a->began_ms = loop_now_ms(loop_of(a));
    pool_view_enter(a->view, index, &a->occupant);
}

static void leave(struct acquisition *a)
{
    struct pool_view *view = TAKE(a->view);

    a->endpoint = NULL;
    place_give_back(&a->place);
    pool_view_leave(view, a->index, &a->occupant);
    desk_serve(a->desk);
}

/* ---- ends ---- */

static void on_told(struct pending *pending)
{
    struct acquisition *a = CONTAINER_OF(pending, struct acquisition, told);

    a->state = ACQUIRE_NONE;
    a->on->failed(a->owner, a->fault, a->error_number, a->detail);
}

static void fail(struct acquisition *a, enum fault fault, struct slice detail)
{
    a->fault = fault;
    a->detail = detail;
    a->state = ACQUIRE_FAILING;
    desk_went(&a->waiter, false);
    a->told.run = on_told;
    loop_defer(loop_of(a), &a->told);
}

static void ready(struct acquisition *a)
{
    a->state = ACQUIRE_READY;
    pool_view_connected(a->view, a->index);
    desk_went(&a->waiter, true);
    if (!a->is_raw) {
        a->stream = h1_client_stream(a->conn->client);
        a->is_reused = a->conn->served++ > 0;
        a->end = h1_client_begin(a->conn->client);
    }
    a->on->ready(a->owner);
}

/* ---- waiting ---- */

static uint64_t wait_limit_ms(const struct acquisition *a, enum wait_kind what)
{
    return what == WAIT_NAMES   ? a->connect_timeout_ms
           : what == WAIT_PLACE ? a->pool->queue_ms
                                : a->pool->hold_ms;
}

static void fail_waiting(struct acquisition *a, const char *how)
{
    unsigned long long limit_ms = wait_limit_ms(a, a->waits_for);

    switch (a->waits_for) {
    case WAIT_NAMES:
        fail(a, FAULT_BACK_UNRESOLVED,
             arena_printf(a->arena, "%.*s was not looked up within %llu ms",
                          FMT_SLICE(a->pool->targets[0].target.text), limit_ms));
        return;
    case WAIT_PLACE:
        fail(a, FAULT_BACK_BUSY,
             arena_printf(a->arena, "%s for a place below max_connections %llu (queue: %llu ms)", how,
                          (unsigned long long)a->pool->max_connections, limit_ms));
        return;
    default:
        fail(a, FAULT_BACK_HELD,
             arena_printf(a->arena, "%s for a backend to come back (hold: %llu ms)%s%.*s", how, limit_ms,
                          a->detail.len ? "; last: " : "", FMT_SLICE(a->detail)));
        return;
    }
}

static void on_go(struct waiter *waiter)
{
    struct acquisition *a = CONTAINER_OF(waiter, struct acquisition, waiter);

    a->state = ACQUIRE_NONE;
    a->others = 0;
    a->tried_count = 0;
    attempt(a);
}

static void on_moved(struct waiter *waiter)
{
    struct acquisition *a = CONTAINER_OF(waiter, struct acquisition, waiter);

    desk_leave(waiter);
    a->waiter = (struct waiter){0};
    a->state = ACQUIRE_NONE;
    a->others = 0;
    a->tried_count = 0;
    a->on->moved(a->owner);
}

static void on_expired(struct waiter *waiter)
{
    fail_waiting(CONTAINER_OF(waiter, struct acquisition, waiter), "waited in vain");
}

/* Who was held until a backend came back may have to wait for a place there: one time is not the other's.
 * @return the time that it has waited for this by now, with the trials in between */
static uint64_t spent_waiting_ms(struct acquisition *a, enum wait_kind what)
{
    uint64_t now_ms = loop_now_ms(loop_of(a));

    if (!a->waits_since_ms)
        a->waits_since_ms = a->waits_for_since_ms = now_ms;
    a->waited_ms[a->waits_for] += now_ms - a->waits_for_since_ms;
    a->waits_for_since_ms = now_ms;
    a->waits_for = what;
    return a->waited_ms[what];
}

static void wait_for(struct acquisition *a, enum wait_kind what)
{
    uint64_t limit_ms = wait_limit_ms(a, what), spent_ms = spent_waiting_ms(a, what);

    a->waiter.go = on_go;
    a->waiter.expired = on_expired;
    a->waiter.moved = a->on->moved ? on_moved : NULL;
    a->state = ACQUIRE_WAIT;
    if (spent_ms >= limit_ms)
        fail_waiting(a, "waited in vain");
    else if (!desk_wait(a->desk, &a->waiter, what,
                        limit_ms == TIMER_NEVER ? TIMER_NEVER : limit_ms - spent_ms))
        fail_waiting(a, "too many wait");
}

/* Everything that may be tried was. */
static void give_up(struct acquisition *a)
{
    if (a->pool->hold_ms && a->fault != FAULT_NONE)
        wait_for(a, WAIT_HOLD);
    else
        fail(a, a->fault, a->detail);
}

/* ---- a try ---- */

/* For people; what it names must outlive the endpoint. Who waits for long tries often: the first ones tell enough. */
static void note_failure(struct acquisition *a, enum fault fault, int error_number, struct slice detail)
{
    unsigned long long spent_ms = loop_now_ms(loop_of(a)) - a->began_ms;

    a->tries++;
    a->fault = fault;
    a->error_number = error_number;
    a->detail = detail;
    a->backend = arena_copy(a->arena, a->backend);
    if (a->tries <= TRAIL_MAX)
        a->trail = arena_printf(a->arena, "%.*s%s%u: %.*s %llu ms %.*s", FMT_SLICE(a->trail),
                                a->trail.len ? "; " : "", a->tries, FMT_SLICE(a->backend), spent_ms,
                                FMT_SLICE(detail));
}

static void note_tried(struct acquisition *a)
{
    if (a->tried_of != a->view->roster->number)
        a->tried_count = 0;
    a->tried_of = a->view->roster->number;
    if (a->tried_count < ARRAY_LEN(a->tried))
        a->tried[a->tried_count++] = a->index;
}

/* @return false: `retry` allows no more, or the budget is spent */
static bool may_try_another(struct acquisition *a)
{
    if (a->others >= MIN(a->pool->retry.tries, (unsigned)ACQUIRE_TRIES_MAX) ||
        !retry_budget_spend(&a->desk->budget, loop_now_ms(loop_of(a))))
        return false;
    a->others++;
    return true;
}

static void open_conn(struct acquisition *a, struct stream *stream)
{
    a->conn = idle_conns_open(&a->view->endpoints[a->index].home->idle, stream, &ANSWER_LIMITS);
    a->conn->is_private = a->pool->proxy_protocol != PROXY_PROTOCOL_NONE;
    a->conn->place = a->place;
    a->place = (struct place){0};
}

static void on_connected(void *owner, struct stream *stream)
{
    struct acquisition *a = owner;

    pool_view_went_well(a->view, a->index, OUTLIER_CONNECT);
    if (a->is_raw)
        a->stream = stream;
    else
        open_conn(a, stream);
    ready(a);
}

/* Somebody may have come to the pool while this one was tried. */
static bool is_another_left(const struct acquisition *a)
{
    const struct roster *roster = a->desk->view->roster;

    return a->tried_of != roster->number || a->tried_count < roster->count;
}

static void on_connect_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct acquisition *a = owner;

    if (fault_row(fault)->blame == BLAME_BACKEND)
        pool_view_failed(a->view, a->index, OUTLIER_CONNECT);
    note_failure(a, fault, error_number, detail);
    note_tried(a);
    leave(a);
    if (is_another_left(a) && may_try_another(a))
        attempt(a);
    else
        give_up(a);
}

static const struct connect_events CONNECT_EVENTS = {on_connected, on_connect_failed};

static struct slice preface_of(const struct acquisition *a)
{
    char *out;

    if (a->pool->proxy_protocol == PROXY_PROTOCOL_NONE)
        return slice_of(NULL, 0);
    out = arena_alloc(a->arena, PROXY_PROTOCOL_MAX);
    return a->pool->proxy_protocol == PROXY_PROTOCOL_V1
               ? proxy_protocol_v1(a->client, a->local, out, PROXY_PROTOCOL_MAX)
               : proxy_protocol_v2(a->client, a->local, out, PROXY_PROTOCOL_MAX);
}

static bool may_reuse(const struct acquisition *a)
{
    return !a->is_raw && !a->is_fresh;
}

static void use(struct acquisition *a, uint32_t index)
{
    enter(a, index);
    if (may_reuse(a) && (a->conn = idle_conns_take(&a->view->endpoints[index].home->idle))) {
        place_give_back(&a->place); /* the connection has its own */
        ready(a);
        return;
    }
    a->state = ACQUIRE_CONNECT;
    a->connect = (struct connect){
        .loop = loop_of(a),
        .endpoint = a->endpoint,
        .arena = a->arena,
        .on = &CONNECT_EVENTS,
        .owner = a,
        .timeout_ms = a->connect_timeout_ms,
        .is_raw = a->is_raw,
        .sends_first = a->sends_first,
        .sources = a->pool->sources,
        .sources_count = a->pool->sources_count,
        .turn = a->desk->dials++,
        .preface = preface_of(a),
    };
    connect_start(&a->connect);
}

/* Of a pool in which there is nobody. */
static void attempt_without(struct acquisition *a)
{
    const struct roster *roster = a->desk->view->roster;

    if (!roster->is_settled) {
        wait_for(a, WAIT_NAMES);
        return;
    }
    a->fault = FAULT_BACK_UNRESOLVED;
    a->detail = arena_printf(a->arena, "%.*s: %s", FMT_SLICE(a->pool->targets[0].target.name),
                             roster->why_empty.len ? roster->why_empty.data : "no address");
    give_up(a);
}

/* While checks have all of them down, hold waits for a better time; the first that waits tries all the same, again
 * and again. */
static bool holds_back(const struct acquisition *a)
{
    return a->pool->hold_ms && a->desk->view->is_degraded && !a->waiter.is_on_trial;
}

/* The place that was waited for, at whichever endpoint it is. */
static bool use_granted(struct acquisition *a)
{
    struct place *granted = &a->desk->granted;
    uint32_t index;

    if (!granted->places || !pool_view_find(a->desk->view, granted->standing, &index))
        return false;
    a->place = *granted;
    *granted = (struct place){0};
    use(a, index);
    return true;
}

static void attempt(struct acquisition *a)
{
    struct pool_view *view = a->desk->view;
    bool has_tried = a->tried_of == view->roster->number;
    const struct pool_question question = {a->key, a->tag, a->tried, has_tried ? a->tried_count : 0,
                                           may_reuse(a)};
    uint32_t index;

    if (view->roster->count == 0) {
        attempt_without(a);
        return;
    }
    if (holds_back(a)) {
        wait_for(a, WAIT_HOLD);
        return;
    }
    if (use_granted(a))
        return;
    switch (pool_view_pick(view, &question, &index, &a->place)) {
    case POOL_PICKED:
        use(a, index);
        return;
    case POOL_FULL:
        wait_for(a, WAIT_PLACE);
        return;
    case POOL_EMPTY:
        give_up(a);
        return;
    }
}

void acquire_start(struct acquisition *a)
{
    ASSERT(a->state == ACQUIRE_NONE);
    a->desk = desks_find(a->desks, a->pool);
    retry_budget_earn(&a->desk->budget);
    if (desk_has_queue(a->desk))
        wait_for(a, a->desk->awaited);
    else
        attempt(a);
}

/* Is it another worker's turn to have the connection's place? Where it is ours the connection may stay, for our next. */
static bool is_wanted_elsewhere(const struct acquisition *a)
{
    const struct places *places = a->conn->place.places;

    return places && places_are_wanted(places) &&
           !(a->desk->places && place_waiter_take_turn(a->desk->places));
}

static void put_conn(struct acquisition *a)
{
    a->conn->is_private |= a->view->endpoints[a->index].gone_at_ms != 0 || is_wanted_elsewhere(a);
    idle_conns_put(TAKE(a->conn));
}

void acquire_release(struct acquisition *a)
{
    switch (a->state) {
    case ACQUIRE_NONE:
        return;
    case ACQUIRE_WAIT:
        desk_leave(&a->waiter);
        break;
    case ACQUIRE_CONNECT:
        connect_cancel(&a->connect);
        break;
    case ACQUIRE_READY:
        if (!a->is_raw)
            put_conn(a);
        a->end = NULL;
        a->stream = NULL;
        break;
    case ACQUIRE_FAILING:
        loop_undefer(&a->told);
        break;
    }
    a->state = ACQUIRE_NONE;
    if (a->view)
        leave(a);
    if (a->waiter.desk)
        desk_went(&a->waiter, false);
}

/* ---- once more ---- */

enum acquire_replay acquire_may_replay(const struct acquisition *a, bool is_idempotent)
{
    if (a->state != ACQUIRE_READY || h1_client_answer_bytes(a->conn->client) > 0 ||
        !(is_idempotent || !h1_client_has_sent(a->conn->client)))
        return REPLAY_NO;
    if (a->is_reused && !a->is_fresh)
        return REPLAY_STALE;
    return a->pool->retry.resets ? REPLAY_RESET : REPLAY_NO;
}

bool acquire_again(struct acquisition *a, enum acquire_replay why, struct slice detail)
{
    bool waits = false;

    ASSERT(a->state == ACQUIRE_READY && why != REPLAY_NO);
    if (why == REPLAY_RESET) {
        waits = !may_try_another(a);
        if (a->resets++ >= a->pool->retry.tries || (waits && !a->pool->hold_ms))
            return false;
        pool_view_failed(a->view, a->index, OUTLIER_RESET);
        note_failure(a, FAULT_BACK_RESET, 0, detail);
        note_tried(a);
        if (a->tried_count >= a->view->roster->count) /* there is no other: the same one again */
            a->tried_count = 0;
    }
    a->is_fresh = true;
    a->backend = arena_copy(a->arena, a->backend); /* the log's, should none be found again */
    a->waits_since_ms = 0;                         /* what it spent at the backend was no waiting */
    acquire_release(a);
    if (waits)
        wait_for(a, WAIT_HOLD);
    else
        attempt(a);
    return true;
}

static enum outlier_kind outlier_of(enum fault fault)
{
    return fault == FAULT_BACK_RESET || fault == FAULT_BACK_TRUNCATED || fault == FAULT_BACK_BAD_ANSWER
               ? OUTLIER_RESET
               : OUTLIER_ERROR;
}

void acquire_went_wrong(struct acquisition *a, enum fault fault, struct slice detail)
{
    if (a->state != ACQUIRE_READY || fault_row(fault)->blame != BLAME_BACKEND)
        return;
    pool_view_failed(a->view, a->index, outlier_of(fault));
    note_failure(a, fault, 0, detail);
}

void acquire_went_well(struct acquisition *a, int status)
{
    if (a->state != ACQUIRE_READY)
        return;
    pool_view_went_well(a->view, a->index, OUTLIER_RESET);
    if (status >= 500) {
        pool_view_failed(a->view, a->index, OUTLIER_ERROR);
        return;
    }
    pool_view_went_well(a->view, a->index, OUTLIER_ERROR);
    if (a->is_degraded)
        pool_view_served(a->view, a->index);
}
