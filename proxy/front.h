/** A client's connection from accept to its end: sniff → (TLS) → HTTP or tunnel.
 *
 *  Happy path:  SNIFF → HTTP, SNIFF → TLS → HTTP, SNIFF → TUNNEL, SNIFF → TLS → TUNNEL
 *  On failure:  refused with an alert or closed, with a line in the log
 *  On close:    whoever holds the stream in that state says so, and the front is retired */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include <stdbool.h>
#include <stdint.h>

struct stream;
struct worker;

/** Takes the stream over. */
void front_accept(struct worker *worker, uint16_t port, struct stream *stream);
/** How the connections of a worker come to their end; requests always after their answer, tunnels when they end. */
enum drain_pace {
    DRAIN_NOW,       /* idle ones, and those that have asked for nothing yet, now */
    DRAIN_AT_ANSWER, /* HTTP connections with their next answer */
    DRAIN_IDLE,      /* those of them that had an answer and are idle, now */
};
void fronts_drain(struct worker *worker, enum drain_pace pace);
/** Cuts what is left; tunnels only when *tunnels_too*. */
void fronts_close(struct worker *worker, bool tunnels_too);

#endif
