/** HTTP/2 towards a client (RFC 9113): one connection, a front end for each of its streams.
 *  A request that a client opens by extended CONNECT (RFC 8441) has head.protocol, as an upgrade has in HTTP/1.1, and
 *  the method GET; a 101 given to it leaves as 200. Trailers go both ways. Content is credited back as the exchange moves
 *  it on, and windows follow that. What a client may make us do for nothing is bounded by http/h2_glitches.h. */
#ifndef HTTP_H2_SERVER_H
#define HTTP_H2_SERVER_H

#include "http/server.h"
#include "net/stream.h"

/** Takes the stream over, HTTP2_PREFACE unread in it. */
struct http_server *h2_server_new(struct stream *stream, const struct http_server_limits *limits,
                                  const struct http_server_events *on, void *owner);

#endif
