/* A request head means the same whole and however it is cut: the same outcome, fault, and parts. */
#include <stdint.h>
#include <stdlib.h>

#include "base/macro.h"
#include "http/h1_parser.h"

static const struct h1_parse_limits limits = {.head_bytes = 2048, .fields = 24, .target_bytes = 512};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_slice(struct slice part, struct slice whole)
{
    if (part.len && part.data >= whole.data && part.data < whole.data + whole.len)
        ASSERT(part.len <= (size_t)(whole.data + whole.len - part.data));
}

static void check_head(const struct head *head, struct slice bytes)
{
    ASSERT(head->target.len && head->target.len <= limits.target_bytes);
    ASSERT(head->fields.count <= limits.fields);
    ASSERT(head->major == 1 && head->minor <= 1);
    ASSERT(!head->has_length || head->body != BODY_UNKNOWN);
    check_slice(head->target, bytes);
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];

        check_slice(field->name, bytes);
        check_slice(field->value, bytes);
        ASSERT(field_name_is_valid(field->name) && field_value_is_valid(field->value));
        ASSERT(field->id != FIELD_CONTENT_LENGTH && field->id != FIELD_TRANSFER_ENCODING);
        ASSERT(field->id != FIELD_CONNECTION && field->id != FIELD_HOST && field->id != FIELD_UPGRADE);
    }
}

static enum h1_outcome parse_cut(struct h1_parse *parse, struct slice bytes, size_t first, size_t step)
{
    struct h1_progress progress = {0};
    enum h1_outcome outcome = H1_MORE;

    for (size_t len = first; outcome == H1_MORE; len += step) {
        outcome = h1_parse_request(parse, &progress, slice_head(bytes, len), &limits);
        if (len >= bytes.len)
            break;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h1_parse whole, cut;
    struct slice bytes;
    enum h1_outcome one, other;
    size_t first;

    if (size < 2)
        return 0;
    first = 1 + data[0];
    bytes = slice_of(data + 1, size - 1);
    one = parse_cut(&whole, bytes, bytes.len, 1);
    if (one == H1_HEAD)
        check_head(&whole.head, bytes);
    other = parse_cut(&cut, bytes, first, data[0] & 1 ? 1 : bytes.len);
    /* An incomplete head may be looked at a little later when it comes in pieces. */
    if (one == H1_REFUSED && other == H1_MORE)
        return 0;
    ASSERT(one == other);
    if (one == H1_REFUSED)
        ASSERT(whole.fault == cut.fault && whole.detail == cut.detail);
    if (one == H1_HEAD)
        ASSERT(whole.used == cut.used && whole.head.fields.count == cut.head.fields.count &&
               whole.head.body == cut.head.body && whole.head.length == cut.head.length &&
               slice_eq(whole.head.target, cut.head.target));
    return 0;
}
