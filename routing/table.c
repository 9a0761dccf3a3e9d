#include "routing/table.h"

#include "base/mem.h"
#include "routing/conditions.h"
#include "routing/path.h"
#include "routing/table_parts.h"

/* The limit of a request target by default (limits: target), and what may be read of one path altogether. */
enum { PATH_MAX_BYTES = 8192, READINGS_MAX_BYTES = 32 * 1024 };

size_t table_position(const struct table *table, uint16_t port)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->numbers[middle] < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++) {
        host_index_fini(&table->ports[i]->http);
        host_index_fini(&table->ports[i]->tls);
    }
    arena_fini(&table->arena);
    mem_free(table->ports);
    mem_free(table->numbers);
    mem_free(table);
}

size_t table_ports(const struct table *table, const uint16_t **out)
{
    *out = table->numbers;
    return table->count;
}

const struct port_table *table_port(const struct table *table, uint16_t port)
{
    size_t at = table_position(table, port);

    return at < table->count && table->numbers[at] == port ? table->ports[at] : NULL;
}

void table_each(const struct table *table, void (*each)(void *argument, const struct route *route),
                void *argument)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t j = 0; j < table->ports[i]->routes_count; j++)
            each(argument, table->ports[i]->routes[j]);
    }
}

struct port_kinds port_table_kinds(const struct port_table *port)
{
    return port->kinds;
}

static const struct route *ask_raw(const struct alternative *alternative, struct ip from, struct ip local)
{
    for (; alternative; alternative = alternative->next) {
        if (!conditions_broken_raw_part(alternative->route.when, from, local))
            return &alternative->route;
    }
    return NULL;
}

const struct route *port_table_raw(const struct port_table *port, enum scheme scheme, struct ip from,
                                   struct ip local)
{
    return ask_raw(port->raw[scheme], from, local);
}

struct sni_match port_table_sni(const struct port_table *port, struct slice name, struct ip from,
                                struct ip local)
{
    const struct host_entry *entry = host_index_find(&port->tls, name);
    struct sni_match match = {.kind = SNI_NONE};

    if (!entry) {
        if (name.len == 0 && port->has_https_address)
            match.kind = SNI_HTTPS;
        return match;
    }
    if (entry->scheme == SCHEME_HTTPS) {
        match.kind = SNI_HTTPS;
        return match;
    }
    match.kind = entry->scheme == SCHEME_TLS ? SNI_TLS : SNI_TCPS;
    match.route = ask_raw(path_tree_at(&entry->paths, 0)->first, from, local);
    return match;
}

const struct host_entry *port_table_host(const struct port_table *port, const struct request_view *request)
{
    const struct host_entry *entry = host_index_find(port_table_hosts(port, request->is_tls), request->host);

    return entry && (entry->scheme == SCHEME_HTTP || entry->scheme == SCHEME_HTTPS) ? entry : NULL;
}

const struct route *path_node_ask(const struct path_node *node, const struct request_view *request)
{
    for (const struct alternative *alternative = node->first; alternative; alternative = alternative->next) {
        if (!conditions_broken_part(alternative->route.when, request))
            return &alternative->route;
    }
    return NULL;
}

static struct match match_path(const struct host_entry *entry, struct slice path,
                               const struct request_view *request)
{
    const struct path_node *node = path_tree_find(&entry->paths, path);
    struct match match = {.result = node ? MATCH_NO_CONDITION : MATCH_NO_PATH};

    for (; node; node = node->parent) {
        match.route = path_node_ask(node, request);
        if (match.route) {
            match.result = MATCH_FOUND;
            break;
        }
    }
    return match;
}

static bool has_root_alone(const struct host_entry *entry)
{
    return entry->paths.count == 1 && path_tree_at(&entry->paths, 0)->path.len == 0;
}

/* Each reading doubles the work, so a long path may have fewer of them. */
static bool has_too_many_readings(struct slice path, unsigned readings)
{
    size_t bytes = path.len;

    for (; readings; readings &= readings - 1)
        bytes *= 2;
    return bytes > READINGS_MAX_BYTES;
}

/* Whatever a backend does to the path, it must take the same route. */
static struct match match_readings(const struct host_entry *entry, const struct request_view *request)
{
    const unsigned all = path_readings(request->path);
    char bytes[PATH_MAX_BYTES];
    struct match match;
    ptrdiff_t len;

    len = request->path.len > PATH_MAX_BYTES ? -1 : path_normalise(request->path, bytes);
    if (len < 0)
        return (struct match){.result = MATCH_BAD_PATH};
    match = match_path(entry, slice_of(bytes, (size_t)len), request);
    if (has_root_alone(entry))
        return match;
    if (has_too_many_readings(request->path, all))
        return (struct match){.result = MATCH_AMBIGUOUS};
    for (unsigned some = all;; some = (some - 1) & all) { /* every subset, down to none */
        len = path_read(request->path, some, bytes);
        ASSERT(len > 0); /* a path that has a normal form has all readings */
        if (match_path(entry, slice_of(bytes, (size_t)len), request).route != match.route)
            return (struct match){.result = MATCH_AMBIGUOUS};
        if (some == 0)
            return match;
    }
}

/* Nobody reads anything else into it. */
static bool is_plain(struct slice path)
{
    return path_is_normal(path) && slice_find(path, '%') < 0 && slice_find(path, ';') < 0;
}

static bool is_options_for_all(const struct request_view *request)
{
    return slice_eq(request->path, SLICE("*")) && slice_eq(request->method, SLICE("OPTIONS"));
}

struct match port_table_request(const struct port_table *port, const struct request_view *request)
{
    const struct host_entry *entry = port_table_host(port, request);

    if (!entry)
        return (struct match){.result = MATCH_NO_HOST};
    if (is_options_for_all(request))
        return match_path(entry, SLICE("/"), request);
    if (LIKELY(is_plain(request->path)))
        return match_path(entry, request->path, request);
    return match_readings(entry, request);
}
