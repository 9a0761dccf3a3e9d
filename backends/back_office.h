/** What one worker knows of all endpoints that it has ever spoken to, whichever pools they are in: idle and shared
 *  connections, and how much is under way there. Touched on that worker only. */
#ifndef BACKENDS_BACK_OFFICE_H
#define BACKENDS_BACK_OFFICE_H

#include "backends/idle_conns.h"
#include "backends/shared_conns.h"
#include "base/slice.h"

struct loop;
struct warden;

/** One endpoint. Known by its identity, so that pools, and one pool before and after a reload, share connections. */
struct worker_endpoint {
    struct idle_conns idle;     /* of HTTP/1.1 */
    struct shared_conns shared; /* of HTTP/2 */
    struct slice identity;
    uint32_t slot; /* its place in back_office_in_use() */
    unsigned users;
};

struct back_office;

/** @param warden  is told of failures; NULL: nobody is */
struct back_office *back_office_new(struct loop *loop, struct warden *warden);
/** Closes every idle connection; those in use are closed when they come back, shared ones with their last request. */
void back_office_close(struct back_office *office);
/** After all acquisitions were released and all desks freed. */
void back_office_free(struct back_office *office);

struct loop *back_office_loop(const struct back_office *office);
struct warden *back_office_warden(const struct back_office *office);
/** A number that nobody can foretell is not needed: seeds of what is random in balancing. */
uint64_t back_office_seed(struct back_office *office);

/** Found or made; give it back with back_office_unuse(). Kept for a while without users, for its connections. */
struct worker_endpoint *back_office_use(struct back_office *office, struct slice identity);
void back_office_unuse(struct worker_endpoint *endpoint);
/** Closes the idle connections to all endpoints that do not stay. */
void back_office_keep(struct back_office *office, bool (*stays)(void *owner, struct slice identity),
                      void *owner);
/** Requests and tunnels under way, by slot; valid until the next back_office_use(). */
uint32_t *back_office_in_use(struct back_office *office);

/** Idle connections now, and endpoints known, for tests and metrics. */
size_t back_office_idle(const struct back_office *office);
size_t back_office_endpoints(const struct back_office *office);

#endif
