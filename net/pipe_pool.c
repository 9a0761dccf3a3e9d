#include "net/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

/* Beyond the kernel's default of 64 KiB, where the user's share of pipe pages allows it. */
enum { POOL_MAX = 32, PIPE_BYTES = 256 * 1024 };

static _Thread_local struct {
    struct pipe_ends pipes[POOL_MAX];
    unsigned count;
} pool;

bool pipe_pool_take(struct pipe_ends *pipe)
{
    int fds[2];

    if (pool.count) {
        *pipe = pool.pipes[--pool.count];
        return true;
    }
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
        return false;
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES);
    *pipe = (struct pipe_ends){.read = fds[0], .write = fds[1]};
    return true;
}

void pipe_pool_put(struct pipe_ends *pipe, bool is_empty)
{
    if (pipe->read < 0)
        return;
    if (is_empty && pool.count < POOL_MAX) {
        pool.pipes[pool.count++] = *pipe;
    } else {
        close(pipe->read);
        close(pipe->write);
    }
    *pipe = (struct pipe_ends){-1, -1};
}
