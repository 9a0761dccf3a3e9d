/** The addresses of one host: by what this machine knows itself, else by its name servers. A part of
 *  backends/resolver.h, for a question of either kind. */
#ifndef BACKENDS_RESOLVER_HOST_H
#define BACKENDS_RESOLVER_HOST_H

#include "backends/dns_hosts.h"
#include "backends/dns_walk.h"

/** What all lookups of a resolver use. */
struct resolver_tools {
    struct loop *loop;
    struct dns_client *client;
    struct dns_hosts *hosts;
    uint64_t grace_ms; /* for the other family, once one has answered */
};

/** In the owner's memory, which outlives the turn in which it ends. */
struct host_lookup {
    const struct resolver_tools *tools;
    char name[DNS_NAME_MAX + 1];
    struct dns_walk walk;
    struct pending knowing;   /* what needs no name server */
    enum dns_outcome outcome; /* DNS_FOUND: there are addresses */
    bool lacks[2];            /* there may be more than these of IPv4, of IPv6 */
    struct ip *ips;           /* IPv4 first, each family in the order of the answer */
    size_t count;
    uint64_t ttl_ms;
    void (*on_end)(struct host_lookup *host);
};

/** Anything may stand in *name*; *on_end* comes once, never from inside. */
void host_lookup_begin(struct host_lookup *host, const struct resolver_tools *tools, struct slice name,
                       bool searches, void (*on_end)(struct host_lookup *host));
/** Time is up: with what is there by now. on_end does not come. */
void host_lookup_conclude(struct host_lookup *host);
/** Cancels what is under way. Also after the end; the owner always calls it. */
void host_lookup_fini(struct host_lookup *host);

#endif
