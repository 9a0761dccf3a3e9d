#include "routing/explain.h"

#include "base/mem.h"
#include "routing/conditions.h"
#include "routing/nearest.h"
#include "routing/path.h"
#include "routing/table_parts.h"

static void add_line_number(unsigned line, struct text *out)
{
    if (line)
        text_printf(out, " (line %u)\n", line);
    else
        text_add_literal(out, " (made by Portico itself)\n");
}

static void explain_port(const struct port_table *port, struct text *out)
{
    const struct {
        bool is_there;
        const char *name;
    } kinds[] = {{port->kinds.has_tls_layer, "TLS"},
                 {port->kinds.has_http, "HTTP"},
                 {port->kinds.has_ssh, "SSH"},
                 {port->kinds.has_tcp, "TCP"}};
    const char *separator = "";

    text_printf(out, "port %u: ", port->port);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!kinds[i].is_there)
            continue;
        text_printf(out, "%s%s", separator, kinds[i].name);
        separator = ", ";
    }
    text_add_char(out, '\n');
}

/* The line of the host's first route: that is where a person looks for it. */
static unsigned line_of(const struct host_entry *entry)
{
    const struct path_node *node = entry->paths.newest;

    while (node->older)
        node = node->older;
    return node->first->route.line;
}

static void explain_host(const char *what, const struct host_entry *entry, struct slice name,
                         struct text *out)
{
    if (name.len)
        text_printf(out, "%s %.*s: ", what, FMT_SLICE(name));
    else
        text_printf(out, "no %s: ", what);
    if (!entry) {
        text_add_literal(out, "no route has it\n");
        return;
    }
    if (entry->kind == HOST_EXACT)
        text_add_literal(out, "exact name");
    else if (entry->kind == HOST_WILDCARD)
        text_printf(out, "longest wildcard *.%.*s", FMT_SLICE(entry->name));
    else
        text_add_literal(out, "any host");
    add_line_number(line_of(entry), out);
}

static void explain_alternative(const struct route *route, const char *broken, struct text *out)
{
    if (!route->when)
        return;
    text_add_literal(out, "when: ");
    conditions_describe(route->when, out);
    if (broken)
        text_printf(out, ": %s %s not hold", broken, broken[strlen(broken) - 1] == 's' ? "do" : "does");
    else
        text_add_literal(out, ": holds");
    add_line_number(route->line, out);
}

static const struct route *explain_node(const struct path_node *node, const struct request_view *request,
                                        struct text *out)
{
    for (const struct alternative *each = node->first; each; each = each->next) {
        const char *broken = conditions_broken_part(each->route.when, request);

        explain_alternative(&each->route, broken, out);
        if (!broken)
            return &each->route;
    }
    return NULL;
}

/* The walk from the longest prefix to shorter ones. */
static void explain_path(const struct host_entry *entry, struct slice path,
                         const struct request_view *request, struct text *out)
{
    const struct path_node *node = path_tree_find(&entry->paths, path);
    const char *which = "longest prefix";

    if (!node)
        text_printf(out, "path %.*s: no path of this host is a prefix of it\n", FMT_SLICE(path));
    for (; node; node = node->parent) {
        text_printf(out, "path %.*s: %s %.*s", FMT_SLICE(path), which,
                    FMT_SLICE(node->path.len ? node->path : SLICE("/")));
        add_line_number(node->first->route.line, out);
        if (explain_node(node, request, out))
            return;
        which = "none of these holds; next shorter prefix";
    }
}

static void explain_end(struct match match, struct text *out)
{
    static const char *const ENDS[] = {
        [MATCH_NO_HOST] = "no route takes this host\n",
        [MATCH_NO_PATH] = "no route takes this path\n",
        [MATCH_NO_CONDITION] = "no route: the conditions of none hold\n",
        [MATCH_AMBIGUOUS] =
            "refused: as it stands, in normal form, or as a backend may read it (escapes, \";\"), "
            "this path takes different routes\n",
        [MATCH_BAD_PATH] = "refused: this is no valid path\n",
    };

    if (match.result != MATCH_FOUND) {
        text_add(out, slice_str(ENDS[match.result]));
        return;
    }
    text_add_literal(out, "route ");
    nearest_add_route(match.route, out);
    text_add_char(out, '\n');
}

