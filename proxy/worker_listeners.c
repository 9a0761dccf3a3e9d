#include "proxy/worker_listeners.h"

#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "proxy/front.h"
#include "proxy/lease.h"
#include "proxy/listen_set.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

/* Reload:  listened on → is_leaving, and another socket has its new connections → (the set is deafened) → FAREWELL_MS, in
 *          which handshakes under way come through → the queue is emptied → let go, and closed by the main thread
 * Stop:    the same, with LAST_ACCEPTS_MS: the process is to end soon */

enum {
    FAREWELL_MS = 2000,    /* a silent client, held back by TCP_DEFER_ACCEPT, comes after a second */
    LAST_ACCEPTS_MS = 100, /* who connected just now has sent the request */
    LAST_READS_MS = 16,
};

static void on_accepted(void *owner, struct stream *stream)
{
    struct worker_listener *end = owner;

    front_accept(end->worker, end->lease ? end->lease : end->worker->lease, end->port, stream);
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

static void let_go(struct worker_listener *end, bool accepts_rest)
{
    struct loop *loop = end->worker->loop;

    list_remove(&end->link);
    listener_free(end->listener, accepts_rest);
    lease_drop(TAKE(end->lease));
    loop_retire(loop, end, mem_free);
}

/* ---- a reload ---- */

static bool listens_on(const struct worker *worker, int fd)
{
    LIST_EACH(&worker->listeners, link) {
        if (CONTAINER_OF(link, struct worker_listener, link)->fd == fd)
            return true;
    }
    return false;
}

/* What comes to a port that went began under a configuration that had it: the last one that did, so that a port that comes
 * and goes holds one old snapshot, however often it does. */
static void choose_lease(struct worker_listener *end, bool goes_now, struct lease *before)
{
    const bool is_served = table_port(end->worker->lease->snapshot->table, end->port) != NULL;

    if (is_served || goes_now)
        lease_drop(TAKE(end->lease));
    if (goes_now && !is_served)
        end->lease = lease_take(before);
}

static void choose_leases(struct worker *worker, struct lease *before)
{
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (end->is_leaving)
            choose_lease(end, before && table_port(before->snapshot->table, end->port), before);
    }
}

void worker_listeners_apply(struct worker *worker, const struct listen_set *listens, struct lease *before)
{
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (end->is_leaving || listen_set_has(listens, worker->index, end->fd))
            continue;
        if (end->is_inherited)
            let_go(end, true);
        else
            end->is_leaving = true;
    }
    choose_leases(worker, before);
    for (size_t i = 0; i < listens->count; i++) {
        const int fd = listens->entries[i].fds[worker->index];

        if (fd >= 0 && !listens_on(worker, fd))
            listen_on(worker, &listens->entries[i]);
    }
    fronts_drain_closed_ports(worker);
}

struct farewell {
    struct link link; /* in the worker's */
    struct worker *worker;
    const struct listen_set *leaving;
    struct timer timer;
    void (*done)(void *argument);
    void *argument;
};

static void on_farewell_over(struct timer *timer)
{
    struct farewell *farewell = CONTAINER_OF(timer, struct farewell, timer);
    struct worker *worker = farewell->worker;

    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (end->is_leaving && listen_set_has(farewell->leaving, worker->index, end->fd))
            let_go(end, true);
    }
    if (!worker->is_draining)
        fronts_drain_closed_ports(worker);
    list_remove(&farewell->link);
    farewell->done(farewell->argument);
    loop_retire(worker->loop, farewell, mem_free);
    worker_tell_when_drained(worker);
}

void worker_listeners_leave(struct worker *worker, const struct listen_set *leaving,
                            void (*done)(void *argument), void *argument)
{
    struct farewell *farewell = mem_new(struct farewell);

    farewell->worker = worker;
    farewell->leaving = leaving;
    farewell->done = done;
    farewell->argument = argument;
    timer_init(&farewell->timer, on_farewell_over);
    list_push_back(&worker->farewells, &farewell->link);
    loop_arm(worker->loop, &farewell->timer, FAREWELL_MS);
}

/* ---- the stop ---- */

void worker_listeners_close(struct worker *worker)
{
    loop_cancel(worker->loop, &worker->last_accepts);
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);
        const bool is_ours = !end->is_inherited;
        const int fd = end->fd;

        let_go(end, is_ours);
        if (is_ours)
            shutdown(fd, SHUT_RD); /* refuses from now on; closing it is the main thread's */
    }
}

/* The last ones' requests are to be read first. Requests that came meanwhile are answered, and their connections closed;
 * who has asked for nothing is let go. */
static void on_last_accepts(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, last_accepts);

    if (!list_is_empty(&worker->listeners)) {
        worker_listeners_close(worker);
        loop_arm(worker->loop, &worker->last_accepts, LAST_READS_MS);
        return;
    }
    fronts_drain(worker, false);
    worker_tell_when_drained(worker);
}

void worker_listeners_drain(struct worker *worker)
{
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (end->is_inherited)
            let_go(end, false);
        else
            listener_deafen(end->fd);
    }
    loop_arm(worker->loop, &worker->last_accepts, LAST_ACCEPTS_MS);
}

void worker_listeners_hand_over(struct worker *worker, const struct listen_set *leaving)
{
    LIST_EACH(&worker->listeners, link) {
        struct worker_listener *end = CONTAINER_OF(link, struct worker_listener, link);

        if (end->is_leaving)
            continue;
        if (!end->is_inherited && leaving && listen_set_has(leaving, worker->index, end->fd))
            end->is_leaving = true;
        else
            let_go(end, true);
    }
}

void worker_listeners_init(struct worker *worker)
{
    list_init(&worker->listeners);
    list_init(&worker->farewells);
    timer_init(&worker->last_accepts, on_last_accepts);
}

void worker_listeners_fini(struct worker *worker)
{
    LIST_EACH(&worker->farewells, link)
        mem_free(CONTAINER_OF(link, struct farewell, link));
}
