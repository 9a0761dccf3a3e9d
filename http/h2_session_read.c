#include "base/macro.h"
#include "http/h2_memory.h"
#include "http/h2_session.h"
#include "http/h2_spare.h"

/* What nghttp2 calls while it reads and writes; it ends in the functions of the side, and these in the exchange.
 *
 * On failure:  nghttp2 resets a stream that is malformed, and we learn it by on_invalid_frame() or when RST_STREAM leaves;
 *              a callback of a session that has ended makes nghttp2 stop. */

/* A frame that brings so little more room is none that an honest peer sends more often than a few times. */
enum { SMALL_WINDOW_BYTES = 128 };

/* So many frames that are padding for the most part cost one point. */
enum { PADDED_FRAMES = 16 };

/* More than any limit of heads lets in from the other side. */
enum { SENT_HEAD_BYTES_MAX = 1024 * 1024 };

enum { TYPE_PRIORITY_UPDATE = 0x10 };

/* ---- while it reads ---- */

static struct h2_stream *find(struct h2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session->ng, id) : NULL;
}

void h2_session_give_chunk(struct h2_session *session, bool last)
{
    struct h2_stream *stream = TAKE(session->chunk_stream);
    struct slice bytes = session->chunk;

    session->chunk = (struct slice){0};
    if (!stream)
        return;
    session->has_moved = true;
    h2_stream_count(stream, bytes.len);
    session->side->data(session, stream, bytes, last);
}

static int refuse_stream(struct h2_session *session, int32_t id)
{
    nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    h2_session_glitch(session, H2_GLITCH_PROVOKED);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);

    if (!session->stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    h2_session_give_chunk(session, false);
    if (!session->block)
        session->block = h2_spare_take_block();
    h2_block_begin(session->block, session->limit_bytes, session->limit_lines);
    if (!session->side->is_server || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (!session->side->begins(session))
        return refuse_stream(session, frame->hd.stream_id);
    struct h2_stream *stream = h2_stream_new(session, NULL);
    stream->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(ng, stream->id, stream);
    return 0;
}

static struct slice slice_of_rcbuf(nghttp2_rcbuf *rcbuf)
{
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(rcbuf);

    return slice_of(vec.base, vec.len);
}

/* What is past the limit is decoded all the same, as the tables must follow, and dropped; so little input can become
 * much, that there is an end to this as well. */
static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);

    h2_block_add(session->block, slice_of_rcbuf(name), slice_of_rcbuf(value));
    if (session->block->seen_bytes <= H2_BLOCK_FACTOR * session->limit_bytes)
        return 0;
    session->is_flooded = true;
    h2_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* A field that nghttp2 would drop makes the message malformed (RFC 9113 §8.2.1). */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void take_block(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);
    bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (!stream)
        return;
    stream->in_ended = last;
    session->has_moved = true;
    if (session->block->is_over)
        h2_session_glitch_of_request(session, H2_GLITCH_HEAD);
    session->side->block(session, stream, last);
}

/* Who hides how long small messages are pads them as well: it takes 1,600 a second, and more, to spend the budget by that. */
static void watch_padding(struct h2_session *session, const nghttp2_frame *frame)
{
    if (2 * frame->data.padlen > frame->hd.length && ++session->padded % PADDED_FRAMES == 0)
        h2_session_glitch_of_request(session, H2_GLITCH_PADDING);
}

static void take_data(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);
    bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    bool had_content = session->has_content;

    session->has_content = false;
    watch_padding(session, frame);
    if (!stream)
        return;
    stream->in_ended = last;
    if (session->chunk_stream == stream)
        h2_session_give_chunk(session, last);
    else if (last)
        session->side->data(session, stream, SLICE(""), true);
    else if (frame->hd.length && !had_content) /* of padding alone */
        h2_session_glitch(session, H2_GLITCH_EMPTY_DATA);
}

/** nghttp2 takes one of stream 0 for one of a stream that is idle (RFC 9218 §7.1). */
static void take_priority_update(struct h2_session *session, const nghttp2_frame *frame)
{
    const nghttp2_ext_priority_update *update = frame->ext.payload;

    if (update->stream_id == 0)
        h2_session_fail(session, NGHTTP2_PROTOCOL_ERROR);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream;

    if (!session->stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        take_block(session, frame);
        break;
    case NGHTTP2_DATA:
        take_data(session, frame);
        break;
    case NGHTTP2_RST_STREAM:
        stream = find(session, frame->hd.stream_id);
        if (stream)
            stream->is_peer_reset = true;
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->window_update.window_size_increment < SMALL_WINDOW_BYTES)
            h2_session_glitch_of_request(session, H2_GLITCH_WINDOW);
        break;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_GOAWAY:
        session->side->frame(session, frame);
        break;
    case TYPE_PRIORITY_UPDATE:
        take_priority_update(session, frame);
        break;
    default:
        break;
    }
    return 0;
}

