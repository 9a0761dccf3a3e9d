/** Who is at the endpoints of a lease's desks right now: requests and tunnels, counted and told without a list of their
 *  own. On the worker's thread. */
#ifndef BACKENDS_OCCUPANCY_H
#define BACKENDS_OCCUPANCY_H

#include "backends/acquire.h"

/** Calls each for every acquisition that has an endpoint, also one whose connection is still being made. each() may end
 *  that one; the desks must live on. */
void occupancy_each(struct desks *desks, void (*each)(void *argument, struct acquisition *acquisition),
                    void *argument);
/** Its time is over, for a reason that is not the endpoint's: acquire_events.taken_out() is called, unless the connection
 *  is still being made. */
void occupancy_take_out(struct acquisition *acquisition);
/** Until the endpoint's own leaving ends it; TIMER_NEVER: it does not. */
uint64_t occupancy_left_ms(const struct acquisition *acquisition);

#endif
