/** Which route takes a request that came over a certain connection, or why none does. No I/O. */
#ifndef PROXY_REQUEST_ROUTE_H
#define PROXY_REQUEST_ROUTE_H

#include "base/fault.h"
#include "http/head.h"
#include "routing/host.h"

struct client;
struct route;
struct snapshot;

struct request_route {
    const struct route *route; /* NULL: refused */
    enum fault fault;          /* why */
    const char *detail;        /* the same for the log */
};

/** @param host  filled from the head's authority; left empty where an HTTP/1.0 request has none */
struct request_route request_route_find(const struct client *client, const struct snapshot *snapshot,
                                        const struct head *head, struct host *host);

#endif
