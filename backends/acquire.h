/** Gets a request or a raw connection to a backend: pick an endpoint → idle connection, or dial (+ TLS) →
 * ready. Tries up to two other endpoints where connecting fails. One `struct back_office` a worker. */
#ifndef BACKENDS_ACQUIRE_H
#define BACKENDS_ACQUIRE_H

#include "backends/pool.h"
#include "http/end.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/stream.h"

struct back_office;

struct back_office_limits {
    size_t head_bytes, fields; /* of a backend's answer */
};

struct back_office *back_office_new(struct loop *loop, const struct back_office_limits *limits);
void back_office_free(struct back_office *office);
/** Idle connections now, for tests and metrics. */
size_t back_office_idle(const struct back_office *office);

struct acquisition;

/** Exactly one of the two. May be called from inside acquire_start() when an idle connection is there;
 * otherwise from the loop. After failed() the acquisition is released already. */
struct acquire_events {
    void (*ready)(void *owner);
    /** *detail* says in plain words what was found ("nothing listens on 127.0.0.1:8080"); arena of the
     * acquisition. */
    void (*failed)(void *owner, enum fault fault, int error_number, struct slice detail);
};

/** In the owner's memory (the exchange's or tunnel's attempt); all zero before acquire_start(). */
struct acquisition {
    struct back_office *office;
    const struct pool *pool;
    const struct endpoint *endpoint; /* the one in use, or that failed last */
    struct arena *arena;
    const struct acquire_events *on;
    void *owner;
    uint64_t connect_timeout_ms;
    bool is_raw;    /* a stream is wanted, no HTTP */
    bool is_fresh;  /* no idle connection may be used: for a replay */
    bool is_reused; /* the connection had served a request before */
    unsigned tries;
    struct http_end *end;  /* once ready, not raw */
    struct stream *stream; /* once ready: the connection; yours when raw */
    uint64_t connected_us; /* when the connection was there (loop_now_us) */
    /* private to acquire.c */
    struct h1_client *client;
    struct dial *dial;
    struct resolve *resolve;
    struct stream *handshake;
    struct worker_endpoint *slot;
    size_t first; /* index of the first endpoint tried */
    struct pending soon;
};

/** Fill office, pool, arena, on, owner, connect_timeout_ms and the two wishes first. */
void acquire_start(struct acquisition *acquisition);
/** Ends it at any point: cancels, or gives the connection back (kept when it may be reused, else closed).
 * Idempotent. */
void acquire_release(struct acquisition *acquisition);
/** Bytes of an answer came / any byte of the request left, for the retry rule. */
bool acquire_may_replay(const struct acquisition *acquisition, bool is_idempotent);

#endif
