#include "net/socket_stream.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "base/mem.h"
#include "net/loop.h"
#include "net/socket_ending.h"
#include "net/socket_reading.h"
#include "net/socket_send.h"
#include "net/socket_state.h"

/* Readiness comes as edges, so the stream remembers it: is_readable from an edge until a read comes up short,
 * is_writable from an edge until a write does. A short read after the peer's end proves nothing, for the end
 * itself gives no edge of its own then: read on to 0.
 *
 * Reading is in net/socket_reading. Events to the owner leave from three places: on_ready() (an edge),
 * on_work() (deferred: what the owner's own calls brought about) and on_flush() (last in the turn). Each may
 * end with the stream closed or owned by somebody else, so what follows an event looks at the stream anew.
 *
 * Happy path:  want → recv into the loop's scratch → bytes() → the rest, if any, waits in *in*.
 *              write → sendmsg → the rest, if any, waits in *out* → edge → drained().
 * On failure:  socket_break_off(): what arrived before is still read while wanted, then closed().
 * On close:    leave() closes the descriptor; the memory goes at the end of the turn. */

enum {
    LATER_MAX_BYTES = 16 * 1024, /* more than this is not worth a copy, it fills segments by itself */
    HAS_NO_MORE = WATCH_PEER_ENDED | WATCH_BROKEN,
    HAS_INPUT = WATCH_READABLE | HAS_NO_MORE,
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

static void tell_closed(struct socket_stream *s)
{
    const struct stream_events *on = s->base.on;

    leave(s);
    on->closed(s->base.owner, FAULT_CLIENT_GONE, s->error);
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
        socket_break_off(s, errno);
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

static size_t on_write(struct stream *stream, const struct slice *slices, size_t count, unsigned flags)
{
    struct socket_stream *s = socket_of(stream);
    bool is_later = flags & STREAM_LATER;

    if (s->is_gone || s->is_broken || s->shut_wanted || s->on_raw)
        return queue_len(&s->out);
    if (is_later && queue_len(&s->out) + slices_len(slices, count) > LATER_MAX_BYTES)
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

static uint64_t on_taken(const struct stream *stream)
{
    const struct socket_stream *s = CONTAINER_OF(stream, const struct socket_stream, base);
    int unacknowledged = 0;

#ifdef SIOCOUTQ
    if (s->is_gone || ioctl(s->watch.fd, SIOCOUTQ, &unacknowledged) < 0)
        unacknowledged = 0;
#endif
    return stream->bytes_out - (uint64_t)unacknowledged;
}

/* What the loop brings. */

static void on_work(struct pending *pending)
{
    struct socket_stream *s = CONTAINER_OF(pending, struct socket_stream, work);

    tell_drained(s);
    socket_lend_again(s);
    socket_read_on(s);
    if (s->is_broken && !s->is_gone && s->base.on && !socket_may_lend(s))
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
        socket_break_off(s, error);
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
    socket_read_on(s);
}

/* The owner's other calls. */

static void on_want(struct stream *stream, bool want)
{
    socket_want(socket_of(stream), want);
}

static void on_close(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);

    if (s->is_gone)
        return;
    if (queue_len(&s->out))
        socket_reset_on_close(s->watch.fd);
    leave(s);
}

static void on_reset(struct stream *stream)
{
    struct socket_stream *s = socket_of(stream);

    if (s->is_gone)
        return;
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

static int bare_fd(const struct socket_stream *s)
{
    return s->is_gone || s->is_broken || queue_len(&s->in) || queue_len(&s->out) ? -1 : s->watch.fd;
}

static int on_raw_fd(struct stream *stream)
{
    return WATCH_IS_EPOLL ? bare_fd(socket_of(stream)) : -1;
}

static unsigned on_raw(struct stream *stream, stream_ready *on_ready_raw, void *owner)
{
    struct socket_stream *s = socket_of(stream);

    ASSERT(on_raw_fd(stream) >= 0);
    s->wants = false;
    s->owes_drained = false;
    loop_undefer(&s->work);
    stream->on = NULL;
    stream->owner = owner;
    s->on_raw = on_ready_raw;
    return (s->is_readable ? WATCH_READABLE : 0) | (s->is_writable ? WATCH_WRITABLE : 0) |
           (s->peer_ended ? WATCH_PEER_ENDED : 0);
}

static const struct stream_ops SOCKET_OPS = {
    .write = on_write,
    .want = on_want,
    .shut = on_shut,
    .close = on_close,
    .reset = on_reset,
    .end = on_end,
    .raw_fd = on_raw_fd,
    .queued = on_queued,
    .taken = on_taken,
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
