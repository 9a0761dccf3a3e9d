#include "control/pool_text.h"

#include "conf/fields.h"

void pool_text_target(const struct pool_target *target, struct text *out)
{
    text_add(out, target->target.text);
    if (target->weight > 1)
        text_printf(out, " (weight %u%s)", target->weight, target->is_backup ? ", backup" : "");
    else if (target->is_backup)
        text_add_literal(out, " (backup)");
}

bool pool_text_has_name(const struct pool *pool)
{
    return slice_starts(pool->key, SLICE("@"));
}

void pool_text_targets(const struct pool *pool, struct text *out)
{
    if (pool_text_has_name(pool))
        text_printf(out, "%.*s: ", FMT_SLICE(pool->key));
    for (size_t i = 0; i < pool->count; i++) {
        text_add(out, i ? SLICE(", ") : SLICE(""));
        pool_text_target(&pool->targets[i], out);
    }
}

static void add_limit(const char *name, enum quantity kind, uint64_t value, struct text *out)
{
    if (value == 0)
        return;
    text_printf(out, "%s=", name);
    quantity_describe(kind, value, out);
    text_add_char(out, ' ');
}

static void add_balance(const struct pool *pool, struct text *out)
{
    static const char *const BY[] = {
        [HASH_CLIENT] = "client", [HASH_PATH] = "path", [HASH_HEADER] = "header", [HASH_COOKIE] = "cookie"};

    if (pool->balance == BALANCE_ROUND_ROBIN)
        return;
    text_printf(out, "balance=%s", balance_name(pool->balance));
    if (pool->balance == BALANCE_HASH)
        text_printf(out, ":%s", BY[pool->hash_by]);
    if (pool->balance == BALANCE_HASH && pool->hash_name.len)
        text_printf(out, ":%.*s", FMT_SLICE(pool->hash_name));
    text_add_char(out, ' ');
}

static void add_health(const struct pool_health *health, struct text *out)
{
    if (health->is_on && health->grpc.data)
        text_printf(out, "health=grpc:%.*s ", FMT_SLICE(health->grpc));
    else if (health->is_on && health->path.len)
        text_printf(out, "health=%.*s ", FMT_SLICE(health->path));
    else if (health->is_on)
        text_add_literal(out, "health=connect ");
}

static void add_outlier(const struct pool_outlier *outlier, struct text *out)
{
    if (outlier->connect_failures == 0 && outlier->resets == 0 && outlier->errors == 0)
        text_add_literal(out, "outlier=off ");
    if (outlier->resets)
        text_printf(out, "outlier=resets:%u ", outlier->resets);
    if (outlier->errors)
        text_printf(out, "outlier=errors:%u ", outlier->errors);
}

static void add_retry(const struct pool_retry *retry, struct text *out)
{
    struct text tries = {0};

    text_add_u64(&tries, retry->tries);
    if (!slice_eq(text_slice(&tries), slice_str(field_find(SECTION_retry, SLICE("tries"))->initial)))
        text_printf(out, "retry=%s ", tries.data);
    if (retry->resets)
        text_add_literal(out, "retry=resets ");
    text_fini(&tries);
}

void pool_text_options(const struct pool *pool, struct text *out)
{
    add_balance(pool, out);
    if (pool->sticky.len)
        text_printf(out, "sticky=%.*s ", FMT_SLICE(pool->sticky));
    add_health(&pool->health, out);
    add_outlier(&pool->outlier, out);
    add_limit("slow_start", QUANTITY_DURATION, pool->slow_start_ms, out);
    add_limit("hold", QUANTITY_DURATION, pool->hold_ms, out);
    add_limit("max_connections", QUANTITY_COUNT, pool->max_connections, out);
    add_retry(&pool->retry, out);
    if (pool->proxy_protocol != PROXY_PROTOCOL_NONE)
        text_printf(out, "proxy_protocol=v%d ", pool->proxy_protocol == PROXY_PROTOCOL_V1 ? 1 : 2);
    for (size_t i = 0; i < pool->sources_count; i++) {
        char ip[IP_TEXT];

        text_printf(out, "source=%s ", ip_describe(pool->sources[i], ip));
    }
}
