#include <string.h>

#include "proxy/affinity.h"
#include "proxy/client.h"
#include "proxy/exchange_parts.h"
#include "proxy/lease.h"
#include "proxy/worker.h"

/* An exchange's way to a backend, and what comes from there. Drawn at the top of exchange.c. */

/* ---- the request's content ---- */

/* What is no longer than this is kept until the answer comes: it may have to be sent again. */
enum { KEPT_MAX = 64 * 1024 };

static void drop_kept(struct exchange *x)
{
    queue_fini(&x->kept);
    x->is_dropped = true;
}

/* A server may refuse its share of a connection unseen, whatever the method. Else only what is idempotent is sent twice,
 * and only after these two. */
static bool may_be_wanted_again(const struct exchange *x)
{
    return x->attempt.is_shared ||
           ((x->attempt.is_reused || x->action->pool->retry.resets) && method_is_idempotent(x->head.method));
}

/* All of it, from the first byte, so that it can be sent once more? */
static bool is_kept(const struct exchange *x)
{
    return x->request.bytes == 0 || (!x->is_dropped && queue_len(&x->kept) == x->request.bytes);
}

static void keep(struct exchange *x, struct slice bytes)
{
    if (x->is_dropped)
        return;
    if (queue_len(&x->kept) + bytes.len > KEPT_MAX)
        drop_kept(x);
    else
        queue_add(&x->kept, bytes);
}

/* What was given to an earlier backend as well is credited to the front once only. */
static void give(struct exchange *x, struct slice bytes, bool last)
{
    x->request.outstanding += x->request.bytes - x->request.given;
    x->request.given = x->request.bytes;
    x->back->ops->data(x->back, bytes, last);
}

/* What came while there was no backend, or was given to one that went. */
static void give_kept(struct exchange *x)
{
    bool last = x->request.is_ended && !x->has_held_trailers;

    if (queue_len(&x->kept))
        give(x, queue_peek(&x->kept), last);
    if (!may_be_wanted_again(x))
        drop_kept(x);
    if (x->has_held_trailers)
        x->back->ops->trailers(x->back, &x->held_trailers);
}

void exchange_give(struct exchange *x, struct slice bytes, bool last)
{
    if (!x->back) {
        queue_add(&x->kept, bytes);
        return;
    }
    keep(x, bytes);
    give(x, bytes, last);
}

struct spliced exchange_move_to(struct http_end *to, struct stream *from, size_t max)
{
    return to && to->ops->move ? to->ops->move(to, from, max) : (struct spliced){0};
}

struct spliced exchange_give_moved(struct exchange *x, struct stream *from, size_t max)
{
    struct spliced moved = exchange_move_to(x->back, from, max);

    if (!moved.bytes)
        return moved;
    drop_kept(x);
    x->request.bytes += moved.bytes;
    x->request.given += moved.bytes;
    x->request.outstanding += moved.waiting;
    return moved;
}

/* ---- a connection ---- */

static const struct http_end_events BACK_EVENTS;

static void on_ready(void *owner)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    bool last = x->request.is_ended && queue_len(&x->kept) == 0 && !x->has_held_trailers;
    bool was_there = x->attempt.is_reused && !x->attempt.waits_since_ms;
    struct head out;

    x->when.connected = was_there ? x->when.started : loop_now_us();
    x->back = x->attempt.end;
    http_end_own(x->back, &BACK_EVENTS, x);
    forward_request(&x->forward, &x->head, &out);
    exchange_enter(x, PHASE_REQUEST);
    x->back->ops->head(x->back, &out, last);
    if (!last)
        give_kept(x);
    exchange_progress(x);
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    exchange_fail(CAST(exchange, EXCHANGE, owner), fault, detail);
}

static void on_taken_out(void *owner, bool of_tunnels)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    if ((x->phase == PHASE_UPGRADED) != of_tunnels)
        return;
    exchange_fail(x, FAULT_BACK_TAKEN_OUT,
                  arena_printf(&x->arena, "%.*s or the route is gone, and timeouts.%s is over",
                               FMT_SLICE(x->attempt.backend), of_tunnels ? "drain_tunnels" : "drain"));
}

/* Nothing has been sent: the request may as well go where it would go now. */
static void on_moved(void *owner)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    struct lease *before = x->lease;

    x->lease = lease_take(x->worker->lease);
    x->is_moved = true;
    exchange_route(x);
    lease_drop(before);
}

static const struct acquire_events ACQUIRE_EVENTS = {
    .ready = on_ready, .failed = on_failed, .moved = on_moved, .taken_out = on_taken_out};

