#include "backends/acquire_parts.h"

/* What was tried and what came of it, and whether it may be tried once more. */

/* Tries that are told one by one. */
enum { TRAIL_MAX = 5 };

/* ---- what was tried ---- */

/* For people; what it names must outlive the endpoint. Who waits for long tries often: the first ones tell enough. */
void acquire_note_failure(struct acquisition *a, enum fault fault, int error_number, struct slice detail)
{
    unsigned long long spent_ms = loop_now_ms(acquire_loop(a)) - a->began_ms;

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

void acquire_note_tried(struct acquisition *a)
{
    if (a->tried_of != a->view->roster->number)
        a->tried_count = 0;
    a->tried_of = a->view->roster->number;
    if (a->tried_count < ARRAY_LEN(a->tried))
        a->tried[a->tried_count++] = a->index;
}

bool acquire_may_try_another(struct acquisition *a)
{
    if (a->others >= MIN(a->pool->retry.tries, (unsigned)ACQUIRE_TRIES_MAX) ||
        !retry_budget_spend(&a->desk->budget, loop_now_ms(acquire_loop(a))))
        return false;
    a->others++;
    return true;
}

/* ---- once more ---- */

enum acquire_replay acquire_may_replay(const struct acquisition *a, bool is_idempotent)
{
    enum http_progress progress = a->state == ACQUIRE_READY ? a->end->ops->progress(a->end) : HTTP_ANSWERED;

    if (progress == HTTP_ANSWERED || !(is_idempotent || progress == HTTP_UNPROCESSED))
        return REPLAY_NO;
    if (a->is_shared && progress == HTTP_UNPROCESSED)
        return a->refusals <= a->pool->retry.tries ? REPLAY_REFUSED : REPLAY_NO;
    if (a->is_reused && !a->is_fresh)
        return REPLAY_STALE;
    return a->pool->retry.resets ? REPLAY_RESET : REPLAY_NO;
}

/* A connection that is broken off is one failure, however many requests were on it. */
static void count_failure(struct acquisition *a, enum outlier_kind kind)
{
    if (!a->is_shared || kind != OUTLIER_RESET ||
        shared_conns_note_break(acquire_shared(a), a->shared_number))
        pool_view_failed(a->view, a->index, kind);
}

static void prefer_another(struct acquisition *a)
{
    acquire_note_tried(a);
    if (a->tried_count >= a->view->roster->count) /* there is no other: the same one again */
        a->tried_count = 0;
}

/* A server that is full, or leaves by GOAWAY, says so in order; one that refuses what it has room for has a reason of its
 * own. */
static void note_refusal(struct acquisition *a)
{
    a->refusals++;
    if (shared_conns_has_room(acquire_shared(a), a->shared_number))
        prefer_another(a);
}

/* A server that went has broken all of its connections, though some may not have said so yet. */
static void avoid_broken(struct acquisition *a, enum acquire_replay why)
{
    struct shared_conns *conns = acquire_shared(a);

    if (why == REPLAY_REFUSED && shared_conns_is_there(conns, a->shared_number))
        return;
    a->avoids = conns;
    a->avoids_before = conns->made;
}

bool acquire_again(struct acquisition *a, enum acquire_replay why, struct slice detail)
{
    bool waits = false;

    ASSERT(a->state == ACQUIRE_READY && why != REPLAY_NO);
    if (why == REPLAY_RESET) {
        waits = !acquire_may_try_another(a);
        if (a->resets++ >= a->pool->retry.tries || (waits && !a->pool->hold_ms))
            return false;
        count_failure(a, OUTLIER_RESET);
        acquire_note_failure(a, FAULT_BACK_RESET, 0, detail);
        prefer_another(a);
    }
    if (why == REPLAY_REFUSED)
        note_refusal(a);
    else
        a->is_fresh = true;
    if (a->is_shared)
        avoid_broken(a, why);
    a->backend = arena_copy(a->arena, a->backend); /* the log's, should none be found again */
    a->waits_since_ms = 0;                         /* what it spent at the backend was no waiting */
    acquire_release(a);
    if (waits)
        acquire_wait(a, WAIT_HOLD);
    else
        acquire_attempt(a);
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
    count_failure(a, outlier_of(fault));
    acquire_note_failure(a, fault, 0, detail);
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
