/** What a worker has under way, counted by walking it: nothing is counted on the way of a request.
 *  Made on the worker's thread, then moved to the main thread, where those of all workers are added up. */
#ifndef PROXY_WORKER_COUNT_H
#define PROXY_WORKER_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"

struct lease;
struct worker;

/** Requests, and tunnels: raw ones and upgraded connections. */
struct load {
    size_t requests, tunnels;
};

/** Under one snapshot. */
struct version_count {
    uint64_t version;
    size_t connections;  /* of clients, TLS alone: they keep the snapshot of their certificate */
    struct load all;     /* at endpoints */
    struct load leaving; /* of those: will be ended, as their route or endpoint is gone */
    uint64_t left_ms;    /* until the last of those has to be; 0: there are none */
};

/** Of one route at one target. */
struct place_count {
    struct slice route;  /* action.id */
    struct slice pool;   /* its key */
    struct slice target; /* identity of the pool_target */
    struct load load;
};

/** HTTP connections that came in at one port. */
struct port_count {
    uint16_t port;
    size_t connections;
};

/** All zero is nothing. */
struct worker_count {
    size_t connections;             /* of clients */
    struct load load;               /* of their connections: what a drain waits for */
    struct version_count *versions; /* oldest first; only those that something uses */
    size_t versions_count, versions_cap;
    struct place_count *places;
    size_t places_count, places_cap;
    struct port_count *ports;
    size_t ports_count, ports_cap;
    struct map by_place;
    struct arena arena;
};

/** On the worker's thread. In time that grows with its connections: some ten nanoseconds each. */
void worker_count_take(const struct worker *worker, struct worker_count *count);
void worker_count_add(struct worker_count *sum, const struct worker_count *part);
void worker_count_fini(struct worker_count *count);

#endif
