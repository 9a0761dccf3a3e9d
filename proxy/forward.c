#include "proxy/forward.h"

#include "base/digits.h"
#include "routing/path.h"

/* The last proxy says who asked; what a client claims is kept only from a trusted one (field by field below).
 */
static bool is_forwarding(enum field_id id)
{
    switch (id) {
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_REQUEST_ID:
    case FIELD_X_REAL_IP:
    case FIELD_FORWARDED:
    case FIELD_VIA:
        return true;
    default:
        return false;
    }
}

/* Host is no field here but the head's authority; a request cannot do without one. */
static void edit_host(struct head *head, const struct field_edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (edits[i].kind == FIELD_EDIT_SET && slice_eq_nocase(edits[i].name, SLICE("host")))
            head->authority = edits[i].value;
    }
}

/* Fields of the family that Portico does not set: a backend may trust them as well. */
static bool is_of_forwarding_family(const struct field *field)
{
    return field->id == FIELD_OTHER && slice_starts_nocase(field->name, SLICE("x-forwarded-"));
}

static void edit_fields(struct fields *fields, const struct field_edit *edits, size_t count,
                        struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(edits[i].name, SLICE("host")))
            continue;
        if (edits[i].kind != FIELD_EDIT_ADD)
            fields_remove_name(fields, edits[i].name);
        if (edits[i].kind != FIELD_EDIT_REMOVE)
            fields_add(fields, arena, edits[i].name, edits[i].value);
    }
}

/* All values of a list field, in order, with ours behind them (RFC 9110 §5.3). */
static struct slice joined(const struct fields *fields, enum field_id id, struct slice ours,
                           struct arena *arena)
{
    struct slice all = {0};

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != id || fields->items[i].value.len == 0)
            continue;
        all = all.len ? arena_printf(arena, "%.*s, %.*s", FMT_SLICE(all), FMT_SLICE(fields->items[i].value))
                      : fields->items[i].value;
    }
    return all.len ? arena_printf(arena, "%.*s, %.*s", FMT_SLICE(all), FMT_SLICE(ours)) : ours;
}

/* There is room: forward_request() has counted. */
static void add(struct fields *out, enum field_id id, struct slice name, struct slice value)
{
    out->items[out->count++] = (struct field){.name = name, .value = value, .id = id};
}

static struct slice port_text(const struct forward *forward)
{
    char digits[DIGITS_MAX];

    return arena_copy(forward->arena, slice_of(digits, digits_write(forward->port, digits)));
}

/* The version that came (RFC 9110 §7.6.3). */
static struct slice via_text(const struct head *in)
{
    return in->major > 1 ? SLICE("2.0 portico") : in->minor ? SLICE("1.1 portico") : SLICE("1.0 portico");
}

static void add_forwarding(const struct forward *forward, const struct head *in, struct fields *out)
{
    add(out, FIELD_X_FORWARDED_FOR, SLICE("X-Forwarded-For"), forward->client_ip);
    add(out, FIELD_X_FORWARDED_PROTO, SLICE("X-Forwarded-Proto"),
        forward->is_tls ? SLICE("https") : SLICE("http"));
    add(out, FIELD_X_FORWARDED_HOST, SLICE("X-Forwarded-Host"), in->authority);
    add(out, FIELD_X_FORWARDED_PORT, SLICE("X-Forwarded-Port"), port_text(forward));
    add(out, FIELD_X_REQUEST_ID, SLICE("X-Request-Id"), forward->request_id);
    add(out, FIELD_VIA, SLICE("Via"), via_text(in));
}

static void keep_or_add(struct fields *out, const struct fields *in, enum field_id id, struct slice name,
                        struct slice ours)
{
    const struct field *theirs = fields_find(in, id);

    add(out, id, name, theirs ? theirs->value : ours);
}

