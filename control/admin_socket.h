/** The admin socket as a file: found a place for, opened for its owner alone, taken away at the end.
 *  Opened by the main thread before it gives up root, and given to the user that it becomes. */
#ifndef CONTROL_ADMIN_SOCKET_H
#define CONTROL_ADMIN_SOCKET_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

struct admin_socket;

/** Opens *path*, in a directory that is made if it is missing; a file that nobody listens behind is replaced.
 *  @param path  data NULL: the default one, or admin-PID.sock beside it where a living process has that
 *  @param user  who it is for from now on; empty: this process's own
 *  @return 0, or -1 when it cannot be, or someone listens at *path* already */
int admin_socket_open(struct slice path, struct slice user, struct admin_socket **out,
                      struct error *error) NODISCARD;
/** Takes one that the process before us listens on, if it is what admin_socket_open() with the same arguments would
 *  have opened, and of the right user. Its file stays that process's: admin_socket_keep().
 *  @param fd  taken only on success  @param at  its path, as that process says
 *  @return NULL: it is none of ours */
struct admin_socket *admin_socket_adopt(int fd, const char *at, struct slice path, struct slice user);
/** Another process goes on with the file, which stays when this one closes; or it does not. */
void admin_socket_keep(struct admin_socket *socket, bool is_kept);
/** Closes it and removes its file, if that is still ours and not kept. NULL is fine. */
void admin_socket_close(struct admin_socket *socket);

/** Listens, does not block; borrowed. */
int admin_socket_fd(const struct admin_socket *socket);
/** Nobody said where it is to be. */
bool admin_socket_is_default(const struct admin_socket *socket);
/** As long as the socket. */
const char *admin_socket_path(const struct admin_socket *socket);

#endif
