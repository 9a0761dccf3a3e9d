/* The head of a request as HTTP/2 has it, any names and values, to the bytes that a backend of HTTP/1.1 gets: exactly one
 * request by a parser that shares no code with us, or a refusal. The input: a byte of bits, then fields, each with a byte of
 * the name's length, one of the value's, and both; what is left is content. */
#include <stdint.h>

#include "base/macro.h"
#include "base/mem.h"
#include "fuzz/far_end.h"
#include "fuzz/strict_requests.h"
#include "http/h1_client.h"
#include "http/h2_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 4096, TARGET_BYTES = 512, FIELDS = 32, CONTENT_MAX = 512 };
enum { IS_LAST = 1, HAS_BASE = 2, HAS_TRAILERS = 4, FIELDS_SHIFT = 4 };

static void add_text(struct h2_block *block, const char *name, const char *value)
{
    h2_block_add(block, slice_of(name, strlen(name)), slice_of(value, strlen(value)));
}

static void add_base(struct h2_block *block)
{
    add_text(block, ":method", "POST");
    add_text(block, ":scheme", "https");
    add_text(block, ":path", "/");
    add_text(block, ":authority", "a.test");
}

static struct slice take(struct slice *bytes, size_t count)
{
    struct slice part = slice_head(*bytes, count);

    *bytes = slice_from(*bytes, part.len);
    return part;
}

static void add_fields(struct h2_block *block, struct slice *bytes, unsigned count)
{
    for (; count > 0 && bytes->len >= 2; count--) {
        const size_t name_len = (unsigned char)bytes->data[0], value_len = (unsigned char)bytes->data[1];
        struct slice name, value;

        take(bytes, 2);
        name = take(bytes, name_len);
        value = take(bytes, value_len);
        h2_block_add(block, name, value);
    }
}

/* ---- the backend's side ---- */

static void on_head(void *owner, const struct head *head, bool last)
{
}

static void on_data(void *owner, struct slice bytes, bool last)
{
}

static void on_trailers(void *owner, const struct fields *trailers)
{
}

static void on_credit(void *owner, size_t n)
{
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
}

static void on_idle_closed(void *owner)
{
}

static const struct http_end_events exchange_on = {
    .head = on_head, .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};
static const struct h1_client_events client_on = {.idle_closed = on_idle_closed};
static const struct h1_client_limits client_limits = {.head_bytes = 2048, .fields = 24};

/** As much as the head allows. @return bytes given */
static size_t give_content(struct http_end *back, const struct head *head, struct slice content)
{
    content = slice_head(content, CONTENT_MAX);
    if (head->body == BODY_LENGTH)
        content = slice_head(content, (size_t)MIN(head->length, (uint64_t)content.len));
    if (content.len)
        back->ops->data(back, content, head->body == BODY_LENGTH && content.len == head->length);
    return content.len;
}

static void end_content(struct http_end *back, const struct head *head, size_t given,
                        const struct fields *trailers)
{
    if (head->body == BODY_UNKNOWN && trailers)
        back->ops->trailers(back, trailers);
    else if (head->body == BODY_UNKNOWN || (head->body == BODY_LENGTH && head->length == 0 && given == 0))
        back->ops->data(back, SLICE(""), true);
}

static void check(const struct head *head, struct slice written, size_t given)
{
    const struct strict_request request = strict_request_read(written);

    ASSERT(slice_eq(request.method, head->method_text) && slice_eq(request.target, head->target));
    ASSERT(slice_eq(request.host, head->authority));
    ASSERT(request.fields <= head->fields.count); /* no line more than there were fields */
    ASSERT(request.upgrades == (head->protocol.len > 0));
    if (head->body == BODY_NONE && !head->protocol.len)
        ASSERT(request.is_complete && request.length == 0);
    if (head->body == BODY_LENGTH)
        ASSERT(request.has_length && request.length == head->length &&
               request.is_complete == (given == head->length));
    if (head->body == BODY_UNKNOWN && !head->protocol.len)
        ASSERT(request.is_chunked && request.is_complete && request.length == given);
}

static void forward(const struct head *head, struct slice content, bool has_trailers)
{
    static const struct cut none;
    struct fields trailers = head->fields;
    struct far_end far;
    struct h1_client *client;
    struct http_end *back;
    size_t given = 0;

    far_end_open(&far, &none);
    client = h1_client_new(far.near, &client_limits, &client_on, &far);
    back = h1_client_begin(client);
    http_end_own(back, &exchange_on, &far);
    back->ops->head(back, head, head->body == BODY_NONE && !head->protocol.len);
    if (head->body != BODY_NONE && !head->protocol.len) {
        given = give_content(back, head, content);
        end_content(back, head, given, has_trailers ? &trailers : NULL);
    }
    far_end_settle(&far);
    check(head, text_slice(&far.received), given);
    h1_client_close(client);
    far_end_fini(&far);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h2_reading reading;
    struct h2_block *block;
    struct slice bytes = slice_of(data, size);
    unsigned bits;

    if (size < 1)
        return 0;
    bits = data[0];
    bytes = slice_from(bytes, 1);
    block = mem_new(struct h2_block);
    h2_block_begin(block, HEAD_BYTES, FIELDS);
    if (bits & HAS_BASE)
        add_base(block);
    add_fields(block, &bytes, bits >> FIELDS_SHIFT);
    if (h2_read_request(&reading, block, TARGET_BYTES, bits & IS_LAST))
        forward(&reading.head, bytes, bits & HAS_TRAILERS);
    else
        ASSERT(reading.detail && *reading.detail && fault_row(reading.fault)->status >= 400);
    h2_block_free(block);
    return 0;
}
