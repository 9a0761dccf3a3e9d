#include "net/splice.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/macro.h"
#include "net/loop.h"
#include "net/pipe_pool.h"
#include "net/stream.h"

_Static_assert((int)SPLICE_MOST_BYTES <= (int)LOOP_SCRATCH_BYTES, "what the other socket does not take fits");

static ssize_t move(int from, int to, size_t most)
{
    return splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* What the socket did not take comes back out of the pipe, and waits in the stream as any other bytes do. */
static size_t give_rest(struct stream *to, struct pipe_ends *pipe, size_t rest)
{
    char *scratch = loop_scratch(to->loop);
    ssize_t n = read(pipe->read, scratch, rest);
    struct slice bytes = slice_of(scratch, rest);

    ASSERT(n == (ssize_t)rest); /* a pipe gives what it holds */
    return stream_write(to, &bytes, 1, STREAM_NOW);
}

struct spliced stream_splice(struct stream *from, struct stream *to, size_t max)
{
    int in = stream_raw_fd(from), out = stream_raw_fd(to);
    struct spliced spliced = {0};
    struct pipe_ends pipe;
    ssize_t taken, sent;

    if (in < 0 || out < 0 || !pipe_pool_take(&pipe))
        return spliced;
    taken = move(in, pipe.write, MIN(max, (size_t)SPLICE_MOST_BYTES));
    if (taken > 0) {
        sent = move(pipe.read, out, (size_t)taken);
        sent = MAX(sent, 0); /* what broke is told by the write of the rest */
        spliced.bytes = (size_t)taken;
        from->bytes_in += (uint64_t)taken;
        to->bytes_out += (uint64_t)sent;
        if (sent < taken)
            spliced.waiting = give_rest(to, &pipe, (size_t)(taken - sent));
    }
    pipe_pool_put(&pipe, true);
    return spliced;
}
