/** `watch: true`: the files that a configuration is made of are watched, and what changes is told, gathered. Of the main
 *  thread. */
#ifndef CONTROL_RENEWAL_H
#define CONTROL_RENEWAL_H

#include "control/named_files.h"

struct loop;

/** In the owner's memory; all zero before renewal_init() is fine for renewal_fini(). */
struct renewal {
    struct file_watch *watch;
    struct named_files files; /* of the last configuration that could be read */
    bool is_on;
};

/** @param on_changed  net/file_watch.h; it loads anew and then calls renewal_take() */
void renewal_init(struct renewal *renewal, struct loop *loop,
                  void (*on_changed)(void *owner, const char *path), void *owner);
/** Before the loop is freed. */
void renewal_fini(struct renewal *renewal);

/** After each load.
 *  @param files  moved from; those of a refused configuration are watched too, since what is amiss may be mended in them;
 *                none, when it could not be read: then those of before are watched on
 *  @param is_accepted  only then does the configuration decide whether anything is watched
 *  @param since  file_watch_now() before the load */
void renewal_take(struct renewal *renewal, struct named_files *files, bool is_accepted, int64_t since);

#endif
