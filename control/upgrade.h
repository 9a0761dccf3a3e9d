/** Another process of Portico takes the place of this one: this one's side. The launcher starts the program anew, the new
 *  process reads the configuration, is given the listening sockets, the admin socket and the ticket keys, and serves beside
 *  this one; only then this one takes nothing new any more. On the main thread's loop.
 *
 *  Happy path:  begun → it says what it is → it is given all → it serves → served()
 *  On failure:  whatever ends the new process, or keeps it from serving in time, is told by failed(); nothing has changed
 *  On close:    where this process dies meanwhile, the new one goes on alone, with what it got */
#ifndef CONTROL_UPGRADE_H
#define CONTROL_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct admin_socket;
struct launcher;
struct listen_set;
struct loop;
struct ticket_keys;
struct upgrade;

enum { UPGRADE_LIMIT_MS = 60000 }; /* for the new process to serve */

/** What came of it; lent for the call. */
struct upgrade_outcome {
    const char *reason; /* NULL: it is done */
    pid_t pid;          /* of the process that serves now */
    const char *version;
};

/** One that someone waits for; in the asker's memory until done(), or until it is forgotten. */
struct upgrade_wish {
    void (*done)(struct upgrade_wish *wish, const struct upgrade_outcome *outcome);
};

/** What is handed over; stays as it is until served() or failed(). */
struct upgrade_goods {
    const struct listen_set *listens;
    const struct admin_socket *admin; /* NULL: there is none */
    struct ticket_keys *keys;
};

struct upgrade_events {
    /** It takes over the admin socket as well, or has one of its own. When this returns the service manager must have been
     *  told: the new one speaks to it next. */
    void (*served)(void *owner, pid_t pid, const char *version, bool has_admin);
    void (*failed)(void *owner, const char *reason);
    /** Asked when it serves: is there a reload that has waited, and which is the new process's now? */
    bool (*wants_reload)(void *owner);
};

/** @param launcher  taken; NULL: there is none, and why_not says why
 *  @param limit_ms  for the new process to serve */
struct upgrade *upgrade_new(struct loop *loop, struct launcher *launcher, const char *why_not,
                            uint64_t limit_ms, const struct upgrade_events *on, void *owner);
/** One at a time, and none after one that succeeded. served() or failed() follows, not before this returns.
 *  @return -1 with a reason */
int upgrade_begin(struct upgrade *upgrade, const struct upgrade_goods *goods, struct error *error) NODISCARD;
/** failed() is called before this returns; nothing happens where none is under way. */
void upgrade_cancel(struct upgrade *upgrade, const char *reason);
/** Once served() is called: has the new process no use for that one of the listening sockets? */
bool upgrade_leaves(const struct upgrade *upgrade, int fd);
bool upgrade_is_under_way(const struct upgrade *upgrade);
/** Before the loop is freed, and frees it. NULL is fine. */
void upgrade_free(struct upgrade *upgrade);

#endif
