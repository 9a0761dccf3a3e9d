#include "control/changes_parts.h"
#include "control/pool_text.h"

/* So many targets are named; of the others only how many they are. */
enum { TARGETS_SAID = 4 };

/* ---- targets ---- */

void pool_targets_brief(const struct pool *pool, struct text *out)
{
    for (size_t i = 0; i < MIN(pool->count, (size_t)TARGETS_SAID); i++) {
        text_add(out, i ? SLICE(", ") : SLICE(""));
        pool_text_target(&pool->targets[i], out);
    }
    if (pool->count > TARGETS_SAID)
        text_printf(out, " and %zu more", pool->count - TARGETS_SAID);
}

static bool target_is_same(const struct pool_target *a, const struct pool_target *b)
{
    return a->weight == b->weight && a->is_backup == b->is_backup && slice_eq(a->target.text, b->target.text);
}

bool pool_targets_eq(const struct pool *before, const struct pool *after)
{
    if (before->count != after->count)
        return false;
    for (size_t i = 0; i < after->count; i++) {
        if (!target_is_same(&before->targets[i], &after->targets[i]))
            return false;
    }
    return true;
}

/* Where a target of that text stands. */
static struct map index_targets(const struct pool *pool)
{
    struct map index = {0};

    for (size_t i = 0; i < pool->count; i++)
        map_put(&index, pool->targets[i].target.text, (uint32_t)i);
    return index;
}

static void say_more(char sign, size_t count, struct change_line *line)
{
    struct text words = {0};

    if (count <= TARGETS_SAID)
        return;
    text_printf(&words, "%c%zu more", sign, count - TARGETS_SAID);
    change_line_say(line, text_slice(&words));
    text_fini(&words);
}

/* @return how many of the pool's targets the other one has not */
static size_t say_missing(char sign, const struct pool *pool, const struct map *other,
                          struct change_line *line)
{
    size_t count = 0;

    for (size_t i = 0; i < pool->count; i++) {
        struct text words = {0};

        if (map_get(other, pool->targets[i].target.text) != MAP_NONE || count++ >= TARGETS_SAID)
            continue;
        text_add_char(&words, sign);
        pool_text_target(&pool->targets[i], &words);
        change_line_say(line, text_slice(&words));
        text_fini(&words);
    }
    say_more(sign, count, line);
    return count;
}

static void say_other(const struct pool_target *before, const struct pool_target *after,
                      struct change_line *line)
{
    struct text was = {0}, is = {0};

    pool_text_target(before, &was);
    pool_text_target(after, &is);
    change_line_compare(line, "", text_slice(&was), text_slice(&is));
    text_fini(&was);
    text_fini(&is);
}

/* Another weight, or no backup any more. @return how many there are */
static size_t say_others(const struct pool *before, const struct pool *after, const struct map *in_before,
                         struct change_line *line)
{
    size_t count = 0;

    for (size_t i = 0; i < after->count; i++) {
        uint32_t at = map_get(in_before, after->targets[i].target.text);

        if (at == MAP_NONE || target_is_same(&before->targets[at], &after->targets[i]))
            continue;
        if (count++ < TARGETS_SAID)
            say_other(&before->targets[at], &after->targets[i], line);
    }
    say_more('~', count, line);
    return count;
}

void pool_targets_compare(const struct pool *before, const struct pool *after, struct change_line *line)
{
    struct map in_before, in_after;

    if (pool_targets_eq(before, after))
        return;
    in_before = index_targets(before);
    in_after = index_targets(after);
    if (say_missing('+', after, &in_before, line) + say_missing('-', before, &in_after, line) +
            say_others(before, after, &in_before, line) ==
        0)
        change_line_say(line, before->count == after->count
                                  ? SLICE("the targets stand in another order")
                                  : SLICE("a target stands there more often, or less"));
    map_fini(&in_before);
    map_fini(&in_after);
}

/* ---- settings that are no plain number or text ---- */

static void add_balance(const struct pool *pool, struct text *out)
{
    static const char *const BY[] = {
        [HASH_CLIENT] = "client", [HASH_PATH] = "path", [HASH_HEADER] = "header", [HASH_COOKIE] = "cookie"};

    text_add(out, slice_str(balance_name(pool->balance)));
    if (pool->balance != BALANCE_HASH)
        return;
    text_printf(out, ":%s", BY[pool->hash_by]);
    if (pool->hash_name.len)
        text_printf(out, ":%.*s", FMT_SLICE(pool->hash_name));
}

static bool is_same_balance(const struct pool *a, const struct pool *b)
{
    return a->balance == b->balance &&
           (a->balance != BALANCE_HASH || (a->hash_by == b->hash_by && slice_eq(a->hash_name, b->hash_name)));
}

