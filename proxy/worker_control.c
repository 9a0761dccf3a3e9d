#include "proxy/worker_control.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "backends/back_office.h"
#include "backends/roster.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "proxy/exchange.h"
#include "proxy/front.h"
#include "proxy/lease.h"
#include "proxy/listen_set.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

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
    list_init(&worker->listeners);
    list_init(&worker->fronts);
    list_init(&worker->leases);
    list_init(&worker->spare_exchanges);
    timer_init(&worker->drain_deadline, on_drain_deadline);
    timer_init(&worker->drain_tunnels_deadline, on_drain_tunnels_deadline);
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

static void on_accepted(void *owner, struct stream *stream)
{
    struct worker_listener *end = owner;

    front_accept(end->worker, end->port, stream);
}

static void listen_on(struct worker *worker, const struct listen_entry *entry)
{
    struct worker_listener *end = mem_new(struct worker_listener);
    struct error error;

    end->worker = worker;
    end->fd = entry->fds[worker->index];
    end->port = address_port(&entry->address);
    end->is_inherited = worker->index < entry->inherited;
    end->listener = listener_new(worker->loop, end->fd, entry->waits_for_client, on_accepted, end, &error);
    if (!end->listener) {
        log_event(LOG_ERROR, "listen_failed", "port=%u worker=%u reason=%s", end->port, worker->index,
                  log_quote(slice_str(error.text)));
        mem_free(end);
        return;
    }
    list_push_back(&worker->listeners, &end->link);
}

static void listen_no_more(struct worker_listener *end, bool drain)
{
    struct loop *loop = end->worker->loop;

    list_remove(&end->link);
    listener_free(end->listener, drain);
    loop_retire(loop, end, mem_free);
}

static bool set_has(const struct listen_set *listens, unsigned index, int fd)
{
    for (size_t i = 0; i < listens->count; i++) {
        if (listens->entries[i].fds[index] == fd)
            return true;
    }
    return false;
}

static bool listens_on(const struct worker *worker, int fd)
{
    LIST_EACH(&worker->listeners, link) {
        if (CONTAINER_OF(link, struct worker_listener, link)->fd == fd)
            return true;
    }
    return false;
}

static void apply_listens(struct worker *worker, const struct listen_set *listens)
{
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (!set_has(listens, worker->index, end->fd))
            listen_no_more(end, true);
    }
    for (size_t i = 0; i < listens->count; i++) {
        if (!listens_on(worker, listens->entries[i].fds[worker->index]))
            listen_on(worker, &listens->entries[i]);
    }
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
}

static void apply(void *argument)
{
    struct order *order = argument;
    struct worker *worker = order->worker;
    const struct snapshot *snapshot = order->snapshot;

    renew_lease(worker, order->snapshot);
    snapshot_unref(order->snapshot);
    worker->fronts_max = order->fronts_max;
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
    if (!worker->is_draining) {
        apply_listens(worker, order->listens);
        worker_listeners_changed(worker);
    }
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
    void (*done)(void *argument, const struct worker_count *count);
    void *argument;
};

static void on_census(void *argument)
{
    struct inquiry *inquiry = argument;
    struct worker *worker = inquiry->worker;
    struct worker_count count = {.connections = worker->fronts_count, .oldest = UINT64_MAX};

    if (!list_is_empty(&worker->leases))
        count.oldest = LIST_FIRST(&worker->leases, struct lease, link)->snapshot->version;
    inquiry->done(inquiry->argument, &count);
    mem_free(inquiry);
}

void worker_census(struct worker *worker, void (*done)(void *argument, const struct worker_count *count),
                   void *argument)
{
    struct inquiry *inquiry = mem_new(struct inquiry);

    *inquiry = (struct inquiry){worker, done, argument};
    loop_post(worker->loop, on_census, inquiry);
}

static void drain_now(struct worker *worker)
{
    if (worker->is_draining)
        return;
    worker->is_draining = true;
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (!end->is_inherited)
            shutdown(end->fd, SHUT_RD); /* refuses from now on; closing it is the main thread's */
        listen_no_more(end, false);
    }
    fronts_drain(worker);
}

static void on_drain(void *argument)
{
    struct worker *worker = CAST(worker, WORKER, argument);

    drain_now(worker);
    if (worker->lease) {
        const struct timeouts *timeouts = &worker->lease->snapshot->timeouts;

        loop_arm(worker->loop, &worker->drain_deadline, timeouts->drain);
        loop_arm(worker->loop, &worker->drain_tunnels_deadline, timeouts->drain_tunnels);
    }
    worker_tell_when_drained(worker);
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

    worker->is_aborting = true;
    drain_now(worker);
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
    text_fini(&worker->line);
    loop_free(worker->loop);
    mem_free(worker);
}
