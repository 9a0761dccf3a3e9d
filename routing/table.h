/** The routing table: which route takes what. Built once from checked keys, then immutable and shared by all
 * workers. Pure: no I/O, no clock. Looking up a host costs the same with 10 and with 100,000 of them, and
 * nothing is allocated on the way.
 *
 * Host first: the exact host, else the longest wildcard, else any. That host's routes alone decide; a request
 * that none of its paths takes gets no route, even if a wildcard's or any host's path would have taken it.
 * Then path: the longest prefix by segments. A route with `when:` takes a request only if its conditions
 * hold, so when none of a path's alternatives takes it the next shorter path of the same host is asked. To
 * close a path for all others, end its alternatives with one without conditions, such as `respond: 403`.
 *
 * On one port, http routes have one space of hosts; https, tls and tcps share another, since SNI has to
 * decide between them. ssh and tcp have one place each. */
#ifndef ROUTING_TABLE_H
#define ROUTING_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"
#include "routing/url_key.h"

/** A route's `when:`; every part that is there must hold, any of a part's items. All zero: always holds. Lent
 * slices. */
struct condition_pair {
    struct slice name;  /* header name in any case, query parameter as written */
    struct slice value; /* must equal; data == NULL: must be there */
};
struct conditions {
    const struct slice *methods;
    size_t methods_count;
    const struct condition_pair *headers; /* all of them must hold */
    size_t headers_count;
    const struct condition_pair *query; /* all of them must hold */
    size_t query_count;
    const struct cidr *from;
    size_t from_count;
    const struct ip *local;
    size_t local_count;
};

struct route {
    struct url_key key;
    const struct conditions *when; /* NULL: always */
    uint32_t number;               /* of what happens: index into the snapshot's actions */
    unsigned line;                 /* where it stands in the configuration; 0: made by Portico itself */
};

struct table;
struct port_table;
struct table_builder;

struct table_builder *table_builder_new(void);
/** Copies key and conditions. Alternatives of one key are added one after the other, in the order in which
 * they are tried; one with conditions after one without is an error, and so is what another route takes
 * already (both lines are named). Of schemes other than http and https only addresses can be asked. After an
 * error the builder is as before and more may be added. */
int table_builder_add(struct table_builder *builder, const struct url_key *key, const struct conditions *when,
                      uint32_t number, unsigned line, struct error *error) NODISCARD;
/** Would an added route of that scheme and port take the host (a wildcard is asked as it stands) and path
 * "/"? Yes also for one that has conditions. */
bool table_builder_takes(const struct table_builder *builder, const struct url_key *key);
/** Frees the builder. */
struct table *table_builder_done(struct table_builder *builder);
void table_builder_free(struct table_builder *builder);
void table_free(struct table *table);

/** Ports that routes name, ascending. */
size_t table_ports(const struct table *table, const uint16_t **out);
/** NULL when no route names it. Valid as long as the table. */
const struct port_table *table_port(const struct table *table, uint16_t port);

/** What a port expects, for its front (proxy/sniff). */
struct port_kinds {
    bool has_http, has_tls_layer /* https, tls or tcps */, has_ssh, has_tcp;
};
struct port_kinds port_table_kinds(const struct port_table *port);
/** The route of that raw scheme (SCHEME_SSH, SCHEME_TCP) on the port for a client, or NULL. */
const struct route *port_table_raw(const struct port_table *port, enum scheme scheme, struct ip from,
                                   struct ip local);

/** What the port does with a ClientHello of that name (normal form; empty: no SNI). Without a name it is the
 * any host's; else SNI_HTTPS where a route has an address as its host, since those are asked for without one
 * (RFC 6066 §3). */
struct sni_match {
    enum { SNI_NONE, SNI_HTTPS, SNI_TLS, SNI_TCPS } kind;
    const struct route *route; /* of SNI_TLS and SNI_TCPS; NULL: their conditions do not hold */
};
struct sni_match port_table_sni(const struct port_table *port, struct slice name, struct ip from,
                                struct ip local);

/** A request as routing sees it. *field* gives the n-th value of a header field, false when there are fewer.
 */
struct request_view {
    bool is_tls;
    struct slice host; /* normal form (routing/host), without port */
    struct slice path; /* raw, without query */
    struct slice query;
    struct slice method;
    struct ip from, local;
    bool (*field)(const void *context, struct slice name, size_t n, struct slice *value);
    const void *context;
};
enum match_result {
    MATCH_FOUND,
    MATCH_NO_HOST,
    MATCH_NO_PATH,
    MATCH_NO_CONDITION,
    MATCH_AMBIGUOUS, /* readings of the path take different routes */
    MATCH_BAD_PATH
};
struct match {
    enum match_result result;
    const struct route *route;
};
/** Routing is done on the path's normal form, but backends get it raw, so both must give the same answer; and
 * so must the reading in which %2F and %5C are slashes, which some backends have. Otherwise MATCH_AMBIGUOUS:
 * no path may slip past a route (and its conditions) in disguise. So a route that is found has its key's path
 * literally in front of the raw path too. A path over 8 KiB that is not in normal form is MATCH_BAD_PATH.
 * "*", of OPTIONS, is routed as "/" (RFC 9110 §9.3.7). A host of the TLS layer that a tls or tcps route takes
 * has no requests: MATCH_NO_HOST. */
struct match port_table_request(const struct port_table *port, const struct request_view *request);

/** Calls each for every route: by port, then as they were added. */
void table_each(const struct table *table, void (*each)(void *argument, const struct route *route),
                void *argument);

#endif
