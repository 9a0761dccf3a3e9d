#include "proxy/worker_control.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backends/back_office.h"
#include "backends/roster.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/front.h"
#include "proxy/lease.h"
#include "proxy/listen_set.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"
#include "proxy/worker_count.h"
#include "proxy/worker_listeners.h"

/* Who asks again within this time is not cut off in the middle of it (worker_hand_over()). */
enum { IDLE_GRACE_MS = 2000 };

/* What the main thread asks for, run on the worker's. */
struct order {
    struct worker *worker;
    struct snapshot *snapshot;
    const struct listen_set *listens;
    size_t fronts_max;
    void (*done)(void *argument);
    void *argument;
};

/* What the warden says, likewise. */
struct news {
    struct worker *worker;
    struct snapshot *snapshot;
    uint32_t pool_number;
    struct roster *roster;
};

static void on_drain_deadline(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, drain_deadline);

    log_event(LOG_WARN, "drain_deadline", "worker=%u requests_cut=%zu", worker->index, worker->fronts_count);
    fronts_close(worker, false);
}

static void on_drain_tunnels_deadline(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, drain_tunnels_deadline);

    log_event(LOG_WARN, "drain_tunnels_deadline", "worker=%u tunnels_cut=%zu", worker->index,
              worker->fronts_count);
    fronts_close(worker, true);
}

static void on_idle_grace_over(struct timer *timer)
{
    fronts_drain(CONTAINER_OF(timer, struct worker, idle_grace), DRAIN_SPARING);
}

static void on_last_words(struct timer *timer)
{
    worker_tell_when_drained(CONTAINER_OF(timer, struct worker, last_words));
}

int worker_new(unsigned index, struct log_channel *access, struct client_counts *counts,
               struct warden *warden, struct worker **out, struct error *error)
{
    struct worker *worker = mem_new(struct worker);

    if (loop_new(&worker->loop, error) < 0) {
        mem_free(worker);
        return error_within(error, "worker %u", index);
    }
    MAGIC_SET(worker, WORKER);
    worker->index = index;
    worker->access = access;
    worker->counts = counts;
    worker->office = back_office_new(worker->loop, warden);
    worker_listeners_init(worker);
    list_init(&worker->fronts);
    list_init(&worker->leases);
    list_init(&worker->spare_exchanges);
    timer_init(&worker->drain_deadline, on_drain_deadline);
    timer_init(&worker->drain_tunnels_deadline, on_drain_tunnels_deadline);
    timer_init(&worker->idle_grace, on_idle_grace_over);
    timer_init(&worker->last_words, on_last_words);
    while (getrandom(&worker->random, sizeof(worker->random), 0) != sizeof(worker->random))
        continue;
    *out = worker;
    return 0;
}

static void *run(void *argument)
{
    struct worker *worker = CAST(worker, WORKER, argument);
    char name[16];

    snprintf(name, sizeof(name), "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    loop_run(worker->loop);
    return NULL;
}

int worker_start(struct worker *worker, struct error *error)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->is_running = rc == 0;
    if (rc != 0)
        return error_set(error, "worker %u: no thread: %s", worker->index, strerror(rc));
    return 0;
}

void worker_on_drained(struct worker *worker, void (*on_drained)(void *owner), void *owner)
{
    worker->on_drained = on_drained;
    worker->owner = owner;
}

static bool is_at_hand(void *owner, struct slice identity)
{
    return snapshot_has_endpoint(owner, identity);
}

/* The last of those who wait may be the last user of an old lease: each is held while it is looked at. */
static void renew_lease(struct worker *worker, struct snapshot *snapshot)
{
    struct lease *before = worker->lease;

    worker->lease = lease_new(snapshot, worker->office);
    LIST_EACH(&worker->leases, link) {
        struct lease *lease = lease_take(CONTAINER_OF(link, struct lease, link));

        lease_retire(lease, worker->lease);
        lease_drop(lease);
    }
    list_push_back(&worker->leases, &worker->lease->link);
    lease_drop(before);
    /* Also of endpoints that no lease of ours has asked for, and whose desks therefore told nobody. */
    back_office_keep(worker->office, is_at_hand, snapshot);
}

static void set_limits(struct worker *worker, const struct snapshot *snapshot)
{
    worker->http_limits = (struct http_server_limits){
        .head_bytes = snapshot->limits.head,
        .target_bytes = snapshot->limits.target,
        .fields = snapshot->limits.fields,
        .requests = snapshot->limits.requests_per_connection,
        .head_ms = snapshot->timeouts.head,
        .idle_ms = snapshot->timeouts.idle,
    };
    worker->h2_limits = worker->http_limits;
    worker->h2_limits.idle_ms = snapshot->timeouts.idle_h2;
}

static void apply(void *argument)
{
    struct order *order = argument;
    struct worker *worker = order->worker;
    struct lease *before = worker->lease ? lease_take(worker->lease) : NULL;

    renew_lease(worker, order->snapshot);
    set_limits(worker, order->snapshot);
    snapshot_unref(order->snapshot);
    worker->fronts_max = order->fronts_max;
    if (!worker->is_draining) {
        worker_listeners_apply(worker, order->listens, before);
        worker_listeners_changed(worker);
    }
    lease_drop(before);
    order->done(order->argument);
    mem_free(order);
}

void worker_apply(struct worker *worker, struct snapshot *snapshot, const struct listen_set *listens,
                  size_t fronts_max, void (*done)(void *argument), void *argument)
{
    struct order *order = mem_new(struct order);

    snapshot_ref(snapshot); /* until the worker has its lease */
    *order = (struct order){worker, snapshot, listens, fronts_max, done, argument};
    loop_post(worker->loop, apply, order);
}

