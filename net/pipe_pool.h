/** Pipes for splice(2), kept by each thread for the next transfer: making one costs more than a short
 * transfer saves. */
#ifndef NET_PIPE_POOL_H
#define NET_PIPE_POOL_H

#include <stdbool.h>

struct pipe_ends {
    int read, write; /* -1: none */
};

/** @return false when there is none to be had (descriptors); copying works without */
bool pipe_pool_take(struct pipe_ends *pipe);
/** @param is_empty  one that holds bytes cannot be used again */
void pipe_pool_put(struct pipe_ends *pipe, bool is_empty);

#endif
