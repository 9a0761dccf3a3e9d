/** Backpressure's one arithmetic: bytes given out and not yet moved on.
 *  A source adds what it gives, subtracts what the other end credits, and reads on only while not paused. */
#ifndef BASE_FLOW_H
#define BASE_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* A direction holds at most this before its source is paused, and is resumed at half of it. */
enum { FLOW_HIGH_BYTES = 64 * 1024, FLOW_LOW_BYTES = FLOW_HIGH_BYTES / 2 };

struct flow {
    size_t outstanding_bytes;
    bool is_paused;
};

/** @return true when this made the flow pause */
static inline bool flow_add(struct flow *flow, size_t n)
{
    flow->outstanding_bytes += n;
    if (flow->is_paused || flow->outstanding_bytes < FLOW_HIGH_BYTES)
        return false;
    return flow->is_paused = true;
}

/** @return true when this made the flow go on */
static inline bool flow_credit(struct flow *flow, size_t n)
{
    ASSERT(n <= flow->outstanding_bytes);
    flow->outstanding_bytes -= n;
    if (!flow->is_paused || flow->outstanding_bytes > FLOW_LOW_BYTES)
        return false;
    flow->is_paused = false;
    return true;
}

#endif
