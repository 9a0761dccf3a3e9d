/** HTTP/1.1 towards a backend: one connection, one request at a time.
 *  Owned by backends/: acquired, used for one exchange through its end, put back when it may be reused. */
#ifndef HTTP_H1_CLIENT_H
#define HTTP_H1_CLIENT_H

#include "http/end.h"
#include "net/stream.h"

struct h1_client;

struct h1_client_limits {
    size_t head_bytes, fields; /* of an answer; past them BACK_BAD_ANSWER */
};

struct h1_client_events {
    /** While idle: the backend closed, or sent bytes that nobody asked for. The client is gone at the end of
     * the turn. */
    void (*idle_closed)(void *owner);
};

/** Takes the stream over. */
struct h1_client *h1_client_new(struct stream *stream, const struct h1_client_limits *limits,
                                const struct h1_client_events *on, void *owner);
/** Begins a request: own the end, then give it the head. */
struct http_end *h1_client_begin(struct h1_client *client);
/** After the exchange: may another request be sent? False after a reset, Connection: close, 1.0, until-close
 * bodies, an upgrade, an answer before the request had gone out whole, or bytes behind the answer. */
bool h1_client_is_reusable(const struct h1_client *client);
/** How long the backend says that it keeps an idle connection (Keep-Alive: timeout), less 1 s; 0: it did not
 * say. */
uint64_t h1_client_keep_ms(const struct h1_client *client);
struct stream *h1_client_stream(struct h1_client *client);
/** Closes the connection; the end is detached. */
void h1_client_close(struct h1_client *client);

#endif
