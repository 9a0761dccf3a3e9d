#include "base/mem.h"
#include "conf/targets.h"
#include "control/compile_parts.h"
#include "routing/host.h"

/* --- Settings */

static uint64_t or_zero(uint64_t setting)
{
    return setting == SETTING_NONE ? 0 : setting;
}

static void compile_balance(struct compiler *compiler, const struct conf_balance *from, struct pool *pool)
{
    static const enum balance_kind KINDS[] = {
        [CONF_ROUND_ROBIN] = BALANCE_ROUND_ROBIN,
        [CONF_LEAST_CONNECTIONS] = BALANCE_LEAST_CONNECTIONS,
        [CONF_TWO_CHOICES] = BALANCE_TWO_CHOICES,
        [CONF_HASH] = BALANCE_HASH,
    };
    const struct conf_hash *hash = &from->hash;
    bool is_header = hash->header.text.data != NULL;

    pool->balance = KINDS[from->kind];
    if (from->kind != CONF_HASH)
        return;
    pool->hash_by = hash->by == CONF_BY_CLIENT ? HASH_CLIENT
                    : hash->by == CONF_BY_PATH ? HASH_PATH
                    : is_header                ? HASH_HEADER
                                               : HASH_COOKIE;
    pool->hash_name = compile_text(compiler, is_header ? hash->header.text : hash->cookie.text);
}

static void compile_health(struct compiler *compiler, const struct conf_health *from,
                           struct pool_health *health)
{
    struct host host;

    *health = (struct pool_health){
        .is_on = from->kind != CONF_HEALTH_OFF,
        .path = compile_text(compiler, from->path.text),
        .grpc = compile_text(compiler, from->grpc.text),
        .host = compile_text(compiler, from->host.text),
        .status_min = from->status.min,
        .status_max = from->status.max,
        .interval_ms = from->interval,
        .timeout_ms = from->timeout,
        .rise = (unsigned)from->rise,
        .fall = (unsigned)from->fall,
    };
    if (from->host.text.data && !host_parse(from->host.text, &host))
        diagnostics_error(compiler->diagnostics, from->host.mark, "\"%.*s\" is no host",
                          FMT_SLICE(slice_head(from->host.text, 200)));
}

static struct pool_outlier compile_outlier(const struct conf_outlier *from)
{
    if (from->kind == CONF_OUTLIER_OFF)
        return (struct pool_outlier){0};
    return (struct pool_outlier){
        .connect_failures = (unsigned)or_zero(from->connect_failures),
        .resets = (unsigned)or_zero(from->resets),
        .errors = (unsigned)or_zero(from->errors),
        .eject_ms = from->eject,
        .eject_max_ms = from->eject_max,
    };
}

static void compile_sources(struct compiler *compiler, const struct conf_addresses *from, struct pool *pool)
{
    size_t bytes = from->count * sizeof(struct ip);
    struct ip *sources = arena_alloc(&compiler->snapshot->arena, bytes);

    if (bytes)
        memcpy(sources, from->items, bytes);
    pool->sources = sources;
    pool->sources_count = from->count;
}

static void compile_settings(struct compiler *compiler, const struct conf_pool *from, struct pool *pool)
{
    static const enum proxy_protocol PROTOCOLS[] = {[CONF_PROXY_OFF] = PROXY_PROTOCOL_NONE,
                                                    [CONF_PROXY_V1] = PROXY_PROTOCOL_V1,
                                                    [CONF_PROXY_V2] = PROXY_PROTOCOL_V2};

    compile_balance(compiler, &from->balance, pool);
    compile_health(compiler, &from->health, &pool->health);
    pool->sticky = compile_text(compiler, from->sticky.text);
    pool->outlier = compile_outlier(&from->outlier);
    pool->retry = (struct pool_retry){.tries = (unsigned)from->retry.tries,
                                      .resets = from->retry.resets,
                                      .budget_percent = (unsigned)from->retry.budget};
    pool->slow_start_ms = or_zero(from->slow_start);
    pool->hold_ms = or_zero(from->hold);
    pool->max_connections = or_zero(from->max_connections);
    pool->queue_ms = from->queue;
    pool->proxy_protocol = PROTOCOLS[from->proxy_protocol];
    compile_sources(compiler, &from->source, pool);
    pool->drain_ms = compiler->conf->timeouts.drain;
    pool->drain_tunnels_ms = compiler->conf->timeouts.drain_tunnels;
}

