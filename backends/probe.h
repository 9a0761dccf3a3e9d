/** One check of one endpoint: a connection (PROXY header and TLS included), and where the pool's health has a path, a GET
 *  of it and the answer's status, or a question to the health service of gRPC. Made on the warden's loop, which decides when, and what comes of it. */
#ifndef BACKENDS_PROBE_H
#define BACKENDS_PROBE_H

#include "backends/roster.h"

struct loop;
struct probe;

enum probe_result {
    PROBE_GOOD,
    PROBE_BAD,
    PROBE_UNMADE, /* for want of our own ports or descriptors: says nothing of the endpoint */
};

/** Once, from the loop, never from inside probe_start(). *why*, of one that is not good: "answered 503, not 200 to 399",
 *  "nothing listens on 127.0.0.1:8080"; NUL-terminated, lent during the call. */
typedef void probe_done(void *owner, enum probe_result result, struct slice why);
/** @param endpoint, pool  must live until done() or probe_cancel() */
struct probe *probe_start(struct loop *loop, const struct endpoint *endpoint, const struct pool *pool,
                          probe_done *done, void *owner);
void probe_cancel(struct probe *probe);

#endif
