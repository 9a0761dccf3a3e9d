/** What a check says and is told by the health service of gRPC (grpc.health.v1.Health/Check): a message of one field each
 *  way, in gRPC's framing. Pure: bytes in and out; backends/probe has the request.
 *  github.com/grpc/grpc: doc/health-checking.md, doc/PROTOCOL-HTTP2.md. */
#ifndef BACKENDS_GRPC_HEALTH_H
#define BACKENDS_GRPC_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/slice.h"

#define GRPC_HEALTH_PATH SLICE("/grpc.health.v1.Health/Check")

/** @param service  "": the server as a whole
 *  @return the request's content, in the arena */
struct slice grpc_health_question(struct slice service, struct arena *arena);

/** The answer's content as it comes; all zero: none yet. A status has two bytes, and whatever else a server says fits as
 *  well. */
struct grpc_health_answer {
    char bytes[1024];
    size_t len;
    bool is_too_long;
};

void grpc_health_take(struct grpc_health_answer *answer, struct slice bytes);
/** When the answer has ended.
 *  @param status, message  grpc-status and grpc-message, of the trailers, or of a head without content; data NULL: none
 *  @return why it does not serve, NUL-terminated, in the arena; empty: it serves */
struct slice grpc_health_judge(const struct grpc_health_answer *answer, struct slice status,
                               struct slice message, struct arena *arena);

#endif
