/** The reading half of a stream over a socket: when to recv(), what to lend, what to keep. */
#ifndef NET_SOCKET_READING_H
#define NET_SOCKET_READING_H

#include <stdbool.h>

struct socket_stream;

/** stream_want(). No event from inside. */
void socket_want(struct socket_stream *s, bool want);

/* Each of these calls the owner, after which the stream may be gone or another's. */

/** Lends what is kept, if that was asked for. */
void socket_lend_again(struct socket_stream *s);
/** Reads and lends until the socket is empty, reading is off, or the stream had its share of this turn; then
 *  tells the end, if that was reached. */
void socket_read_on(struct socket_stream *s);

/** Something is kept, or may still be read, that the owner wants. */
bool socket_may_lend(const struct socket_stream *s);

#endif
