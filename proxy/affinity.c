#include "proxy/affinity.h"

#include "base/random.h"

static struct slice trimmed(struct slice text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_from(text, 1);
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* @return the value of the first pair of that name; data NULL: there is none */
static struct slice find_pair(struct slice pairs, struct slice name)
{
    while (pairs.len) {
        ptrdiff_t end = slice_find(pairs, ';');
        struct slice pair = trimmed(slice_head(pairs, end < 0 ? pairs.len : (size_t)end));

        if (pair.len > name.len && slice_starts(pair, name) && pair.data[name.len] == '=')
            return slice_from(pair, name.len + 1);
        pairs = slice_from(pairs, end < 0 ? pairs.len : (size_t)end + 1);
    }
    return slice_of(NULL, 0);
}

static struct slice find_cookie(const struct head *head, struct slice name)
{
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];
        struct slice value = field->id == FIELD_COOKIE ? find_pair(field->value, name) : slice_of(NULL, 0);

        if (value.data)
            return value;
    }
    return slice_of(NULL, 0);
}

static struct slice path_of(struct slice target)
{
    ptrdiff_t question = slice_find(target, '?');

    return slice_head(target, question < 0 ? target.len : (size_t)question);
}

static struct slice find_header(const struct head *head, struct slice name)
{
    const struct field *field;

    if (slice_eq_nocase(name, SLICE("host")))
        return head->authority;
    field = fields_find_name(&head->fields, name);
    return field ? field->value : slice_of(NULL, 0);
}

/* Of the address alone: its port is another one for each connection. */
uint64_t affinity_client_key(const struct address *client)
{
    struct ip ip = address_ip(client);

    return random_mix(slice_hash(slice_of((const char *)ip.bytes, sizeof(ip.bytes))));
}

uint64_t affinity_key(const struct pool *pool, const struct head *head, const struct address *client)
{
    struct slice known_by = {0};

    switch (pool->hash_by) {
    case HASH_CLIENT:
        break;
    case HASH_PATH:
        known_by = path_of(head->target);
        break;
    case HASH_HEADER:
        known_by = find_header(head, pool->hash_name);
        break;
    case HASH_COOKIE:
        known_by = find_cookie(head, pool->hash_name);
        break;
    }
    return known_by.len ? random_mix(slice_hash(known_by)) : affinity_client_key(client);
}

struct slice affinity_tag(const struct pool *pool, const struct head *head)
{
    return pool->sticky.len ? find_cookie(head, pool->sticky) : slice_of(NULL, 0);
}

struct slice affinity_cookie(const struct pool *pool, struct slice tag, bool is_tls, struct arena *arena)
{
    return arena_printf(arena, "%.*s=%.*s; Path=/; HttpOnly; SameSite=Lax%s", FMT_SLICE(pool->sticky),
                        FMT_SLICE(tag), is_tls ? "; Secure" : "");
}
