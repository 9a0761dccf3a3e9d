#include "conf/pool.h"

#include "conf/targets.h"

/* The next key of a pool that the long form of a route has. @param field  of the last one; NULL: the first */
static struct node *next_key(const struct node *map, const struct field **field)
{
    struct node *key;

    while ((*field = field_next(SECTION_route, *field))) {
        if ((*field)->is_of_pool && node_get(map, slice_str((*field)->name), &key))
            return key;
    }
    return NULL;
}

bool pool_is_in(const struct node *map)
{
    const struct field *field = NULL;

    return next_key(map, &field) != NULL;
}

void pool_refuse_keys(struct reader *reader, const struct node *map, const char *why)
{
    const struct field *field = NULL;

    for (struct node *key; (key = next_key(map, &field));)
        diagnostics_error(reader->diagnostics, key->mark, "\"%s\" %s", field->name, why);
}

/* The key `outer`, or `inner` of the map behind it. @return NULL when it is not written */
static const struct node *key_of(const struct node *map, const char *outer, const char *inner)
{
    struct node *key = NULL, *value = node_get(map, slice_str(outer), &key);

    if (value && inner) {
        key = NULL;
        node_get(value, slice_str(inner), &key);
    }
    return key;
}

static struct mark mark_of(const struct node *map, const char *name)
{
    const struct node *key = key_of(map, name, NULL);

    return key ? key->mark : (struct mark){0};
}

struct duration {
    const char *name;
    uint64_t ms;
};

/* Reported where one of the two is written. */
static void check_order(struct reader *reader, const struct node *map, const char *section,
                        struct duration shorter, struct duration longer)
{
    const struct node *key = key_of(map, section, shorter.name);
    struct text ms[2] = {{0}, {0}};

    if (shorter.ms <= longer.ms)
        return;
    if (!key)
        key = key_of(map, section, longer.name);
    quantity_describe(QUANTITY_DURATION, shorter.ms, &ms[0]);
    quantity_describe(QUANTITY_DURATION, longer.ms, &ms[1]);
    if (key)
        diagnostics_error(reader->diagnostics, key->mark, "\"%s\" (%s) is longer than \"%s\" (%s)",
                          shorter.name, ms[0].data, longer.name, ms[1].data);
    text_fini(&ms[0]);
    text_fini(&ms[1]);
}

/* What has an effect only where something is asked for. */
static void check_question(struct reader *reader, const struct node *map)
{
    const bool has_path = key_of(map, "health", "path"), has_grpc = key_of(map, "health", "grpc");
    const struct node *host = key_of(map, "health", "host"), *status = key_of(map, "health", "status");

    if (has_path && has_grpc)
        diagnostics_error(reader->diagnostics, key_of(map, "health", "grpc")->mark,
                          "\"health\" asks for one of path and grpc, not both");
    if (host && !has_path && !has_grpc)
        diagnostics_error(reader->diagnostics, host->mark,
                          "\"host\" has no effect without \"path\" or \"grpc\"");
    if (status && !has_path)
        diagnostics_error(reader->diagnostics, status->mark, "\"status\" has no effect without \"path\"");
}

static void check_health(struct reader *reader, const struct node *map, struct conf_health *health)
{
    if (!key_of(map, "health", "timeout"))
        health->timeout = MIN(health->timeout, health->interval);
    check_order(reader, map, "health", (struct duration){"timeout", health->timeout},
                (struct duration){"interval", health->interval});
    check_question(reader, map);
}

static void check_hash(struct reader *reader, const struct node *map)
{
    const struct node *balance = node_get(map, SLICE("balance"), NULL), *hash;
    struct node *key;
    bool has_header, has_cookie;

    hash = balance ? node_get(balance, SLICE("hash"), &key) : NULL;
    if (!hash || hash->kind != NODE_MAP)
        return;
    has_header = node_get(hash, SLICE("header"), NULL) != NULL;
    has_cookie = node_get(hash, SLICE("cookie"), NULL) != NULL;
    if (has_header == has_cookie)
        diagnostics_error(reader->diagnostics, key->mark, "\"hash\" needs one of header and cookie%s",
                          has_header ? ", not both" : "");
}

static void check_certificates(struct reader *reader, const struct node *map, const struct conf_pool *pool)
{
    const struct node *key = key_of(map, "ca", NULL);

    if (!pool->verify && key)
        diagnostics_error(reader->diagnostics, key->mark, "\"ca\" has no effect with \"verify: off\"");
}

void pool_check(struct reader *reader, const struct node *map, struct conf_pool *pool)
{
    const struct node *key = key_of(map, "queue", NULL);

    check_health(reader, map, &pool->health);
    check_hash(reader, map);
    check_certificates(reader, map, pool);
    check_order(reader, map, "outlier", (struct duration){"eject", pool->outlier.eject},
                (struct duration){"eject_max", pool->outlier.eject_max});
    if (key && pool->max_connections == SETTING_NONE)
        diagnostics_error(reader->diagnostics, key->mark,
                          "\"queue\" has no effect without \"max_connections\"");
    pool->balance.mark = mark_of(map, "balance");
    pool->outlier.mark = mark_of(map, "outlier");
    pool->retry.mark = mark_of(map, "retry");
}

/* --- backends: */

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return text.len > 0;
}

static bool check_entry(struct reader *reader, const struct node *key, const struct node *node)
{
    if (!is_name(key->text))
        diagnostics_error(reader->diagnostics, key->mark,
                          "a pool's name has letters, digits, - and _ only, not \"%.*s\"",
                          FMT_SLICE(slice_head(key->text, 200)));
    else if (node->kind == NODE_NULL)
        diagnostics_error(reader->diagnostics, key->mark,
                          "pool %.*s has no targets: write one such as 3000 behind it",
                          FMT_SLICE(slice_head(key->text, 200)));
    else
        return true;
    return false;
}

static void read_entry(struct reader *reader, const struct place *place, const struct node *key,
                       const struct node *node, struct conf_backend *backend)
{
    struct place inner = {.outer = place, .title = section_row(SECTION_pool)->title, .name = key->text};
    const struct field *to = field_find(SECTION_pool, SLICE("to"));

    backend->name = (struct conf_text){.text = key->text, .mark = key->mark};
    backend->mark = node->mark;
    backend->pool = reader->conf->pool;
    if (targets_is_one(node)) {
        targets_read(reader, &inner, to, node, &backend->to);
        return;
    }
    reader_section(reader, &inner, SECTION_pool, node, backend);
    pool_check(reader, node, &backend->pool);
}

void pool_map(struct reader *reader, const struct place *place, const struct field *field,
              const struct node *node, void *out)
{
    struct conf *conf = reader->conf;

    if (node->kind != NODE_MAP) {
        if (node->kind != NODE_NULL)
            reader_refuse(reader, field, node, NULL, NULL);
        return;
    }
    conf->backends = arena_zeroed(&conf->arena, node->count / 2 * sizeof(*conf->backends));
    for (uint32_t i = 0; i < node->count; i += 2) {
        if (check_entry(reader, node->items[i], node->items[i + 1]))
            read_entry(reader, place, node->items[i], node->items[i + 1],
                       &conf->backends[conf->backends_count++]);
    }
}
