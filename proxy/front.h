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
    unsigned requests;         /* HTTP: under way */
    unsigned tunnels;          /* raw, or upgraded */
    const struct lease *lease; /* that the connection itself holds; NULL: none */
};

/** Takes the stream over. @param lease  that it begins by */
void front_accept(struct worker *worker, struct lease *lease, uint16_t port, struct stream *stream);
/** How the connections of a worker come to their end; requests always after their answer, tunnels when they end. */
enum drain_pace {
    DRAIN_NOW,       /* idle ones now */
    DRAIN_SPARING,   /* idle ones now, but for those that have asked for nothing yet: they may be about to */
    DRAIN_AT_ANSWER, /* idle ones with their next answer */
};
void fronts_drain(struct worker *worker, enum drain_pace pace);
/** The same for HTTP connections at ports that the worker's table no longer has. */
void fronts_drain_closed_ports(struct worker *worker);
/** Calls each for every connection; nothing may change meanwhile. */
void fronts_each(const struct worker *worker, void (*each)(void *argument, const struct front_view *front),
                 void *argument);
/** Cuts what is left; tunnels only when *tunnels_too*. */
void fronts_close(struct worker *worker, bool tunnels_too);

#endif
