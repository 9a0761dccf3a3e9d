/** Two streams joined in memory, with the semantics of sockets: for tests, without the kernel's timing.
 *  What one end writes arrives at the other in the same turn. */
#ifndef NET_PIPE_STREAM_H
#define NET_PIPE_STREAM_H

#include "net/stream.h"

enum { PIPE_CAPACITY_BYTES = 64 * 1024 };

/** Both ends are of the caller, who ends each as any stream. */
void pipe_stream_pair(struct loop *loop, struct stream **a, struct stream **b);

/** At most this much (1 and more) waits for this end unread; more waits at the writer, who thus sees a full
 *  socket. What was lent once does not count. */
void pipe_stream_set_capacity(struct stream *stream, size_t capacity_bytes);

/** As a reset from outside: this end is told closed() with this errno, the other one with ECONNRESET. */
void pipe_stream_break(struct stream *stream, int error_number);

#endif
