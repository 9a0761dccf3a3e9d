#include "net/socket_stream.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/queue.h"
#include "net/loop.h"
#include "net/socket_ending.h"
#include "net/socket_send.h"
#include "net/watch.h"

/* Readiness comes as edges, so the stream remembers it: is_readable from an edge until a read comes up short,
 * is_writable from an edge until a write does. A short read after the peer's end proves nothing, for the end
 * itself gives no edge of its own then: read on to 0.
 *
 * Events to the owner leave from three places: on_ready() (an edge), on_work() (deferred: what the owner's
 * own calls brought about) and on_flush() (last in the turn). Each may end with the stream closed or owned by
 * somebody else, so what follows an event looks at the stream anew.
 *
 * Happy path:  want → recv into the loop's scratch → bytes() → the rest, if any, waits in *in*.
 *              write → sendmsg → the rest, if any, waits in *out* → edge → drained().
 * On failure:  break_off(): what arrived before is still read while wanted, then closed().
 * On close:    leave() closes the descriptor; the memory goes at the end of the turn. */

enum {
    READS_A_TURN = 4,            /* of one stream, so that a fast peer does not starve the others */
    LATER_MAX_BYTES = 16 * 1024, /* more than this is not worth a copy, it fills segments by itself */
    HAS_NO_MORE = WATCH_PEER_ENDED | WATCH_BROKEN,
    HAS_INPUT = WATCH_READABLE | HAS_NO_MORE,
};

enum lend_again {
    LEND_NO,
    LEND_IF_USED, /* asked for from inside bytes() while reading was on anyway */
    LEND_YES,
};

struct socket_stream {
    struct stream base;
    struct watch watch;
    struct pending work, flush;
    struct queue in, out;
    struct address peer, local;
    stream_ready *on_raw; /* set: the owner uses the descriptor by itself */
    unsigned turn;        /* the last one that we read in … */
    uint8_t reads;        /* … and how often */
    uint8_t lend_again;   /* enum lend_again: of what is kept, without new bytes */
    int error;
    bool is_readable : 1;
    bool is_writable : 1;
    bool peer_ended : 1; /* reported by the kernel; unread bytes may be left */
    bool eof_seen : 1;   /* recv() gave 0 */
    bool wants : 1;
    bool is_in_bytes : 1;
    bool owes_drained : 1;
    bool shut_wanted : 1;
    bool is_broken : 1; /* closed() is on its way */
    bool is_gone : 1;
};

static struct socket_stream *socket_of(struct stream *stream)
{
    ASSERT(stream && stream->magic == STREAM_MAGIC);
    return CONTAINER_OF(stream, struct socket_stream, base);
}

/* Ends. */

static void socket_stream_free(void *object)
{
    struct socket_stream *s = object;

    queue_fini(&s->in);
    queue_fini(&s->out);
    s->base.magic = 0;
    mem_free(s);
}

static void leave(struct socket_stream *s)
{
    s->is_gone = true;
    s->wants = false;
    loop_undefer(&s->work);
    loop_undefer(&s->flush);
    watch_close(&s->watch);
    loop_retire(s->base.loop, s, socket_stream_free);
}

/* What arrived before the break is worth reading: an answer, then a reset because of the request's rest. */
static void break_off(struct socket_stream *s, int error)
{
    if (s->is_broken)
        return;
    s->is_broken = true;
    s->error = error;
    s->is_readable = true;
    s->owes_drained = false;
    queue_fini(&s->out);
    loop_defer(s->base.loop, &s->work);
}

static void tell_closed(struct socket_stream *s)
{
    const struct stream_events *on = s->base.on;

    leave(s);
    on->closed(s->base.owner, FAULT_CLIENT_GONE, s->error);
}

/* Reading. */

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

