/** Readiness of one descriptor, edge-triggered: reported once each time it becomes readable or writable.
 *  On Linux one inner epoll a loop, itself watched by libuv, so that a connection costs one epoll_ctl in its
 * life and none in steady state. The rest of net/ uses this and nothing of libuv's for sockets. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct loop;

enum {
    WATCH_READABLE = 1,
    WATCH_WRITABLE = 2,
    WATCH_PEER_ENDED = 4, /* the peer shut its sending side: read on to 0 */
    WATCH_BROKEN = 8,     /* reset, or both sides ended */
};

struct watch {
    int fd; /* -1 while not watched */
    struct loop *loop;
    void (*on_ready)(struct watch *watch, unsigned events);
    union {
        uint32_t slot; /* net/watch_epoll's */
        void *handle;  /* net/watch_uv's */
    };
};

#if defined(__linux__) && !defined(PORTICO_WATCH_UV)
#define WATCH_IS_EPOLL 1
#else
#define WATCH_IS_EPOLL 0
#endif

/** What is ready already is reported in the next turn.
 *  @return 0, or -1 with errno when the kernel refuses (no memory for one more) */
int watch_add(struct loop *loop, struct watch *watch, int fd) NODISCARD;
/** No event comes afterwards, not even one that was fetched already. Does not close the descriptor. */
void watch_remove(struct watch *watch);
/** The same, and closes the descriptor, which makes the kernel forget it by itself. */
void watch_close(struct watch *watch);
/** *to* (with its on_ready set) takes the place of *from*, which is not watched any more. Costs no syscall.
 */
void watch_move(struct watch *from, struct watch *to);

/** The owner met EAGAIN, or knows that it would: it waits for these events now. Edges come by themselves from
 *  epoll; watch_uv reports nothing twice without this. */
#if WATCH_IS_EPOLL
static inline void watch_wait(struct watch *watch, unsigned events)
{
}
#else
void watch_wait(struct watch *watch, unsigned events);
#endif

#endif
