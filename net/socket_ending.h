/** The end of a connection that its owner has left: what is kept goes out, then the connection ends.
 *  Belongs to the loop from then on. */
#ifndef NET_SOCKET_ENDING_H
#define NET_SOCKET_ENDING_H

#include <stdbool.h>

#include "base/queue.h"

struct watch;

/** Takes the descriptor out of *watch* and the bytes out of *out*. At most 10 s.
 *  @param has_input  unread bytes may wait in the kernel
 *  @param linger  the peer may still be sending: after our FIN, read and drop that for up to 1 s and 256 KiB,
 *  so that a reset does not destroy the last answer on its way (RFC 9112 §9.6). Unread bytes say so, too */
void socket_ending_start(struct watch *watch, struct queue *out, bool has_input, bool linger);

#endif