static void lend_again_if_asked(struct socket_stream *s)
{
    if (s->lend_again != LEND_NO && s->wants && queue_len(&s->in))
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

static void wait_readable(struct socket_stream *s)
{
    s->is_readable = false;
    watch_wait(&s->watch, WATCH_READABLE);
}

static void read_once(struct socket_stream *s)
{
    char *scratch = loop_scratch(s->base.loop);
    ssize_t got = recv(s->watch.fd, scratch, LOOP_SCRATCH_BYTES, 0);

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
        break_off(s, errno);
        s->is_readable = false;
    }
}

static bool can_read(const struct socket_stream *s)
{
    return s->wants && s->is_readable && !s->eof_seen;
}

static bool has_share_left(struct socket_stream *s)
{
    if (s->turn != loop_turn(s->base.loop)) {
        s->turn = loop_turn(s->base.loop);
        s->reads = 0;
    }
    return s->reads < READS_A_TURN;
}

static void read_on(struct socket_stream *s)
{
    while (can_read(s)) {
        if (!has_share_left(s)) {
            loop_defer_next(s->base.loop, &s->work);
            return;
        }
        s->reads++;
        read_once(s);
    }
    if (s->eof_seen && s->wants && !s->is_broken && !s->base.eof_is_told) {
        s->base.eof_is_told = true;
        s->base.on->eof(s->base.owner);
    }
}

static void on_want(struct stream *stream, bool want)
{
    struct socket_stream *s = socket_of(stream);
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

/* Writing. */

static void tell_drained(struct socket_stream *s)
{
    if (!s->owes_drained || queue_len(&s->out) || !s->base.on)
        return;
    s->owes_drained = false;
    s->base.on->drained(s->base.owner);
}

/* No events from here: the owner may be the caller. */
static void send_now(struct socket_stream *s, const struct slice *slices, size_t count)
{
    ssize_t sent = socket_send(s->watch.fd, &s->out, slices, count, s->shut_wanted);

    if (sent < 0) {
        break_off(s, errno);
        return;
    }
    s->base.bytes_out += (uint64_t)sent;
    if (queue_len(&s->out)) {
        s->is_writable = false;
        s->owes_drained = true;
        watch_wait(&s->watch, WATCH_WRITABLE);
    } else if (s->shut_wanted) {
        shutdown(s->watch.fd, SHUT_WR);
    }
}

static size_t total_len(const struct slice *slices, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    return len;
}

static size_t on_write(struct stream *stream, const struct slice *slices, size_t count, unsigned flags)
{
    struct socket_stream *s = socket_of(stream);
    bool is_later = flags & STREAM_LATER;

    if (s->is_gone || s->is_broken || s->shut_wanted || s->on_raw)
        return queue_len(&s->out);
    if (is_later && queue_len(&s->out) + total_len(slices, count) > LATER_MAX_BYTES)
        is_later = false;
    if (s->is_writable && !is_later) {
        send_now(s, slices, count);
    } else {
        for (size_t i = 0; i < count; i++)
            queue_add(&s->out, slices[i]);
        s->owes_drained = s->owes_drained || queue_len(&s->out);
        if (s->is_writable)
            loop_defer_last(stream->loop, &s->flush);
    }
    if (s->owes_drained && queue_len(&s->out) == 0)
        loop_defer(stream->loop, &s->work);
    return queue_len(&s->out);
}

static void on_flush(struct pending *pending)
{
    struct socket_stream *s = CONTAINER_OF(pending, struct socket_stream, flush);

    if (s->is_writable && queue_len(&s->out))
        send_now(s, NULL, 0);
    tell_drained(s);
}

static void on_shut(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);

    if (s->is_gone || s->is_broken || s->shut_wanted)
        return;
    s->shut_wanted = true;
    if (queue_len(&s->out) == 0)
        shutdown(s->watch.fd, SHUT_WR);
    else if (s->is_writable)
        send_now(s, NULL, 0);
    if (s->owes_drained && queue_len(&s->out) == 0)
        loop_defer(stream->loop, &s->work);
}

static size_t on_queued(const struct stream *stream)
{
    return queue_len(&CONTAINER_OF(stream, const struct socket_stream, base)->out);
}

/* What the loop brings. */

