/** A client's connection from accept to its end: sniff → (TLS) → HTTP or tunnel.
 *
 *  Happy path:  SNIFF → HTTP, SNIFF → TLS → HTTP, SNIFF → TUNNEL, SNIFF → TLS → TUNNEL
 *  On failure:  refused with an alert or closed, with a line in the log
 *  On close:    whoever holds the stream in that state says so, and the front is retired */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include <stdbool.h>
#include <stdint.h>

struct lease;
struct stream;
struct worker;

/** What others may know of one. */
struct front_view {
    uint16_t port;
    bool is_http;              /* also while it is upgraded */
    bool is_tunnel;            /* raw, or an upgraded connection */
    bool has_request;          /* HTTP: one is under way */
    const struct lease *lease; /* that the connection itself holds; NULL: none */
};

/** Takes the stream over. @param lease  that it begins by */
void front_accept(struct worker *worker, struct lease *lease, uint16_t port, struct stream *stream);
/** Begins to end every connection of the worker: idle ones now, requests after their answer, tunnels when
 * they end. @param spares_fresh  not those that have asked for nothing yet: they may be about to */
void fronts_drain(struct worker *worker, bool spares_fresh);
/** The same for HTTP connections at ports that the worker's table no longer has. */
void fronts_drain_closed_ports(struct worker *worker);
/** Calls each for every connection; nothing may change meanwhile. */
void fronts_each(const struct worker *worker, void (*each)(void *argument, const struct front_view *front),
                 void *argument);
/** Cuts what is left; tunnels only when *tunnels_too*. */
void fronts_close(struct worker *worker, bool tunnels_too);

#endif
