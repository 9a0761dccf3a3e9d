#include "proxy/exchange.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/exchange_parts.h"
#include "proxy/lease.h"
#include "proxy/max_forwards.h"
#include "proxy/outcome.h"
#include "proxy/request_route.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

/* Happy path:  ROUTE → ACQUIRE → REQUEST → AWAIT_HEAD → RESPONSE → DONE (… → UPGRADED → DONE after a 101)
 *              exchange_back.c: from ACQUIRE to what the backend says
 * On failure:  AWAIT_HEAD may go back to ACQUIRE while nothing was answered and all that was sent is kept; otherwise
 *              exchange_fail() answers, if it still can, cuts the client's connection if it cannot, and goes to DONE.
 * On close:    front gone → the back end is reset; DONE is recycled at the end of the loop's turn. */

enum { SPARE_MAX = 256 };

/* ---- beginning and end ---- */

static struct exchange *exchange_new(const struct client *client, struct http_end *front,
                                     const struct head *head)
{
    struct worker *worker = client->worker;
    struct exchange *x;
    struct arena arena;

    if (list_is_empty(&worker->spare_exchanges)) {
        x = mem_new(struct exchange);
    } else {
        x = LIST_FIRST(&worker->spare_exchanges, struct exchange, link);
        list_remove(&x->link);
        worker->spare_exchanges_count--;
        arena = x->arena;
        memset(x, 0, sizeof(*x));
        x->arena = arena;
    }
    MAGIC_SET(x, EXCHANGE);
    x->worker = worker;
    x->client = client;
    x->lease = lease_take(worker->lease);
    x->front = front;
    x->id = worker_id(worker);
    x->when.started = loop_now_us();
    exchange_phase_init(x);
    head_copy(&x->head, head, &x->arena);
    return x;
}

static void exchange_free(struct exchange *x)
{
    arena_fini(&x->arena);
    mem_free(x);
}

static void exchange_recycle(void *object)
{
    struct exchange *x = CAST(exchange, EXCHANGE, object);

    if (x->worker->spare_exchanges_count >= SPARE_MAX) {
        exchange_free(x);
        return;
    }
    arena_reset(&x->arena);
    list_push_front(&x->worker->spare_exchanges, &x->link);
    x->worker->spare_exchanges_count++;
}

void exchanges_free_spare(struct worker *worker)
{
    LIST_EACH(&worker->spare_exchanges, link)
        exchange_free(CONTAINER_OF(link, struct exchange, link));
    list_init(&worker->spare_exchanges);
}

/* Both ends are detached, or are detached here. */
static void exchange_finish(struct exchange *x)
{
    struct http_end *back = TAKE(x->back);

    if (back && !(x->response.is_ended && x->request.is_ended))
        back->ops->reset(back, x->fault);
    x->front = NULL;
    x->phase = PHASE_DONE;
    loop_cancel(x->worker->loop, &x->deadline);
    exchange_log(x);
    if (x->fault == FAULT_NONE)
        acquire_went_well(&x->attempt, x->status);
    acquire_release(&x->attempt);
    queue_fini(&x->kept);
    lease_drop(x->lease);
    loop_retire(x->worker->loop, x, exchange_recycle);
}

static void set_outcome(struct exchange *x, struct outcome outcome)
{
    x->status = outcome.status;
    x->response.bytes = outcome.content_bytes;
}

/* What broke off may not have left yet: then ours can take its place. */
static bool may_answer(const struct exchange *x, struct http_end *front, enum fault fault)
{
    if (!fault_row(fault)->status)
        return false;
    return !x->response.is_begun || (front->ops->recall && front->ops->recall(front));
}

void exchange_fail(struct exchange *x, enum fault fault, struct slice detail)
{
    struct http_end *front = TAKE(x->front);

    x->fault = fault;
    x->detail = detail;
    acquire_went_wrong(&x->attempt, fault, detail);
    if (front && may_answer(x, front, fault)) {
        set_outcome(x, outcome_error(front, &x->head, fault, slice_of(x->id_text, sizeof(x->id_text)),
                                     x->attempt.is_degraded, &x->arena));
        exchange_keep_failure(x);
    } else if (front) {
        front->ops->reset(front, fault);
    }
    exchange_log_failure(x);
    exchange_finish(x);
}

/* A tunnel's two directions end one by one; any other exchange ends with its answer. */
static bool is_over(const struct exchange *x)
{
    return x->response.is_ended && (x->phase != PHASE_UPGRADED || x->request.is_ended);
}

void exchange_moved(struct exchange *x)
{
    if (!is_over(x)) {
        exchange_progress(x);
        return;
    }
    x->front = NULL;
    exchange_finish(x);
}

/* ---- the front end's events ---- */

static bool is_over_limit(const struct exchange *x, uint64_t bytes)
{
    return x->action && x->action->options->limits.body != SETTING_NONE &&
           bytes > x->action->options->limits.body;
}

static void on_front_data(void *owner, struct slice bytes, bool last)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    x->request.bytes += bytes.len;
    x->request.is_ended = last;
    if (x->phase != PHASE_UPGRADED && is_over_limit(x, x->request.bytes)) {
        exchange_fail(x, FAULT_BODY_TOO_LARGE,
                      arena_printf(&x->arena, "over limits.body after %llu bytes",
                                   (unsigned long long)x->request.bytes));
        return;
    }
    exchange_give(x, bytes, last);
    exchange_moved(x);
}

