/** A stream over a connected non-blocking TCP or unix socket. */
#ifndef NET_SOCKET_STREAM_H
#define NET_SOCKET_STREAM_H

#include "net/address.h"
#include "net/stream.h"

struct loop;
struct watch;

/** Takes the descriptor over; on failure it is closed and NULL comes back with errno. Reads nothing before
 *  stream_want(true), which also makes a first read without waiting for readiness when *is_readable*.
 *  @param is_readable  bytes are likely there already (accepted under TCP_DEFER_ACCEPT) */
struct stream *socket_stream_new(struct loop *loop, int fd, const struct address *peer, bool is_readable);
/** The same for a descriptor that is watched already; cannot fail.
 *  @param events  what the watch reported, WATCH_* bits: such edges do not come again */
struct stream *socket_stream_of_watch(struct watch *watch, const struct address *peer, unsigned events);
/** Asks the kernel for stream->local. */
void socket_stream_find_local(struct stream *stream);

#endif
