#include "routing/conditions.h"

static void *copy_items(struct arena *arena, const void *items, size_t count, size_t item_size)
{
    return count ? memcpy(arena_alloc(arena, count * item_size), items, count * item_size) : NULL;
}

static const struct condition_pair *copy_pairs(struct arena *arena, const struct condition_pair *pairs,
                                               size_t count)
{
    struct condition_pair *copies = copy_items(arena, pairs, count, sizeof(*pairs));

    for (size_t i = 0; i < count; i++) {
        copies[i].name = arena_copy(arena, pairs[i].name);
        if (pairs[i].value.data)
            copies[i].value = arena_copy(arena, pairs[i].value);
    }
    return copies;
}

const struct conditions *conditions_copy(const struct conditions *when, struct arena *arena)
{
    struct conditions *copy;
    struct slice *methods;

    if (!when || !(when->methods_count || when->headers_count || when->query_count || when->from_count ||
                   when->local_count))
        return NULL;
    copy = arena_new(arena, struct conditions);
    *copy = *when;
    copy->methods = methods = copy_items(arena, when->methods, when->methods_count, sizeof(*methods));
    for (size_t i = 0; i < when->methods_count; i++)
        methods[i] = arena_copy(arena, methods[i]);
    copy->headers = copy_pairs(arena, when->headers, when->headers_count);
    copy->query = copy_pairs(arena, when->query, when->query_count);
    copy->from = copy_items(arena, when->from, when->from_count, sizeof(*when->from));
    copy->local = copy_items(arena, when->local, when->local_count, sizeof(*when->local));
    return copy;
}

static bool pairs_eq(const struct condition_pair *a, const struct condition_pair *b, size_t count,
                     bool (*names_eq)(struct slice, struct slice))
{
    for (size_t i = 0; i < count; i++) {
        if (!names_eq(a[i].name, b[i].name) || !slice_eq(a[i].value, b[i].value) ||
            !a[i].value.data != !b[i].value.data)
            return false;
    }
    return true;
}

static bool counts_eq(const struct conditions *a, const struct conditions *b)
{
    return a->methods_count == b->methods_count && a->headers_count == b->headers_count &&
           a->query_count == b->query_count && a->from_count == b->from_count &&
           a->local_count == b->local_count;
}

bool conditions_eq(const struct conditions *a, const struct conditions *b)
{
    if (!a || !b)
        return a == b;
    if (!counts_eq(a, b))
        return false;
    for (size_t i = 0; i < a->methods_count; i++) {
        if (!slice_eq(a->methods[i], b->methods[i]))
            return false;
    }
    for (size_t i = 0; i < a->from_count; i++) {
        if (a->from[i].bits != b->from[i].bits || !ip_eq(a->from[i].ip, b->from[i].ip))
            return false;
    }
    for (size_t i = 0; i < a->local_count; i++) {
        if (!ip_eq(a->local[i], b->local[i]))
            return false;
    }
    return pairs_eq(a->headers, b->headers, a->headers_count, slice_eq_nocase) &&
           pairs_eq(a->query, b->query, a->query_count, slice_eq);
}

bool conditions_are_raw(const struct conditions *when)
{
    return !when || (when->methods_count == 0 && when->headers_count == 0 && when->query_count == 0);
}

/* @param equals  between a name and its value; NULL: names alone */
static void describe_pairs(const char *part, const struct condition_pair *pairs, size_t count,
                           const char *equals, struct text *out)
{
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "%s%s %.*s", out->len ? "; " : "", part, FMT_SLICE(pairs[i].name));
        if (equals && pairs[i].value.data)
            text_printf(out, "%s%.*s", equals, FMT_SLICE(pairs[i].value));
    }
}

/* Between the items of a part, or in front of its first. */
static void describe_part(const char *part, size_t i, struct text *out)
{
    if (i)
        text_add_literal(out, ", ");
    else
        text_printf(out, "%s%s ", out->len ? "; " : "", part);
}

