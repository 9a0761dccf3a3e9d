/** The routing table: which route takes what. Built once from checked keys, then immutable and shared by all
 * workers. Pure: no I/O, no clock. Looking up a host costs the same with 10 and with 100,000 of them. */
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
/** Copies key and conditions. Alternatives of one key are added in the order in which they are tried; one
 * with conditions after one without is an error, and so is what another route takes already (both lines are
 * named). */
int table_builder_add(struct table_builder *builder, const struct url_key *key, const struct conditions *when,
                      uint32_t number, unsigned line, struct error *error) NODISCARD;
/** Would an added route of that scheme and port take the host (a wildcard is asked as it stands) and path
 * "/"? */
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

/** What the port does with a ClientHello of that name (normal form; empty: no SNI). */
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
    MATCH_AMBIGUOUS /* raw and normal path part */,
    MATCH_BAD_PATH
};
struct match {
    enum match_result result;
    const struct route *route;
};
struct match port_table_request(const struct port_table *port, const struct request_view *request);

/** Calls each for every route: by port, then as they were added. */
void table_each(const struct table *table, void (*each)(void *argument, const struct route *route),
                void *argument);

#endif
