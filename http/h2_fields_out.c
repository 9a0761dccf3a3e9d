#include "base/digits.h"
#include "base/macro.h"
#include "http/date.h"
#include "http/h2_fields.h"

/* More than all lines that are not fields of the head, and their bytes: pseudo fields, Date, Content-Length, TE. */
enum { OTHER_LINES = 8, OTHER_BYTES = 64 };

/* Shorter cookies can be guessed, by who can make a client send requests and see their size (RFC 7541 §7.1.3). */
enum { COOKIE_GUESSABLE_BYTES = 20 };

/* Lines are counted first: then one allocation each for them and for their bytes. */
struct writing {
    struct h2_lines lines;
    char *at;
    bool repeats_date;
};

static struct writing begin(const struct fields *fields, size_t other_bytes, struct arena *arena)
{
    size_t bytes = other_bytes + OTHER_BYTES;

    for (size_t i = 0; i < fields->count; i++)
        bytes += fields->items[i].name.len + fields->items[i].value.len;
    return (struct writing){
        .lines.items = arena_alloc(arena, (fields->count + OTHER_LINES) * sizeof(nghttp2_nv)),
        .at = arena_alloc(arena, bytes),
    };
}

static struct slice put(struct writing *writing, struct slice bytes)
{
    char *at = writing->at;

    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    writing->at += bytes.len;
    return slice_of(at, bytes.len);
}

static struct slice put_lower(struct writing *writing, struct slice name)
{
    char *at = writing->at;

    for (size_t i = 0; i < name.len; i++)
        at[i] = ascii_lower(name.data[i]);
    writing->at += name.len;
    return slice_of(at, name.len);
}

/* nghttp2 has no const here, and does not write. */
static uint8_t *unconst(struct slice bytes)
{
    union {
        const char *ours;
        uint8_t *theirs;
    } pointer = {.ours = bytes.data};

    return pointer.theirs;
}

/* Both must live as long as the lines. */
static void add(struct writing *writing, struct slice name, struct slice value, unsigned flags)
{
    writing->lines.items[writing->lines.count++] = (nghttp2_nv){
        .name = unconst(name),
        .namelen = name.len,
        .value = unconst(value),
        .valuelen = value.len,
        .flags = (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | flags),
    };
}

static void add_u64(struct writing *writing, struct slice name, uint64_t value)
{
    char digits[DIGITS_MAX];

    add(writing, name, put(writing, slice_of(digits, digits_write(value, digits))), NGHTTP2_NV_FLAG_NONE);
}

/* A secret that stood in a table could be guessed by comparing sizes (RFC 7541 §7.1); what does not come again only takes
 * others' place there. */
static unsigned index_flag(const struct writing *writing, const struct field *field)
{
    bool is_unique = field->id == FIELD_X_REQUEST_ID || (field->id == FIELD_DATE && !writing->repeats_date);
    bool is_secret = (field->id == FIELD_COOKIE && field->value.len < COOKIE_GUESSABLE_BYTES) ||
                     field->id == FIELD_PROXY_AUTHORIZATION ||
                     (field->id == FIELD_OTHER && slice_eq_nocase(field->name, SLICE("authorization")));

    return is_secret || is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

/* Also what an edit of the route may have set: fields of HTTP/1's connections make a message malformed (RFC 9113 §8.2.2),
 * and those that frame it are ours to write. */
static bool has_no_place(const struct field *field)
{
    switch (field->id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
    case FIELD_CONTENT_LENGTH:
    case FIELD_HOST:
    case FIELD_TE:
    case FIELD_HTTP2_SETTINGS:
        return true;
    default:
        return field->name.len == 0 || field->name.data[0] == ':';
    }
}

static void add_field(struct writing *writing, const struct field *field)
{
    struct slice name = field->id == FIELD_OTHER ? put_lower(writing, field->name) : field_id_name(field->id);

    add(writing, name, put(writing, slice_trim(field->value)), index_flag(writing, field));
}

/* Keys of the handshake over HTTP/1.1 say nothing here (RFC 8441 §5). */
static bool is_of_handshake(const struct field *field)
{
    return field->id == FIELD_OTHER && (slice_eq_nocase(field->name, SLICE("sec-websocket-key")) ||
                                        slice_eq_nocase(field->name, SLICE("sec-websocket-accept")));
}

static void add_fields(struct writing *writing, const struct head *head)
{
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];

        if (!has_no_place(field) && !(head->protocol.len && is_of_handshake(field)))
            add_field(writing, field);
    }
}

struct h2_lines h2_write_answer(const struct head *head, struct h2_length length, bool repeats_date,
                                struct arena *arena)
{
    struct writing writing = begin(&head->fields, 0, arena);

    writing.repeats_date = repeats_date;
    add_u64(&writing, SLICE(":status"), head->status == 101 ? 200 : (uint64_t)head->status);
    add_fields(&writing, head);
    if ((head->status >= 200 || head->status == 101) && !fields_find(&head->fields, FIELD_DATE))
        add_field(&writing, &(struct field){.id = FIELD_DATE, .value = date_now()}); /* RFC 9110 §6.6.1 */
    if (length.is_told)
        add_u64(&writing, SLICE("content-length"), length.bytes);
    return writing.lines;
}

struct h2_lines h2_write_request(const struct head *head, struct slice scheme, struct h2_length length,
                                 struct arena *arena)
{
    struct writing writing =
        begin(&head->fields,
              head->method_text.len + head->target.len + head->authority.len + head->protocol.len, arena);

    if (head->protocol.len) {
        add(&writing, SLICE(":method"), SLICE("CONNECT"), NGHTTP2_NV_FLAG_NONE);
        add(&writing, SLICE(":protocol"), put(&writing, head->protocol), NGHTTP2_NV_FLAG_NONE);
    } else {
        add(&writing, SLICE(":method"), put(&writing, head->method_text), NGHTTP2_NV_FLAG_NONE);
    }
    add(&writing, SLICE(":scheme"), scheme, NGHTTP2_NV_FLAG_NONE);
    if (head->authority.len)
        add(&writing, SLICE(":authority"), put(&writing, head->authority), NGHTTP2_NV_FLAG_NONE);
    add(&writing, SLICE(":path"), put(&writing, head->target), NGHTTP2_NV_FLAG_NONE);
    add_fields(&writing, head);
    if (head->takes_trailers)
        add(&writing, SLICE("te"), SLICE("trailers"), NGHTTP2_NV_FLAG_NONE);
    if (head->expects_continue)
        add(&writing, SLICE("expect"), SLICE("100-continue"), NGHTTP2_NV_FLAG_NONE);
    if (length.is_told)
        add_u64(&writing, SLICE("content-length"), length.bytes);
    return writing.lines;
}

struct h2_lines h2_write_trailers(const struct fields *trailers, struct arena *arena)
{
    struct writing writing = begin(trailers, 0, arena);

    for (size_t i = 0; i < trailers->count; i++) {
        if (!has_no_place(&trailers->items[i]))
            add_field(&writing, &trailers->items[i]);
    }
    return writing.lines;
}
