/** A pool of backends as the operator wrote it: immutable, part of a snapshot and shared by all threads. Who is in
 *  it right now, with which addresses, is a roster's (backends/roster.h). */
#ifndef BACKENDS_POOL_H
#define BACKENDS_POOL_H

#include <stddef.h>

#include "backends/balance.h"
#include "backends/target.h"

struct tls_client_context;

/** One target as written; its name may stand for several endpoints. */
struct pool_target {
    struct target target;
    struct tls_client_context *tls; /* of an https:// or h2:// target; owned by the snapshot; else NULL */
    bool verifies;                  /* the certificate must be for server_name, else for the target's host */
    struct slice server_name;       /* in place of the target's host; data NULL: not given */
    struct slice identity;          /* same text: connections may be shared (target, TLS settings) */
    uint32_t weight;                /* 1..1000 */
    bool is_backup;                 /* used while none of the others can be */
};

/** What a request is known by where the balance is a hash. */
enum hash_by { HASH_CLIENT, HASH_PATH, HASH_HEADER, HASH_COOKIE };

/** Checks that Portico makes by itself. */
struct pool_health {
    bool is_on;
    struct slice path; /* empty: a connection (and TLS handshake) is enough, unless: */
    struct slice grpc; /* the service that grpc.health.v1 is asked for, "": all; data NULL: is not asked */
    struct slice host; /* of the request; empty: the target's */
    unsigned status_min, status_max; /* of a good answer */
    uint64_t interval_ms, timeout_ms;
    unsigned rise, fall; /* good, bad checks in a row that change an endpoint's state */
};

/** What a request may meet that speaks against an endpoint. */
enum outlier_kind { OUTLIER_CONNECT, OUTLIER_RESET, OUTLIER_ERROR, OUTLIER_KINDS };

/** What requests themselves tell. Counts are of failures in a row, as one worker sees them; 0: not counted. */
struct pool_outlier {
    unsigned connect_failures, resets, errors; /* errors: 5xx answers */
    uint64_t eject_ms, eject_max_ms;           /* the first time; it doubles each time, up to the second */
};

struct pool_retry {
    unsigned tries; /* other endpoints that are tried after the first */
    bool resets;    /* also when a connection ends with no byte of an answer, if the request is idempotent */
    unsigned budget_percent; /* of the pool's requests that may be retries */
};

enum proxy_protocol { PROXY_PROTOCOL_NONE, PROXY_PROTOCOL_V1, PROXY_PROTOCOL_V2 };

struct pool {
    struct slice
        key; /* "@shop", or the route's key and which alternative: what it is known by over reloads */
    struct pool_target *targets; /* at least one */
    size_t count;
    uint32_t number; /* index in the snapshot */
    bool is_raw;     /* bytes, not HTTP */
    enum balance_kind balance;
    enum hash_by hash_by;   /* BALANCE_HASH */
    struct slice hash_name; /* HASH_HEADER, HASH_COOKIE */
    struct slice sticky;    /* the cookie's name; empty: not sticky */
    struct pool_health health;
    struct pool_outlier outlier;
    struct pool_retry retry;
    uint64_t slow_start_ms;   /* 0: none */
    uint64_t hold_ms;         /* 0: none */
    uint64_t max_connections; /* an endpoint, of all workers together; of HTTP/2, requests; 0: any number */
    uint64_t queue_ms;        /* for a place below max_connections */
    enum proxy_protocol proxy_protocol;
    const struct ip *sources; /* of ours, that connections come from in turn; none: the system chooses */
    size_t sources_count;
    uint64_t drain_ms,
        drain_tunnels_ms; /* what is under way at an endpoint that was taken out, and its tunnels */
};

#endif
