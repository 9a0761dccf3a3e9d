/** What the two files of a front share: front_opening.c finds out what a connection is, front.c has it from then on.
 *  For them alone. */
#ifndef PROXY_FRONT_PARTS_H
#define PROXY_FRONT_PARTS_H

#include "base/fault.h"
#include "base/list.h"
#include "proxy/client.h"
#include "proxy/front.h"
#include "routing/table.h"

struct http_server;
struct lease;
struct opening;
struct route;
struct tunnel;

enum { FRONT_MAGIC = 0xf2047001 };

/* Drawn at the top of front.h. */
enum front_state { FRONT_SNIFF, FRONT_TLS, FRONT_HTTP, FRONT_TUNNEL };

struct front {
    unsigned magic;
    enum front_state state;
    struct link link; /* in the worker's fronts */
    struct client client;
    struct lease *lease; /* what the connection began with: held while opening, for TLS, and by tunnels */
    struct ip *counted;  /* whose it is, where limits.connections_per_client says that it counts; else NULL */
    union {
        struct opening *opening;    /* SNIFF, TLS; NULL: nothing had to be found out */
        struct http_server *server; /* HTTP */
        struct tunnel *tunnel;      /* TUNNEL */
    };
};

/** The stream is gone, or others end it. */
void front_gone(struct front *front);
void front_log_refused(const struct front *front, enum fault fault, const char *detail);

/** Its stream speaks HTTP from here on. */
void front_http(struct front *front);
/** Its bytes go where the route says. @param has_spoken  the client sent a byte */
void front_tunnel(struct front *front, const struct route *route, bool has_spoken);

/** Looks at the first bytes. */
void front_sniff(struct front *front, struct port_kinds kinds);
/** Nothing that speaks: tcp, else ssh where the client said nothing at all, whose server speaks first. */
void front_silent(struct front *front, bool is_silent);
/** Whatever was needed to find out what it is goes. */
void front_leave_opening(struct front *front);
const struct port_table *front_port(const struct front *front);

#endif