/* Kept until it is known whether it is the last: it lies in what was lent, and the frame mostly ends right behind it. */
static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                         void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream;

    if (!session->stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    h2_session_give_chunk(session, false);
    stream = find(session, id);
    if (!stream) {
        nghttp2_session_consume(ng, id, len);
        return 0;
    }
    session->chunk_stream = stream;
    session->chunk = slice_of(data, len);
    session->has_content = true;
    return 0;
}

void h2_session_tell_closed(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    session->side->gone(session, stream, stream->close_code, stream->is_peer_reset);
    h2_stream_retire(stream);
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream = find(session, id);

    if (!stream)
        return 0;
    stream->is_closed = true;
    stream->close_code = error_code;
    if (session->chunk_stream == stream) {
        session->chunk_stream = NULL;
        nghttp2_session_consume_connection(ng, session->chunk.len);
    }
    if (session->is_writing || !session->stream) { /* nobody is told from inside an op */
        list_remove(&stream->link);
        list_push_back(&session->closed, &stream->link);
        session->answered += error_code == NGHTTP2_NO_ERROR;
        h2_session_write_soon(session);
    } else {
        h2_session_tell_closed(stream);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int lib_error_code,
                            void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream;

    if (!session->stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    stream = find(session, frame->hd.stream_id);
    if (!stream || stream->is_reset) {
        h2_session_glitch(session, H2_GLITCH_PROVOKED);
        return 0;
    }
    h2_session_glitch_of_request(session, H2_GLITCH_PROVOKED);
    stream->is_reset = true;
    if (frame->hd.type == NGHTTP2_HEADERS)
        session->side->malformed(session, stream);
    return 0;
}

/* ---- … and while it writes ---- */

static void note_end(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);

    if (!stream)
        return;
    stream->out_left = true;
    if (session->side->is_server && !stream->in_ended && !stream->is_tunnel)
        h2_session_linger(stream);
}

static void note_reset(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);

    session->late_bytes += stream ? stream->window : H2_WINDOW_BYTES;
    if (stream && !stream->is_reset)
        h2_session_glitch_of_request(session, H2_GLITCH_PROVOKED);
}

static void note_moved(struct h2_session *session, const nghttp2_frame *frame)
{
    session->has_moved = true;
    session->window_updates_earned =
        MIN(session->window_updates_earned + 2, (unsigned)H2_WINDOW_UPDATES_FREE);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        note_end(session, frame);
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        stream = find(session, frame->hd.stream_id);
        if (stream)
            stream->was_processed = true;
        note_moved(session, frame);
        break;
    case NGHTTP2_DATA:
        note_moved(session, frame);
        break;
    case NGHTTP2_RST_STREAM:
        note_reset(session, frame);
        break;
    case NGHTTP2_GOAWAY:
        session->error_code = frame->goaway.error_code;
        break;
    default:
        break;
    }
    return 0;
}

/* An answer's head that is past what nghttp2 sends: nothing else would ever end the stream. */
static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int lib_error_code,
                             void *user_data)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, user_data);
    struct h2_stream *stream = find(session, frame->hd.stream_id);

    if (stream && session->side->is_server && frame->hd.type == NGHTTP2_HEADERS)
        h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* nghttp2 copies these into each session. Filled before main() and never changed. */
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

__attribute__((constructor)) static void make_callbacks(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0)
        return;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_session_send_data);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_max_send_header_block_length(options, SENT_HEAD_BYTES_MAX);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(options, H2_TABLE_BYTES);
    nghttp2_option_set_builtin_recv_extension_type(options, TYPE_PRIORITY_UPDATE);
    nghttp2_option_set_peer_max_concurrent_streams(options, H2_STREAMS_MAX);
}

__attribute__((destructor)) static void free_callbacks(void)
{
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
}

nghttp2_session *h2_session_ng_new(struct h2_session *session, bool is_server)
{
    nghttp2_session *ng = NULL;
    int rc;

    if (is_server)
        return h2_memory_server_new(&session->memory, callbacks, session, options);
    rc = nghttp2_session_client_new2(&ng, callbacks, session, options);
    ASSERT(rc == 0); /* no memory, which mem_new() does not survive either */
    return ng;
}

const char *h2_library_version(void)
{
    return nghttp2_version(0)->version_str;
}
