/** The admin socket's connections: HTTP/1.1, one request on each, answered by control/admin_api.
 *  On the main thread's loop. A connection has CONNECTION_MS for all of it, however it spends them. */
#ifndef CONTROL_ADMIN_H
#define CONTROL_ADMIN_H

#include "base/error.h"

struct admin;
struct admin_office;
struct loop;

/** @param fd      listens; borrowed until admin_close()
 *  @param office  must outlive it
 *  @return 0 with *out, or -1 */
int admin_new(struct loop *loop, int fd, const struct admin_office *office, struct admin **out,
              struct error *error) NODISCARD;
/** Takes no more connections; those that are there go on. Another process has the socket. NULL is fine. */
void admin_leave(struct admin *admin);
/** Takes no more connections and cuts those that are there; frees it. The loop needs one more turn. NULL is fine. */
void admin_close(struct admin *admin);

#endif
