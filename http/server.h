/** A client's connection that speaks HTTP: bytes → requests, answers → bytes. What its owner (proxy/front) needs to know
 *  of it, whichever version is spoken; a codec for each (http/h1_server.h) makes one of a stream and lives as long as the
 *  connection. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/end.h"

/** What opens HTTP/2 (RFC 9113 §3.4). */
#define HTTP2_PREFACE SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

/** Must outlive the server. */
struct http_server_limits {
    size_t head_bytes, target_bytes, fields; /* → 431, 414, 431 */
    uint64_t requests;                       /* on one connection, then it ends */
    uint64_t head_ms, idle_ms;               /* request head from its first byte; between requests */
};

/** Events to the connection's owner. */
struct http_server_events {
    /** A request head is there and valid. The owner must own the end (http_end_own) before it returns; body
     * bytes come after that through its events. */
    void (*request)(void *owner, struct http_end *front, const struct head *head, bool last);
    /** A request that cannot be passed on: the owner answers through *front* (head with status, last) as it
     * sees fit; the codec ends what that request came in (h1: the connection). *head* has what could be read
     * (method_text, target, authority may be empty). Fault: BAD_REQUEST, HEAD_TOO_LARGE, TARGET_TOO_LONG, VERSION_REFUSED,
     * METHOD_UNKNOWN, METHOD_REFUSED (CONNECT), CLIENT_HEAD_TIMEOUT, EXPECTATION_REFUSED. *detail*: which rule, for the
     * log ("second Host"). */
    void (*refused)(void *owner, struct http_end *front, const struct head *head, enum fault fault,
                    const char *detail);
    /** The connection is gone and so is the server, at the end of the turn. *fault*: NONE, CLIENT_IDLE,
     * CLIENT_GONE… */
    void (*closed)(void *owner, enum fault fault);
    /** The client of an HTTP/1 connection opens with HTTP2_PREFACE: the stream is the owner's again, with that unread in
     * it; the server is gone at the end of the turn. NULL: it is refused like any other version. */
    void (*preface)(void *owner);
};

struct http_server;

/** What goes on in one right now. */
struct http_server_load {
    unsigned requests; /* under way, or whose head arrives */
    unsigned
        tunnels;   /* upgrades that were agreed to: bytes go both ways until both ends have had their last */
    bool is_fresh; /* no byte of a request has been read since the connection began */
};

struct http_server_ops {
    void (*drain)(struct http_server *server, bool gently);
    void (*close)(struct http_server *server, bool tunnels_too);
    struct http_server_load (*load)(const struct http_server *server);
};

/** The first member of each codec's own. */
struct http_server {
    const struct http_server_ops *ops;
};

/** Ends it as soon as no request is under way: idle ones at once, others after their answers, with the client told.
 *  @param gently  who may be about to ask is told before the connection ends, with its next answer. HTTP/2 always tells
 *  ahead (http/h2_server.c), and ends a round trip later. */
static inline void http_server_drain(struct http_server *server, bool gently)
{
    server->ops->drain(server, gently);
}

static inline struct http_server_load http_server_load(const struct http_server *server)
{
    return server->ops->load(server);
}

/** Requests under way get reset(DRAINED) now, and so do tunnels when *tunnels_too*: what is left then goes on. closed()
 * is still delivered, from the loop. */
static inline void http_server_close(struct http_server *server, bool tunnels_too)
{
    server->ops->close(server, tunnels_too);
}

#endif