static void copy_fields(struct fields *to, const struct fields *from, struct arena *arena)
{
    for (size_t i = 0; i < from->count; i++)
        fields_add(to, arena, arena_copy(arena, from->items[i].name),
                   arena_copy(arena, from->items[i].value));
}

static void on_front_trailers(void *owner, const struct fields *trailers)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    x->request.is_ended = true;
    x->has_held_trailers = true; /* given or not: a replay gives them again */
    copy_fields(&x->held_trailers, trailers, &x->arena);
    if (x->back)
        x->back->ops->trailers(x->back, trailers);
    exchange_progress(x);
}

static struct spliced on_front_move(void *owner, struct stream *from, size_t max)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    struct spliced moved = exchange_give_moved(x, from, max);

    if (moved.bytes)
        exchange_progress(x);
    return moved;
}

static void on_front_credit(void *owner, size_t n)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    if (!x->front) /* of an answer of ours */
        return;
    x->response.outstanding -= n;
    if (x->back)
        x->back->ops->credit(x->back, n);
    exchange_progress(x);
}

static void on_front_reset(void *owner, enum fault fault, int error_number)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    x->front = NULL;
    exchange_fail(x, fault, slice_str(error_number ? strerror(error_number) : ""));
}

static void on_front_head(void *owner, const struct head *head, bool last)
{
    ASSERT(!"a front end gives its head once, at the start");
}

static const struct http_end_events FRONT_EVENTS = {on_front_head,   on_front_data,  on_front_trailers,
                                                    on_front_credit, on_front_reset, on_front_move};

/* ---- what the route says ---- */

/* By ourselves: what the route says, or as the last hop of a request that it would forward. */
static void exchange_answer(struct exchange *x)
{
    struct http_end *front;
    struct outcome outcome;

    if (x->action->kind == ACTION_RESPOND && exchange_is_mistakable(x, x->action->status)) {
        exchange_fail(x, FAULT_UPGRADE_REFUSED, SLICE("the route has a fixed answer"));
        return;
    }
    front = TAKE(x->front);
    x->when.answered = loop_now_us();
    if (x->action->kind == ACTION_PROXY)
        outcome = outcome_last_hop(front, &x->head, &x->arena);
    else
        outcome = outcome_action(front, &x->head, x->action, host_name(&x->host),
                                 slice_of(x->id_text, sizeof(x->id_text)), &x->arena);
    set_outcome(x, outcome);
    exchange_finish(x);
}

static void exchange_proxy(struct exchange *x)
{
    if (x->head.body == BODY_LENGTH && is_over_limit(x, x->head.length)) {
        exchange_fail(x, FAULT_BODY_TOO_LARGE,
                      arena_printf(&x->arena, "Content-Length %llu is over limits.body",
                                   (unsigned long long)x->head.length));
        return;
    }
    switch (x->is_moved ? MAX_FORWARDS_ON : max_forwards_spend(&x->head, &x->arena)) {
    case MAX_FORWARDS_BAD:
        exchange_fail(x, FAULT_BAD_REQUEST, SLICE("malformed Max-Forwards"));
        return;
    case MAX_FORWARDS_END:
        exchange_answer(x);
        return;
    case MAX_FORWARDS_ON:
        break;
    }
    x->forward = (struct forward){
        .action = x->action,
        .key = &x->route->key,
        .client_ip = slice_str(x->client_ip),
        .port = x->client->port,
        .is_tls = x->client->identity != NULL,
        .is_trusted = snapshot_trusts(x->lease->snapshot, x->client->stream->peer),
        .request_id = slice_of(x->id_text, sizeof(x->id_text)),
        .websocket = websocket_of(&x->head, slice_of(x->id_text, sizeof(x->id_text)), &x->arena),
        .arena = &x->arena,
    };
    exchange_acquire(x);
}

void exchange_route(struct exchange *x)
{
    struct request_route found = request_route_find(x->client, x->lease->snapshot, &x->head, &x->host);

    if (!found.route) {
        exchange_fail(x, found.fault, slice_str(found.detail));
        return;
    }
    x->route = found.route;
    x->action = &x->lease->snapshot->actions[found.route->number];
    if (x->action->kind == ACTION_PROXY)
        exchange_proxy(x);
    else
        exchange_answer(x);
}

static void set_names(struct exchange *x)
{
    digits_write_hex64(x->id, x->id_text);
    address_describe_ip(x->client->stream->peer, x->client_ip);
}

void exchange_start(const struct client *client, struct http_end *front, const struct head *head, bool last)
{
    struct exchange *x = exchange_new(client, front, head);

    set_names(x);
    http_end_own(front, &FRONT_EVENTS, x);
    x->request.is_ended = last;
    exchange_route(x);
}

void exchange_refuse(const struct client *client, struct http_end *front, const struct head *head,
                     enum fault fault, const char *detail)
{
    struct exchange *x = exchange_new(client, front, head);

    set_names(x);
    http_end_own(front, &FRONT_EVENTS, x);
    exchange_fail(x, fault, slice_str(detail));
}
