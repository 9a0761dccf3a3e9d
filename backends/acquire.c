#include "backends/acquire_parts.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "net/proxy_protocol.h"

/* Happy path:  NONE → (CONNECT →) READY → NONE; NONE → READY on an idle connection
 * On failure:  CONNECT → CONNECT at another endpoint, as `retry` says → WAIT, as the pool says → failed() and NONE
 *              WAIT → (the desk says go) → CONNECT, READY, or WAIT again at the old place
 *              READY → CONNECT by acquire_again()
 *              (of HTTP/2, CONNECT is to wait for a share of a connection)
 *              acquire_wait.c: WAIT; acquire_again.c: what was tried, and may be once more
 * On close:    acquire_release() cancels whatever the state holds. */

static const struct h1_client_limits ANSWER_LIMITS = {.head_bytes = 64 * 1024, .fields = 256};

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
    a->began_ms = loop_now_ms(acquire_loop(a));
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

void acquire_fail(struct acquisition *a, enum fault fault, struct slice detail)
{
    a->fault = fault;
    a->detail = detail;
    a->state = ACQUIRE_FAILING;
    desk_went(&a->waiter, false);
    a->told.run = on_told;
    loop_defer(acquire_loop(a), &a->told);
}

static void ready(struct acquisition *a)
{
    a->state = ACQUIRE_READY;
    pool_view_connected(a->view, a->index);
    desk_went(&a->waiter, true);
    a->on->ready(a->owner);
}

static void ready_on_conn(struct acquisition *a)
{
    a->stream = h1_client_stream(a->conn->client);
    a->is_reused = a->conn->served++ > 0;
    a->end = h1_client_begin(a->conn->client);
    ready(a);
}

static void ready_on_share(struct acquisition *a, const struct shared_use *use)
{
    a->stream = use->stream;
    a->is_reused = use->is_reused;
    a->end = use->end;
    a->shared_number = use->number;
    ready(a);
}

/* ---- a try ---- */

/* Everything that may be tried was. */
static void give_up(struct acquisition *a)
{
    if (a->pool->hold_ms && a->fault != FAULT_NONE)
        acquire_wait(a, WAIT_HOLD);
    else
        acquire_fail(a, a->fault, a->detail);
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
    if (a->is_raw) {
        a->stream = stream;
        ready(a);
    } else {
        open_conn(a, stream);
        ready_on_conn(a);
    }
}

/* Somebody may have come to the pool while this one was tried. */
static bool is_another_left(const struct acquisition *a)
{
    const struct roster *roster = a->desk->view->roster;

    return a->tried_of != roster->number || a->tried_count < roster->count;
}

/* The endpoint cannot be had. */
static void went_without(struct acquisition *a, enum fault fault, int error_number, struct slice detail)
{
    acquire_note_failure(a, fault, error_number, detail);
    acquire_note_tried(a);
    leave(a);
    if (is_another_left(a) && acquire_may_try_another(a))
        acquire_attempt(a);
    else
        give_up(a);
}

static void on_connect_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct acquisition *a = owner;

    if (fault_row(fault)->blame == BLAME_BACKEND)
        pool_view_failed(a->view, a->index, OUTLIER_CONNECT);
    went_without(a, fault, error_number, detail);
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

/* ---- a share of a connection ---- */

static void on_given(void *owner, const struct shared_use *use)
{
    struct acquisition *a = owner;

    pool_view_went_well(a->view, a->index, OUTLIER_CONNECT);
    ready_on_share(a, use);
}

/* One connection that was not made counts once, however many have waited for it. */
static void on_share_failed(void *owner, enum fault fault, int error_number, struct slice detail,
                            bool is_news)
{
    struct acquisition *a = owner;

    if (is_news && fault_row(fault)->blame == BLAME_BACKEND)
        pool_view_failed(a->view, a->index, OUTLIER_CONNECT);
    went_without(a, fault, error_number, arena_copy(a->arena, detail));
}

static const struct shared_ask_events ASK_EVENTS = {on_given, on_share_failed};

static void use_share(struct acquisition *a)
{
    struct shared_conns *conns = acquire_shared(a);
    struct shared_use use;

    a->ask = (struct shared_ask){
        .on = &ASK_EVENTS,
        .owner = a,
        .way = {.endpoint = a->endpoint,
                .sources = a->pool->sources,
                .sources_count = a->pool->sources_count,
                .turn = a->desk->dials++,
                .timeout_ms = a->connect_timeout_ms},
        .after = a->avoids == conns ? a->avoids_before : 0,
    };
    a->state = ACQUIRE_CONNECT;
    if (shared_conns_use(conns, a->ask.after, &use))
        ready_on_share(a, &use);
    else if (!shared_conns_ask(conns, &a->ask))
        went_without(a, FAULT_BACK_BUSY, 0,
                     arena_printf(a->arena, "too many wait for a connection to %.*s", FMT_SLICE(a->backend)));
}

/* ---- an endpoint ---- */

static void use(struct acquisition *a, uint32_t index)
{
    enter(a, index);
    a->is_shared = !a->is_raw && a->endpoint->target->target.protocol == TARGET_H2;
    if (a->is_shared) {
        use_share(a);
        return;
    }
    if (may_reuse(a) && (a->conn = idle_conns_take(&a->view->endpoints[index].home->idle))) {
        place_give_back(&a->place); /* the connection has its own */
        ready_on_conn(a);
        return;
    }
    a->state = ACQUIRE_CONNECT;
    a->connect = (struct connect){
        .loop = acquire_loop(a),
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
        acquire_wait(a, WAIT_NAMES);
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

void acquire_attempt(struct acquisition *a)
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
        acquire_wait(a, WAIT_HOLD);
        return;
    }
    if (use_granted(a))
        return;
    switch (pool_view_pick(view, &question, &index, &a->place)) {
    case POOL_PICKED:
        use(a, index);
        return;
    case POOL_FULL:
        acquire_wait(a, WAIT_PLACE);
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
        acquire_wait(a, a->desk->awaited);
    else
        acquire_attempt(a);
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
        shared_ask_leave(&a->ask);
        connect_cancel(&a->connect);
        break;
    case ACQUIRE_READY:
        if (a->conn)
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
