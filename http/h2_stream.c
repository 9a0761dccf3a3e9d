#include "base/macro.h"
#include "base/mem.h"
#include "http/h2_session.h"
#include "http/h2_spare.h"

/* Happy path:  head is held → content or the turn's end submits it → content goes as far as windows and the socket take
 *              it, the rest waits → the last, or trailers → nghttp2 closes the stream → retired → spare.
 *
 * On failure:  h2_stream_reset(); what waits is dropped. */

/* A window doubles when all of it was used and credited within this. */
enum { GROW_WITHIN_MS = 200 };

/* ---- life ---- */

static void set_window(struct h2_stream *stream, uint32_t bytes)
{
    stream->session->grown += bytes - stream->window;
    stream->window = bytes;
    nghttp2_session_set_local_window_size(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id, (int32_t)bytes);
}

/* Who has all of the connection's window for itself shares it when others come: were it to stall with a full window,
 * they could not send a byte. */
static void share_window(struct h2_session *session)
{
    struct h2_stream *wide = TAKE(session->wide);

    if (wide && !wide->is_closed)
        set_window(wide, H2_WINDOW_SHARED_MAX);
}

struct h2_stream *h2_stream_new(struct h2_session *session, const struct http_end_ops *ops)
{
    struct h2_stream *stream = h2_spare_take_stream();

    MAGIC_SET(stream, H2_STREAM);
    stream->session = session;
    stream->end.ops = ops;
    stream->window = H2_WINDOW_BYTES;
    list_push_back(&session->streams, &stream->link);
    session->count++;
    share_window(session);
    return stream;
}

struct h2_stream *h2_stream_of(struct http_end *end)
{
    struct h2_stream *stream = CONTAINER_OF(end, struct h2_stream, end);

    return CAST(h2_stream, H2_STREAM, stream);
}

/* Credit for what came will not come any more: it is the connection's again. */
static void give_window_back(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    if (session->wide == stream)
        session->wide = NULL;
    session->grown -= stream->window - H2_WINDOW_BYTES;
    if (stream->uncredited && session->stream)
        nghttp2_session_consume_connection(session->ng, stream->uncredited);
    stream->uncredited = 0;
}

static void drop_unsent(struct h2_stream *stream)
{
    queue_fini(&stream->waiting);
    queue_fini(&stream->early);
    stream->lent = (struct slice){0};
    stream->is_held = false;
    list_remove(&stream->held_link);
}

void h2_stream_retire(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    stream->end.on = NULL;
    stream->is_closed = true;
    give_window_back(stream);
    drop_unsent(stream);
    list_remove(&stream->link);
    list_push_back(&session->retired, &stream->link);
    session->count--;
    h2_session_write_soon(session);
}

void h2_stream_free(struct h2_stream *stream)
{
    queue_fini(&stream->waiting);
    queue_fini(&stream->early);
    arena_fini(&stream->arena);
    stream->magic = 0;
    mem_free(stream);
}

void h2_stream_reset(struct h2_stream *stream, uint32_t error_code)
{
    struct h2_session *session = stream->session;

    drop_unsent(stream);
    if (stream->is_reset || stream->is_closed || !session->stream)
        return;
    stream->is_reset = true;
    nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id, error_code);
    h2_session_write_soon(session);
}

void h2_stream_tell_reset(struct h2_stream *stream, enum fault fault, int error_number)
{
    const struct http_end_events *on = TAKE(stream->end.on);

    if (on)
        on->reset(stream->end.owner, fault, error_number);
}

/* ---- out ---- */

static bool has_content(const struct h2_stream *stream)
{
    return queue_len(&stream->waiting) + stream->lent.len > 0;
}

/* Behind the last content; with trailers END_STREAM is on these. */
static void end_content(struct h2_stream *stream, uint32_t *flags)
{
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream->has_trailers)
        return;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(stream->session->ng, stream->id, stream->trailers.items, stream->trailers.count);
}

static ssize_t read_content(nghttp2_session *ng, int32_t id, uint8_t *buffer, size_t most, uint32_t *flags,
                            nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *stream = CAST(h2_stream, H2_STREAM, source->ptr);
    size_t len;

    if (!has_content(stream) && !stream->out_ended) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    stream->is_queued_data = queue_len(&stream->waiting) > 0;
    len = MIN(most, stream->is_queued_data ? queue_len(&stream->waiting) : stream->lent.len);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->out_ended && len == queue_len(&stream->waiting) + stream->lent.len)
        end_content(stream, flags);
    return (ssize_t)len;
}

/* A head with nothing behind it ends the stream itself. */
static bool ends_with_head(const struct h2_stream *stream)
{
    return stream->drops_content || (stream->out_ended && !has_content(stream) && !stream->has_trailers);
}

/* No ids left: as if the server had refused it. */
static void submit_request(struct h2_stream *stream, const nghttp2_data_provider *content)
{
    struct h2_session *session = stream->session;

    stream->id =
        nghttp2_submit_request(session->ng, NULL, stream->head.items, stream->head.count, content, stream);
    if (stream->id > 0)
        return;
    stream->id = 0;
    stream->is_closed = true;
    stream->close_code = NGHTTP2_REFUSED_STREAM;
    list_remove(&stream->link);
    list_push_back(&session->closed, &stream->link);
}

