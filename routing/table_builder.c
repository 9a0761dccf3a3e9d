#include "base/mem.h"
#include "base/text.h"
#include "routing/conditions.h"
#include "routing/table_parts.h"

/* What one key takes: scheme's space, port, host and path. Its alternatives are in the table. */
struct place {
    const struct alternative *first;
    struct alternative *last;
};

struct table_builder {
    struct table *table;
    struct map index; /* key of a place → its number */
    struct place *places;
    size_t places_count, places_cap;
    struct alternative **added; /* in order */
    size_t added_count, added_cap;
    struct arena keys; /* of places */
};

struct table_builder *table_builder_new(void)
{
    struct table_builder *builder = mem_new(struct table_builder);

    builder->table = mem_new(struct table);
    return builder;
}

void table_builder_free(struct table_builder *builder)
{
    if (!builder)
        return;
    table_free(builder->table);
    map_fini(&builder->index);
    arena_fini(&builder->keys);
    mem_free(builder->places);
    mem_free(builder->added);
    mem_free(builder);
}

static bool is_raw(enum scheme scheme)
{
    return scheme == SCHEME_SSH || scheme == SCHEME_TCP;
}

static struct host_index *hosts_of(struct port_table *port, enum scheme scheme)
{
    return scheme == SCHEME_HTTP ? &port->http : &port->tls;
}

/* https, tls and tcps share a space of hosts, so they share a letter. */
static struct slice write_place_key(struct text *text, const struct url_key *key)
{
    static const char SPACES[SCHEME_COUNT] = {
        [SCHEME_HTTP] = 'h', [SCHEME_HTTPS] = 's', [SCHEME_TLS] = 's',
        [SCHEME_TCPS] = 's', [SCHEME_SSH] = 'r',   [SCHEME_TCP] = 't',
    };
    char head[] = {SPACES[key->scheme], (char)('0' + key->host_kind), (char)(key->port >> 8),
                   (char)(key->port & 0xff)};

    text_add(text, slice_of(head, sizeof(head)));
    text_add(text, key->host);
    text_add_char(text, '\n'); /* in no host and in no path */
    text_add(text, key->path);
    return text_slice(text);
}

static struct place *find_place(const struct table_builder *builder, const struct url_key *key)
{
    struct text text = {0};
    uint32_t at = map_get(&builder->index, write_place_key(&text, key));

    text_fini(&text);
    return at == MAP_NONE ? NULL : &builder->places[at];
}

static struct place *add_place(struct table_builder *builder, const struct url_key *key)
{
    uint32_t at = (uint32_t)builder->places_count;
    struct text text = {0};

    mem_grow((void **)&builder->places, &builder->places_cap, builder->places_count + 1,
             sizeof(struct place));
    builder->places[builder->places_count++] = (struct place){0};
    map_put(&builder->index, arena_copy(&builder->keys, write_place_key(&text, key)), at);
    text_fini(&text);
    return &builder->places[at];
}

static void describe(const struct url_key *key, unsigned line, struct text *out)
{
    struct arena arena = {0};

    text_add(out, url_key_describe(key, &arena));
    if (line)
        text_printf(out, " on line %u", line);
    else
        text_add_literal(out, " (made by Portico itself)");
    arena_fini(&arena);
}

/* "https://a/ on line 7 <relation> http://b/ on line 3<advice>" */
static int refuse(const struct route *route, const char *relation, const struct route *other,
                  const char *advice, struct error *error)
{
    struct text text = {0};

    describe(&route->key, route->line, &text);
    text_printf(&text, " %s ", relation);
    describe(&other->key, other->line, &text);
    error_set(error, "%.*s%s", FMT_SLICE(text_slice(&text)), advice);
    text_fini(&text);
    return -1;
}

static int check_place(const struct table_builder *builder, const struct place *place,
                       const struct route *route, struct error *error)
{
    const struct route *last = &place->last->route;

    if (!last->when && !route->when)
        return refuse(route, "takes the same as", last, "", error);
    if (!last->when)
        return refuse(route, "never gets anything, since all is taken by", last,
                      ": what has no conditions comes last", error);
    if (place->last != builder->added[builder->added_count - 1])
        return refuse(route, "takes the same as", last,
                      ": put both into one `when:` list, which says what is tried first", error);
    for (const struct alternative *each = place->first; each; each = each->next) {
        if (conditions_eq(each->route.when, route->when))
            return refuse(route, "takes the same as", &each->route, ", with the same conditions", error);
    }
    return 0;
}

static int check_route(const struct table_builder *builder, const struct host_entry *host,
                       const struct place *place, const struct route *route, struct error *error)
{
    enum scheme scheme = route->key.scheme;

    if (scheme != SCHEME_HTTP && scheme != SCHEME_HTTPS && !conditions_are_raw(route->when))
        return error_set(error,
                         "%s carries no requests: of the conditions only `from` and `local` can be asked",
                         scheme_name(scheme));
    if (host && host->scheme != scheme)
        return refuse(route, "takes the same name as", &host->paths.newest->first->route,
                      ": SNI could not decide between them", error);
    return place ? check_place(builder, place, route, error) : 0;
}

static struct port_table *find_port(const struct table *table, uint16_t number)
{
    size_t at = table_position(table, number);

    return at < table->count && table->numbers[at] == number ? table->ports[at] : NULL;
}

static struct port_table *add_port(struct table *table, uint16_t number)
{
    size_t at = table_position(table, number), behind = table->count - at;
    struct port_table *port = arena_new(&table->arena, struct port_table);

