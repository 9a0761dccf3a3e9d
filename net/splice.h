/** Bytes from one stream's socket straight to another's, without passing through this process (splice(2)): for
 *  content that nobody needs to see. A large body costs about half of what copying it does. */
#ifndef NET_SPLICE_H
#define NET_SPLICE_H

#include <stddef.h>

struct stream;

enum { SPLICE_MOST_BYTES = 64 * 1024 };

struct spliced {
    size_t bytes;   /* taken from the one stream and given to the other; 0: none could be */
    size_t waiting; /* of these, what the other now keeps: its drained() will come */
};

/** At most *max* bytes, and SPLICE_MOST_BYTES. Only from within pass() of *from*. Nothing is moved where a side is no bare socket (TLS) or keeps bytes: read and write these then. Ends
 * and errors are left for the streams themselves to find. */
struct spliced stream_splice(struct stream *from, struct stream *to, size_t max);

#endif