static struct pool *add_pool(struct compiler *compiler, struct slice key, const struct pool_source *source)
{
    struct snapshot *snapshot = compiler->snapshot;
    struct pool *pool = &snapshot->pools[snapshot->pools_count];

    pool->number = (uint32_t)snapshot->pools_count++;
    pool->key = key;
    compile_settings(compiler, source->settings, pool);
    compile_targets(compiler, source, pool);
    return pool;
}

/* --- Raw bytes */

static bool is_raw(const struct conf_route *route)
{
    static const struct slice RAW[] = {{"ssh:", 4}, {"tcp:", 4}, {"tls:", 4}, {"tcps:", 5}};

    for (size_t i = 0; i < ARRAY_LEN(RAW); i++) {
        if (slice_starts_nocase(route->key.text, RAW[i]))
            return true;
    }
    return false;
}

static void refuse_raw(struct compiler *compiler, struct mark mark, const char *what,
                       const struct conf_route *route)
{
    diagnostics_error(compiler->diagnostics, mark, "%s needs HTTP: %.*s passes on raw bytes", what,
                      FMT_SLICE(slice_head(route->key.text, 200)));
}

static void check_raw_targets(struct compiler *compiler, const struct conf_targets *to)
{
    static const struct slice HTTP[] = {{"http://", 7}, {"h2c://", 6}, {"h2://", 5}};

    for (size_t i = 0; i < to->count * ARRAY_LEN(HTTP); i++) {
        const struct conf_text *text = &to->items[i / ARRAY_LEN(HTTP)].address;
        struct slice scheme = HTTP[i % ARRAY_LEN(HTTP)];

        if (slice_starts_nocase(text->text, scheme))
            diagnostics_error(compiler->diagnostics, text->mark, "a route of raw bytes has no %.*s targets",
                              FMT_SLICE(scheme));
    }
}

static void check_raw(struct compiler *compiler, const struct pool_source *source,
                      const struct conf_route *route)
{
    const struct conf_pool *settings = source->settings;

    check_raw_targets(compiler, source->to);
    if (settings->balance.kind == CONF_HASH && settings->balance.hash.by != CONF_BY_CLIENT)
        refuse_raw(compiler, settings->balance.mark, "a \"hash\" by path, header or cookie", route);
    if (settings->sticky.text.data)
        refuse_raw(compiler, settings->sticky.mark, "\"sticky\"", route);
    if (settings->health.path.text.data) {
        refuse_raw(compiler, settings->health.path.mark, "a \"path\" of health", route);
        diagnostics_hint(compiler->diagnostics, "`health: connect` makes a connection");
    }
    if (settings->health.grpc.text.data)
        refuse_raw(compiler, settings->health.grpc.mark, "\"grpc\" of health", route);
    if (settings->outlier.kind == CONF_OUTLIER_MAP && settings->outlier.errors != SETTING_NONE)
        refuse_raw(compiler, settings->outlier.mark, "\"errors\" of outlier", route);
    if (settings->retry.resets)
        refuse_raw(compiler, settings->retry.mark, "\"resets\" of retry", route);
}

/* --- Pools of `backends:` */

static struct pool_source source_of(const struct conf_backend *backend)
{
    return (struct pool_source){.to = &backend->to, .settings = &backend->pool, .mark = backend->mark};
}

void compile_backends(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;
    struct snapshot *snapshot = compiler->snapshot;

    snapshot->pools =
        arena_zeroed(&snapshot->arena, (conf->backends_count + conf->routes_count) * sizeof(struct pool));
    compiler->users = mem_new_n(const struct conf_route *, conf->backends_count);
    for (size_t i = 0; i < conf->backends_count; i++) {
        const struct conf_backend *backend = &conf->backends[i];
        struct pool_source source = source_of(backend);
        struct slice key = arena_printf(&snapshot->arena, "@%.*s", FMT_SLICE(backend->name.text));

        add_pool(compiler, key, &source);
        map_put(&compiler->backends, key, (uint32_t)i);
    }
}

