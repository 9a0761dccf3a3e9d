/** Routes of an older snapshot that the newest one lacks: what goes on there has until the drain's limits, as at an
 *  endpoint that left (backends/pool_view.h), also where the endpoint itself is still somebody's.
 *  Part of a lease, and on its worker's thread. */
#ifndef PROXY_DEPARTURES_H
#define PROXY_DEPARTURES_H

#include <stdint.h>

#include "base/timer.h"

struct acquisition;
struct lease;
struct snapshot;

struct departures {
    uint64_t *since_ms; /* by route number; 0: it is still there. NULL: all are */
    struct timer timer;
};

void departures_init(struct departures *departures);
void departures_fini(struct lease *lease);

/** The worker works by *newest* now. May be called again: routes come back, and others go. */
void departures_note(struct lease *lease, const struct snapshot *newest);
/** Something begins at a route of an older lease only now. */
void departures_note_route(struct lease *lease, const struct snapshot *newest, uint32_t route);
/** Until it is ended because its route went, or its endpoint; TIMER_NEVER: it is not. */
uint64_t departures_left_ms(const struct lease *lease, const struct acquisition *acquisition);

#endif
