/** Gets a request or a raw connection to a backend: pick an endpoint → idle connection, or resolve, dial (and
 * TLS) → ready. Where connecting fails, up to two other endpoints are tried. One `struct back_office` a
 * worker. */
#ifndef BACKENDS_ACQUIRE_H
#define BACKENDS_ACQUIRE_H

#include "backends/pool.h"
#include "base/timer.h"
#include "http/end.h"
#include "net/address.h"
#include "net/stream.h"

struct back_conn;
struct back_office;
struct dial;
struct loop;
struct resolve;
struct worker_endpoint;

struct back_office *back_office_new(struct loop *loop);
/** Closes every idle connection; those in use are closed when they come back. */
void back_office_close(struct back_office *office);
/** After all acquisitions were released. */
void back_office_free(struct back_office *office);
/** Idle connections now, for tests and metrics. */
size_t back_office_idle(const struct back_office *office);

/** Exactly one of the two. ready() may be called from inside acquire_start() when an idle connection is
 * there; otherwise both come from the loop. After failed() the acquisition is released already. */
struct acquire_events {
    void (*ready)(void *owner);
    /** *detail* says in plain words what was found ("nothing listens on 127.0.0.1:8080"); in the
     * acquisition's arena. */
    void (*failed)(void *owner, enum fault fault, int error_number, struct slice detail);
};

/** In the owner's memory (the exchange's or tunnel's attempt). The owner sets the first part, all else zero.
 */
struct acquisition {
    struct back_office *office;
    const struct pool *pool;
    uint32_t *turn; /* whose turn it is in this pool, on this worker */
    struct arena *arena;
    const struct acquire_events *on;
    void *owner;
    uint64_t connect_timeout_ms; /* each try: name, connection and TLS handshake */
    bool is_raw;                 /* a stream is wanted, no HTTP */
    bool sends_first;            /* bytes follow as soon as the connection is there */
    bool is_fresh;               /* no idle connection may be used: for a replay */

    /* what came of it */
    const struct pool_target *endpoint; /* the one in use, or that was tried last */
    bool is_reused;                     /* the connection had served a request before */
    unsigned tries;                     /* endpoints that were tried and failed */
    struct http_end *end;               /* when ready and not raw */
    struct stream *stream;              /* when ready: the connection; yours when raw */

    /* backends/acquire.c alone */
    enum { ACQUIRE_NONE, ACQUIRE_RESOLVE, ACQUIRE_DIAL, ACQUIRE_TLS, ACQUIRE_READY } state;
    struct back_conn *conn;
    struct resolve *resolve;
    struct dial *dial;
    uint64_t began_ms;     /* this try */
    struct timer deadline; /* of a name's lookup, of a TLS handshake; net/dial has its own */
    struct worker_endpoint *home;
    size_t first; /* index of the endpoint whose turn it was */
};

void acquire_start(struct acquisition *acquisition);
/** Ends it at any point: cancels, or gives an HTTP connection back (kept when it may be reused, else closed).
 * A raw stream stays the owner's. Harmless when nothing was started. */
void acquire_release(struct acquisition *acquisition);
/** No byte of an answer came on a reused connection: it may have died idle, and the request may be sent once
 * more if it is idempotent or nothing of it left (RFC 9112 §9.3.1). */
bool acquire_may_replay(const struct acquisition *acquisition, bool is_idempotent);

#endif