void compile_backends_done(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;

    /* A name with a slip in it uses none, either: one message is enough. */
    for (size_t i = 0; i < conf->backends_count && !compiler->diagnostics->errors; i++) {
        if (!compiler->users[i])
            diagnostics_warn(compiler->diagnostics, conf->backends[i].name.mark,
                             "no route uses the pool \"@%.*s\"", FMT_SLICE(conf->backends[i].name.text));
    }
    map_fini(&compiler->backends);
    mem_free(compiler->users);
}

static void refuse_unknown(struct compiler *compiler, const struct conf_text *name)
{
    const size_t count = compiler->conf->backends_count;
    const char **known = mem_new_n(const char *, count + 1);

    diagnostics_error(compiler->diagnostics, name->mark, "there is no pool \"%.*s\" in \"backends\"",
                      FMT_SLICE(slice_head(name->text, 200)));
    for (size_t i = 0; i < count; i++)
        known[i] = compiler->snapshot->pools[i].key.data;
    diagnostics_suggest(compiler->diagnostics, name->text, known);
    mem_free(known);
}

/* Bytes are not balanced, checked and held as requests are: a pool is for one of the two. */
static void note_use(struct compiler *compiler, uint32_t number, const struct conf_route *route)
{
    const struct conf_route *first = compiler->users[number];
    const bool is_now_raw = is_raw(route);
    struct pool_source source = source_of(&compiler->conf->backends[number]);

    if (first && is_raw(first) != is_now_raw) {
        diagnostics_error(compiler->diagnostics, route->to.items[0].address.mark,
                          "%.*s and %.*s cannot share a pool: one passes on raw bytes, the other is HTTP",
                          FMT_SLICE(slice_head(first->key.text, 200)),
                          FMT_SLICE(slice_head(route->key.text, 200)));
    } else if (!first) {
        compiler->users[number] = route;
        compiler->snapshot->pools[number].is_raw = is_now_raw;
        if (is_now_raw)
            check_raw(compiler, &source, route);
    }
}

static const struct pool *find_named(struct compiler *compiler, const struct conf_route *route,
                                     const struct conf_target *named)
{
    uint32_t number = map_get(&compiler->backends, named->address.text);

    if (number == MAP_NONE) {
        refuse_unknown(compiler, &named->address);
        return NULL;
    }
    note_use(compiler, number, route);
    if (route->to.count > 1)
        diagnostics_error(compiler->diagnostics, named->address.mark, "a pool must be a route's only target");
    else if (named->weight != compiler->conf->target.weight)
        diagnostics_error(compiler->diagnostics, named->address.mark,
                          "a pool has no weight in a route: its targets have, in \"backends\"");
    return &compiler->snapshot->pools[number];
}

/* --- Pools of routes */

/* Alternatives of one key follow each other. @return 1 for the first */
static size_t alternative_of(const struct compiler *compiler, const struct conf_route *route)
{
    const struct conf_route *first = route;

    while (first > compiler->conf->routes && first[-1].key.mark.source == route->key.mark.source &&
           first[-1].key.mark.offset == route->key.mark.offset)
        first--;
    return (size_t)(route - first) + 1;
}

static const struct pool *add_own(struct compiler *compiler, const struct conf_route *route)
{
    struct pool_source source = {.to = &route->to, .settings = route->pool, .mark = route->mark};
    size_t alternative = alternative_of(compiler, route);
    struct slice key = compile_text(compiler, route->key.text);
    struct pool *pool;

    if (alternative > 1)
        key = arena_printf(&compiler->snapshot->arena, "%.*s #%zu", FMT_SLICE(key), alternative);
    pool = add_pool(compiler, key, &source);
    pool->is_raw = is_raw(route);
    if (pool->is_raw)
        check_raw(compiler, &source, route);
    return pool;
}

const struct pool *compile_pool(struct compiler *compiler, const struct conf_route *route)
{
    const struct conf_target *named = targets_pool(&route->to);

    return named ? find_named(compiler, route, named) : add_own(compiler, route);
}
