/** A connection on its way that belongs to no request (backends/shared_conns.h): whoever asked for it may leave, with
 *  the snapshot and roster that it came from. So all that making it needs is copied. */
#ifndef BACKENDS_SHARED_DIAL_H
#define BACKENDS_SHARED_DIAL_H

#include "backends/connect.h"
#include "base/arena.h"
#include "base/list.h"

/** Where to, and how. */
struct shared_way {
    const struct endpoint *endpoint;
    const struct ip *sources; /* net/dial.h */
    size_t sources_count;
    unsigned turn;
    uint64_t timeout_ms;
};

enum { SHARED_DIAL_MAGIC = 0x5ad1a100 };

struct shared_dial {
    unsigned magic;
    struct link link; /* the owner's */
    void *owner;
    struct connect connect;
    struct arena arena;
    struct endpoint endpoint;
    struct pool_target target;
};

/** @param on  gets the dial as its owner; after either event the dial is to be ended */
struct shared_dial *shared_dial_start(struct loop *loop, const struct shared_way *way,
                                      const struct connect_events *on, void *owner);
/** Cancels what is under way. It is gone at the end of the turn, with the detail of its failure. */
void shared_dial_end(struct shared_dial *dial);

#endif
