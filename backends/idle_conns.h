/** Keep-alive connections to one endpoint, newest first, so that old ones age out (RFC 9112 §9.3 leaves the
 * choice to us). Owned by the worker's back office and touched on that worker only, so it takes no locks. A
 * connection sits here only between exchanges; one that the backend closes meanwhile takes itself out. */
#ifndef BACKENDS_IDLE_CONNS_H
#define BACKENDS_IDLE_CONNS_H

#include "backends/places.h"
#include "base/list.h"
#include "base/timer.h"
#include "net/loop.h"

struct h1_client;
struct h1_client_limits;
struct stream;

/* More than the streams of a few HTTP/2 clients: with 64, as for clients of HTTP/1.1, a hundred requests at once made one
 * connection in eight anew. A worker has so many to an endpoint only for 30 s after it has needed them. */
enum { IDLE_CONNS_MAX = 256, IDLE_CONNS_KEEP_MS = 30000 };

struct idle_conns {
    struct loop *loop;
    struct link newest_first;
    size_t count;
    bool is_closed; /* connections that come back are closed: the worker is stopping */
};

enum { BACK_CONN_MAGIC = 0x1d1ec0ff };

/** One HTTP connection to an endpoint, for as long as it lives: in use by one exchange, or in *home*. */
struct back_conn {
    unsigned magic;
    struct link link; /* in home->newest_first while idle */
    struct timer expiry;
    struct idle_conns *home;
    struct h1_client *client;
    unsigned served;    /* requests that were begun on it */
    struct place place; /* below max_connections, if the pool has that */
    bool is_private;    /* it speaks for one client (PROXY protocol) and is not kept */
};

void idle_conns_init(struct idle_conns *idle, struct loop *loop);
/** Wraps an established stream. In use from the start. */
struct back_conn *idle_conns_open(struct idle_conns *idle, struct stream *stream,
                                  const struct h1_client_limits *limits);
/** Takes the most recently used one, or NULL when there is none. Yours until it is put back. */
struct back_conn *idle_conns_take(struct idle_conns *idle);
/** After use: keeps a reusable connection for 30 s, or as long as the backend said less a second, and past 256
 * closes the oldest; closes one that is not reusable or private. */
void idle_conns_put(struct back_conn *conn);
/** Closes those that are idle now. */
void idle_conns_drop(struct idle_conns *idle);
/** Closes all of them, and those in use when they come back. */
void idle_conns_close(struct idle_conns *idle);

#endif
