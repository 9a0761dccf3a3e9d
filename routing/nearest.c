#include "routing/nearest.h"

#include <stdio.h>

#include "base/suggest.h"

void nearest_add_route(const struct route *route, struct text *out)
{
    struct arena arena = {0};

    text_add(out, url_key_describe(&route->key, &arena));
    if (route->line)
        text_printf(out, " (line %u)", route->line);
    else
        text_add_literal(out, " (made by Portico itself)");
    arena_fini(&arena);
}

static void mention(struct nearest *nearest, const struct route *route, const char *reason)
{
    if (nearest->count == NEAREST_MAX)
        return;
    if (nearest->count++ == 0)
        text_add_literal(nearest->out, "nearest others:\n");
    text_add_literal(nearest->out, "  ");
    nearest_add_route(route, nearest->out);
    text_printf(nearest->out, ": %s\n", reason);
}

/* Of a host's routes the one that is about the path, else any. */
static const struct route *representative(const struct nearest *nearest, const struct host_entry *entry)
{
    const struct path_node *node = path_tree_find(&entry->paths, nearest->path);

    return &(node ? node : entry->paths.newest)->first->route;
}

/* Paths beside the one asked for, and shorter ones that it is below of. */
static void mention_paths(struct nearest *nearest)
{
    const struct path_tree *paths = &nearest->entry->paths;
    size_t position = path_tree_position(paths, nearest->path), from = position < 2 ? 0 : position - 2;
    char reason[64];

    for (size_t i = from; i < paths->count && i < position + 2; i++) {
        const struct path_node *node = path_tree_at(paths, i);

        if (path_is_prefix(node->path, nearest->path))
            continue;
        snprintf(reason, sizeof(reason), "not a prefix of %.*s by segments",
                 (int)MIN(nearest->path.len, (size_t)30), nearest->path.data);
        mention(nearest, &node->first->route, reason);
    }
    for (const struct path_node *node = path_tree_find(paths, nearest->path); node; node = node->parent) {
        if (nearest->taken && node->path.len < nearest->taken->key.path.len)
            mention(nearest, &node->first->route, "a longer prefix goes first");
    }
}

/* Hosts that take the name as well, but come later. */
static void mention_hosts(struct nearest *nearest)
{
    const struct host_index *hosts = port_table_hosts(nearest->port, nearest->is_tls);
    const struct host_entry *entry = nearest->entry;
    bool is_exact = entry->kind == HOST_EXACT;
    size_t below = entry->kind == HOST_WILDCARD ? host_labels(entry->name) : HOST_LABELS_MAX;

    if (entry->kind == HOST_ANY)
        return;
    while (nearest->count < NEAREST_MAX && (entry = host_index_wildcard(hosts, nearest->host, below))) {
        mention(nearest, representative(nearest, entry),
                is_exact ? "an exact name goes before a wildcard" : "a longer wildcard goes first");
        below = host_labels(entry->name);
    }
    if (hosts->any)
        mention(nearest, representative(nearest, hosts->any), "any host comes last");
}

static void mention_ports(struct nearest *nearest)
{
    for (size_t i = 0; i < nearest->table->count; i++) {
        const struct port_table *port = nearest->table->ports[i];
        const struct host_entry *clear = host_index_find(&port->http, nearest->host);
        const struct host_entry *tls = host_index_find(&port->tls, nearest->host);

        if (clear && (port != nearest->port || nearest->is_tls))
            mention(nearest, representative(nearest, clear),
                    port != nearest->port ? "on another port" : "in clear, not over TLS");
        if (tls && (port != nearest->port || !nearest->is_tls))
            mention(nearest, representative(nearest, tls),
                    port != nearest->port ? "on another port" : "over TLS, not in clear");
    }
}

/* A wildcard's name is compared with what is behind the first label. */
static size_t distance(const struct host_entry *entry, struct slice host, size_t limit)
{
    ptrdiff_t dot = slice_find(host, '.');

    if (entry->kind == HOST_ANY || (entry->kind == HOST_WILDCARD && dot < 0))
        return limit + 1;
    return suggest_distance(entry->name, entry->kind == HOST_EXACT ? host : slice_from(host, (size_t)dot + 1),
                            limit);
}

/* The nearest few names; each place is for the best that is left. */
static void mention_names(struct nearest *nearest)
{
    enum { SLIPS = 3, NAMES = 3 };
    const struct host_index *hosts = port_table_hosts(nearest->port, nearest->is_tls);
    const struct host_entry *best[NAMES] = {NULL};
    size_t slips[NAMES] = {SLIPS + 1, SLIPS + 1, SLIPS + 1};

    for (size_t i = 0; i < hosts->count; i++) {
        size_t d = distance(hosts->entries[i], nearest->host, slips[NAMES - 1] - 1), at = NAMES - 1;

        if (d >= slips[at])
            continue;
        for (; at && slips[at - 1] > d; at--) {
            best[at] = best[at - 1];
            slips[at] = slips[at - 1];
        }
        best[at] = hosts->entries[i];
        slips[at] = d;
        if (slips[NAMES - 1] == 0)
            break;
    }
    for (size_t i = 0; i < NAMES && best[i]; i++)
        mention(nearest, representative(nearest, best[i]), "another name, though a similar one");
}

void nearest_describe(struct nearest *nearest)
{
    if (nearest->entry) {
        if (nearest->path.len)
            mention_paths(nearest);
        mention_hosts(nearest);
        return;
    }
    if (nearest->host.len)
        mention_ports(nearest);
    if (nearest->port && nearest->host.len)
        mention_names(nearest);
}
