/* Chunks mean the same whole and however they are cut: the same content, trailers, mistake, and end. */
#include <stdint.h>

#include "base/macro.h"
#include "base/text.h"
#include "fuzz/account.h"
#include "http/h1_body.h"

static const struct h1_parse_limits limits = {.head_bytes = 512, .fields = 8};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    struct text content, trailers;
    size_t used;
    const char *detail;
    bool is_over, is_broken;
};

static struct slice take_lent(struct h1_body *body, struct result *out, struct slice lent)
{
    static struct h1_piece piece;

    while (!out->is_over) {
        switch (h1_body_next(body, &lent, &piece, &limits)) {
        case H1_STEP_DATA:
            text_add(&out->content, piece.data);
            out->is_over = piece.last;
            break;
        case H1_STEP_TRAILERS:
            account_fields(&out->trailers, &piece.trailers);
            out->is_over = true;
            break;
        case H1_STEP_END:
            out->is_over = true;
            break;
        case H1_STEP_BROKEN:
            out->is_over = out->is_broken = true;
            out->detail = piece.detail;
            break;
        case H1_STEP_MORE:
            return lent;
        }
    }
    return lent;
}

static struct result decode(struct slice bytes, size_t first, size_t step)
{
    struct result out = {0};
    struct h1_body body;

    h1_body_begin(&body, H1_CHUNKED, 0);
    for (size_t len = first; !out.is_over; len += step) {
        struct slice lent = slice_from(slice_head(bytes, len), MIN(out.used, slice_head(bytes, len).len));
        struct slice rest = take_lent(&body, &out, lent);

        out.used += lent.len - rest.len;
        if (len >= bytes.len)
            break;
    }
    return out;
}

static void result_fini(struct result *result)
{
    text_fini(&result->content);
    text_fini(&result->trailers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result one, other;
    struct slice bytes;

    if (size < 2)
        return 0;
    bytes = slice_of(data + 1, size - 1);
    one = decode(bytes, bytes.len, 1);
    other = decode(bytes, 1 + (data[0] >> 1), data[0] & 1 ? 1 : bytes.len);
    ASSERT(one.is_over == other.is_over && one.is_broken == other.is_broken);
    ASSERT(one.is_broken || one.used == other.used);
    ASSERT(!one.is_broken || strcmp(one.detail, other.detail) == 0);
    ASSERT(slice_eq(text_slice(&one.trailers), text_slice(&other.trailers)));
    ASSERT(slice_eq(text_slice(&one.content), text_slice(&other.content)));
    result_fini(&one);
    result_fini(&other);
    return 0;
}
