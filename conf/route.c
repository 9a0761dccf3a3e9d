#include "conf/route.h"

#include "base/mem.h"
#include "conf/pool.h"
#include "conf/targets.h"

/* A route while it is read. */
struct entry {
    struct reader *reader;
    struct place place;
    struct conf_text key;
};

struct conf_route *route_add(struct conf *conf, struct conf_text key, struct mark mark)
{
    struct conf_route *route;

    mem_grow((void **)&conf->routes, &conf->routes_cap, conf->routes_count + 1, sizeof(*conf->routes));
    route = &conf->routes[conf->routes_count++];
    *route = (struct conf_route){.key = key, .mark = mark, .pool = &conf->pool, .options = &conf->options};
    return route;
}

/* What only makes sense for a request that goes on to a backend. */
static void check_proxy_only(const struct entry *entry, const struct node *map, const char *instead)
{
    static const struct slice KEYS[] = {SLICE("strip_prefix"), SLICE("rewrite_path"),
                                        SLICE("request_headers"), SLICE("timeouts")};
    struct slice why = arena_printf(&entry->reader->conf->arena,
                                    "has no effect here: \"%s\" sends nothing to a backend", instead);
    struct node *key;

    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        if (node_get(map, KEYS[i], &key))
            diagnostics_error(entry->reader->diagnostics, key->mark, "\"%.*s\" %s", FMT_SLICE(KEYS[i]),
                              why.data);
    }
    pool_refuse_keys(entry->reader, map, why.data);
}

/* @return the one of to, redirect and respond that is there; NULL is reported */
static const char *find_kind(const struct entry *entry, const struct node *map)
{
    static const char *const KINDS[] = {"to", "redirect", "respond"};
    const char *found = NULL;
    struct node *key;

    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (!node_get(map, slice_str(KINDS[i]), &key))
            continue;
        if (found) {
            diagnostics_error(entry->reader->diagnostics, key->mark,
                              "a route has one of to, redirect and respond: \"%s\" stands here already",
                              found);
            return NULL;
        }
        found = KINDS[i];
    }
    if (!found)
        diagnostics_error(entry->reader->diagnostics, entry->key.mark,
                          "route %.*s goes nowhere: it needs one of to, redirect and respond",
                          FMT_SLICE(slice_head(entry->key.text, 200)));
    return found;
}

static void check_kind(const struct entry *entry, const struct node *map, struct conf_options *options)
{
    const char *kind = find_kind(entry, map);
    struct node *key;

    if (!kind)
        return;
    options->kind = node_get(map, SLICE("to"), NULL)         ? CONF_PROXY
                    : node_get(map, SLICE("redirect"), NULL) ? CONF_REDIRECT
                                                             : CONF_RESPOND;
    if (options->kind != CONF_PROXY)
        check_proxy_only(entry, map, kind);
    if (options->kind != CONF_REDIRECT && node_get(map, SLICE("code"), &key))
        diagnostics_error(entry->reader->diagnostics, key->mark,
                          "\"code\" has no effect without \"redirect\"");
}

static void check_combinations(const struct entry *entry, const struct node *map,
                               struct conf_options *options)
{
    struct diagnostics *diagnostics = entry->reader->diagnostics;
    struct node *key, *when = node_get(map, SLICE("when"), &key);

    options->has_when = when != NULL;
    if (when && (when->kind == NODE_NULL || (when->kind == NODE_MAP && when->count == 0)))
        diagnostics_error(
            diagnostics, key->mark,
            "\"when\" is empty: it needs at least one of methods, headers, query, from and local");
    if (options->strip_prefix && node_get(map, SLICE("rewrite_path"), &key))
        diagnostics_error(diagnostics, key->mark,
                          "\"rewrite_path\" takes the key's path off already: leave out \"strip_prefix\"");
}

