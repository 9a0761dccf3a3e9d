#include "http/h1_move.h"

#include "net/stream.h"

/* Short contents come by reads that a head or an end is part of, and cost less so. */
enum { WORTH_BYTES = 2 * SPLICE_MOST_BYTES };

size_t h1_move_content(struct stream *stream, struct h1_body *body, struct flow *flow, struct http_end *end)
{
    struct spliced moved;

    if (body->framing != H1_COUNTED || body->left < WORTH_BYTES || !end->on || !end->on->move)
        return 0;
    moved = end->on->move(end->owner, stream, SPLICE_MOST_BYTES);
    body->left -= moved.bytes;
    if (flow_add(flow, moved.waiting))
        stream_want(stream, false);
    return moved.bytes;
}
