#include "net/socket_reading.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/socket_state.h"

enum { READS_A_TURN = 4 }; /* of one stream, so that a fast peer does not starve the others */

/* Lending. */

static size_t lend(struct socket_stream *s, struct slice bytes)
{
    size_t used;

    s->lend_again = LEND_NO;
    s->is_in_bytes = true;
    used = s->base.on->bytes(s->base.owner, bytes);
    s->is_in_bytes = false;
    ASSERT(used <= bytes.len && (used == bytes.len || !s->on_raw));
    s->base.bytes_in += used;
    return used;
}

static bool is_to_lend_again(const struct socket_stream *s)
{
    return s->lend_again != LEND_NO && s->wants && queue_len(&s->in);
}

static void lend_again_if_asked(struct socket_stream *s)
{
    if (is_to_lend_again(s))
        loop_defer(s->base.loop, &s->work);
}

static void lend_kept(struct socket_stream *s)
{
    size_t used = lend(s, queue_peek(&s->in));

    queue_drop(&s->in, used);
    if (used == 0 && s->lend_again == LEND_IF_USED)
        s->lend_again = LEND_NO;
    lend_again_if_asked(s);
}

void socket_lend_again(struct socket_stream *s)
{
    if (is_to_lend_again(s))
        lend_kept(s);
}

static void lend_new(struct socket_stream *s, struct slice bytes)
{
    size_t used;

    if (queue_len(&s->in)) {
        queue_add(&s->in, bytes);
        lend_kept(s);
        return;
    }
    used = lend(s, bytes);
    queue_add(&s->in, slice_from(bytes, used));
    lend_again_if_asked(s);
}

/* When to read. */

static void wait_readable(struct socket_stream *s)
{
    s->is_readable = false;
    watch_wait(&s->watch, WATCH_READABLE);
}

/* The owner may be another, or gone, behind this. */
static bool is_passed(struct socket_stream *s)
{
    return s->base.on->pass && queue_len(&s->in) == 0 && s->base.on->pass(s->base.owner);
}

static void read_once(struct socket_stream *s)
{
    char *scratch = loop_scratch(s->base.loop);
    ssize_t got;

    if (is_passed(s))
        return;
    got = recv(s->watch.fd, scratch, LOOP_SCRATCH_BYTES, 0);
    if (got > 0) {
        if (got < LOOP_SCRATCH_BYTES && !s->peer_ended && !s->is_broken)
            wait_readable(s);
        lend_new(s, slice_of(scratch, (size_t)got));
    } else if (got == 0) {
        s->eof_seen = true;
        s->is_readable = false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wait_readable(s);
    } else if (errno != EINTR) {
        socket_break_off(s, errno);
        s->is_readable = false;
    }
}

static bool can_read(const struct socket_stream *s)
{
    return s->wants && s->is_readable && !s->eof_seen;
}

bool socket_may_lend(const struct socket_stream *s)
{
    return can_read(s) || is_to_lend_again(s);
}

static bool has_share_left(struct socket_stream *s)
{
    if (s->turn != loop_turn(s->base.loop)) {
        s->turn = loop_turn(s->base.loop);
        s->reads = 0;
    }
    return s->reads < READS_A_TURN;
}

void socket_read_on(struct socket_stream *s)
{
    while (can_read(s)) {
        if (!has_share_left(s)) {
            loop_defer_next(s->base.loop, &s->work);
            return;
        }
        s->reads++;
        read_once(s);
    }
    if (is_to_lend_again(s)) /* the end stands behind what is kept */
        return;
    if (s->eof_seen && s->wants && !s->is_broken && !s->base.eof_is_told) {
        s->base.eof_is_told = true;
        s->base.on->eof(s->base.owner);
    }
}

void socket_want(struct socket_stream *s, bool want)
{
    struct stream *stream = &s->base;
    bool did_want = s->wants;

    if (s->is_gone || s->on_raw)
        return;
    s->wants = want;
    if (want && (s->is_in_bytes || queue_len(&s->in)))
        s->lend_again = MAX(s->lend_again, s->is_in_bytes && did_want ? LEND_IF_USED : LEND_YES);
    if (s->is_broken)
        loop_defer(stream->loop, &s->work);
    if (!want || s->is_in_bytes) /* who lends looks at all of this when bytes() returns */
        return;
    if (s->lend_again || s->is_readable || (s->eof_seen && !stream->eof_is_told))
        loop_defer(stream->loop, &s->work);
}