static void add_health(const struct pool *pool, struct text *out)
{
    if (pool->health.grpc.data)
        text_printf(out, "grpc:%.*s", FMT_SLICE(pool->health.grpc));
    else
        text_add(out, !pool->health.is_on     ? SLICE("off")
                      : pool->health.path.len ? pool->health.path
                                              : SLICE("connect"));
}

/* "" asks for all of the server. */
static bool is_same_grpc(struct slice a, struct slice b)
{
    if (!a.data || !b.data)
        return a.data == b.data;
    return slice_eq(a, b);
}

static bool is_same_health(const struct pool *a, const struct pool *b)
{
    return a->health.is_on == b->health.is_on && slice_eq(a->health.path, b->health.path) &&
           is_same_grpc(a->health.grpc, b->health.grpc);
}

static void add_status(const struct pool *pool, struct text *out)
{
    text_printf(out, "%u-%u", pool->health.status_min, pool->health.status_max);
}

static bool is_same_status(const struct pool *a, const struct pool *b)
{
    return a->health.status_min == b->health.status_min && a->health.status_max == b->health.status_max;
}

static void add_proxy_protocol(const struct pool *pool, struct text *out)
{
    static const char *const NAMES[] = {
        [PROXY_PROTOCOL_NONE] = "off", [PROXY_PROTOCOL_V1] = "v1", [PROXY_PROTOCOL_V2] = "v2"};

    text_add(out, slice_str(NAMES[pool->proxy_protocol]));
}

static bool is_same_proxy_protocol(const struct pool *a, const struct pool *b)
{
    return a->proxy_protocol == b->proxy_protocol;
}

static void add_source(const struct pool *pool, struct text *out)
{
    char ip[IP_TEXT];

    for (size_t i = 0; i < pool->sources_count; i++)
        text_printf(out, "%s%s", i ? ", " : "", ip_describe(pool->sources[i], ip));
    if (pool->sources_count == 0)
        text_add_literal(out, "none");
}

static bool is_same_source(const struct pool *a, const struct pool *b)
{
    for (size_t i = 0; i < a->sources_count && a->sources_count == b->sources_count; i++) {
        if (!ip_eq(a->sources[i], b->sources[i]))
            return false;
    }
    return a->sources_count == b->sources_count;
}

static void compare_composed(const struct pool *before, const struct pool *after, struct change_line *line)
{
    static const struct {
        const char *name;
        bool (*is_same)(const struct pool *a, const struct pool *b);
        void (*add)(const struct pool *pool, struct text *out);
    } SETTINGS[] = {
        {"balance", is_same_balance, add_balance},
        {"health", is_same_health, add_health},
        {"health.status", is_same_status, add_status},
        {"proxy_protocol", is_same_proxy_protocol, add_proxy_protocol},
        {"source", is_same_source, add_source},
    };

    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++) {
        struct text was = {0}, is = {0};

        if (SETTINGS[i].is_same(before, after))
            continue;
        SETTINGS[i].add(before, &was);
        SETTINGS[i].add(after, &is);
        change_line_compare(line, SETTINGS[i].name, text_slice(&was), text_slice(&is));
        text_fini(&was);
        text_fini(&is);
    }
}

static void compare_plain(const struct pool *before, const struct pool *after, struct change_line *line)
{
    static const struct trait TRAITS[] = {
        {"sticky", TRAIT_TEXT, offsetof(struct pool, sticky), "off"},
        {"health.host", TRAIT_TEXT, offsetof(struct pool, health.host), "the target's"},
        {"health.interval", TRAIT_DURATION, offsetof(struct pool, health.interval_ms), NULL},
        {"health.timeout", TRAIT_DURATION, offsetof(struct pool, health.timeout_ms), NULL},
        {"health.rise", TRAIT_UNSIGNED, offsetof(struct pool, health.rise), NULL},
        {"health.fall", TRAIT_UNSIGNED, offsetof(struct pool, health.fall), NULL},
        {"outlier.connect_failures", TRAIT_UNSIGNED, offsetof(struct pool, outlier.connect_failures), "none"},
        {"outlier.resets", TRAIT_UNSIGNED, offsetof(struct pool, outlier.resets), "none"},
        {"outlier.errors", TRAIT_UNSIGNED, offsetof(struct pool, outlier.errors), "none"},
        {"outlier.eject", TRAIT_DURATION, offsetof(struct pool, outlier.eject_ms), "none"},
        {"outlier.eject_max", TRAIT_DURATION, offsetof(struct pool, outlier.eject_max_ms), "none"},
        {"retry.tries", TRAIT_UNSIGNED, offsetof(struct pool, retry.tries), NULL},
        {"retry.resets", TRAIT_SWITCH, offsetof(struct pool, retry.resets), NULL},
        {"retry.budget", TRAIT_UNSIGNED, offsetof(struct pool, retry.budget_percent), NULL},
        {"slow_start", TRAIT_DURATION, offsetof(struct pool, slow_start_ms), "none"},
        {"hold", TRAIT_DURATION, offsetof(struct pool, hold_ms), "none"},
        {"max_connections", TRAIT_COUNT, offsetof(struct pool, max_connections), "none"},
        {"queue", TRAIT_DURATION, offsetof(struct pool, queue_ms), NULL},
    };

    traits_compare(TRAITS, ARRAY_LEN(TRAITS), before, after, line);
}

