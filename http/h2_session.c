#include "http/h2_session.h"

#include "base/macro.h"
#include "base/mem.h"

/* Happy path:  bytes → the frames are looked at (h2_scan) → nghttp2 → its callbacks → the side's functions → exchange.
 *              h2_session_write.c has the way out, h2_stream.c the streams.
 *
 * On failure:  a stream's mistake resets it (nghttp2 does, or we), a connection's ends in GOAWAY: once that is written, or
 *              cannot be, the side is told lost().
 *
 * On close:    h2_session_end() or h2_session_cut(); callbacks that nghttp2 still makes then stop it. */

/* Too many answers to what the peer asked for wait, and it takes none: it is not read any more. */
enum { UNSENT_FRAMES_MAX = 200 };

/* A frame that brings so little more room is none that an honest peer sends more often than a few times. */
enum { SMALL_WINDOW_BYTES = 128, WINDOW_UPDATES_FREE = 32 };

enum { TYPE_PRIORITY_UPDATE = 0x10 };

/* ---- what the peer makes us do ---- */

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

static void watch_block(struct h2_session *session)
{
    size_t most = H2_BLOCK_FACTOR * session->limit_bytes + 16384;

    if (session->scan.block_bytes > most)
        session->glitches.points = H2_GLITCH_POINTS_MAX;
    h2_session_glitch(session, H2_GLITCH_CONTINUATION);
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

static void watch_frame(struct h2_session *session, const struct h2_frame_head *frame)
{
    switch (frame->type) {
    case NGHTTP2_DATA:
        if (frame->length == 0 && !(frame->flags & NGHTTP2_FLAG_END_STREAM))
            h2_session_glitch(session, H2_GLITCH_EMPTY_DATA);
        break;
    case NGHTTP2_HEADERS:
        session->has_moved = true;
        break;
    case NGHTTP2_CONTINUATION:
        watch_block(session);
        break;
    case NGHTTP2_RST_STREAM:
        h2_session_glitch(session, H2_GLITCH_RST_FRAME);
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

static void watch_frames(struct h2_session *session, struct slice bytes)
{
    struct h2_frame_head frame;

    while (!session->is_failing && h2_scan_next(&session->scan, &bytes, &frame))
        watch_frame(session, &frame);
}

/* ---- nghttp2's callbacks while it reads ---- */

static struct h2_stream *find(struct h2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session->ng, id) : NULL;
}

static void give_chunk(struct h2_session *session, bool last)
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
    give_chunk(session, false);
    h2_block_begin(&session->block, session->limit_bytes, session->limit_lines);
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

    h2_block_add(&session->block, slice_of_rcbuf(name), slice_of_rcbuf(value));
    if (session->block.seen_bytes <= H2_BLOCK_FACTOR * session->limit_bytes)
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
    if (session->block.is_over)
        h2_session_glitch(session, H2_GLITCH_HEAD);
    session->side->block(session, stream, last);
}

static void take_data(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);
    bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (!stream)
        return;
    stream->in_ended = last;
    if (session->chunk_stream == stream)
        give_chunk(session, last);
    else if (last)
        session->side->data(session, stream, SLICE(""), true);
    else if (frame->hd.length) /* of padding alone */
        h2_session_glitch(session, H2_GLITCH_EMPTY_DATA);
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
            h2_session_glitch(session, H2_GLITCH_WINDOW);
        break;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_GOAWAY:
        session->side->frame(session, frame);
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
    give_chunk(session, false);
    stream = find(session, id);
    if (!stream) {
        nghttp2_session_consume(ng, id, len);
        return 0;
    }
    session->chunk_stream = stream;
    session->chunk = slice_of(data, len);
    return 0;
}

static void tell_closed(struct h2_stream *stream)
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
        h2_session_write_soon(session);
    } else {
        tell_closed(stream);
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
    h2_session_glitch(session, H2_GLITCH_PROVOKED);
    stream = find(session, frame->hd.stream_id);
    if (!stream || stream->is_reset)
        return 0;
    stream->is_reset = true;
    if (frame->hd.type == NGHTTP2_HEADERS)
        session->side->malformed(session, stream);
    return 0;
}

/* ---- … and while it writes ---- */

/* After a whole answer the rest of the content is not wanted (RFC 9113 §8.1). */
static void note_end(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);

    if (!stream)
        return;
    stream->out_left = true;
    if (session->side->is_server && !stream->in_ended && !stream->is_tunnel)
        h2_stream_reset(stream, NGHTTP2_NO_ERROR);
}

static void note_reset(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(session, frame->hd.stream_id);

    if (stream && !stream->is_reset)
        h2_session_glitch(session, H2_GLITCH_PROVOKED);
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
        /* fall through */
    case NGHTTP2_DATA:
        session->has_moved = true;
        session->window_updates_earned =
            MIN(session->window_updates_earned + 2, (unsigned)WINDOW_UPDATES_FREE);
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            note_end(session, frame);
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
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_session_send_data);
    nghttp2_option_set_no_auto_window_update(options, 1);
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

const char *h2_library_version(void)
{
    return nghttp2_version(0)->version_str;
}

/* ---- the stream below ---- */

static enum fault fault_of(const struct h2_session *session)
{
    return session->is_flooded ? FAULT_CLIENT_FLOODS : FAULT_H2_BROKEN;
}

