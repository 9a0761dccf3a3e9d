/** This process takes the place of one that runs (control/upgrade.h): the new one's side. Before it serves, on the main
 *  thread and blocking; then on its loop.
 *
 *  Happy path:  configuration read → hello → given sockets and keys → all workers serve → told → the old one drains
 *  On failure:  the old one is told why, and serves on
 *  On close:    an old one that ends too early leaves this one alone with what it got: that serves and opens the rest */
#ifndef CONTROL_TAKEOVER_H
#define CONTROL_TAKEOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

struct admin_socket;
struct inherited;
struct loop;
struct takeover;
struct ticket_keys;

struct takeover_events {
    /** The old one takes nothing new any more, or is gone: this process is the service. */
    void (*ours)(void *owner, bool wants_reload);
    /** After ours(): the service manager hears this process. */
    void (*speaks)(void *owner);
    /** The old one serves on: this one must not. */
    void (*given_up)(void *owner);
};

/** Takes the variable out of the environment, so before any other thread runs. @return NULL: a start like any other */
struct takeover *takeover_find(void);
/** Takes what the old process hands over; also when that ends in the middle of it.
 *  @param sockets  stays there until takeover_serving(), which tells of those that inherited_close() has closed
 *  @return -1 when the two do not understand each other, or the old one gave it up */
int takeover_receive(struct takeover *takeover, struct inherited *sockets, struct ticket_keys *keys,
                     struct error *error) NODISCARD;
/** The admin socket that was handed over, if it is the one that this process would open.
 *  @param path, user  as for admin_socket_open()
 *  @return NULL: it is not */
struct admin_socket *takeover_admin(struct takeover *takeover, struct slice path, struct slice user);
/** This process ends without having served. NULL is fine. */
void takeover_fail(struct takeover *takeover, const char *reason);
/** All workers serve: one of the events follows. */
void takeover_serving(struct takeover *takeover, struct loop *loop, const struct takeover_events *on,
                      void *owner);
/** Neither of the events has come yet. */
bool takeover_is_under_way(const struct takeover *takeover);
/** The old process, while it drains; else 0. */
pid_t takeover_predecessor(const struct takeover *takeover);
/** Before the loop is freed, and frees it. NULL is fine. */
void takeover_free(struct takeover *takeover);

#endif
