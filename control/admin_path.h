/** Where admin sockets lie. The running process and the commands that look for it must agree. */
#ifndef CONTROL_ADMIN_PATH_H
#define CONTROL_ADMIN_PATH_H

#include <stdbool.h>

#include "base/slice.h"

#define ADMIN_SOCKET "admin.sock"

/** Takes "unix:" off what the configuration says. @return false: it does not begin with that */
bool admin_path_read(struct slice *path);

/** The directory of default sockets: /run/portico for root, else $XDG_RUNTIME_DIR/portico. Not made here.
 *  @return to be freed with mem_free(); NULL: there is none for this user */
char *admin_directory(void);

/** directory/name, to be freed with mem_free(). */
char *admin_path_in(const char *directory, const char *name);

/** Is it what a Portico calls its default socket: admin.sock, or admin-PID.sock where that one was taken? */
bool admin_path_is_default(const char *name);

/** Is someone there to take a connection? @return 0, or errno of connect(): ECONNREFUSED for a dead file */
int admin_path_try(const char *path);

#endif
