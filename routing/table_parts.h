/** What a table is made of: for those who build it, look things up in it and explain it; private to routing/.
 */
#ifndef ROUTING_TABLE_PARTS_H
#define ROUTING_TABLE_PARTS_H

#include "base/arena.h"
#include "routing/host_index.h"
#include "routing/path_tree.h"
#include "routing/table.h"

struct port_table {
    uint16_t port;
    bool has_https_address; /* an https route whose host is an address */
    struct port_kinds kinds;
    struct host_index http, tls;                 /* tls: https, tls and tcps */
    const struct alternative *raw[SCHEME_COUNT]; /* of ssh and tcp */
    const struct route **routes;                 /* as added */
    size_t routes_count;
};

struct table {
    struct arena arena; /* all but the indexes' maps and the two arrays here */
    struct port_table **ports;
    uint16_t *numbers; /* of ports, ascending */
    size_t count, ports_cap, numbers_cap;
};

/** Where the port stands, or would stand. */
size_t table_position(const struct table *table, uint16_t port);
static inline const struct host_index *port_table_hosts(const struct port_table *port, bool is_tls)
{
    return is_tls ? &port->tls : &port->http;
}
/** The entry that decides over a request; NULL also where a tls or tcps route takes the host. */
const struct host_entry *port_table_host(const struct port_table *port, const struct request_view *request);
/** What a path's alternatives say to the request: the route, or NULL. */
const struct route *path_node_ask(const struct path_node *node, const struct request_view *request);

#endif
