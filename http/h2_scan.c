#include "http/h2_scan.h"

#include <nghttp2/nghttp2.h>

#include "base/macro.h"

static void skip(struct h2_scan *scan, struct slice *bytes)
{
    size_t n = MIN((size_t)scan->left, bytes->len);

    *bytes = slice_from(*bytes, n);
    scan->left -= (uint32_t)n;
    if (scan->left == 0 && scan->ends_block)
        scan->is_in_block = scan->ends_block = false;
}

static struct h2_frame_head read_head(const uint8_t *at)
{
    return (struct h2_frame_head){
        .length = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2],
        .type = at[3],
        .flags = at[4],
        .stream_id =
            ((uint32_t)at[5] << 24 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 8 | at[8]) & 0x7fffffff,
    };
}

static void note_block(struct h2_scan *scan, const struct h2_frame_head *frame)
{
    bool begins = frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_PUSH_PROMISE;

    if (!begins && frame->type != NGHTTP2_CONTINUATION)
        return;
    scan->block_frames = begins ? 0 : scan->block_frames + 1;
    scan->blocks += begins;
    scan->is_in_block = true;
    scan->ends_block = frame->flags & NGHTTP2_FLAG_END_HEADERS;
}

bool h2_scan_next(struct h2_scan *scan, struct slice *bytes, struct h2_frame_head *frame)
{
    size_t n;

    skip(scan, bytes);
    if (scan->left || bytes->len == 0)
        return false;
    n = MIN(sizeof(scan->head) - scan->have, bytes->len);
    memcpy(scan->head + scan->have, bytes->data, n);
    scan->have += (uint8_t)n;
    *bytes = slice_from(*bytes, n);
    if (scan->have < sizeof(scan->head))
        return false;
    *frame = read_head(scan->head);
    scan->have = 0;
    scan->left = frame->length;
    note_block(scan, frame);
    if (scan->left == 0)
        skip(scan, bytes);
    return true;
}
