/** What the service manager (systemd) is told of the service: when it serves, reloads and stops, and that it is alive.
 *  Without a manager all of this does nothing. Of the main thread. */
#ifndef CONTROL_MANAGER_H
#define CONTROL_MANAGER_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct manager;
struct snapshot;
struct worker;

/** Takes what the manager said to us out of the environment, so before any other thread runs. */
struct manager *manager_new(void);
/** Says that we are alive, twice in each time after which the manager takes us for dead, as long as this loop and those
 *  of all workers answer. */
void manager_watch(struct manager *manager, struct loop *loop, struct worker *const *workers, size_t count);
/** Before the workers are freed: asks them no more. */
void manager_close(struct manager *manager);
/** After all loops were freed. */
void manager_free(struct manager *manager);

/** All workers have applied it. */
void manager_serving(struct manager *manager, const struct snapshot *snapshot);
/** Followed by manager_serving() or manager_refused(). */
void manager_reloading(struct manager *manager);
void manager_refused(struct manager *manager, const struct snapshot *serving, const char *reason);
void manager_draining(struct manager *manager, const struct snapshot *snapshot);
/** Another process has taken this one's place, and speaks for the service from now on: this one says no more. */
void manager_handed_over(struct manager *manager, int64_t pid);
/** @param seconds_left  as text; "none": without a limit */
void manager_still_draining(struct manager *manager, size_t requests, size_t tunnels,
                            const char *seconds_left);

#endif