static void on_work(struct pending *pending)
{
    struct socket_stream *s = CONTAINER_OF(pending, struct socket_stream, work);

    tell_drained(s);
    if (s->wants && s->lend_again && queue_len(&s->in))
        lend_kept(s);
    read_on(s);
    if (s->is_broken && !s->is_gone && s->base.on && !can_read(s))
        tell_closed(s);
}

/* Broken without an error: both sides ended in order, and unread bytes may be left. */
static void ask_what_broke(struct socket_stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error)
        break_off(s, error);
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct socket_stream *s = CONTAINER_OF(watch, struct socket_stream, watch);

    if (s->on_raw) {
        s->on_raw(s->base.owner, events);
        return;
    }
    if (events & HAS_INPUT)
        s->is_readable = true;
    if (events & HAS_NO_MORE)
        s->peer_ended = true;
    if (events & WATCH_BROKEN)
        ask_what_broke(s);
    if (events & WATCH_WRITABLE && !s->is_writable) {
        s->is_writable = true;
        if (queue_len(&s->out))
            send_now(s, NULL, 0);
        tell_drained(s);
    }
    read_on(s);
}

/* The owner's other calls. */

static void on_close(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);

    if (s->is_gone)
        return;
    if (queue_len(&s->out))
        socket_reset_on_close(s->watch.fd);
    leave(s);
}

static void on_end(struct stream *stream, bool linger)
{
    struct socket_stream *s = socket_of(stream);

    if (s->is_gone)
        return;
    if (!s->is_broken)
        socket_ending_start(&s->watch, &s->out, s->is_readable || s->on_raw, linger && !s->eof_seen);
    leave(s);
}

static int on_raw_fd(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);

    if (!WATCH_IS_EPOLL || s->is_gone || s->is_broken || queue_len(&s->in) || queue_len(&s->out))
        return -1;
    return s->watch.fd;
}

static void on_raw(struct stream *stream, stream_ready *on_ready_raw, void *owner)
{
    struct socket_stream *s = socket_of(stream);

    ASSERT(on_raw_fd(stream) >= 0);
    s->wants = false;
    s->owes_drained = false;
    loop_undefer(&s->work);
    stream->on = NULL;
    stream->owner = owner;
    s->on_raw = on_ready_raw;
}

static const struct stream_ops SOCKET_OPS = {
    .write = on_write,
    .want = on_want,
    .shut = on_shut,
    .close = on_close,
    .end = on_end,
    .raw_fd = on_raw_fd,
    .queued = on_queued,
    .raw = on_raw,
};

static struct socket_stream *stream_on(struct loop *loop, const struct address *peer, bool is_readable)
{
    struct socket_stream *s = mem_new(struct socket_stream);

    MAGIC_SET(&s->base, STREAM);
    s->base.ops = &SOCKET_OPS;
    s->base.loop = loop;
    s->base.peer = &s->peer;
    s->base.local = &s->local;
    if (peer)
        s->peer = *peer;
    s->work.run = on_work;
    s->flush.run = on_flush;
    s->watch.on_ready = on_ready;
    s->is_readable = is_readable;
    s->is_writable = true;
    return s;
}

struct stream *socket_stream_new(struct loop *loop, int fd, const struct address *peer, bool is_readable)
{
    struct socket_stream *s = stream_on(loop, peer, is_readable);
    int saved;

    if (watch_add(loop, &s->watch, fd) == 0)
        return &s->base;
    saved = errno;
    close(fd);
    mem_free(s);
    errno = saved;
    return NULL;
}

struct stream *socket_stream_of_watch(struct watch *watch, const struct address *peer, unsigned events)
{
    struct socket_stream *s = stream_on(watch->loop, peer, events & HAS_INPUT);

    s->peer_ended = events & HAS_NO_MORE;
    watch_move(watch, &s->watch);
    return &s->base;
}

void socket_stream_find_local(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);
    struct sockaddr_storage found;
    socklen_t len = sizeof(found);

    if (getsockname(s->watch.fd, (struct sockaddr *)&found, &len) == 0)
        s->local = address_from_sockaddr(&found);
}
