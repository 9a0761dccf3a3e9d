#include "http/h1_sender.h"

/* Less than this may wait for the end of the turn: several small pieces then leave in one send. */
enum { SMALL_BYTES = 2048, SLICES_MAX = 3 };

static size_t write_held(struct h1_sender *sender, unsigned flags)
{
    struct slice bytes = queue_peek(&sender->held);
    size_t waiting = stream_write(sender->stream, &bytes, 1, flags);

    queue_fini(&sender->held);
    return waiting;
}

/* Behind what is held, in the same send. @return bytes that wait */
static size_t write_out(struct h1_sender *sender, const struct slice *slices, size_t count, unsigned flags)
{
    struct slice all[1 + SLICES_MAX] = {queue_peek(&sender->held)};
    size_t waiting;

    if (!h1_sender_holds(sender))
        return stream_write(sender->stream, slices, count, flags);
    if (all[0].len + slices_len(slices, count) <= SMALL_BYTES) {
        for (size_t i = 0; i < count; i++)
            queue_add(&sender->held, slices[i]);
        return flags & STREAM_LATER ? queue_len(&sender->held) : write_held(sender, flags);
    }
    memcpy(all + 1, slices, count * sizeof(*slices));
    waiting = stream_write(sender->stream, all, 1 + count, flags);
    queue_fini(&sender->held);
    return waiting;
}

void h1_sender_begin(struct h1_sender *sender, enum h1_framing framing, uint64_t length)
{
    sender->framing = (uint8_t)framing;
    sender->left = framing == H1_COUNTED ? length : 0;
    sender->owed_bytes = 0;
    sender->is_overrun = false;
}

void h1_sender_head(struct h1_sender *sender, const struct h1_out *out, unsigned flags)
{
    struct slice bytes = h1_out_slice(out);

    if (flags == H1_SENDER_HOLDS)
        queue_add(&sender->held, bytes);
    else
        write_out(sender, &bytes, 1, flags);
}

size_t h1_sender_release(struct h1_sender *sender, unsigned flags)
{
    if (!h1_sender_holds(sender) || write_held(sender, flags) > 0)
        return 0;
    return h1_sender_drained(sender);
}

void h1_sender_drop(struct h1_sender *sender)
{
    queue_fini(&sender->held);
}

static size_t write_chunk(struct h1_sender *sender, struct slice bytes, bool last, unsigned flags)
{
    char line[H1_CHUNK_LINE_MAX];
    struct slice slices[SLICES_MAX] = {slice_of(line, h1_write_chunk_line(line, bytes.len)), bytes,
                                       last ? SLICE("\r\n0\r\n\r\n") : SLICE("\r\n")};
    struct slice end = SLICE("0\r\n\r\n");

    if (bytes.len)
        return write_out(sender, slices, SLICES_MAX, flags);
    return last ? write_out(sender, &end, 1, flags) : 0;
}

static size_t write_counted(struct h1_sender *sender, struct slice bytes, unsigned flags)
{
    struct slice within = slice_head(bytes, (size_t)MIN(sender->left, (uint64_t)bytes.len));

    sender->is_overrun |= within.len < bytes.len;
    sender->left -= within.len;
    return within.len ? write_out(sender, &within, 1, flags) : 0;
}

static size_t write_content(struct h1_sender *sender, struct slice bytes, bool last, unsigned flags)
{
    switch (sender->framing) {
    case H1_CHUNKED:
        return write_chunk(sender, bytes, last, flags);
    case H1_COUNTED:
        return write_counted(sender, bytes, flags);
    case H1_OPEN:
        return bytes.len ? write_out(sender, &bytes, 1, flags) : 0;
    default:
        return 0;
    }
}

size_t h1_sender_data(struct h1_sender *sender, struct slice bytes, bool last, unsigned end_flags)
{
    unsigned flags = last ? end_flags : bytes.len < SMALL_BYTES ? STREAM_LATER : STREAM_NOW;

    if (write_content(sender, bytes, last, flags) == 0)
        return bytes.len + h1_sender_drained(sender);
    sender->owed_bytes += bytes.len;
    return 0;
}

struct spliced h1_sender_move(struct h1_sender *sender, struct stream *from, size_t max)
{
    struct spliced moved = {0};

    if (sender->framing == H1_COUNTED && max < sender->left && !h1_sender_holds(sender))
        moved = stream_splice(from, sender->stream, max);
    sender->left -= moved.bytes;
    sender->owed_bytes += moved.waiting;
    return moved;
}

void h1_sender_trailers(struct h1_sender *sender, const struct fields *trailers, unsigned end_flags)
{
    struct h1_out out;

    if (sender->framing != H1_CHUNKED)
        return;
    h1_out_init(&out);
    h1_write_trailers(&out, trailers);
    h1_sender_head(sender, &out, end_flags);
    h1_out_fini(&out);
}

size_t h1_sender_drained(struct h1_sender *sender)
{
    size_t owed = sender->owed_bytes;

    sender->owed_bytes = 0;
    return owed;
}

bool h1_sender_is_whole(const struct h1_sender *sender)
{
    return sender->left == 0 && !sender->is_overrun;
}
