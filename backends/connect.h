/** A connection to one endpoint, ready to be spoken on: dial (both families, where it has two), PROXY header, TLS
 *  handshake. For requests (backends/acquire) and for checks (backends/probe). */
#ifndef BACKENDS_CONNECT_H
#define BACKENDS_CONNECT_H

#include "backends/roster.h"
#include "base/timer.h"
#include "net/stream.h"

struct dial;
struct loop;

/** Exactly one of the two, once, from the loop; afterwards nothing is under way, and the owner may start anew.
 *  *fault*: what net/dial.h says; BACK_TLS, also where the server does not choose the target's protocol (ALPN);
 *  BACK_CONNECT_TIMEOUT also of a handshake. Those whose blame is ours
 *  (base/fault.def) say nothing about the endpoint. *detail* says in plain words what was found ("nothing listens on
 *  127.0.0.1:8080"), in the given arena. */
struct connect_events {
    void (*connected)(void *owner, struct stream *stream);
    void (*failed)(void *owner, enum fault fault, int error_number, struct slice detail);
};

/** In the owner's memory. The owner sets the first part, all else zero. */
struct connect {
    struct loop *loop;
    const struct endpoint *endpoint;
    struct arena *arena;
    const struct connect_events *on;
    void *owner;
    uint64_t timeout_ms;      /* all of it; TIMER_NEVER: none */
    bool is_raw;              /* no ALPN */
    bool sends_first;         /* bytes follow at once */
    const struct ip *sources; /* net/dial.h */
    size_t sources_count;
    unsigned turn;
    struct slice preface; /* a PROXY header, sent before all else; valid until the end. Empty: none */

    /* backends/connect.c alone */
    struct dial *dial;
    struct stream *stream; /* while TLS shakes hands */
    struct timer deadline;
    uint64_t began_ms;
};

void connect_start(struct connect *connect);
/** No event comes afterwards. Harmless when nothing is under way. */
void connect_cancel(struct connect *connect);

#endif
