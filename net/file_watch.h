/** Tells when files change, however that is done: written in place, replaced by rename, removed and made again, or reached
 *  by a symlink that now points elsewhere, at whatever place on the way. So it is not the files that are watched (a file
 *  that is replaced is another one) but all directories on the way to them, symlinks followed, for the names that matter.
 *  Of one loop's thread. */
#ifndef NET_FILE_WATCH_H
#define NET_FILE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/slice.h"

struct loop;
struct file_watch;

struct file_place {
    const char *path;
    /** NULL: only as a file. Else, where the path leads to a directory: does that name in it matter? */
    bool (*holds)(struct slice name);
};

/** Watches nothing yet.
 *  @param gather_ms  changes within so much time after a first one are told together, at its end
 *  @param on_changed  may call file_watch_set(); *path* is the first one, for messages, valid during the call */
struct file_watch *file_watch_new(struct loop *loop, uint64_t gather_ms,
                                  void (*on_changed)(void *owner, const char *path), void *owner);
/** Before loop_free(). NULL is fine. */
void file_watch_free(struct file_watch *watch);

/** Watches these, and nothing else. The ways to them are looked up anew: call it after each change, also with the same
 *  places. What cannot be watched is logged.
 *  @param since  file_watch_now() before the files were read: what has changed between then and now is told as well */
void file_watch_set(struct file_watch *watch, const struct file_place *places, size_t count, int64_t since);
/** Nanoseconds on the clock that files are stamped by. */
int64_t file_watch_now(void);

#endif