/* ---- how https:// and h2:// targets are met ---- */

struct meeting {
    bool verifies;
    struct slice ca, certificate, key, server_name;
};

/* All such targets of a pool are met alike. Where there are none: as by default. */
static const struct pool_target *first_met(const struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->targets[i].tls)
            return &pool->targets[i];
    }
    return NULL;
}

static struct meeting meeting_of(struct pool_in in, const struct pool_target *target)
{
    struct meeting meeting = {.verifies = true};

    for (size_t i = 0; target && i < in.snapshot->client_contexts_count; i++) {
        const struct client_context *context = &in.snapshot->client_contexts[i];

        if (context->context == target->tls)
            meeting = (struct meeting){context->verifies, context->ca, context->certificate, context->key,
                                       target->server_name};
    }
    return meeting;
}

static void compare_meeting(struct pool_in before, struct pool_in after, struct change_line *line)
{
    static const struct trait TRAITS[] = {
        {"verify", TRAIT_SWITCH, offsetof(struct meeting, verifies), NULL},
        {"ca", TRAIT_TEXT, offsetof(struct meeting, ca), "the system's"},
        {"client_certificate.cert", TRAIT_TEXT, offsetof(struct meeting, certificate), "none"},
        {"client_certificate.key", TRAIT_TEXT, offsetof(struct meeting, key), "none"},
        {"server_name", TRAIT_TEXT, offsetof(struct meeting, server_name), "the target's"},
    };
    const struct pool_target *was = first_met(before.pool), *is = first_met(after.pool);
    struct meeting old, new;

    if ((!was && !is) || (was && is && slice_eq(was->identity, is->identity)))
        return;
    old = meeting_of(before, was);
    new = meeting_of(after, is);
    traits_compare(TRAITS, ARRAY_LEN(TRAITS), &old, &new, line);
}

/* ---- pools ---- */

void pool_settings_compare(struct pool_in before, struct pool_in after, struct change_line *line)
{
    compare_composed(before.pool, after.pool, line);
    compare_plain(before.pool, after.pool, line);
    compare_meeting(before, after, line);
}

static void describe(const void *thing, struct text *out)
{
    const struct pool_in *in = thing;
    struct load gone;

    text_add_literal(out, " -> ");
    pool_targets_brief(in->pool, out);
    if (!in->affected)
        return;
    gone = affected_pool(in->affected, in->pool->key).gone;
    if (gone.requests + gone.tunnels)
        text_add_literal(out, "; ");
    affected_describe(in->affected, gone, " at what goes", out);
}

static void compare(const void *before, const void *after, struct change_line *line)
{
    const struct pool_in *was = before, *is = after;

    pool_targets_compare(was->pool, is->pool, line);
    pool_settings_compare(*was, *is, line);
    change_line_affected(line, was->affected, affected_pool(was->affected, was->pool->key).gone);
}

static void collect(const struct snapshot *snapshot, const struct affected *affected, struct change_set *set)
{
    for (size_t i = 0; i < snapshot->pools_count; i++) {
        const struct pool *pool = &snapshot->pools[i];
        struct pool_in *in;

        if (!pool_text_has_name(pool))
            continue;
        in = arena_new(&set->arena, struct pool_in);
        *in = (struct pool_in){snapshot, pool, affected};
        change_set_add(set, pool->key, pool->key, in);
    }
}

void changes_of_pools(const struct affected *affected, struct text *out)
{
    static const struct change_kind POOL = {"pool", describe, compare};
    struct change_set was = {0}, is = {0};

    collect(affected->before, affected, &was);
    collect(affected->after, NULL, &is);
    change_sets_compare(&was, &is, &POOL, out);
    change_set_fini(&was);
    change_set_fini(&is);
}
