/** Backpressure's one arithmetic: bytes given out and not yet moved on.
 *  A source adds what it gives, subtracts what the other end credits, and reads on only while not paused. */
#ifndef BASE_FLOW_H
#define BASE_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* A source waits once this much of what it gave waits, until all of it has moved on. So a direction holds a little more
 * than one read brings (64 KiB) at most: more would only be memory, for what keeps both ends busy is in the kernel's
 * buffers. Less, and small pieces that wait for the end of the turn could not leave together. */
enum { FLOW_HIGH_BYTES = 4 * 1024 };

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
    if (!flow->is_paused || flow->outstanding_bytes > 0)
        return false;
    flow->is_paused = false;
    return true;
}

#endif