static void describe(const struct conditions *when, bool has_values, struct text *out)
{
    struct text text = {0};
    char ip[IP_TEXT];

    for (size_t i = 0; i < when->methods_count; i++) {
        describe_part("methods", i, &text);
        text_add(&text, when->methods[i]);
    }
    describe_pairs("header", when->headers, when->headers_count, has_values ? ": " : NULL, &text);
    describe_pairs("query", when->query, when->query_count, has_values ? "=" : NULL, &text);
    for (size_t i = 0; i < when->from_count; i++) {
        describe_part("from", i, &text);
        text_printf(&text, "%s/%u", ip_describe(when->from[i].ip, ip), when->from[i].bits);
    }
    for (size_t i = 0; i < when->local_count; i++) {
        describe_part("local", i, &text);
        text_printf(&text, "%s", ip_describe(when->local[i], ip));
    }
    text_add(out, text_slice(&text));
    text_fini(&text);
}

void conditions_describe(const struct conditions *when, struct text *out)
{
    describe(when, true, out);
}

void conditions_describe_names(const struct conditions *when, struct text *out)
{
    describe(when, false, out);
}

static bool has_method(const struct conditions *when, struct slice method)
{
    for (size_t i = 0; i < when->methods_count; i++) {
        if (slice_eq(when->methods[i], method))
            return true;
    }
    return when->methods_count == 0;
}

static bool has_from(const struct conditions *when, struct ip from)
{
    for (size_t i = 0; i < when->from_count; i++) {
        if (cidr_has(&when->from[i], from))
            return true;
    }
    return when->from_count == 0;
}

static bool has_local(const struct conditions *when, struct ip local)
{
    for (size_t i = 0; i < when->local_count; i++) {
        if (ip_eq(when->local[i], local))
            return true;
    }
    return when->local_count == 0;
}

static bool has_header(const struct condition_pair *wanted, const struct request_view *request)
{
    struct slice value;

    for (size_t n = 0; request->field && request->field(request->context, wanted->name, n, &value); n++) {
        if (!wanted->value.data || slice_eq(wanted->value, value))
            return true;
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one byte of a form-encoded text; a "%" that begins no escape stands for itself (WHATWG URL §1.3). */
static char next_form_byte(struct slice *encoded)
{
    char c = encoded->data[0];
    int high = encoded->len > 2 ? hex_value(encoded->data[1]) : -1;
    int low = encoded->len > 2 ? hex_value(encoded->data[2]) : -1;

    if (c == '%' && high >= 0 && low >= 0) {
        *encoded = slice_from(*encoded, 3);
        return (char)(high << 4 | low);
    }
    *encoded = slice_from(*encoded, 1);
    return c == '+' ? ' ' : c;
}

static bool form_text_is(struct slice encoded, struct slice plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        if (encoded.len == 0 || next_form_byte(&encoded) != plain.data[i])
            return false;
    }
    return encoded.len == 0;
}

static bool has_parameter(const struct condition_pair *wanted, struct slice query)
{
    while (query.len) {
        ptrdiff_t end = slice_find(query, '&');
        struct slice pair = end < 0 ? query : slice_head(query, (size_t)end);
        ptrdiff_t equals = slice_find(pair, '=');
        struct slice name = equals < 0 ? pair : slice_head(pair, (size_t)equals);
        struct slice value = equals < 0 ? SLICE("") : slice_from(pair, (size_t)equals + 1);

        if (pair.len && form_text_is(name, wanted->name) &&
            (!wanted->value.data || form_text_is(value, wanted->value)))
            return true;
        query = slice_from(query, end < 0 ? query.len : (size_t)end + 1);
    }
    return false;
}

static bool has_headers(const struct conditions *when, const struct request_view *request)
{
    for (size_t i = 0; i < when->headers_count; i++) {
        if (!has_header(&when->headers[i], request))
            return false;
    }
    return true;
}

static bool has_parameters(const struct conditions *when, struct slice query)
{
    for (size_t i = 0; i < when->query_count; i++) {
        if (!has_parameter(&when->query[i], query))
            return false;
    }
    return true;
}

const char *conditions_broken_raw_part(const struct conditions *when, struct ip from, struct ip local)
{
    if (!when)
        return NULL;
    if (!has_from(when, from))
        return "from";
    return has_local(when, local) ? NULL : "local";
}

const char *conditions_broken_part(const struct conditions *when, const struct request_view *request)
{
    if (!when)
        return NULL;
    if (!has_method(when, request->method))
        return "methods";
    if (!has_headers(when, request))
        return "headers";
    if (!has_parameters(when, request->query))
        return "query";
    return conditions_broken_raw_part(when, request->from, request->local);
}
