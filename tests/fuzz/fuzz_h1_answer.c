/* An answer's head means the same whole and however it is cut, and never has two lengths. */
#include <stdint.h>

#include "base/macro.h"
#include "fuzz/prefix.h"
#include "http/h1_parser.h"

static const struct h1_parse_limits limits = {.head_bytes = 2048, .fields = 24};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum h1_outcome parse_cut(struct h1_parse *parse, struct slice bytes, size_t first, size_t step,
                                 const struct h1_question *question)
{
    struct h1_progress progress = {0};
    enum h1_outcome outcome = H1_MORE;

    for (size_t len = first; outcome == H1_MORE; len += step) {
        outcome = h1_parse_answer(parse, &progress, slice_head(bytes, len), &limits, question);
        if (len >= bytes.len)
            break;
    }
    return outcome;
}

static void check_head(const struct h1_parse *parse, const struct h1_question *question)
{
    const struct head *head = &parse->head;

    ASSERT(head->status >= 100 && head->status <= 599);
    ASSERT(head->status != 101 || question->protocol.len);
    ASSERT(!parse->is_chunked || head->body == BODY_UNKNOWN);
    ASSERT(!question->is_head || head->body == BODY_NONE);
    for (size_t i = 0; i < head->fields.count; i++)
        ASSERT(field_name_is_valid(head->fields.items[i].name) &&
               field_value_is_valid(head->fields.items[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h1_parse whole, cut;
    struct h1_question question = {0};
    struct slice bytes;
    enum h1_outcome one, other;

    if (size < 3)
        return 0;
    question.is_head = data[1] & HEAD_OF_HEAD;
    question.protocol = data[1] & HEAD_OF_UPGRADE ? SLICE("websocket") : SLICE("");
    bytes = slice_of(data + 2, size - 2);
    one = parse_cut(&whole, bytes, bytes.len, 1, &question);
    if (one == H1_HEAD)
        check_head(&whole, &question);
    other = parse_cut(&cut, bytes, 1 + data[0], data[1] & HEAD_BYTE_BY_BYTE ? 1 : bytes.len, &question);
    /* An incomplete head may be looked at a little later when it comes in pieces. */
    if (one == H1_REFUSED && other == H1_MORE)
        return 0;
    ASSERT(one == other);
    if (one == H1_HEAD)
        ASSERT(whole.used == cut.used && whole.head.body == cut.head.body &&
               whole.is_chunked == cut.is_chunked && whole.head.fields.count == cut.head.fields.count);
    return 0;
}
