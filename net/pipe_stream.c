#include "net/pipe_stream.h"

#include <errno.h>

#include "base/mem.h"
#include "base/queue.h"
#include "net/address.h"
#include "net/loop.h"

/* One end's *out* goes to the other's *in* as far as there is room. Events leave from on_work() and
 * on_flush() only.
 *
 * Happy path:  write → out → in of the other → its bytes() → room → the rest of out … → drained().
 * On close:    as a kernel does it: what is unread or unsent makes it a reset, else the other sees our end.
 */

struct pipe_end {
    struct stream base;
    struct address none;
    struct pipe_end *other; /* NULL once it is gone */
    struct pending work, flush;
    struct loop_guest guest; /* while the owner has left and out is not empty */
    struct queue in, out;
    size_t new_bytes; /* of in: never lent so far */
    size_t capacity;
    int error;
    bool wants, is_in_bytes, owes_drained, shut_wanted, other_ended, is_broken, is_ending, is_gone;
    bool asked_again;        /* for bytes that were lent already … */
    bool asked_while_wanted; /* … from inside bytes(), with no need to */
};

static struct pipe_end *end_of(struct stream *stream)
{
    ASSERT(stream && stream->magic == STREAM_MAGIC);
    return CONTAINER_OF(stream, struct pipe_end, base);
}

static void wake(struct pipe_end *end)
{
    if (end && !end->is_gone)
        loop_defer(end->base.loop, &end->work);
}

static void pipe_end_free(void *object)
{
    struct pipe_end *end = object;

    queue_fini(&end->in);
    queue_fini(&end->out);
    end->base.magic = 0;
    mem_free(end);
}

static void break_off(struct pipe_end *end, int error);

static void leave(struct pipe_end *end)
{
    struct pipe_end *other = TAKE(end->other);

    end->is_gone = true;
    end->wants = false;
    loop_undefer(&end->work);
    loop_undefer(&end->flush);
    loop_no_guest(&end->guest);
    loop_retire(end->base.loop, end, pipe_end_free);
    if (!other)
        return;
    other->other = NULL;
    if (queue_len(&other->out)) /* nobody will take these */
        break_off(other, EPIPE);
}

static void break_off(struct pipe_end *end, int error)
{
    if (end->is_broken || end->is_gone)
        return;
    if (end->is_ending) {
        leave(end);
        return;
    }
    end->is_broken = true;
    end->error = error;
    end->owes_drained = false;
    queue_fini(&end->out);
    wake(end);
}

/* Ends our direction and, for an end whose owner has left, all of it. */
static void tell_other_of_end(struct pipe_end *end)
{
    if (end->other) {
        end->other->other_ended = true;
        wake(end->other);
    }
    if (end->is_ending)
        leave(end);
}

static void move_bytes(struct pipe_end *from)
{
    struct pipe_end *to = from->other;

    if (!to || from->is_gone)
        return;
    if (queue_len(&from->out) && to->new_bytes < to->capacity) {
        struct slice moved = slice_head(queue_peek(&from->out), to->capacity - to->new_bytes);

        queue_add(&to->in, moved);
        to->new_bytes += moved.len;
        from->base.bytes_out += moved.len;
        queue_drop(&from->out, moved.len);
        wake(to);
    }
    if (queue_len(&from->out))
        return;
    if (from->owes_drained)
        wake(from);
    if (from->shut_wanted)
        tell_other_of_end(from);
}

/* Reading. */

static bool is_to_lend(const struct pipe_end *end)
{
    return end->wants && queue_len(&end->in) && (end->new_bytes || end->asked_again);
}

static void lend(struct pipe_end *end)
{
    bool has_new = end->new_bytes > 0;
    struct queue lent = end->in; /* aside, so that what arrives meanwhile does not move it */
    size_t used;

    end->in = (struct queue){0};
    end->new_bytes = 0;
    end->asked_again = end->asked_while_wanted = false;
    end->is_in_bytes = true;
    used = end->base.on->bytes(end->base.owner, queue_peek(&lent));
    end->is_in_bytes = false;
    ASSERT(used <= queue_len(&lent));
    end->base.bytes_in += used;
    queue_drop(&lent, used);
    if (queue_len(&end->in))
        queue_add(&lent, queue_peek(&end->in));
    queue_fini(&end->in);
    end->in = lent;
    if (end->asked_while_wanted && (used || has_new))
        end->asked_again = true;
    if (end->asked_again || end->new_bytes)
        wake(end);
    if (end->other)
        move_bytes(end->other);
}

static void tell_eof(struct pipe_end *end)
{
    end->base.eof_is_told = true;
    end->base.on->eof(end->base.owner);
}