void h2_stream_submit_head(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;
    nghttp2_data_provider content = {.source.ptr = stream, .read_callback = read_content};
    const nghttp2_data_provider *provider = ends_with_head(stream) ? NULL : &content;

    list_remove(&stream->held_link);
    stream->is_held = false;
    if (!session->stream)
        return;
    if (session->side->is_server)
        nghttp2_submit_response(session->ng, stream->id, stream->head.items, stream->head.count, provider);
    else
        submit_request(stream, provider);
}

void h2_stream_hold_head(struct h2_stream *stream, struct h2_lines head)
{
    stream->head = head;
    stream->is_held = true;
    list_push_back(&stream->session->held, &stream->held_link);
    h2_session_write_soon(stream->session);
}

static void resume(struct h2_stream *stream)
{
    if (stream->is_held)
        h2_stream_submit_head(stream);
    else if (stream->is_deferred)
        nghttp2_session_resume_data(stream->session->ng, stream->id);
    stream->is_deferred = false;
    h2_session_write_soon(stream->session);
}

/* What the peer takes now is taken from where it lies; what it does not is copied. */
static void send_lent(struct h2_stream *stream, struct slice bytes)
{
    struct h2_session *session = stream->session;
    struct h2_gather gather = {.count = 0};

    stream->lent = bytes;
    resume(stream);
    if (bytes.len && !session->is_blocked && !session->is_reading && !session->is_writing) {
        session->gather = &gather;
        h2_session_write(session);
        session->gather = NULL;
    }
    queue_add(&stream->waiting, stream->lent);
    stream->lent = (struct slice){0};
}

/* As much of it as was declared. */
static struct slice within_length(struct h2_stream *stream, struct slice bytes)
{
    struct slice within;

    if (!stream->is_counted)
        return bytes;
    within = slice_head(bytes, (size_t)MIN(stream->left, (uint64_t)bytes.len));
    stream->is_overrun |= within.len < bytes.len;
    stream->left -= within.len;
    return within;
}

static bool is_whole(const struct h2_stream *stream)
{
    return !stream->is_counted || (stream->left == 0 && !stream->is_overrun);
}

void h2_stream_send(struct h2_stream *stream, struct slice bytes, bool last)
{
    struct slice within = stream->drops_content ? SLICE("") : within_length(stream, bytes);

    if (within.len < bytes.len && stream->end.on)
        stream->end.on->credit(stream->end.owner, bytes.len - within.len);
    if (last && !stream->drops_content && !is_whole(stream)) {
        h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR); /* it must be seen not to be whole */
        return;
    }
    stream->out_ended = last;
    if (!stream->drops_content)
        send_lent(stream, within);
}

void h2_stream_send_trailers(struct h2_stream *stream, const struct fields *trailers)
{
    if (!stream->drops_content && trailers->count) {
        stream->trailers = h2_write_trailers(trailers, &stream->arena);
        stream->has_trailers = stream->trailers.count > 0;
    }
    h2_stream_send(stream, SLICE(""), true);
}

/* Of a stream whose bytes wait below, the connection's progress is its own. */
uint64_t h2_stream_taken(const struct h2_stream *stream)
{
    const struct h2_session *session = stream->session;

    return stream->taken_bytes + (session->stream && session->is_blocked ? stream_taken(session->stream) : 0);
}

/* ---- in ---- */

void h2_stream_count(struct h2_stream *stream, size_t n)
{
    stream->uncredited += (uint32_t)n;
    if (stream->window_used == 0 && stream->window_began_ms == 0)
        stream->window_began_ms = loop_now_ms(stream->session->loop);
}

/* No more than half of the connection's window while there are others: share_window(). A backend's connection has no such
 * bound, as it carries the answers of many clients, and those that do not read would hold up the others: what they can
 * make us keep is bounded by their own windows. */
static bool may_grow(const struct h2_stream *stream)
{
    const struct h2_session *session = stream->session;
    uint32_t most = session->count > 1 ? H2_WINDOW_SHARED_MAX : H2_WINDOW_MAX;

    return stream->window < most &&
           (session->side->is_server || session->grown + stream->window <= H2_WINDOWS_GROWN_MAX);
}

/* While the other side keeps up, the window is not to be what limits it: what comes in a round trip to a far client is
 * more than 64 KiB. */
static void grow_window(struct h2_stream *stream, size_t n)
{
    struct h2_session *session = stream->session;
    uint64_t now_ms = loop_now_ms(session->loop);

    stream->window_used += (uint32_t)n;
    if (stream->window_used < stream->window)
        return;
    if (now_ms - stream->window_began_ms <= GROW_WITHIN_MS && may_grow(stream)) {
        set_window(stream, stream->window * 2);
        if (stream->window > H2_WINDOW_SHARED_MAX)
            session->wide = stream;
    }
    stream->window_used = 0;
    stream->window_began_ms = now_ms;
}

void h2_stream_credit(struct h2_stream *stream, size_t n)
{
    struct h2_session *session = stream->session;

    n = MIN(n, (size_t)stream->uncredited);
    stream->uncredited -= (uint32_t)n;
    if (n == 0 || !session->stream || session->is_failing)
        return;
    nghttp2_session_consume_connection(session->ng, n);
    if (!stream->in_ended && !stream->is_closed) {
        grow_window(stream, n);
        nghttp2_session_consume_stream(session->ng, stream->id, n);
    }
    h2_session_write_soon(session);
}
