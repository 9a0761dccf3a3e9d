/** Workers' lives, ordered from the process's main thread: start, use a new snapshot, drain, end. */
#ifndef PROXY_WORKER_CONTROL_H
#define PROXY_WORKER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct client_counts;
struct failure;
struct listen_set;
struct log_channel;
struct loop;
struct roster;
struct snapshot;
struct warden;
struct worker;
struct worker_count;

/** Makes the worker with its loop; the thread comes with worker_start(). */
int worker_new(unsigned index, struct log_channel *access, struct client_counts *counts,
               struct warden *warden, struct worker **out, struct error *error) NODISCARD;
int worker_start(struct worker *worker, struct error *error) NODISCARD;
/** Before the start: called on the worker's thread when the last connection of a drain has gone. */
void worker_on_drained(struct worker *worker, void (*on_drained)(void *owner), void *owner);

/** From the process's main thread. Uses the snapshot for all new work, listens on what the set has for this
 * worker, as well as on what it has not until worker_leave(), holds at most fronts_max connections at once; then calls
 * done(argument) on the worker's thread. */
void worker_apply(struct worker *worker, struct snapshot *snapshot, const struct listen_set *listens,
                  size_t fronts_max, void (*done)(void *argument), void *argument);
/** From the main thread, after the apply: for a while accepts what is under way on the sockets of that set, then lets go of
 *  them and calls done(argument) on the worker's thread. The set stays the caller's until then. */
void worker_leave(struct worker *worker, const struct listen_set *leaving, void (*done)(void *argument),
                  void *argument);
/** From the main thread: a pool of that snapshot has another roster, or its endpoints' standing changed. */
void worker_renew(struct worker *worker, struct snapshot *snapshot, uint32_t pool_number,
                  struct roster *roster);
/** For loop_post() from other threads, as long as the worker lives. */
struct loop *worker_loop(struct worker *worker);
/** From the main thread: has counted what the worker has in hand, into *count*, which is the worker's until done(argument)
 *  on the worker's thread. */
void worker_census(struct worker *worker, struct worker_count *count, void (*done)(void *argument),
                   void *argument);
/** From the main thread: looks for one of the worker's last failures, copies it to *out* (untouched where there is none), then
 *  calls done(argument) on the worker's thread. */
void worker_find_failure(struct worker *worker, uint64_t id, struct failure *out,
                         void (*done)(void *argument), void *argument);
/** From the main thread. No new connections; requests and tunnels get their deadlines; then on_drained(). */
void worker_drain(struct worker *worker);
/** From the main thread, as another process serves the ports: the same, but the listening sockets are not shut down,
 *  and who has just connected, or asked before, may still ask, once. Calls done(argument) on the worker's thread once
 *  it listens no more.
 *  @param leaving  sockets that the other process does not serve, which are listened on until worker_leave(), which must
 *                  follow; NULL: none */
void worker_hand_over(struct worker *worker, const struct listen_set *leaving, void (*done)(void *argument),
                      void *argument);
/** From the main thread: everything is closed now, and on_drained() follows. */
void worker_abort(struct worker *worker);
/** From the main thread, after on_drained(): ends and joins the thread and frees all. */
void worker_free(struct worker *worker);

#endif
