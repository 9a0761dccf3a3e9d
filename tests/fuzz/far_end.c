#include "fuzz/far_end.h"

#include "base/macro.h"
#include "fuzz/prefix.h"
#include "net/pipe_stream.h"

enum { LITTLE_BYTES = 5, QUIET_TURNS = 3 };

static struct loop *shared_loop(void)
{
    static struct loop *loop;
    struct error error = {0};

    if (!loop)
        ASSERT(loop_new(&loop, &error) == 0);
    return loop;
}

struct cut cut_of(const unsigned char *prefix, struct slice bytes)
{
    const size_t share = prefix[1];
    struct cut cut = {.ends_at_once = prefix[0] & STREAM_ENDS_AT_ONCE,
                      .takes_little = prefix[0] & STREAM_TAKES_LITTLE};

    if (prefix[0] & STREAM_IN_PIECES)
        cut.piece_bytes = 1 + share;
    else
        cut.first_bytes = 1 + bytes.len * share / 256;
    return cut;
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct far_end *far = owner;

    text_add(&far->received, lent);
    return lent.len;
}

static void on_drained(void *owner)
{
}

static void on_eof(void *owner)
{
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct far_end *far = owner;

    far->stream = NULL;
}

static const struct stream_events stream_on = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

void far_end_open(struct far_end *far, const struct cut *cut)
{
    *far = (struct far_end){.loop = shared_loop()};
    pipe_stream_pair(far->loop, &far->stream, &far->near);
    if (cut->takes_little)
        pipe_stream_set_capacity(far->stream, LITTLE_BYTES);
    if (cut->piece_bytes)
        pipe_stream_set_capacity(far->near, cut->piece_bytes);
    stream_own(far->stream, &stream_on, far);
    stream_want(far->stream, true);
}

void far_end_settle(struct far_end *far)
{
    size_t sent = 0, received = 0;

    for (unsigned quiet = 0; quiet < QUIET_TURNS; quiet++) {
        loop_run_once(far->loop);
        if ((far->stream && far->stream->bytes_out != sent) || far->received.len != received)
            quiet = 0;
        sent = far->stream ? far->stream->bytes_out : sent;
        received = far->received.len;
    }
}

static void say(struct far_end *far, struct slice bytes)
{
    if (far->stream && bytes.len)
        stream_write(far->stream, &bytes, 1, STREAM_NOW);
}

void far_end_send(struct far_end *far, struct slice bytes, const struct cut *cut, bool ends)
{
    const struct slice first = slice_head(bytes, cut->first_bytes);

    if (first.len) {
        say(far, first);
        far_end_settle(far);
    }
    say(far, slice_from(bytes, first.len));
    if (!ends || !cut->ends_at_once)
        far_end_settle(far);
    if (ends && far->stream)
        stream_shut(far->stream);
    far_end_settle(far);
}

void far_end_fini(struct far_end *far)
{
    struct stream *stream = TAKE(far->stream);

    if (stream)
        stream_close(stream);
    far_end_settle(far);
    text_fini(&far->received);
}

bool has_end_of_head(struct slice bytes)
{
    while (bytes.len && (bytes.data[0] == '\r' || bytes.data[0] == '\n'))
        bytes = slice_from(bytes, 1);
    return bytes.len && memmem(bytes.data, bytes.len, "\r\n\r\n", 4);
}
