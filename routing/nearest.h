/** For explain: the routes that came nearest to taking something, each with why it did not. */
#ifndef ROUTING_NEAREST_H
#define ROUTING_NEAREST_H

#include "base/text.h"
#include "routing/table_parts.h"

enum { NEAREST_MAX = 5 };

/** What was asked, and what took it. */
struct nearest {
    const struct table *table;
    const struct port_table *port; /* NULL: no route names it */
    bool is_tls;
    struct slice host, path;        /* path in normal form; empty: none was asked */
    const struct host_entry *entry; /* the host that decided, or NULL */
    const struct route *taken;      /* or NULL */
    struct text *out;
    size_t count; /* mentioned so far */
};

/** Adds "nearest others:" and at most NEAREST_MAX lines; nothing when there are none. */
void nearest_describe(struct nearest *nearest);
/** "https://a.test/v1/ (line 3)" */
void nearest_add_route(const struct route *route, struct text *out);

#endif
