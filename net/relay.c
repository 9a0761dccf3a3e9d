#include "net/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/queue.h"
#include "net/loop.h"
#include "net/pipe_pool.h"
#include "net/stream.h"
#include "net/watch.h"

/* Each direction is a lane:
 * Happy path:  COPY: recv → send, what the other socket does not take waits in *left*.
 *              After FULL_READS reads that filled the scratch buffer: SPLICE: socket → pipe → socket, until a read brings
 *              little; then back to COPY.
 * On failure:  a socket that breaks ends both lanes: broken().
 * On close:    eof on one side shuts the other behind what is under way; when both lanes have ended: ended(). */

enum { FULL_READS = 2, LITTLE_BYTES = 8 * 1024, SPLICE_BYTES = 256 * 1024, ROUNDS_A_TURN = 8 };

enum lane_mode { LANE_COPY, LANE_SPLICE };

struct lane {
    struct relay *relay;
    enum relay_side from;
    int in, out;
    enum lane_mode mode;
    unsigned full_reads;
    struct pipe_ends pipe;
    size_t in_pipe;
    struct queue left;
    bool is_readable, is_writable;
    bool may_have_ended; /* an edge of the end may have come: read on to 0 or EAGAIN */
    bool peer_ended;     /* it did come: what is read now is the last */
    bool has_eof;        /* nothing more to read */
    bool has_ended;      /* … and the other side was told */
};

enum { RELAY_MAGIC = 0x3e1a7000 };

struct relay {
    unsigned magic;
    struct loop *loop;
    struct stream *streams[2];
    struct lane lanes[2]; /* by the side they come from */
    const struct relay_events *on;
    void *owner;
    struct pending work;
    bool is_over; /* the last event was told */
};

bool relay_is_possible(struct stream *front, struct stream *back)
{
    return stream_raw_fd(front) >= 0 && stream_raw_fd(back) >= 0;
}

static void lane_broke(struct lane *lane, enum relay_side side)
{
    struct relay *relay = lane->relay;

    if (relay->is_over)
        return;
    relay->is_over = true;
    relay->on->broken(relay->owner, side, errno);
}

static enum relay_side other(enum relay_side side)
{
    return side == RELAY_FRONT ? RELAY_BACK : RELAY_FRONT;
}

/* @return false when there is nothing more to do in this turn */
static bool wrote(struct lane *lane, ssize_t n)
{
    if (n > 0) {
        lane->relay->on->moved(lane->relay->owner, lane->from, (size_t)n);
        return !lane->relay->is_over;
    }
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno != EAGAIN)
        lane_broke(lane, other(lane->from));
    lane->is_writable = false;
    return false;
}

static bool flush_left(struct lane *lane)
{
    struct slice left = queue_peek(&lane->left);
    ssize_t n = send(lane->out, left.data, left.len, MSG_NOSIGNAL);

    if (n > 0)
        queue_drop(&lane->left, (size_t)n);
    return wrote(lane, n);
}

static bool flush_pipe(struct lane *lane)
{
    ssize_t n =
        splice(lane->pipe.read, NULL, lane->out, NULL, lane->in_pipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n > 0)
        lane->in_pipe -= (size_t)n;
    if (lane->in_pipe == 0 && lane->mode == LANE_COPY)
        pipe_pool_put(&lane->pipe, true);
    return wrote(lane, n);
}

/* @return false when nothing came */
static bool got(struct lane *lane, ssize_t n)
{
    if (n > 0)
        return true;
    if (n == 0)
        lane->has_eof = true;
    else if (errno != EAGAIN && errno != EINTR)
        lane_broke(lane, lane->from);
    if (n == 0 || errno != EINTR)
        lane->is_readable = lane->may_have_ended = false;
    return false;
}

/* Short reads have emptied the socket: what comes next brings an edge. The end has none of its own if its
 * edge came before. */
static void note_short_read(struct lane *lane)
{
    if (!lane->may_have_ended)
        lane->is_readable = false;
}

static bool copy(struct lane *lane)
{
    char *scratch = loop_scratch(lane->relay->loop);
    ssize_t n = recv(lane->in, scratch, LOOP_SCRATCH_BYTES, 0), sent;
    int error_number;

    if (!got(lane, n))
        return lane->has_eof;
    lane->full_reads = n == LOOP_SCRATCH_BYTES ? lane->full_reads + 1 : 0;
    if (lane->full_reads >= FULL_READS)
        lane->mode = LANE_SPLICE;
    if (n < LOOP_SCRATCH_BYTES)
        note_short_read(lane);
    /* The last bytes wait for the FIN that follows, to share its segment. */
    sent = send(lane->out, scratch, (size_t)n, MSG_NOSIGNAL | (lane->peer_ended ? MSG_MORE : 0));
    error_number = errno; /* keeping the rest may allocate */
    queue_add(&lane->left, slice_from(slice_of(scratch, (size_t)n), sent > 0 ? (size_t)sent : 0));
    errno = error_number;
    return wrote(lane, sent);
}