static void read_bytes(struct h2_session *session, struct slice lent)
{
    ssize_t used;

    session->is_reading = true;
    used = nghttp2_session_mem_recv(session->ng, (const uint8_t *)lent.data, lent.len);
    if (session->stream)
        give_chunk(session, false);
    session->is_reading = false;
    if (!session->stream)
        return;
    if (used < 0 && !session->is_failing) {
        session->is_flooded |= used == NGHTTP2_ERR_FLOODED;
        session->is_failing =
            true; /* the preface was none, or nobody takes our answers: nothing can be said */
    }
    h2_session_write_soon(session);
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, owner);

    session->last_bytes_ms = loop_now_ms(session->loop);
    watch_frames(session, lent);
    if (!session->is_failing)
        read_bytes(session, lent);
    if (session->stream && session->is_blocked &&
        nghttp2_session_get_outbound_queue_size(session->ng) > UNSENT_FRAMES_MAX) {
        session->is_paused = true;
        stream_want(session->stream, false);
    }
    return lent.len;
}

static void on_drained(void *owner)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, owner);

    session->is_blocked = false;
    h2_session_write_soon(session);
}

/* Half a connection is none that HTTP/2 knows. */
static void on_eof(void *owner)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, owner);

    session->side->lost(session, session->count ? FAULT_CLIENT_GONE : FAULT_NONE, 0);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, owner);

    session->stream = NULL;
    loop_undefer(&session->due);
    session->side->lost(session, fault, error_number);
}

static const struct stream_events STREAM_ON = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

/* ---- the end of a turn ---- */

static void recycle_retired(struct h2_session *session)
{
    while (!list_is_empty(&session->retired)) {
        struct h2_stream *stream = LIST_FIRST(&session->retired, struct h2_stream, link);

        list_remove(&stream->link);
        h2_stream_recycle(stream);
    }
}

static void tell_all_closed(struct h2_session *session)
{
    while (session->stream && !list_is_empty(&session->closed))
        tell_closed(LIST_FIRST(&session->closed, struct h2_stream, link));
}

static void on_turn_end(struct pending *pending)
{
    struct h2_session *session = CONTAINER_OF(pending, struct h2_session, due);

    while (!list_is_empty(&session->held))
        h2_stream_submit_head(LIST_FIRST(&session->held, struct h2_stream, held_link));
    h2_session_write(session);
    tell_all_closed(session);
    if (session->stream && (session->is_failing || session->error_code))
        session->side->lost(session, fault_of(session), 0);
    else if (session->stream)
        session->side->turn(session);
    if (!session->stream)
        return;
    if (session->is_paused && !session->is_blocked) {
        session->is_paused = false;
        stream_want(session->stream, true);
    }
    recycle_retired(session);
}

/* ---- life ---- */

void h2_session_init(struct h2_session *session, const struct h2_side *side, struct stream *stream,
                     size_t limit_bytes, size_t limit_lines)
{
    int rc;

    MAGIC_SET(session, H2_SESSION);
    session->side = side;
    session->stream = stream;
    session->loop = stream->loop;
    session->limit_bytes = limit_bytes;
    session->limit_lines = limit_lines;
    session->window_updates_earned = WINDOW_UPDATES_FREE;
    session->due.run = on_turn_end;
    list_init(&session->streams);
    list_init(&session->held);
    list_init(&session->closed);
    list_init(&session->retired);
    list_init(&session->spare);
    rc = side->is_server ? nghttp2_session_server_new2(&session->ng, callbacks, session, options)
                         : nghttp2_session_client_new2(&session->ng, callbacks, session, options);
    ASSERT(rc == 0); /* no memory, which mem_new() does not survive either */
    if (side->is_server)
        session->scan.left = NGHTTP2_CLIENT_MAGIC_LEN;
    stream_own(stream, &STREAM_ON, session);
    stream_want(stream, true);
}

static void forget_stream(struct h2_session *session)
{
    session->stream = NULL;
    loop_undefer(&session->due);
}

void h2_session_end(struct h2_session *session, bool linger)
{
    struct stream *stream;

    if (!session->stream)
        return;
    h2_session_write(session);
    stream = session->stream;
    forget_stream(session);
    stream_end(stream, linger);
}

void h2_session_cut(struct h2_session *session)
{
    struct stream *stream = session->stream;

    if (!stream)
        return;
    forget_stream(session);
    stream_reset(stream);
}

void h2_session_shrink(struct h2_session *session)
{
    h2_block_fini(&session->block);
    while (!list_is_empty(&session->spare)) {
        struct h2_stream *stream = LIST_FIRST(&session->spare, struct h2_stream, link);

        list_remove(&stream->link);
        h2_stream_free(stream);
    }
    session->spare_count = 0;
}

static void free_all(struct link *list)
{
    LIST_EACH(list, link)
        h2_stream_free(CONTAINER_OF(link, struct h2_stream, link));
}

void h2_session_fini(struct h2_session *session)
{
    nghttp2_session_del(session->ng);
    free_all(&session->streams);
    free_all(&session->closed);
    free_all(&session->retired);
    h2_session_shrink(session);
    queue_fini(&session->out);
    session->magic = 0;
}
