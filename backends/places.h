/** The places below `max_connections`: how many connections each endpoint of a pool has, of all workers together, and
 *  which workers wait for one to become free. Of pools with such a limit alone: they are the one thing that workers
 *  share on a request's way besides the standings.
 *
 *  A place belongs to a connection from its first SYN to its close, idle times included: a backend with three threads
 *  cannot tell an idle connection from a busy one. Of HTTP/2, where requests share connections, it is a request's. */
#ifndef BACKENDS_PLACES_H
#define BACKENDS_PLACES_H

#include "backends/roster.h"

struct desk;
struct loop;
struct places;

struct places *places_new(uint64_t max);
void places_ref(struct places *places);
/** The last one frees it; from any thread. NULL is fine. */
void places_unref(struct places *places);

/** One that was taken, in the memory of who has it; all zero: none. Moves by copying. */
struct place {
    struct places *places;
    struct standing *standing;
};

/** @return false: there is none free at this endpoint */
bool place_take(struct place *place, struct places *places, struct standing *standing);
/** The worker that has waited longest gets it, if any waits. Harmless where there is none. */
void place_give_back(struct place *place);
bool places_are_taken(const struct places *places, const struct standing *standing);
/** Does any worker wait? Then nobody else keeps an idle connection. */
bool places_are_wanted(const struct places *places);

/** A worker that may wait. Made and freed on its thread. */
struct place_waiter;
/** @param wake  with the place, from the loop; one that it does not take goes to the next in line */
struct place_waiter *place_waiter_new(struct places *places, struct loop *loop,
                                      void (*wake)(void *owner, struct place *place), void *owner);
void place_waiter_free(struct place_waiter *waiter);
/** Waits for one call of wake(). Harmless when it does so already.
 *  @return whether it did not */
bool place_waiter_join(struct place_waiter *waiter);
/** It has got what it waits for in another way: leaves the line, if it is the first there.
 *  @return false: it is not, or is about to be woken */
bool place_waiter_take_turn(struct place_waiter *waiter);

#endif