static void on_want(struct stream *stream, bool want)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone)
        return;
    if (want && end->is_in_bytes && end->wants)
        end->asked_while_wanted = true;
    else if (want)
        end->asked_again = true;
    end->wants = want;
    wake(end);
}

/* Writing. */

static size_t on_write(struct stream *stream, const struct slice *slices, size_t count, unsigned flags)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone || end->is_broken || end->shut_wanted)
        return queue_len(&end->out);
    if (!end->other) {
        break_off(end, EPIPE);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        queue_add(&end->out, slices[i]);
    if (flags & STREAM_LATER) {
        end->owes_drained = true;
        loop_defer_last(stream->loop, &end->flush);
    } else {
        move_bytes(end);
        end->owes_drained = end->owes_drained || queue_len(&end->out);
    }
    return queue_len(&end->out);
}

static void tell_drained(struct pipe_end *end)
{
    if (!end->owes_drained || queue_len(&end->out) || !end->base.on)
        return;
    end->owes_drained = false;
    end->base.on->drained(end->base.owner);
}

static void on_flush(struct pending *pending)
{
    struct pipe_end *end = CONTAINER_OF(pending, struct pipe_end, flush);

    move_bytes(end);
    tell_drained(end);
}

static void on_shut(struct stream *stream)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone || end->is_broken || end->shut_wanted)
        return;
    end->shut_wanted = true;
    move_bytes(end);
}

static size_t on_queued(const struct stream *stream)
{
    return queue_len(&CONTAINER_OF(stream, const struct pipe_end, base)->out);
}

static uint64_t on_taken(const struct stream *stream)
{
    return stream->bytes_out;
}

/* Ends. */

static void on_work(struct pending *pending)
{
    struct pipe_end *end = CONTAINER_OF(pending, struct pipe_end, work);

    if (!end->base.on)
        return;
    tell_drained(end);
    if (is_to_lend(end))
        lend(end);
    if (end->is_gone)
        return;
    if (end->is_broken && !is_to_lend(end)) {
        leave(end);
        end->base.on->closed(end->base.owner, FAULT_CLIENT_GONE, end->error);
    } else if (end->other_ended && end->wants && !is_to_lend(end) && !end->base.eof_is_told) {
        tell_eof(end);
    }
}

static void on_close(struct stream *stream)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone)
        return;
    if (end->other && (queue_len(&end->out) || end->new_bytes))
        break_off(end->other, ECONNRESET);
    else if (!end->is_broken)
        tell_other_of_end(end);
    leave(end);
}

static void on_reset(struct stream *stream)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone)
        return;
    if (end->other)
        break_off(end->other, ECONNRESET);
    leave(end);
}

static void on_leave(struct loop_guest *guest)
{
    leave(CONTAINER_OF(guest, struct pipe_end, guest));
}

static void on_end(struct stream *stream, bool linger)
{
    struct pipe_end *end = end_of(stream);

    if (end->is_gone)
        return;
    if (end->is_broken || !end->other) {
        leave(end);
        return;
    }
    if (linger)
        end->new_bytes = 0;
    end->wants = false;
    move_bytes(end);
    if (queue_len(&end->out) == 0) {
        on_close(stream);
        return;
    }
    stream->on = NULL;
    end->is_ending = end->shut_wanted = true;
    loop_guest(stream->loop, &end->guest);
}

static int on_raw_fd(struct stream *stream)
{
    return -1;
}

static const struct stream_ops PIPE_OPS = {
    .write = on_write,
    .want = on_want,
    .shut = on_shut,
    .close = on_close,
    .reset = on_reset,
    .end = on_end,
    .raw_fd = on_raw_fd,
    .queued = on_queued,
    .taken = on_taken,
};

static struct pipe_end *pipe_end_new(struct loop *loop)
{
    struct pipe_end *end = mem_new(struct pipe_end);

    MAGIC_SET(&end->base, STREAM);
    end->base.ops = &PIPE_OPS;
    end->base.loop = loop;
    end->base.peer = end->base.local = &end->none;
    end->work.run = on_work;
    end->flush.run = on_flush;
    end->guest.leave = on_leave;
    end->capacity = PIPE_CAPACITY_BYTES;
    return end;
}

void pipe_stream_pair(struct loop *loop, struct stream **a, struct stream **b)
{
    struct pipe_end *left = pipe_end_new(loop), *right = pipe_end_new(loop);

    left->other = right;
    right->other = left;
    *a = &left->base;
    *b = &right->base;
}

void pipe_stream_set_capacity(struct stream *stream, size_t capacity_bytes)
{
    ASSERT(capacity_bytes > 0);
    end_of(stream)->capacity = capacity_bytes;
}

void pipe_stream_break(struct stream *stream, int error_number)
{
    struct pipe_end *end = end_of(stream);

    if (end->other)
        break_off(end->other, ECONNRESET);
    break_off(end, error_number);
}
