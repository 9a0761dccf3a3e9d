/** Landlock (landlock(7)): which files this process can reach at all, whatever its user may.
 *  What is not allowed is refused with EACCES; nothing can be executed. What is open already stays usable. Binds the
 *  calling thread and those that it starts later, so it comes before them. Rights are of what lies below a directory
 *  now, not of its name: something else of the same name is not reached. Ports, and sockets that are files, are not
 *  restricted. Linux 5.13 and newer; each kernel does what it knows. */
#ifndef CONTROL_LANDLOCK_H
#define CONTROL_LANDLOCK_H

#include <stdbool.h>

#include "base/error.h"

/** What may be done with a file, or with all files below a directory. */
enum landlock_right {
    LANDLOCK_READ = 1,   /* and list */
    LANDLOCK_WRITE = 2,  /* what is there, without emptying it */
    LANDLOCK_CREATE = 4, /* files */
    LANDLOCK_REMOVE = 8, /* files */
    LANDLOCK_KEEP = 16,  /* all that a directory of one's own needs: the above, emptying, and directories */
};

/** A set of rules that does not hold yet. */
struct landlock;

/** @return 0, or -1 where the kernel has none, or it is switched off */
int landlock_new(struct landlock **out, struct error *error) NODISCARD;
void landlock_free(struct landlock *landlock);
/** @param rights  of enum landlock_right  @return false when there is no such file, or this process cannot find it */
bool landlock_allow(struct landlock *landlock, const char *path, unsigned rights);
/** From now on it holds, for good. no_new_privs must be set. @return the version of the kernel's Landlock, or -1 */
int landlock_enter(struct landlock *landlock, struct error *error) NODISCARD;

#endif
