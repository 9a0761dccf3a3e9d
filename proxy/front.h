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
/** Begins to end every connection of the worker: idle ones now, requests after their answer, tunnels when
 * they end. */
void fronts_drain(struct worker *worker);
/** Cuts what is left; tunnels only when *tunnels_too*. */
void fronts_close(struct worker *worker, bool tunnels_too);

#endif