/* A pool of `backends:` is the same for all its routes: what is said of it stands there. */
static void refuse_pool_keys(const struct entry *entry, const struct node *map, struct slice pool)
{
    struct slice why =
        arena_printf(&entry->reader->conf->arena, "belongs to the pool: write it into %.*s of \"backends\"",
                     FMT_SLICE(slice_head(slice_from(pool, 1), 200)));

    pool_refuse_keys(entry->reader, map, why.data);
}

static const struct conf_pool *read_pool(const struct entry *entry, const struct node *map,
                                         const struct conf_route_form *form)
{
    struct conf *conf = entry->reader->conf;
    const struct conf_target *named = targets_pool(&form->to);
    struct conf_pool *pool;

    if (named)
        refuse_pool_keys(entry, map, named->address.text);
    if (named || !pool_is_in(map))
        return &conf->pool;
    pool = arena_new(&conf->arena, struct conf_pool);
    *pool = form->pool;
    pool_check(entry->reader, map, pool);
    return pool;
}

static void read_long(struct entry *entry, const struct node *map)
{
    struct reader *reader = entry->reader;
    struct conf_route_form form = {.options = reader->conf->options, .pool = reader->conf->pool};
    struct conf_options *options = arena_new(&reader->conf->arena, struct conf_options);
    struct conf_route *route;

    reader_section(reader, &entry->place, SECTION_route, map, &form);
    check_kind(entry, map, &form.options);
    check_combinations(entry, map, &form.options);
    *options = form.options;
    route = route_add(reader->conf, entry->key, map->mark);
    route->to = form.to;
    if (options->kind == CONF_PROXY)
        route->pool = read_pool(entry, map, &form);
    route->options = options;
}

static void read_alternatives(struct entry *entry, const struct node *list)
{
    struct diagnostics *diagnostics = entry->reader->diagnostics;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];

        if (item->kind != NODE_MAP) {
            diagnostics_error(
                diagnostics, item->mark,
                "a list holds either targets or alternatives (maps with when and to), not both");
            continue;
        }
        if (i + 1 < list->count && !node_get(item, SLICE("when"), NULL))
            diagnostics_error(
                diagnostics, item->mark,
                "only the last alternative may have no \"when\": those behind this one are never "
                "reached");
        read_long(entry, item);
    }
}

static void read_short(struct entry *entry, const struct node *node)
{
    const struct field *to = field_find(SECTION_route, SLICE("to"));
    struct conf_targets targets = {0};

    targets_read(entry->reader, &entry->place, to, node, &targets);
    route_add(entry->reader->conf, entry->key, node->mark)->to = targets;
}

static void read_route(struct entry *entry, const struct node *key, const struct node *node)
{
    if (node->kind == NODE_MAP)
        read_long(entry, node);
    else if (node->kind == NODE_LIST && node->count && node->items[0]->kind == NODE_MAP &&
             !targets_is_one(node->items[0]))
        read_alternatives(entry, node);
    else if (node->kind == NODE_NULL)
        diagnostics_error(entry->reader->diagnostics, key->mark,
                          "route %.*s goes nowhere: write a target such as 3000 behind it",
                          FMT_SLICE(slice_head(key->text, 200)));
    else
        read_short(entry, node);
}

void route_map(struct reader *reader, const struct place *place, const struct field *field,
               const struct node *node, void *out)
{
    if (node->kind == NODE_MAP)
        reader->routes = node;
    else if (node->kind != NODE_NULL)
        reader_refuse(reader, field, node, NULL, NULL);
}

void route_read_all(struct reader *reader)
{
    const struct node *map = reader->routes;

    for (uint32_t i = 0; map && i < map->count; i += 2) {
        const struct node *key = map->items[i];
        struct entry entry = {
            .reader = reader,
            .key = {.text = key->text, .mark = key->mark},
            .place = {.title = section_row(SECTION_route)->title, .name = key->text},
        };

        read_route(&entry, key, map->items[i + 1]);
    }
}
