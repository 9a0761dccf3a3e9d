#include "http/h1_write.h"

#include "base/macro.h"
#include "base/mem.h"
#include "http/date.h"

/* Each function reserves what it needs at most, once, and then only copies. */

/* More than all that is not a field of the head or part of its first line. */
enum { FIXED_BYTES = 512 };

void h1_out_init(struct h1_out *out)
{
    out->data = out->small;
    out->len = 0;
    out->cap = sizeof(out->small);
}

void h1_out_fini(struct h1_out *out)
{
    if (out->data != out->small)
        mem_free(out->data);
}

static void reserve(struct h1_out *out, size_t need)
{
    char *larger;

    if (LIKELY(out->len + need <= out->cap))
        return;
    out->cap = out->len + need;
    larger = mem_alloc(out->cap);
    memcpy(larger, out->data, out->len);
    h1_out_fini(out);
    out->data = larger;
}

static inline char *put(char *to, struct slice bytes)
{
    if (bytes.len)
        memcpy(to, bytes.data, bytes.len);
    return to + bytes.len;
}

static char *put_u64(char *to, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return put(to, slice_of(digits + at, sizeof(digits) - at));
}

static inline char *put_field(char *to, struct slice name, struct slice value)
{
    to = put(to, name);
    *to++ = ':';
    *to++ = ' ';
    to = put(to, value);
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

static size_t fields_bytes(const struct fields *fields)
{
    size_t bytes = 0;

    for (size_t i = 0; i < fields->count; i++)
        bytes += fields->items[i].name.len + fields->items[i].value.len + 4;
    return bytes;
}

static char *put_fields(char *to, const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        to = put_field(to, fields->items[i].name, fields->items[i].value);
    return to;
}

static char *put_framing(char *to, const struct head *head, const struct h1_framing_fields *framing)
{
    if (framing->has_length) {
        to = put(to, SLICE("Content-Length: "));
        to = put_u64(to, framing->length);
        to = put(to, SLICE("\r\n"));
    }
    if (framing->is_chunked)
        to = put(to, SLICE("Transfer-Encoding: chunked\r\n"));
    switch (framing->connection) {
    case H1_SAYS_CLOSE:
        return put(to, SLICE("Connection: close\r\n"));
    case H1_SAYS_KEEP_ALIVE:
        return put(to, SLICE("Connection: keep-alive\r\n"));
    case H1_SAYS_UPGRADE:
        to = put(to, SLICE("Connection: Upgrade\r\n"));
        return put_field(to, SLICE("Upgrade"), head->protocol);
    default:
        return to;
    }
}

void h1_write_request(struct h1_out *out, const struct head *head, const struct h1_framing_fields *framing)
{
    char *to;

    reserve(out, head->method_text.len + head->target.len + head->authority.len + head->protocol.len +
                     fields_bytes(&head->fields) + FIXED_BYTES);
    to = out->data + out->len;
    to = put(to, head->method_text);
    *to++ = ' ';
    to = put(to, head->target);
    to = put(to, SLICE(" HTTP/1.1\r\n"));
    to = put_field(to, SLICE("Host"), head->authority); /* first: RFC 9110 §7.2 */
    to = put_fields(to, &head->fields);
    if (head->expects_continue)
        to = put(to, SLICE("Expect: 100-continue\r\n"));
    if (head->takes_trailers && framing->connection == H1_SAYS_NOTHING) /* RFC 9110 §10.1.4 */
        to = put(to, SLICE("TE: trailers\r\nConnection: TE\r\n"));
    to = put_framing(to, head, framing);
    to = put(to, SLICE("\r\n"));
    out->len = (size_t)(to - out->data);
}

static char *put_status_line(char *to, const struct head *head, struct slice reason)
{
    to = put(to, SLICE("HTTP/1.1 "));
    to = put_u64(to, (uint64_t)head->status);
    *to++ = ' ';
    to = put(to, reason);
    return put(to, SLICE("\r\n"));
}

void h1_write_answer(struct h1_out *out, const struct head *head, const struct h1_framing_fields *framing)
{
    struct slice reason = head->reason.len ? head->reason : slice_str(status_phrase(head->status));
    char *to;

    reserve(out, reason.len + head->protocol.len + fields_bytes(&head->fields) + FIXED_BYTES);
    to = put_status_line(out->data + out->len, head, reason);
    to = put_fields(to, &head->fields);
    if (head->status >= 200 && !fields_find(&head->fields, FIELD_DATE)) /* RFC 9110 §6.6.1 */
        to = put_field(to, SLICE("Date"), date_now());
    to = put_framing(to, head, framing);
    to = put(to, SLICE("\r\n"));
    out->len = (size_t)(to - out->data);
}

void h1_write_trailers(struct h1_out *out, const struct fields *trailers)
{
    char *to;

    reserve(out, fields_bytes(trailers) + FIXED_BYTES);
    to = put(out->data + out->len, SLICE("0\r\n"));
    to = put_fields(to, trailers);
    to = put(to, SLICE("\r\n"));
    out->len = (size_t)(to - out->data);
}

size_t h1_write_chunk_line(char out[H1_CHUNK_LINE_MAX], size_t size)
{
    static const char hex[] = "0123456789abcdef";
    unsigned digits = 1;

    while (digits < 16 && size >> (4 * digits))
        digits++;
    for (unsigned i = 0; i < digits; i++)
        out[i] = hex[size >> (4 * (digits - 1 - i)) & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