static void add_trusted_forwarding(const struct forward *forward, const struct head *in, struct fields *out)
{
    const struct fields *given = &in->fields;
    struct arena *arena = forward->arena;
    const struct field *other;

    add(out, FIELD_X_FORWARDED_FOR, SLICE("X-Forwarded-For"),
        joined(given, FIELD_X_FORWARDED_FOR, forward->client_ip, arena));
    keep_or_add(out, given, FIELD_X_FORWARDED_PROTO, SLICE("X-Forwarded-Proto"),
                forward->is_tls ? SLICE("https") : SLICE("http"));
    keep_or_add(out, given, FIELD_X_FORWARDED_HOST, SLICE("X-Forwarded-Host"), in->authority);
    keep_or_add(out, given, FIELD_X_FORWARDED_PORT, SLICE("X-Forwarded-Port"), port_text(forward));
    keep_or_add(out, given, FIELD_X_REQUEST_ID, SLICE("X-Request-Id"), forward->request_id);
    add(out, FIELD_VIA, SLICE("Via"), joined(given, FIELD_VIA, via_text(in), arena));
    if ((other = fields_find(given, FIELD_FORWARDED)))
        add(out, other->id, other->name, other->value);
    if ((other = fields_find(given, FIELD_X_REAL_IP)))
        add(out, other->id, other->name, other->value);
}

/* The path without the route's prefix, in its normal form: dot segments behind the prefix must not climb out
 * of the new one. */
static struct slice without_prefix(struct slice path, struct slice prefix, struct arena *arena)
{
    if (!path_is_normal(path)) {
        char *normal = arena_alloc(arena, path.len);
        ptrdiff_t len = path_normalise(path, normal);

        path = len < 0 ? path : slice_of(normal, (size_t)len);
    }
    return slice_starts(path, prefix) ? slice_from(path, prefix.len) : path;
}

static struct slice new_target(const struct forward *forward, struct slice target)
{
    const struct route_options *options = forward->action->options;
    ptrdiff_t question = slice_find(target, '?');
    struct slice path = slice_head(target, question < 0 ? target.len : (size_t)question);
    struct slice query = slice_from(target, path.len), base, rest;

    if ((!options->strip_prefix && !options->rewrite_path.data) || slice_eq(target, SLICE("*")))
        return target;
    rest = without_prefix(path, forward->key->path, forward->arena);
    base = options->rewrite_path.data ? options->rewrite_path : SLICE("");
    if (slice_ends(base, SLICE("/")) && slice_starts(rest, SLICE("/")))
        base.len--;
    if (base.len + rest.len == 0)
        base = SLICE("/");
    return arena_printf(forward->arena, "%.*s%.*s%.*s", FMT_SLICE(base), FMT_SLICE(rest), FMT_SLICE(query));
}

void forward_request(const struct forward *forward, const struct head *in, struct head *out)
{
    enum { MOST_ADDED = 8 };
    const struct route_options *options = forward->action->options;

    *out = *in;
    out->target = new_target(forward, in->target);
    out->fields = (struct fields){.cap = in->fields.count + MOST_ADDED + options->request_edits_count};
    out->fields.items = arena_alloc(forward->arena, out->fields.cap * sizeof(struct field));
    for (size_t i = 0; i < in->fields.count; i++) {
        const struct field *field = &in->fields.items[i];

        if (!is_forwarding(field->id) && (forward->is_trusted || !is_of_forwarding_family(field)))
            out->fields.items[out->fields.count++] = *field;
    }
    if (forward->is_trusted)
        add_trusted_forwarding(forward, in, &out->fields);
    else
        add_forwarding(forward, in, &out->fields);
    websocket_ask(&forward->websocket, out, forward->arena);
    edit_fields(&out->fields, options->request_edits, options->request_edits_count, forward->arena);
    edit_host(out, options->request_edits, options->request_edits_count);
}

const struct head *forward_answer(const struct forward *forward, const struct head *in, struct head *out)
{
    const struct route_options *options = forward->action->options;

    bool opens_websocket = in->status == 101 && forward->websocket.key.len;

    if (options->response_edits_count == 0 && !forward->cookie.len && !forward->is_degraded &&
        !opens_websocket)
        return in;
    *out = *in;
    out->fields = (struct fields){.cap = in->fields.count + options->response_edits_count + 3};
    out->fields.items = arena_alloc(forward->arena, out->fields.cap * sizeof(struct field));
    memcpy(out->fields.items, in->fields.items, in->fields.count * sizeof(struct field));
    out->fields.count = in->fields.count;
    if (opens_websocket)
        websocket_tell(&forward->websocket, out, forward->arena);
    edit_fields(&out->fields, options->response_edits, options->response_edits_count, forward->arena);
    if (forward->cookie.len)
        fields_add(&out->fields, forward->arena, SLICE("Set-Cookie"), forward->cookie);
    if (forward->is_degraded)
        fields_add(&out->fields, forward->arena, FORWARD_DEGRADED_NAME, FORWARD_DEGRADED_VALUE);
    return out;
}
