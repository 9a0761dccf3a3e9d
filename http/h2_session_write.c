#include "base/macro.h"
#include "http/h2_session.h"

/* Happy path:  nghttp2 makes frames in the order of priorities → *out* → one stream_write() at the end of the turn.
 *              Content that an op lends, when it is more than a little, is not copied: *gather* has the pieces.
 *
 * On backpressure: once the stream below keeps bytes, no frame is made until drained(). */

/* So much is written before more is made; memory of a connection whose client does not read is about this. */
enum { OUT_MAX_BYTES = 32 * 1024, OUT_FIRST_BYTES = 8 * 1024 };

static void write_out(struct h2_session *session)
{
    struct h2_gather *gather = session->gather;
    struct slice slices[1 + H2_GATHER_SLICES];
    size_t count = 0;

    if (queue_len(&session->out))
        slices[count++] = queue_peek(&session->out);
    if (gather) {
        memcpy(slices + count, gather->slices, gather->count * sizeof(*slices));
        count += gather->count;
        gather->count = 0;
        gather->frames = 0;
    }
    session->must_pause = false;
    if (count == 0)
        return;
    session->is_blocked = stream_write(session->stream, slices, count, STREAM_NOW) > 0;
    queue_fini(&session->out);
}

static void put_out(struct h2_session *session, const void *bytes, size_t len)
{
    if (session->gather && session->gather->count)
        write_out(session);
    if (!session->out.data)
        queue_reserve(&session->out, OUT_FIRST_BYTES);
    queue_add(&session->out, slice_of(bytes, len));
    session->must_pause |= session->is_blocked || queue_len(&session->out) >= OUT_MAX_BYTES;
}

/* ---- DATA ---- */

static void gather_frame(struct h2_session *session, const uint8_t *head, struct slice content)
{
    struct h2_gather *gather = session->gather;
    uint8_t *copy = gather->heads[gather->frames];

    if (gather->frames++ == 0) {
        put_out(session, head, H2_FRAME_HEAD_BYTES);
    } else {
        memcpy(copy, head, H2_FRAME_HEAD_BYTES);
        gather->slices[gather->count++] = slice_of(copy, H2_FRAME_HEAD_BYTES);
    }
    gather->slices[gather->count++] = content;
    session->must_pause |= gather->frames == H2_GATHER_FRAMES;
}

static void put_lent(struct h2_session *session, struct h2_stream *stream, const uint8_t *head, size_t len)
{
    struct slice content = slice_head(stream->lent, len);

    stream->lent = slice_from(stream->lent, len);
    if (session->gather && len >= H2_GATHER_MIN_BYTES) {
        gather_frame(session, head, content);
        return;
    }
    put_out(session, head, H2_FRAME_HEAD_BYTES);
    put_out(session, content.data, len);
}

static void put_waiting(struct h2_session *session, struct h2_stream *stream, const uint8_t *head, size_t len)
{
    put_out(session, head, H2_FRAME_HEAD_BYTES);
    put_out(session, queue_peek(&stream->waiting).data, len);
    queue_drop(&stream->waiting, len);
}

/* No padding: nothing here asks for it. */
int h2_session_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                         nghttp2_data_source *source, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream = CAST(h2_stream, H2_STREAM, source->ptr);

    if (stream->is_queued_data)
        put_waiting(session, stream, head, len);
    else
        put_lent(session, stream, head, len);
    stream->taken_bytes += len;
    session->moved_bytes += len;
    if (len && stream->end.on)
        stream->end.on->credit(stream->end.owner, len);
    return session->must_pause ? NGHTTP2_ERR_PAUSE : 0;
}

/* ---- all frames ---- */

/* @return false: nothing is left that could leave now */
static bool make_frame(struct h2_session *session)
{
    const uint8_t *bytes;
    ssize_t len;

    len = nghttp2_session_mem_send(session->ng, &bytes);
    if (len > 0)
        put_out(session, bytes, (size_t)len);
    session->is_failing |= len < 0;
    return len > 0 || (len == 0 && session->must_pause);
}

void h2_session_write(struct h2_session *session)
{
    if (!session->stream || session->is_reading || session->is_writing)
        return;
    session->is_writing = true;
    while (!session->is_blocked && make_frame(session)) {
        if (session->must_pause)
            write_out(session);
    }
    session->is_writing = false;
    if (session->gather && session->gather->count)
        write_out(session);
    else if (!session->gather && queue_len(&session->out))
        write_out(session);
}

void h2_session_write_soon(struct h2_session *session)
{
    if (session->stream)
        loop_defer_last(session->loop, &session->due);
}
