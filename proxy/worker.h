/** One worker: a thread with its loop, its listeners' ends, its connections and its back office. Workers
 * share nothing on the request path. Everything here is touched on the worker's own thread. */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include <pthread.h>

#include "base/list.h"
#include "base/random.h"
#include "base/text.h"
#include "base/timer.h"
#include "http/h1_server.h"
#include "net/loop.h"
#include "proxy/failures.h"

struct back_office;
struct client_counts;
struct lease;
struct listener;
struct log_channel;

/** A listening socket's end on this worker. */
struct worker_listener {
    struct link link;
    struct worker *worker;
    struct listener *listener;
    int fd;
    uint16_t port;
    bool is_inherited;   /* others go on listening on it when we stop */
    bool is_leaving;     /* only what is under way is still accepted */
    struct lease *lease; /* with a port that goes: what comes begins by it; else NULL: by the newest */
};

enum { WORKER_MAGIC = 0x3042ce11 };

struct worker {
    unsigned magic;
    unsigned index;
    pthread_t thread;
    bool is_running; /* the thread was started */
    struct loop *loop;
    struct lease *lease; /* on the snapshot that new work uses */
    struct link leases;  /* oldest first: those that are still used, then that one */
    struct back_office *office;
    struct log_channel *access;
    struct client_counts *counts; /* of all workers together */
    struct http_server_limits http_limits, h2_limits;
    struct link listeners; /* worker_listener */
    struct link fronts;    /* every client's connection */
    size_t fronts_count, fronts_max;
    bool is_full;                /* accepting pauses until a connection ends */
    struct link spare_exchanges; /* for reuse, with their arenas */
    size_t spare_exchanges_count;
    struct failures failures;
    struct text line;     /* the access line that is being made */
    struct random random; /* request ids; seeded by the kernel */
    bool is_draining;
    bool is_aborting;          /* nothing is waited for any more */
    struct link farewells;     /* to listeners that a reload took away */
    struct timer last_accepts; /* of a drain: until then what is under way is still accepted */
    struct timer drain_deadline, drain_tunnels_deadline;
    struct timer idle_grace; /* of a gentle drain: until then idle connections may ask once more */
    struct timer last_words; /* looks again whether the streams that end by themselves have done so */
    void (*on_drained)(void *owner);
    void *owner;
};

/** A client's connection came or went. */
void worker_front_added(struct worker *worker, struct link *front);
void worker_front_removed(struct worker *worker, struct link *front);
/** After a reload: there may be listeners that do not know that the worker is full, or more room. */
void worker_listeners_changed(struct worker *worker);
/** Calls on_drained() when that is due. */
void worker_tell_when_drained(struct worker *worker);
/** A number for people to find a request by; unique for practical purposes, not secret. */
uint64_t worker_id(struct worker *worker);

#endif
