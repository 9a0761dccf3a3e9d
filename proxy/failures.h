/** The last requests that a worker answered with an error of Portico's own, for `portico why ID`. Bounded: the oldest
 *  makes room. On the worker's thread; a copy may go to others. */
#ifndef PROXY_FAILURES_H
#define PROXY_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/text.h"

enum { FAILURES_MAX = 256 };

enum failure_text {
    FAILURE_CLIENT,
    FAILURE_METHOD,
    FAILURE_HOST,
    FAILURE_TARGET,
    FAILURE_ROUTE,   /* empty: none was found */
    FAILURE_BACKEND, /* the last one that was tried; empty: none */
    FAILURE_TRIES,   /* one by one; empty: none failed before */
    FAILURE_DETAIL,  /* errno or timer, in words */
    FAILURE_TEXTS
};

struct failure {
    uint64_t id; /* as X-Portico-Error has it */
    int64_t unix_ms;
    uint64_t after_us; /* since the request came */
    uint64_t version;  /* of the configuration */
    int status;
    enum fault fault;
    struct text texts[FAILURE_TEXTS]; /* cut at a length that is enough for people */
};

/** In the worker's memory; all zero is "none yet". */
struct failures {
    struct failure *ring; /* FAILURES_MAX of them, once there is one */
    unsigned next;
};

/** The place of a new one, the texts empty. */
struct failure *failures_add(struct failures *failures);
/** Sets one of its texts. */
void failure_say(struct failure *failure, enum failure_text which, struct slice text);
/** NULL: it is not among them. */
const struct failure *failures_find(const struct failures *failures, uint64_t id);
void failures_fini(struct failures *failures);

/** *to* is all zero, or a copy before. */
void failure_copy(struct failure *to, const struct failure *from);
void failure_fini(struct failure *failure);

#endif