/* @param path  in normal form, or empty when it has none */
static void explain_steps(const struct host_entry *entry, struct slice path,
                          const struct request_view *request, struct text *out)
{
    explain_host("host", entry, request->host, out);
    if (!entry)
        return;
    if (entry->scheme == SCHEME_TLS || entry->scheme == SCHEME_TCPS) {
        text_printf(out, "%s: whole connections go there, not requests\n", scheme_name(entry->scheme));
        return;
    }
    if (path.len == 0)
        return;
    if (!slice_eq(path, request->path))
        text_printf(out, "path %.*s: routed as %.*s\n", FMT_SLICE(request->path), FMT_SLICE(path));
    explain_path(entry, path, request, out);
}

/* @return the path as it is routed, or empty; in *room* of as many bytes */
static struct slice routed_path(const struct request_view *request, char *room)
{
    ptrdiff_t len = path_normalise(request->path, room);

    if (slice_eq(request->path, SLICE("*")) && slice_eq(request->method, SLICE("OPTIONS")))
        return SLICE("/");
    return slice_of(room, len < 0 ? 0 : (size_t)len);
}

struct match explain_request(const struct table *table, uint16_t port, const struct request_view *request,
                             struct text *out)
{
    struct nearest nearest = {.table = table, .is_tls = request->is_tls, .host = request->host, .out = out};
    struct match match = {.result = MATCH_NO_HOST};
    char *room = mem_alloc(request->path.len);

    nearest.port = table_port(table, port);
    nearest.path = routed_path(request, room);
    if (nearest.port) {
        explain_port(nearest.port, out);
        nearest.entry = host_index_find(port_table_hosts(nearest.port, request->is_tls), request->host);
        match = port_table_request(nearest.port, request);
        explain_steps(nearest.entry, nearest.path, request, out);
        explain_end(match, out);
        nearest.taken = match.route;
    } else {
        text_printf(out, "port %u: no route names it\n", port);
    }
    nearest_describe(&nearest);
    mem_free(room);
    return match;
}

static void explain_connection(const struct host_entry *entry, struct ip from, struct ip local,
                               struct text *out)
{
    static const char *const WHAT[SCHEME_COUNT] = {
        [SCHEME_HTTPS] = "https: TLS ends here, requests are routed one by one\n",
        [SCHEME_TLS] = "tls: TLS stays closed, the bytes go on as they are\n",
        [SCHEME_TCPS] = "tcps: TLS ends here, the bytes inside go on\n",
    };
    const struct alternative *each = path_tree_at(&entry->paths, 0)->first;

    text_add(out, slice_str(WHAT[entry->scheme]));
    if (entry->scheme == SCHEME_HTTPS)
        return;
    for (; each; each = each->next) {
        const char *broken = conditions_broken_raw_part(each->route.when, from, local);

        explain_alternative(&each->route, broken, out);
        if (!broken)
            return;
    }
}

static void explain_sni_end(struct sni_match match, const struct host_entry *entry, struct text *out)
{
    if (match.kind == SNI_NONE)
        text_add_literal(out, "no route takes this name: the handshake is refused\n");
    else if (match.kind == SNI_HTTPS && !entry)
        text_add_literal(out,
                         "https: a route has an address as its host, which is asked for without a name\n");
    else if (match.kind != SNI_HTTPS)
        explain_end((struct match){match.route ? MATCH_FOUND : MATCH_NO_CONDITION, match.route}, out);
}

struct sni_match explain_sni(const struct table *table, uint16_t port, struct slice name, struct ip from,
                             struct ip local, struct text *out)
{
    struct nearest nearest = {.table = table, .is_tls = true, .host = name, .out = out};
    struct sni_match match = {.kind = SNI_NONE};

    nearest.port = table_port(table, port);
    if (nearest.port) {
        explain_port(nearest.port, out);
        nearest.entry = host_index_find(&nearest.port->tls, name);
        match = port_table_sni(nearest.port, name, from, local);
        nearest.taken = match.route;
        explain_host("name", nearest.entry, name, out);
        if (nearest.entry)
            explain_connection(nearest.entry, from, local, out);
        explain_sni_end(match, nearest.entry, out);
    } else {
        text_printf(out, "port %u: no route names it\n", port);
    }
    nearest_describe(&nearest);
    return match;
}