static void enter_copy(struct lane *lane)
{
    lane->mode = LANE_COPY;
    lane->full_reads = 0;
}

static bool fill_pipe(struct lane *lane)
{
    ssize_t n;

    if (lane->pipe.read < 0 && !pipe_pool_take(&lane->pipe)) {
        enter_copy(lane);
        return true;
    }
    n = splice(lane->in, NULL, lane->pipe.write, NULL, SPLICE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (!got(lane, n)) {
        pipe_pool_put(&lane->pipe, true);
        return lane->has_eof;
    }
    lane->in_pipe = (size_t)n;
    if (n < LITTLE_BYTES)
        enter_copy(lane);
    return flush_pipe(lane);
}

static bool is_clear(const struct lane *lane)
{
    return queue_len(&lane->left) == 0 && lane->in_pipe == 0;
}

/* Where the other lane has ended too, both streams end now: no need to shut one first. */
static void lane_end(struct lane *lane)
{
    struct relay *relay = lane->relay;

    lane->has_ended = true;
    if (!relay->lanes[other(lane->from)].has_ended)
        stream_shut(relay->streams[other(lane->from)]);
}

static bool step(struct lane *lane)
{
    if (!is_clear(lane))
        return lane->is_writable && (lane->in_pipe ? flush_pipe(lane) : flush_left(lane));
    if (lane->has_eof && !lane->has_ended)
        lane_end(lane);
    if (lane->has_eof || !lane->is_readable)
        return false;
    return lane->mode == LANE_SPLICE ? fill_pipe(lane) : copy(lane);
}

/* @return true when the lane had its share of this turn and wants another */
static bool pump(struct lane *lane)
{
    for (int i = 0; i < ROUNDS_A_TURN; i++) {
        if (lane->relay->is_over || !step(lane))
            return false;
    }
    return true;
}

static void on_work(struct pending *pending)
{
    struct relay *relay = CONTAINER_OF(pending, struct relay, work);
    bool front_goes_on = pump(&relay->lanes[RELAY_FRONT]), back_goes_on = pump(&relay->lanes[RELAY_BACK]);

    if (relay->is_over)
        return;
    if (relay->lanes[RELAY_FRONT].has_ended && relay->lanes[RELAY_BACK].has_ended) {
        relay->is_over = true;
        relay->on->ended(relay->owner);
    } else if (front_goes_on || back_goes_on) {
        loop_defer_next(relay->loop, &relay->work);
    }
}

static void note(struct relay *relay, enum relay_side side, unsigned events)
{
    if (events & (WATCH_READABLE | WATCH_PEER_ENDED | WATCH_BROKEN))
        relay->lanes[side].is_readable = true;
    if (events & (WATCH_PEER_ENDED | WATCH_BROKEN))
        relay->lanes[side].may_have_ended = relay->lanes[side].peer_ended = true;
    if (events & (WATCH_WRITABLE | WATCH_BROKEN))
        relay->lanes[other(side)].is_writable = true;
}

static void on_front_ready(void *owner, unsigned events)
{
    struct relay *relay = CAST(relay, RELAY, owner);

    note(relay, RELAY_FRONT, events);
    on_work(&relay->work);
}

static void on_back_ready(void *owner, unsigned events)
{
    struct relay *relay = CAST(relay, RELAY, owner);

    note(relay, RELAY_BACK, events);
    on_work(&relay->work);
}

static void lane_init(struct relay *relay, enum relay_side from, bool has_ended)
{
    relay->lanes[from] = (struct lane){
        .relay = relay,
        .from = from,
        .in = stream_raw_fd(relay->streams[from]),
        .out = stream_raw_fd(relay->streams[other(from)]),
        .pipe = {-1, -1},
        .has_eof = has_ended,
        .has_ended = has_ended,
    };
}

struct relay *relay_start(struct stream *front, struct stream *back, bool front_ended, bool back_ended,
                          const struct relay_events *on, void *owner)
{
    struct relay *relay = mem_new(struct relay);

    MAGIC_SET(relay, RELAY);
    relay->loop = front->loop;
    relay->streams[RELAY_FRONT] = front;
    relay->streams[RELAY_BACK] = back;
    relay->on = on;
    relay->owner = owner;
    relay->work.run = on_work;
    lane_init(relay, RELAY_FRONT, front_ended);
    lane_init(relay, RELAY_BACK, back_ended);
    note(relay, RELAY_FRONT, stream_raw(front, on_front_ready, relay));
    note(relay, RELAY_BACK, stream_raw(back, on_back_ready, relay));
    loop_defer(relay->loop, &relay->work);
    return relay;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    relay->is_over = true;
    loop_undefer(&relay->work);
    for (int side = 0; side < 2; side++) {
        queue_fini(&relay->lanes[side].left);
        pipe_pool_put(&relay->lanes[side].pipe, relay->lanes[side].in_pipe == 0);
    }
    loop_retire(relay->loop, relay, mem_free);
}
