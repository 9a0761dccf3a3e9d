/** Sending on a non-blocking socket with a queue for what it does not take. */
#ifndef NET_SOCKET_SEND_H
#define NET_SOCKET_SEND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/queue.h"

/** Sends what is kept and the slices behind it in one segment as far as they fit; what the socket does not
 *  take is in *kept* afterwards.
 *  @param is_last  the end of our direction follows at once, and shall leave with these bytes
 *  @return bytes taken, 0 when the socket is full; or -1 with errno, after which nothing is worth keeping */
ssize_t socket_send(int fd, struct queue *kept, const struct slice *slices, size_t count, bool is_last);

/** Lets close() reset the connection, so that the peer does not take a cut message for a whole one. */
void socket_reset_on_close(int fd);

#endif
