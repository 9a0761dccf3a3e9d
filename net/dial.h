/** Opens a connection to one of several addresses (Happy Eyeballs, RFC 8305: families interleaved, the next
 * attempt 250 ms after the one before or at once when that fails; the first that connects wins). */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/address.h"
#include "net/stream.h"

struct dial;

/** Exactly one of the two, once, from the loop and never from inside dial_start(). Afterwards the dial is
 * gone. *fault*: BACK_REFUSED, BACK_UNREACHABLE, BACK_CONNECT_TIMEOUT; and where we lack what it takes,
 * BACK_NO_LOCAL_PORT, OVERLOADED (descriptors). *error_number*: errno of the last attempt. *address*: the one that
 * connected, or that failed last; a refusal counts more than no way to another one. */
struct dial_events {
    void (*connected)(void *owner, struct stream *stream);
    void (*failed)(void *owner, enum fault fault, int error_number, const struct address *address);
};

struct dial_options {
    uint64_t timeout_ms;
    bool sends_first; /* data follows at once: delayed ACKs are wanted (TCP_QUICKACK off) */
    const struct ip
        *sources; /* addresses of ours, one of which the connection comes from; lent until the end. Of a
                               * family that has none the system chooses */
    size_t sources_count;
    unsigned turn; /* which of them: this one of its family, counted round and round */
};

/** @param addresses  at least one; copied */
struct dial *dial_start(struct loop *loop, const struct address *addresses, size_t count,
                        const struct dial_options *options, const struct dial_events *on, void *owner);
/** How often, in the life of the process, no local port was free for a connection. From any thread. */
uint64_t dial_count_no_local_port(void);
/** No event comes afterwards. */
void dial_cancel(struct dial *dial);

#endif
