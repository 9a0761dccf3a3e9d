#include "net/watch.h"

#if !WATCH_IS_EPOLL

#include <errno.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "net/loop.h"

/* libuv reports levels. So interest in an event ends with its report, until watch_wait() asks for it again.
 */

struct handle {
    uv_poll_t uv;
    struct watch *watch; /* NULL once removed */
    int interest;        /* of libuv's bits */
};

static void on_poll(uv_poll_t *uv, int status, int bits);

static void start(struct handle *handle)
{
    if (handle->interest)
        uv_poll_start(&handle->uv, handle->interest, on_poll);
    else
        uv_poll_stop(&handle->uv);
}

/* libuv tells errors as a status, after which it has stopped by itself. */
static unsigned events_of(int status, int bits)
{
    unsigned events = 0;

    if (status < 0)
        return WATCH_READABLE | WATCH_WRITABLE | WATCH_BROKEN;
    if (bits & UV_READABLE)
        events |= WATCH_READABLE;
    if (bits & UV_WRITABLE)
        events |= WATCH_WRITABLE;
    if (bits & UV_DISCONNECT)
        events |= WATCH_READABLE | WATCH_PEER_ENDED;
    return events;
}

static void on_poll(uv_poll_t *uv, int status, int bits)
{
    struct handle *handle = uv->data;

    handle->interest = status < 0 ? 0 : handle->interest & ~bits;
    start(handle);
    loop_refresh(handle->watch->loop);
    handle->watch->on_ready(handle->watch, events_of(status, bits));
}

static void on_closed(uv_handle_t *uv)
{
    mem_free(uv->data);
}

int watch_add(struct loop *loop, struct watch *watch, int fd)
{
    struct handle *handle = mem_new(struct handle);
    int rc;

    watch->fd = -1;
    watch->loop = loop;
    rc = uv_poll_init(loop_uv(loop), &handle->uv, fd);
    if (rc < 0) {
        mem_free(handle);
        errno = -rc;
        return -1;
    }
    uv_unref((uv_handle_t *)&handle->uv);
    handle->uv.data = handle;
    handle->watch = watch;
    handle->interest = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
    start(handle);
    watch->fd = fd;
    watch->handle = handle;
    return 0;
}

void watch_remove(struct watch *watch)
{
    struct handle *handle;

    if (watch->fd < 0)
        return;
    handle = watch->handle;
    handle->watch = NULL;
    uv_close((uv_handle_t *)&handle->uv, on_closed);
    watch->fd = -1;
}

void watch_close(struct watch *watch)
{
    int fd = watch->fd;

    if (fd < 0)
        return;
    watch_remove(watch);
    close(fd);
}

void watch_move(struct watch *from, struct watch *to)
{
    struct handle *handle = from->handle;

    to->fd = from->fd;
    to->loop = from->loop;
    to->handle = handle;
    handle->watch = to;
    from->fd = -1;
}

void watch_wait(struct watch *watch, unsigned events)
{
    struct handle *handle = watch->handle;

    if (watch->fd < 0)
        return;
    if (events & WATCH_READABLE)
        handle->interest |= UV_READABLE;
    if (events & WATCH_WRITABLE)
        handle->interest |= UV_WRITABLE;
    start(handle);
}

#endif