void exchange_acquire(struct exchange *x)
{
    const struct action *action = x->action;
    const struct pool *pool = action->pool;
    struct acquisition *a = &x->attempt; /* all zero, as the exchange began */

    exchange_enter(x, PHASE_ACQUIRE);
    a->desks = x->lease->desks;
    a->pool = pool;
    a->arena = &x->arena;
    a->on = &ACQUIRE_EVENTS;
    a->owner = x;
    a->connect_timeout_ms = action->options->timeouts.connect;
    a->route = x->route->number;
    a->sends_first = true;
    if (pool->balance == BALANCE_HASH)
        a->key = affinity_key(pool, &x->head, x->client->stream->peer);
    a->tag = affinity_tag(pool, &x->head);
    a->client = x->client->stream->peer;
    a->local = x->client->stream->local;
    acquire_start(a);
}

/* ---- the answer ---- */

/* The client is told where its next requests shall go, unless it knows. */
static struct slice cookie_for(const struct exchange *x)
{
    const struct pool *pool = x->action->pool;
    struct slice tag = x->attempt.endpoint->tag;

    if (!pool->sticky.len || slice_eq(tag, x->attempt.tag))
        return slice_of(NULL, 0);
    return affinity_cookie(pool, tag, x->forward.is_tls, x->forward.arena);
}

static void on_back_head(void *owner, const struct head *head, bool last)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    struct head out;

    if (head->status < 200 && head->status != 101) {
        x->is_continued |= head->status == 100;
        x->front->ops->head(x->front, head, false);
        exchange_progress(x);
        return;
    }
    if (head->status == 101 && !websocket_agrees(&x->forward.websocket, head)) {
        exchange_fail(x, FAULT_BACK_BAD_ANSWER, SLICE("the 101 has not the Sec-WebSocket-Accept of our key"));
        return;
    }
    if (exchange_is_mistakable(x, head->status)) {
        exchange_fail(
            x, FAULT_UPGRADE_REFUSED,
            arena_printf(&x->arena, "the backend answered %d, as if it had been a GET", head->status));
        return;
    }
    drop_kept(x); /* an answer has begun: nothing is sent again */
    x->when.answered = loop_now_us();
    x->status = head->status;
    x->response.is_begun = true;
    x->response.is_ended = last;
    x->attempt.is_tunnel = head->status == 101;
    if (head->status == 101)
        exchange_enter(x, PHASE_UPGRADED);
    else if (exchange_asks_to_upgrade(x))
        x->request.is_ended = true; /* declined: the request was complete */
    x->forward.cookie = cookie_for(x);
    x->forward.is_degraded = x->attempt.is_degraded;
    x->front->ops->head(x->front, forward_answer(&x->forward, head, &out), last);
    exchange_moved(x);
}

static void on_back_data(void *owner, struct slice bytes, bool last)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    x->response.bytes += bytes.len;
    x->response.outstanding += bytes.len;
    x->response.is_ended = last;
    x->front->ops->data(x->front, bytes, last);
    exchange_moved(x);
}

static void on_back_trailers(void *owner, const struct fields *trailers)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);

    x->response.is_ended = true;
    x->front->ops->trailers(x->front, trailers);
    exchange_moved(x);
}

static struct spliced on_back_move(void *owner, struct stream *from, size_t max)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    struct spliced moved = exchange_move_to(x->front, from, max);

    x->response.bytes += moved.bytes;
    x->response.outstanding += moved.waiting;
    if (moved.bytes)
        exchange_progress(x);
    return moved;
}

/* Of content that was given again the front has its credit already. */
static void on_back_credit(void *owner, size_t n)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    size_t again = MIN(n, x->request.given_again);

    x->request.given_again -= again;
    n -= again;
    x->request.outstanding -= n;
    if (x->front && n)
        x->front->ops->credit(x->front, n);
    exchange_progress(x);
}

/* ---- once more ---- */

static struct slice describe_reset(struct exchange *x, enum fault fault, int error_number)
{
    return arena_printf(&x->arena, "%.*s: %s after %llu bytes of the answer's content%s%s",
                        FMT_SLICE(x->attempt.backend), fault_row(fault)->sentence,
                        (unsigned long long)x->response.bytes, error_number ? ": " : "",
                        error_number ? strerror(error_number) : "");
}

/* All is set first: a connection may be there at once. */
static bool again(struct exchange *x, struct slice detail)
{
    enum acquire_replay why = x->response.is_begun || !is_kept(x)
                                  ? REPLAY_NO
                                  : acquire_may_replay(&x->attempt, method_is_idempotent(x->head.method));

    if (why == REPLAY_NO)
        return false;
    x->request.given_again = x->request.given - x->request.outstanding;
    exchange_enter(x, PHASE_ACQUIRE);
    return acquire_again(&x->attempt, why, detail);
}

static void on_back_reset(void *owner, enum fault fault, int error_number)
{
    struct exchange *x = CAST(exchange, EXCHANGE, owner);
    struct slice detail = describe_reset(x, fault, error_number);

    x->back = NULL;
    if (!again(x, detail))
        exchange_fail(x, fault, detail);
}

static const struct http_end_events BACK_EVENTS = {on_back_head,   on_back_data,  on_back_trailers,
                                                   on_back_credit, on_back_reset, on_back_move};
