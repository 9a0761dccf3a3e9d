/** HTTP/1.0 and 1.1 towards a client: bytes → requests, one at a time and in order; answers → bytes.
 *  Sits on a stream from proxy/front; lives as long as the connection. Requests that arrive while one is
 * under way wait in the stream (pipelining, RFC 9112 §9.3.2). */
#ifndef HTTP_H1_SERVER_H
#define HTTP_H1_SERVER_H

#include "http/end.h"
#include "net/stream.h"

struct h1_server;

struct h1_server_limits {
    size_t head_bytes, target_bytes, fields; /* → 431, 414, 431 */
    uint64_t requests;                       /* on one connection, then Connection: close */
    uint64_t head_ms, idle_ms;               /* request head from its first byte; between requests */
};

/** Events to the connection's owner (proxy/front). */
struct h1_server_events {
    /** A request head is there and valid. The owner must own the end (http_end_own) before it returns; body
     * bytes come after that through its events. */
    void (*request)(void *owner, struct http_end *front, const struct head *head, bool last);
    /** A request that cannot be passed on: the owner answers through *front* (head with status, last) as it
     * sees fit; the codec closes afterwards. *head* has what could be read (method_text, target, authority
     * may be empty). Fault: BAD_REQUEST, HEAD_TOO_LARGE, TARGET_TOO_LONG, VERSION_REFUSED, METHOD_UNKNOWN,
     * METHOD_REFUSED (CONNECT), CLIENT_HEAD_TIMEOUT, EXPECTATION_REFUSED. *detail*: which rule, for the log ("second Host").
     */
    void (*refused)(void *owner, struct http_end *front, const struct head *head, enum fault fault,
                    const char *detail);
    /** The connection is gone and so is the server, at the end of the turn. *fault*: NONE, CLIENT_IDLE,
     * CLIENT_GONE… */
    void (*closed)(void *owner, enum fault fault);
};

/** Takes the stream over. *limits* must outlive it. */
struct h1_server *h1_server_new(struct stream *stream, const struct h1_server_limits *limits,
                                const struct h1_server_events *on, void *owner);
/** Ends it as soon as no request is under way: idle ones at once, others after this answer (with Connection:
 * close). */
void h1_server_drain(struct h1_server *server);
/** The next answer that begins is the last, with Connection: close; until then an idle one stays. One whose head went out
 *  without that is followed by another, as its client may have asked already. */
void h1_server_drain_gently(struct h1_server *server);
/** Ends it with an answer to a request that is not read: refused() is called before this returns. Only right after
 * h1_server_new(). */
void h1_server_refuse(struct h1_server *server, enum fault fault, const char *detail);
/** Ends it now; a request under way gets reset(DRAINED). closed() is still delivered, from the loop. */
void h1_server_close(struct h1_server *server);
/** A request is under way, or its head arrives. */
bool h1_server_is_busy(const struct h1_server *server);
/** No byte of a request has been read since the connection began. */
bool h1_server_is_fresh(const struct h1_server *server);
/** An upgrade was agreed to: bytes go both ways until both ends have had their last. */
bool h1_server_is_tunnel(const struct h1_server *server);
/** Of the connection, for logs; valid as long as the server. */
struct stream *h1_server_stream(struct h1_server *server);

#endif
