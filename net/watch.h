/** Readiness of one descriptor, edge-triggered: reported once each time it becomes readable or writable.
 *  On Linux one inner epoll a loop, itself watched by libuv, so that a connection costs one epoll_ctl in its
 * life and none in steady state. The rest of net/ uses this and nothing of libuv's for sockets. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include <stdbool.h>

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
};

/** @return 0, or -1 with errno when the kernel refuses (no memory for one more) */
int watch_add(struct loop *loop, struct watch *watch, int fd) NODISCARD;
/** No event comes afterwards, not even one that was fetched already. Does not close the descriptor. */
void watch_remove(struct watch *watch);

#endif
