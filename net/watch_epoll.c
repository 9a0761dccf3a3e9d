#include "net/watch.h"

#if WATCH_IS_EPOLL

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "net/loop.h"

/* The kernel keeps a number, not a pointer, for each descriptor: a slot, and which use of that slot it is. So
 * an event that was fetched before its watch was removed, or one of an open file that lives on in a child
 * between fork and exec, finds its slot free or reused, and is dropped. */

enum {
    BATCH = 256,
    BATCHES = 4, /* a turn; libuv reports what is left in the next one */
    INTEREST = EPOLLIN | EPOLLOUT | EPOLLRDHUP | (int)EPOLLET,
};

struct slot {
    struct watch *watch; /* NULL while free */
    uint32_t use;
    uint32_t next_free;
};

struct watcher {
    struct loop *loop;
    int epoll;
    uv_poll_t uv;
    struct slot *slots;
    size_t cap;
    uint32_t first_free; /* == cap when none is */
};

static unsigned events_of(uint32_t bits)
{
    unsigned events = 0;

    if (bits & EPOLLIN)
        events |= WATCH_READABLE;
    if (bits & EPOLLOUT)
        events |= WATCH_WRITABLE;
    if (bits & EPOLLRDHUP)
        events |= WATCH_PEER_ENDED;
    if (bits & (EPOLLHUP | EPOLLERR))
        events |= WATCH_BROKEN;
    return events;
}

static void dispatch(struct watcher *watcher, const struct epoll_event *event)
{
    struct slot *slot = &watcher->slots[(uint32_t)event->data.u64];

    if (slot->watch && slot->use == (uint32_t)(event->data.u64 >> 32))
        slot->watch->on_ready(slot->watch, events_of(event->events));
}

static void on_poll(uv_poll_t *uv, int status, int uv_events)
{
    struct watcher *watcher = uv->data;
    struct epoll_event batch[BATCH];

    loop_refresh(watcher->loop);
    for (unsigned i = 0; i < BATCHES; i++) {
        int count = epoll_wait(watcher->epoll, batch, BATCH, 0);

        for (int at = 0; at < count; at++)
            dispatch(watcher, &batch[at]);
        if (count < (int)BATCH)
            break;
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct watcher *watcher = handle->data;

    close(watcher->epoll);
    mem_free(watcher->slots);
    mem_free(watcher);
}

static void watcher_close(void *object)
{
    struct watcher *watcher = object;

    uv_close((uv_handle_t *)&watcher->uv, on_closed);
}

static struct watcher *watcher_new(struct loop *loop)
{
    struct watcher *watcher;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int rc;

    if (epoll < 0)
        return NULL;
    watcher = mem_new(struct watcher);
    watcher->loop = loop;
    watcher->epoll = epoll;
    watcher->uv.data = watcher;
    rc = uv_poll_init(loop_uv(loop), &watcher->uv, epoll);
    if (rc < 0) {
        close(epoll);
        mem_free(watcher);
        errno = -rc;
        return NULL;
    }
    uv_poll_start(&watcher->uv, UV_READABLE, on_poll);
    uv_unref((uv_handle_t *)&watcher->uv);
    *loop_watcher(loop) = (struct loop_watcher){watcher, watcher_close};
    return watcher;
}

static struct watcher *watcher_of(struct loop *loop)
{
    struct watcher *watcher = loop_watcher(loop)->object;

    return watcher ? watcher : watcher_new(loop);
}

static uint32_t slot_take(struct watcher *watcher, struct watch *watch)
{
    uint32_t at = watcher->first_free;

    if (at == watcher->cap) {
        mem_grow((void **)&watcher->slots, &watcher->cap, watcher->cap + 1, sizeof(*watcher->slots));
        for (size_t i = at; i < watcher->cap; i++)
            watcher->slots[i] = (struct slot){.next_free = (uint32_t)i + 1};
    }
    watcher->first_free = watcher->slots[at].next_free;
    watcher->slots[at].watch = watch;
    return at;
}

static void slot_give(struct watcher *watcher, uint32_t at)
{
    struct slot *slot = &watcher->slots[at];

    slot->watch = NULL;
    slot->use++;
    slot->next_free = watcher->first_free;
    watcher->first_free = at;
}

int watch_add(struct loop *loop, struct watch *watch, int fd)
{
    struct watcher *watcher = watcher_of(loop);
    struct epoll_event event = {.events = (uint32_t)INTEREST};
    uint32_t slot;

    watch->fd = -1;
    watch->loop = loop;
    if (!watcher)
        return -1;
    slot = slot_take(watcher, watch);
    event.data.u64 = slot | (uint64_t)watcher->slots[slot].use << 32;
    if (epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        slot_give(watcher, slot);
        return -1;
    }
    watch->fd = fd;
    watch->slot = slot;
    return 0;
}

void watch_remove(struct watch *watch)
{
    struct watcher *watcher;

    if (watch->fd < 0)
        return;
    watcher = loop_watcher(watch->loop)->object;
    epoll_ctl(watcher->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    slot_give(watcher, watch->slot);
    watch->fd = -1;
}

void watch_close(struct watch *watch)
{
    if (watch->fd < 0)
        return;
    slot_give(loop_watcher(watch->loop)->object, watch->slot);
    close(watch->fd);
    watch->fd = -1;
}

void watch_move(struct watch *from, struct watch *to)
{
    struct watcher *watcher = loop_watcher(from->loop)->object;

    to->fd = from->fd;
    to->loop = from->loop;
    to->slot = from->slot;
    watcher->slots[to->slot].watch = to;
    from->fd = -1;
}

#endif
