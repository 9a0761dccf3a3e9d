/** A route's targets: immutable descriptions, part of a snapshot and shared by all workers.
 *  What a worker knows of an endpoint (idle connections, whose turn it is) is in backends/acquire. */
#ifndef BACKENDS_POOL_H
#define BACKENDS_POOL_H

#include <stddef.h>

#include "backends/target.h"

struct tls_client_context;

struct endpoint {
    struct target target;
    struct tls_client_context *tls; /* of an https:// target; owned by the snapshot; else NULL */
    bool verifies;                  /* the certificate must be for target.name */
    struct slice identity;          /* same text: connections may be shared (target, TLS settings) */
};

struct pool {
    struct endpoint *endpoints; /* at least one */
    size_t count;
    uint32_t number; /* index in the snapshot */
};

#endif
