/** Who offers a service (SRV, RFC 2782), with the addresses of each. A part of backends/resolver.h. */
#ifndef BACKENDS_RESOLVER_SERVICE_H
#define BACKENDS_RESOLVER_SERVICE_H

#include "backends/resolver_host.h"

/** In the owner's memory, which outlives the turn in which it ends. */
struct service_lookup {
    const struct resolver_tools *tools;
    char name[DNS_NAME_MAX + 1];
    struct dns_walk walk;
    struct pending refusing;      /* a name that DNS cannot know */
    struct service_host *hosts;   /* each name once */
    uint8_t of[DNS_SERVICES_MAX]; /* which of them a record names */
    size_t hosts_count, missing;
    void (*on_end)(struct service_lookup *service);
};

/** @param searches  by the search domains; else the name is full */
void service_lookup_begin(struct service_lookup *service, const struct resolver_tools *tools,
                          struct slice name, bool searches, void (*on_end)(struct service_lookup *service));
/** Time is up: with what is there by now. on_end does not come. */
void service_lookup_conclude(struct service_lookup *service);
/** Cancels what is under way. Also after the end; the owner always calls it. */
void service_lookup_fini(struct service_lookup *service);

/** After the end: the records, in order of priority; *out is the answer's. */
const struct dns_answer *service_lookup_records(const struct service_lookup *service);
/** What became of the host that a record names. */
const struct host_lookup *service_lookup_host(const struct service_lookup *service, size_t record);
/** The gravest that was met. */
enum dns_outcome service_lookup_outcome(const struct service_lookup *service);

#endif
