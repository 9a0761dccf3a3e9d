/** Which files a running Portico needs: from what its configuration names, and what its libraries read. */
#ifndef CONTROL_SANDBOX_PATHS_H
#define CONTROL_SANDBOX_PATHS_H

#include "base/slice.h"

struct landlock;
struct named_files;

/** Lent. */
struct sandbox_reach {
    const struct named_files *files; /* the configuration, certificates, keys, authorities */
    struct slice state;              /* the directory; data NULL: none; NUL-terminated, as the others */
    struct slice log;                /* a file, or "stdout" and the like */
    struct slice admin;              /* path of the admin socket; data NULL: none */
};

/** To read: the directories of the files, with those of links on the way to them; what the libraries read. To keep: the
 *  state directory. To append and make: in the log's directory. To remove: in the admin socket's directory.
 *  Directories that hold everybody's files, such as /etc, are not given away whole: of them only the file itself. */
void sandbox_paths_allow(struct landlock *landlock, const struct sandbox_reach *reach);

#endif