static void leave(void *argument)
{
    struct order *order = argument;

    worker_listeners_leave(order->worker, order->listens, order->done, order->argument);
    mem_free(order);
}

void worker_leave(struct worker *worker, const struct listen_set *leaving, void (*done)(void *argument),
                  void *argument)
{
    struct order *order = mem_new(struct order);

    *order = (struct order){.worker = worker, .listens = leaving, .done = done, .argument = argument};
    loop_post(worker->loop, leave, order);
}

static void take_news(struct worker *worker, const struct news *news)
{
    const struct pool *pool = &news->snapshot->pools[news->pool_number];

    lease_renew(worker->lease, news->pool_number, news->roster);
    LIST_EACH(&worker->leases, link) {
        struct lease *lease = lease_take(CONTAINER_OF(link, struct lease, link));

        if (lease != worker->lease)
            lease_retire_pool(lease, pool, news->roster);
        lease_drop(lease);
    }
}

static void on_news(void *argument)
{
    struct news *news = argument;
    struct lease *lease = news->worker->lease;

    if (lease && lease->snapshot == news->snapshot)
        take_news(news->worker, news);
    roster_unref(news->roster);
    snapshot_unref(news->snapshot);
    mem_free(news);
}

void worker_renew(struct worker *worker, struct snapshot *snapshot, uint32_t pool_number,
                  struct roster *roster)
{
    struct news *news = mem_new(struct news);

    snapshot_ref(snapshot);
    roster_ref(roster);
    *news = (struct news){worker, snapshot, pool_number, roster};
    loop_post(worker->loop, on_news, news);
}

/* Asked for by worker_census(). */
struct inquiry {
    struct worker *worker;
    struct worker_count *count;
    void (*done)(void *argument);
    void *argument;
};

static void on_census(void *argument)
{
    struct inquiry *inquiry = argument;

    worker_count_take(inquiry->worker, inquiry->count);
    inquiry->done(inquiry->argument);
    mem_free(inquiry);
}

void worker_census(struct worker *worker, struct worker_count *count, void (*done)(void *argument),
                   void *argument)
{
    struct inquiry *inquiry = mem_new(struct inquiry);

    *inquiry = (struct inquiry){worker, count, done, argument};
    loop_post(worker->loop, on_census, inquiry);
}

/* Asked for by worker_find_failure(). */
struct search {
    struct worker *worker;
    uint64_t id;
    struct failure *out;
    void (*done)(void *argument);
    void *argument;
};

static void on_search(void *argument)
{
    struct search *search = argument;
    const struct failure *found = failures_find(&search->worker->failures, search->id);

    if (found)
        failure_copy(search->out, found);
    search->done(search->argument);
    mem_free(search);
}

void worker_find_failure(struct worker *worker, uint64_t id, struct failure *out,
                         void (*done)(void *argument), void *argument)
{
    struct search *search = mem_new(struct search);

    *search = (struct search){worker, id, out, done, argument};
    loop_post(worker->loop, on_search, search);
}

static void limit_drain(struct worker *worker)
{
    const struct timeouts *timeouts = worker->lease ? &worker->lease->snapshot->timeouts : NULL;

    if (!timeouts)
        return;
    loop_arm(worker->loop, &worker->drain_deadline, timeouts->drain);
    loop_arm(worker->loop, &worker->drain_tunnels_deadline, timeouts->drain_tunnels);
}

static void on_drain(void *argument)
{
    struct worker *worker = CAST(worker, WORKER, argument);

    if (worker->is_draining)
        return;
    worker->is_draining = true;
    worker_listeners_drain(worker);
    fronts_drain(worker, DRAIN_SPARING);
    limit_drain(worker);
}

/* Asked for by worker_hand_over(). */
struct handover {
    struct worker *worker;
    const struct listen_set *leaving;
    void (*done)(void *argument);
    void *argument;
};

static void on_hand_over(void *argument)
{
    struct handover *handover = argument;
    struct worker *worker = handover->worker;

    if (!worker->is_draining) {
        worker->is_draining = true;
        worker_listeners_hand_over(worker, handover->leaving);
        fronts_drain(worker, DRAIN_AT_ANSWER);
        loop_arm(worker->loop, &worker->idle_grace, IDLE_GRACE_MS);
        limit_drain(worker);
    }
    handover->done(handover->argument);
    mem_free(handover);
    worker_tell_when_drained(worker);
}

void worker_hand_over(struct worker *worker, const struct listen_set *leaving, void (*done)(void *argument),
                      void *argument)
{
    struct handover *handover = mem_new(struct handover);

    *handover = (struct handover){worker, leaving, done, argument};
    loop_post(worker->loop, on_hand_over, handover);
}

struct loop *worker_loop(struct worker *worker)
{
    return worker->loop;
}

void worker_drain(struct worker *worker)
{
    loop_post(worker->loop, on_drain, worker);
}

static void on_abort(void *argument)
{
    struct worker *worker = CAST(worker, WORKER, argument);

    worker->is_aborting = worker->is_draining = true;
    worker_listeners_close(worker);
    fronts_close(worker, true);
    worker_tell_when_drained(worker);
}

void worker_abort(struct worker *worker)
{
    loop_post(worker->loop, on_abort, worker);
}

void worker_free(struct worker *worker)
{
    if (worker->is_running) {
        loop_stop(worker->loop);
        pthread_join(worker->thread, NULL);
    }
    back_office_close(worker->office);
    lease_drop(TAKE(worker->lease)); /* what is still posted finds none */
    back_office_free(worker->office);
    exchanges_free_spare(worker);
    worker_listeners_fini(worker);
    failures_fini(&worker->failures);
    text_fini(&worker->line);
    loop_free(worker->loop);
    mem_free(worker);
}
