/** HTTP/1.0 and 1.1 towards a client: bytes → requests, one at a time and in order; answers → bytes.
 *  Sits on a stream from proxy/front; lives as long as the connection. Requests that arrive while one is
 * under way wait in the stream (pipelining, RFC 9112 §9.3.2). */
#ifndef HTTP_H1_SERVER_H
#define HTTP_H1_SERVER_H

#include "http/server.h"
#include "net/stream.h"

/** Takes the stream over. */
struct http_server *h1_server_new(struct stream *stream, const struct http_server_limits *limits,
                                  const struct http_server_events *on, void *owner);
/** Ends it with an answer to a request that is not read: refused() is called before this returns. Only right after
 * h1_server_new(). */
void h1_server_refuse(struct http_server *server, enum fault fault, const char *detail);

#endif
