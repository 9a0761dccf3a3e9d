#include "http/h2_session.h"
#include "http/h2_spare.h"

#include "base/macro.h"
#include "base/mem.h"

/* Happy path:  bytes → the frames are looked at (h2_session_watch.c) → nghttp2 → its callbacks (h2_session_read.c) → the
 *              side's functions → the exchange. h2_session_write.c has the way out, h2_stream.c the streams.
 *
 * On failure:  a stream's mistake resets it (nghttp2 does, or we), a connection's ends in GOAWAY: once that is written, or
 *              cannot be, the side is told lost().
 *
 * On close:    h2_session_end() or h2_session_cut(); callbacks that nghttp2 still makes then stop it. */

/* Too many answers to what the peer asked for wait, and it takes none: it is not read any more. */
enum { UNSENT_FRAMES_MAX = 200 };

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
        h2_session_give_chunk(session, false);
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
    h2_session_watch(session, lent);
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

static void forget_stream(struct h2_session *session)
{
    session->stream = NULL;
    loop_undefer(&session->due);
    loop_cancel(session->loop, &session->linger);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct h2_session *session = CAST(h2_session, H2_SESSION, owner);

    forget_stream(session);
    session->side->lost(session, fault, error_number);
}

static const struct stream_events STREAM_ON = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

/* ---- answered, and still sending ---- */

/* The rest is not wanted, and RST_STREAM says so (RFC 9113 §8.1). Clients that hear it in one breath with the answer lose the
 * answer (curl 7.88), so they have some time to read it; their window stays shut meanwhile. */
enum { LINGER_MS = 1000 };

static void on_lingered(struct timer *timer)
{
    struct h2_session *session = CONTAINER_OF(timer, struct h2_session, linger);
    const uint64_t now_ms = loop_now_ms(session->loop);

    while (!list_is_empty(&session->lingering)) {
        struct h2_stream *stream = LIST_FIRST(&session->lingering, struct h2_stream, held_link);

        if (stream->lingers_until_ms > now_ms) {
            loop_arm(session->loop, &session->linger, stream->lingers_until_ms - now_ms);
            return;
        }
        h2_stream_reset(stream, NGHTTP2_NO_ERROR);
    }
}

void h2_session_linger(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    stream->lingers_until_ms = loop_now_ms(session->loop) + LINGER_MS;
    list_push_back(&session->lingering, &stream->held_link);
    if (!timer_is_armed(&session->linger))
        loop_arm(session->loop, &session->linger, LINGER_MS);
}

/* ---- the end of a turn ---- */

static void recycle_retired(struct h2_session *session)
{
    while (!list_is_empty(&session->retired)) {
        struct h2_stream *stream = LIST_FIRST(&session->retired, struct h2_stream, link);

        list_remove(&stream->link);
        h2_spare_give_stream(stream);
    }
}

static void tell_all_closed(struct h2_session *session)
{
    while (session->stream && !list_is_empty(&session->closed))
        h2_session_tell_closed(LIST_FIRST(&session->closed, struct h2_stream, link));
    session->answered = 0;
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
    if (session->block && !session->scan.is_in_block)
        h2_spare_give_block(TAKE(session->block));
}

/* ---- life ---- */

void h2_session_init(struct h2_session *session, const struct h2_side *side, struct stream *stream,
                     size_t limit_bytes, size_t limit_lines)
{
    MAGIC_SET(session, H2_SESSION);
    session->side = side;
    session->stream = stream;
    session->loop = stream->loop;
    session->limit_bytes = limit_bytes;
    session->limit_lines = limit_lines;
    session->window_updates_earned = H2_WINDOW_UPDATES_FREE;
    session->late_bytes = H2_WINDOW_MAX;
    session->due.run = on_turn_end;
    timer_init(&session->linger, on_lingered);
    list_init(&session->streams);
    list_init(&session->held);
    list_init(&session->lingering);
    list_init(&session->closed);
    list_init(&session->retired);
    h2_spare_enter();
    session->ng = h2_session_ng_new(session, side->is_server);
    if (side->is_server)
        session->scan.left = NGHTTP2_CLIENT_MAGIC_LEN;
    stream_own(stream, &STREAM_ON, session);
    stream_want(stream, true);
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
    h2_spare_give_block(TAKE(session->block));
    h2_spare_leave();
    queue_fini(&session->out);
    session->magic = 0;
}