    mem_grow((void **)&table->ports, &table->ports_cap, table->count + 1, sizeof(*table->ports));
    mem_grow((void **)&table->numbers, &table->numbers_cap, table->count + 1, sizeof(*table->numbers));
    memmove(table->ports + at + 1, table->ports + at, behind * sizeof(*table->ports));
    memmove(table->numbers + at + 1, table->numbers + at, behind * sizeof(*table->numbers));
    table->ports[at] = port;
    table->numbers[at] = port->port = number;
    table->count++;
    return port;
}

static void add_kind(struct port_table *port, const struct url_key *key)
{
    struct ip ip;

    switch (key->scheme) {
    case SCHEME_HTTP:
        port->kinds.has_http = true;
        break;
    case SCHEME_SSH:
        port->kinds.has_ssh = true;
        break;
    case SCHEME_TCP:
        port->kinds.has_tcp = true;
        break;
    default:
        port->kinds.has_tls_layer = true;
        if (key->scheme == SCHEME_HTTPS && ip_parse(key->host, &ip))
            port->has_https_address = true;
    }
}

/* Puts the first alternative of a new place where look-ups find it. */
static void open_place(struct table *table, struct port_table *port, struct host_entry *host,
                       struct alternative *first)
{
    struct url_key *key = &first->route.key;

    add_kind(port, key);
    key->path = key->path.len ? arena_copy(&table->arena, key->path) : SLICE("");
    if (is_raw(key->scheme)) {
        port->raw[key->scheme] = first;
        return;
    }
    if (!host) {
        key->host = key->host.len ? arena_copy(&table->arena, key->host) : SLICE("");
        host = host_index_add(hosts_of(port, key->scheme), key->host_kind, key->host, key->scheme,
                              &table->arena);
    }
    key->host = host->name;
    path_tree_add(&host->paths, key->path, &table->arena)->first = first;
}

static void add_route(struct table_builder *builder, struct port_table *port, struct host_entry *host,
                      struct place *place, const struct route *route)
{
    struct alternative *alternative = arena_new(&builder->table->arena, struct alternative);

    alternative->route = *route;
    if (place) {
        alternative->route.key = place->first->route.key;
        place->last->next = alternative;
    } else {
        place = add_place(builder, &route->key);
        open_place(builder->table, port, host, alternative);
        place->first = alternative;
    }
    place->last = alternative;
    port->routes_count++;
    mem_grow((void **)&builder->added, &builder->added_cap, builder->added_count + 1,
             sizeof(*builder->added));
    builder->added[builder->added_count++] = alternative;
}

int table_builder_add(struct table_builder *builder, const struct url_key *key, const struct conditions *when,
                      uint32_t number, unsigned line, struct error *error)
{
    struct table *table = builder->table;
    struct port_table *port = find_port(table, key->port);
    struct place *place = find_place(builder, key);
    struct host_entry *host = NULL;
    struct route route = {.key = *key, .number = number, .line = line};

    if (port && !is_raw(key->scheme))
        host = host_index_get(hosts_of(port, key->scheme), key->host_kind, key->host);
    route.when = conditions_copy(when, &table->arena);
    if (check_route(builder, host, place, &route, error) < 0)
        return -1;
    add_route(builder, port ? port : add_port(table, key->port), host, place, &route);
    return 0;
}

static const struct host_entry *find_host(const struct host_index *hosts, const struct url_key *key)
{
    const struct host_entry *entry;

    if (key->host_kind == HOST_EXACT)
        return host_index_find(hosts, key->host);
    entry = host_index_get(hosts, key->host_kind, key->host);
    if (!entry && key->host_kind == HOST_WILDCARD)
        entry = host_index_wildcard(hosts, key->host, HOST_LABELS_MAX);
    return entry ? entry : hosts->any;
}

bool table_builder_takes(const struct table_builder *builder, const struct url_key *key)
{
    struct port_table *port = find_port(builder->table, key->port);
    const struct host_entry *host;
    struct url_key root = *key;

    if (!port)
        return false;
    if (is_raw(key->scheme))
        return port->raw[key->scheme] != NULL;
    host = find_host(hosts_of(port, key->scheme), key);
    if (!host || host->scheme != key->scheme)
        return false;
    root.host_kind = host->kind;
    root.host = host->name;
    root.path = SLICE("");
    return find_place(builder, &root) != NULL;
}

static void seal_hosts(struct host_index *hosts, struct arena *arena)
{
    for (size_t i = 0; i < hosts->count; i++)
        path_tree_seal(&hosts->entries[i]->paths, arena);
}

/* Gives each port its routes in the order in which they were added. */
static void list_routes(struct table_builder *builder)
{
    struct table *table = builder->table;

    for (size_t i = 0; i < table->count; i++) {
        struct port_table *port = table->ports[i];

        port->routes = arena_alloc(&table->arena, port->routes_count * sizeof(*port->routes));
        port->routes_count = 0;
    }
    for (size_t i = 0; i < builder->added_count; i++) {
        const struct route *route = &builder->added[i]->route;
        struct port_table *port = find_port(table, route->key.port);

        port->routes[port->routes_count++] = route;
    }
}

struct table *table_builder_done(struct table_builder *builder)
{
    struct table *table = builder->table;

    for (size_t i = 0; i < table->count; i++) {
        seal_hosts(&table->ports[i]->http, &table->arena);
        seal_hosts(&table->ports[i]->tls, &table->arena);
    }
    list_routes(builder);
    builder->table = NULL;
    table_builder_free(builder);
    return table;
}
