/** Reads what a client wrote by rules stricter than the RFC's, and none of our own code: one framing and no doubt about it.
 *  Anything else is an assertion, since a backend would be fooled. */
#ifndef FUZZ_STRICT_REQUESTS_H
#define FUZZ_STRICT_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/** What one request says; slices point into the bytes. */
struct strict_request {
    struct slice method, target, host;
    size_t fields; /* lines, framing and Host not counted */
    bool has_length, is_chunked, upgrades;
    uint64_t length; /* of content, told or summed up */
    bool is_complete;
};

/** Exactly one request stands there, whole or cut off, and nothing behind it. */
struct strict_request strict_request_read(struct slice bytes);

#endif
