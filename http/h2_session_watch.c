#include "base/macro.h"
#include "http/h2_session.h"

/* What the peer makes us do: each frame is looked at before nghttp2 reads it, and what only costs work is spent from the
 * budget (http/h2_glitches.h). */

/* A header block comes in so many pieces at most; nghttp2 has the same limit, but says nothing when it ends there. */
enum { CONTINUATIONS_MAX = 8 };

enum { TYPE_PRIORITY_UPDATE = 0x10 };

void h2_session_fail(struct h2_session *session, uint32_t error_code)
{
    if (session->is_failing || !session->stream)
        return;
    session->is_failing = true;
    nghttp2_session_terminate_session(session->ng, error_code);
    h2_session_write_soon(session);
}

bool h2_session_glitch(struct h2_session *session, enum h2_glitch glitch)
{
    if (h2_glitches_spend(&session->glitches, glitch, loop_now_ms(session->loop)))
        return true;
    session->is_flooded = true;
    h2_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return false;
}

void h2_session_glitch_of_request(struct h2_session *session, enum h2_glitch glitch)
{
    if (session->side->is_server)
        h2_session_glitch(session, glitch);
}

static void watch_block(struct h2_session *session)
{
    h2_session_glitch_of_request(session, H2_GLITCH_CONTINUATION);
    if (session->scan.block_frames <= CONTINUATIONS_MAX)
        return;
    session->is_flooded = true;
    h2_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void watch_ping(struct h2_session *session)
{
    if (!session->has_moved)
        h2_session_glitch(session, H2_GLITCH_PING);
    session->has_moved = false;
}

static void watch_window_update(struct h2_session *session)
{
    if (session->window_updates_earned)
        session->window_updates_earned--;
    else
        h2_session_glitch(session, H2_GLITCH_WINDOW);
}

static void watch_reset(struct h2_session *session, const struct h2_frame_head *frame)
{
    if (nghttp2_session_get_stream_user_data(session->ng, (int32_t)frame->stream_id))
        h2_session_glitch_of_request(session, H2_GLITCH_RST_FRAME);
    else
        h2_session_glitch(session, H2_GLITCH_RST_FRAME);
}

/** nghttp2 ignores all of them, once RFC 7540's priorities are off. */
static void watch_priority(struct h2_session *session, const struct h2_frame_head *frame)
{
    if (frame->stream_id == 0)
        h2_session_fail(session, NGHTTP2_PROTOCOL_ERROR); /* RFC 9113 §6.3 */
    else
        h2_session_glitch(session, H2_GLITCH_PRIORITY);
}

static bool has_ended(const struct h2_session *session, uint32_t id)
{
    const struct h2_stream *stream = nghttp2_session_get_stream_user_data(session->ng, (int32_t)id);

    if (stream)
        return stream->is_reset;
    return !session->side->is_server || id <= session->newest_id_before;
}

/* nghttp2 ignores what comes on a stream that has ended, but for decoding heads. What the peer had sent before it heard of
 * the end must be endured (RFC 9113 §5.1): that is no more than the window of each stream that we reset, noted when the
 * RST_STREAM leaves. Streams that begin in this very read are looked at in the next one. */
static void spend_late(struct h2_session *session, const struct h2_frame_head *frame)
{
    const uint64_t bytes = H2_FRAME_HEAD_BYTES + frame->length;

    if (session->late_bytes >= bytes)
        session->late_bytes -= bytes;
    else
        h2_session_glitch(session, H2_GLITCH_CLOSED);
}

static void watch_head(struct h2_session *session, const struct h2_frame_head *frame)
{
    const bool is_new = frame->stream_id > session->newest_id;

    if (is_new)
        session->newest_id = frame->stream_id;
    if (is_new ? session->takes_no_more : has_ended(session, frame->stream_id))
        spend_late(session, frame);
}

static void watch_data(struct h2_session *session, const struct h2_frame_head *frame)
{
    if (frame->length == 0 && !(frame->flags & NGHTTP2_FLAG_END_STREAM))
        h2_session_glitch(session, H2_GLITCH_EMPTY_DATA);
    else if (has_ended(session, frame->stream_id))
        spend_late(session, frame);
}

static void watch_frame(struct h2_session *session, const struct h2_frame_head *frame)
{
    switch (frame->type) {
    case NGHTTP2_DATA:
        watch_data(session, frame);
        break;
    case NGHTTP2_HEADERS:
        watch_head(session, frame);
        break;
    case NGHTTP2_CONTINUATION:
        watch_block(session);
        break;
    case NGHTTP2_RST_STREAM:
        watch_reset(session, frame);
        break;
    case NGHTTP2_PING:
        if (!(frame->flags & NGHTTP2_FLAG_ACK))
            watch_ping(session);
        break;
    case NGHTTP2_SETTINGS:
        if (!(frame->flags & NGHTTP2_FLAG_ACK))
            h2_session_glitch(session, H2_GLITCH_SETTINGS);
        break;
    case NGHTTP2_PRIORITY:
        watch_priority(session, frame);
        break;
    case TYPE_PRIORITY_UPDATE:
        h2_session_glitch(session, H2_GLITCH_PRIORITY);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        watch_window_update(session);
        break;
    default:
        h2_session_glitch(session, H2_GLITCH_UNKNOWN);
        break;
    }
}

void h2_session_watch(struct h2_session *session, struct slice bytes)
{
    struct h2_frame_head frame;

    session->newest_id_before = session->newest_id;
    while (!session->is_failing && h2_scan_next(&session->scan, &bytes, &frame))
        watch_frame(session, &frame);
}
