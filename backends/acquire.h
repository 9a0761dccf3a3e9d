/** Gets a request or a raw connection to a backend of a pool: pick an endpoint → idle connection, or connect (dial, PROXY
 *  header, TLS) → ready; of HTTP/2 targets → a share of a connection (backends/shared_conns.h) → ready. Where connecting fails, others are tried; where nothing can be had, it waits as the pool says
 *  (hold, queue, names that are looked up). */
#ifndef BACKENDS_ACQUIRE_H
#define BACKENDS_ACQUIRE_H

#include "backends/connect.h"
#include "backends/desk.h"
#include "http/end.h"

struct back_conn;

/** More other endpoints are tried for no request. */
enum { ACQUIRE_TRIES_MAX = 16 };

struct acquire_events {
    /** May be called from inside acquire_start() and acquire_again() when a connection is there; otherwise it comes from
     *  the loop. */
    void (*ready)(void *owner);
    /** From the loop. *detail* says in plain words what was found ("nothing listens on 127.0.0.1:8080"); in the
     *  acquisition's arena. The acquisition is released already. */
    void (*failed)(void *owner, enum fault fault, int error_number, struct slice detail);
    /** While it waits: the lease's time is over. What it waits for may be elsewhere by the newest one: set *desks* and
     *  *pool*, and start again; what it has waited is not forgotten. NULL: it stays. */
    void (*moved)(void *owner);
    /** The endpoint in use left the pool, and the time of requests, or (*of_tunnels*) of tunnels, is over. */
    void (*taken_out)(void *owner, bool of_tunnels);
};

/** In the owner's memory (the exchange's or tunnel's attempt). The owner sets the first part, all else zero. */
struct acquisition {
    struct desks *desks;
    const struct pool *pool;
    struct arena *arena;
    const struct acquire_events *on;
    void *owner;
    uint64_t connect_timeout_ms; /* each try: connection and TLS handshake; also how long a name may take */
    bool is_raw;                 /* a stream is wanted, no HTTP */
    bool sends_first;            /* bytes follow as soon as the connection is there */
    uint32_t route;              /* the owner's number for what it is part of */
    bool is_tunnel;   /* it lasts as long as people like: a raw one, or one that was upgraded meanwhile */
    uint64_t key;     /* BALANCE_HASH: what the request is known by */
    struct slice tag; /* of a sticky pool: the cookie's value; empty: none came */
    const struct address *client, *local; /* proxy_protocol: the two ends of the client's connection */

    /* what came of it */
    const struct endpoint *endpoint; /* the one in use; NULL: none */
    struct slice backend; /* its text, or that of the one that was tried last; valid until the release */
    bool is_reused;       /* the connection had served a request before */
    bool is_shared;   /* the connection carries other requests, too (HTTP/2): it may refuse this one unseen */
    bool is_degraded; /* no endpoint of the pool was well: one of the least bad was taken */
    unsigned tries;   /* that failed */
    struct slice
        trail; /* the first of them: "1: 10.0.0.7:80 3 ms 10.0.0.7:80 refused the connection; 2: …" */
    struct http_end *end;  /* when ready and not raw */
    struct stream *stream; /* when ready: the connection; yours when raw */

    /* backends/acquire*.c alone */
    enum { ACQUIRE_NONE, ACQUIRE_WAIT, ACQUIRE_CONNECT, ACQUIRE_READY, ACQUIRE_FAILING } state;
    enum wait_kind waits_for;
    struct desk *desk;
    struct pool_view *view; /* while an endpoint is in use */
    uint32_t index;         /* of the endpoint in it */
    unsigned others;        /* that were tried after the first, since it waited */
    unsigned resets;        /* connections that ended without an answer: what is sent may be what ends them */
    unsigned refusals;      /* by servers that had not looked at the request */
    uint64_t tried_of;      /* the roster's number that *tried* are indexes of */
    uint32_t tried[ACQUIRE_TRIES_MAX + 1];
    size_t tried_count;
    struct occupant occupant;
    struct waiter waiter;
    struct connect connect;
    struct back_conn *conn;
    struct shared_ask ask;       /* while it waits for a share */
    uint64_t shared_number;      /* of the connection in which it has one */
    struct shared_conns *avoids; /* connections there that are older than avoids_before: one of them broke */
    uint64_t avoids_before;
    struct place place;                                 /* until a connection has it; of HTTP/2 its own */
    struct pending told;                                /* failed() */
    uint64_t began_ms;                                  /* this try */
    uint64_t waits_since_ms;                            /* 0: has not waited */
    uint64_t waited_ms[WAIT_KINDS], waits_for_since_ms; /* each has a limit of its own */
    enum fault fault; /* of the last try, and so on; NONE: none has failed */
    int error_number;
    struct slice detail;
    bool is_fresh; /* no idle connection may be used any more */
};

void acquire_start(struct acquisition *acquisition);
/** Ends it at any point: cancels, or gives an HTTP connection back (kept when it may be reused, else closed). A raw
 *  stream stays the owner's. Harmless when nothing was started. */
void acquire_release(struct acquisition *acquisition);

/** The connection ended before the request could be answered: may it be sent again? */
enum acquire_replay {
    REPLAY_NO,
    REPLAY_STALE, /* no byte of an answer on a reused connection: it had most likely died idle (RFC 9112 §9.3.1) */
    REPLAY_RESET,   /* no byte of an answer, and the pool says `retry: {resets: true}` */
    REPLAY_REFUSED, /* the server of a shared connection says that it has not looked at it (RFC 9113 §8.7) */
};
/** Only what is idempotent, or was not processed for certain, is sent twice (RFC 9110 §9.2.2). */
enum acquire_replay acquire_may_replay(const struct acquisition *acquisition, bool is_idempotent);
/** Instead of acquire_release() after the end's reset: gets another connection, never an idle one. After REPLAY_RESET from
 *  another endpoint, if there is one; counts as a try, within `retry`. After REPLAY_REFUSED, which speaks against nobody,
 *  from wherever it would go now, but from another endpoint if this one could have taken it.
 *  @return false: it may not be tried any more; nothing was done */
bool acquire_again(struct acquisition *acquisition, enum acquire_replay why, struct slice detail) NODISCARD;

/** What came of the request, before the release, for the outlier rules: an answer, or (with words for the trail) a fault
 *  that is the backend's. Faults of others do not matter. */
void acquire_went_well(struct acquisition *acquisition, int status);
void acquire_went_wrong(struct acquisition *acquisition, enum fault fault, struct slice detail);

#endif
