/** The proxy's own answers: errors with their id, redirects, fixed answers. What a fault means to the client
 * is base/fault.def's; this gives it its form (HTML, JSON or text by Accept). */
#ifndef PROXY_OUTCOME_H
#define PROXY_OUTCOME_H

#include "http/end.h"

struct action;

/** What the client was given. */
struct outcome {
    int status;
    size_t content_bytes;
};

/** Answers with the fault's status, which is not 0.
 *  @param request      for Accept and method
 *  @param is_degraded  no backend of the pool was well: said with FORWARD_DEGRADED */
struct outcome outcome_error(struct http_end *front, const struct head *request, enum fault fault,
                             struct slice id, bool is_degraded, struct arena *arena);
/** As the final recipient of an OPTIONS or TRACE request that may go no further (RFC 9110 §9.3.7, §9.3.8). */
struct outcome outcome_last_hop(struct http_end *front, const struct head *request, struct arena *arena);
/** The answer of an ACTION_REDIRECT or ACTION_RESPOND. @param host  of the request, without port */
struct outcome outcome_action(struct http_end *front, const struct head *request, const struct action *action,
                              struct slice host, struct slice id, struct arena *arena);

#endif
