/** HTTP/2 connections of one worker to one endpoint, each of which carries the requests of many clients at once.
 *  Owned by the worker's back office, beside the idle connections of HTTP/1.1, and touched on that worker only.
 *
 *  A request begins at once where a connection has room and is not in doubt (http/h2_client.h). Else it waits here: for a connection that is being made, or,
 *  where there are as many as there may be, for room. A connection is begun only when what is there, or under way, cannot
 *  carry those who wait. It is made for whoever is first in line when it is there, so who waits may leave at any time.
 *
 *  A request waits for room no longer than for a connection: max_connections and its queue are of requests, in the
 *  pool (backends/places.h), and behind them all that a server takes at once is a matter of this place alone. */
#ifndef BACKENDS_SHARED_CONNS_H
#define BACKENDS_SHARED_CONNS_H

#include "backends/shared_dial.h"
#include "base/list.h"
#include "net/loop.h"

struct h2_client;
struct http_end;

enum {
    SHARED_CONNS_MAX = 4,            /* of an endpoint and worker, those that are leaving not counted */
    SHARED_CONNS_KEEP_MS = 30000,    /* without a request */
    SHARED_CONNS_WAITING_MAX = 1000, /* besides those whom connections under way can carry */
};

struct shared_conns {
    struct loop *loop;
    struct link conns;   /* oldest first: the younger ones fall idle */
    struct link leaving; /* take no more requests */
    struct link dials;
    struct link waiting; /* asks, the longest first */
    size_t conns_count, leaving_count, dials_count, waiting_count;
    struct pending serve;
    uint64_t made;          /* connections, of all times: the number of the next one */
    uint64_t asked;         /* asks, of all times */
    unsigned known_room;    /* requests at once that the server allowed lately; 0: not known */
    uint64_t rest_until_ms; /* no more of them could be made */
    uint64_t broken;        /* the connection whose end was counted last … */
    unsigned broken_turn;   /* … and when */
    bool is_closed;         /* the worker is stopping: connections end with their requests */
};

/** A request's share of a connection. */
struct shared_use {
    struct http_end
        *end; /* to be owned, then given the head, at once; detaches as http/end.h says, and is all that must
                              be given back */
    struct stream *stream; /* for addresses */
    uint64_t number;       /* of the connection here */
    bool is_reused;        /* it had served before */
};

struct shared_ask;

/** Exactly one of the two, once, from the loop; it asks no more then. */
struct shared_ask_events {
    void (*given)(void *owner, const struct shared_use *use);
    /** No connection could be made (net/dial.h, backends/connect.h), or there was no room in time: BACK_BUSY. *detail* is
     *  lent. @param is_news  of those whom one failure ends, the first is told so */
    void (*failed)(void *owner, enum fault fault, int error_number, struct slice detail, bool is_news);
};

/** A request that waits, in the asker's memory. The asker sets the first part, all else zero. */
struct shared_ask {
    const struct shared_ask_events *on;
    void *owner;
    struct shared_way way; /* how a connection would be made; must live while it asks */
    uint64_t after;        /* no connection with a lower number, if another one may be made */

    /* backends/shared_conns.c alone */
    struct link link;
    struct shared_conns *conns;
    struct timer deadline;
    uint64_t number; /* in the order of arrival */
};

void shared_conns_init(struct shared_conns *conns, struct loop *loop);
/** Closes all at once. Nobody asks. */
void shared_conns_fini(struct shared_conns *conns);

/** Begins a request where there is room and nobody waits. @return false: ask */
bool shared_conns_use(struct shared_conns *conns, uint64_t after, struct shared_use *out) NODISCARD;
/** Waits for way.timeout_ms at most. @return false: too many wait already */
bool shared_conns_ask(struct shared_conns *conns, struct shared_ask *ask) NODISCARD;
/** Asks no more. Harmless when it does not. */
void shared_ask_leave(struct shared_ask *ask);

/** Is that connection there, and not about to leave? */
bool shared_conns_is_there(const struct shared_conns *conns, uint64_t number);
/** And can it begin another request? */
bool shared_conns_has_room(const struct shared_conns *conns, uint64_t number);
/** A request on that connection was broken off. @return false: so was another one in this turn, which is the same event */
bool shared_conns_note_break(struct shared_conns *conns, uint64_t number);
/** No connection, and none under way. */
bool shared_conns_is_empty(const struct shared_conns *conns);
/** Those that are there take no more requests, and end with the last they have. */
void shared_conns_drain(struct shared_conns *conns);
/** The same, from now on of all. */
void shared_conns_close(struct shared_conns *conns);

#endif
