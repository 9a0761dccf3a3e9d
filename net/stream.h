/** A two-way flow of bytes with someone at the other end: TCP, unix socket, TLS over either, a pipe in tests.
 *
 *  Start with stream_own() to say who listens, then stream_want(true). Handing a connection on — after
 * sniffing, after a TLS handshake, after an upgrade — is stream_own() by the next owner: unread bytes stay in
 * the stream and are lent to the new owner after its stream_want(true).
 *
 *  Bytes are lent: bytes() says how many it used; the rest is kept by the stream and lent again, in front of
 * what comes next. To be lent the same rest again without new bytes, call stream_want(true) once more.
 *
 *  Writing tries the socket at once and keeps what it does not take; there is no error to check: what goes
 * wrong is told by closed(), from the loop, never from inside a call that the owner made.
 *
 *  Asking for the rest again from inside bytes(), while reading was on all along, counts once: a bytes() that
 *  uses nothing of what it is lent again waits for new bytes.
 *
 *  No event is delivered from inside stream_own(), stream_want(), stream_write() and stream_shut(). After
 *  stream_close() or stream_end() by the owner, and after closed(), no event comes any more and the pointer
 * must be dropped; the memory lives to the end of the loop's turn. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/macro.h"
#include "base/slice.h"

struct address;
struct loop;
struct stream;

struct stream_events {
    /** @return how many of the lent bytes were used; 0..lent.len. May close or hand over the stream; then the
     * return value still counts for the bytes lent here */
    size_t (*bytes)(void *owner, struct slice lent);
    /** All that was kept for writing, by this owner or the one before, has gone to the kernel. Comes whenever
     * stream_write() or stream_queued() said more than 0. */
    void (*drained)(void *owner);
    /** The peer ends its direction; ours stays open. Once to each owner, after the last bytes were lent and
     * used or want is true. */
    void (*eof)(void *owner);
    /** The stream is gone: reset by the peer, or a write failed. Last, once. *fault* is CLIENT_GONE for plain
     * breaks (the owner, who knows the side, translates), or the TLS fault. *error_number* is errno or 0.
     * What arrived before the break is lent first while want is true; told at once while it is false. */
    void (*closed)(void *owner, enum fault fault, int error_number);
    /** There is input, and nothing is kept: the owner may move some of it on by itself (net/splice.h). NULL: never.
     * @return false: it moved nothing; the input is read and lent */
    bool (*pass)(void *owner);
};

/** @param events  WATCH_* bits of net/watch.h */
typedef void stream_ready(void *owner, unsigned events);

enum {
    STREAM_NOW = 0,
    STREAM_LATER = 1, /* more follows in this turn: may wait for the next write, or for the end of the turn */
};

struct stream_ops {
    size_t (*write)(struct stream *, const struct slice *slices, size_t count, unsigned flags);
    void (*want)(struct stream *, bool);
    void (*shut)(struct stream *);
    void (*close)(struct stream *);
    void (*reset)(struct stream *);
    void (*end)(struct stream *, bool linger);
    int (*raw_fd)(struct stream *);
    size_t (*queued)(const struct stream *);
    uint64_t (*taken)(const struct stream *);
    unsigned (*raw)(struct stream *, stream_ready *on_ready,
                    void *owner); /* NULL where raw_fd() is always -1 */
};

enum { STREAM_MAGIC = 0x57a3a001 };

struct stream {
    unsigned magic;
    bool eof_is_told; /* to this owner */
    const struct stream_ops *ops;
    const struct stream_events *on;
    void *owner;
    struct loop *loop;
    const struct address *peer, *local; /* of the socket below, never NULL; live as long as the stream */
    uint64_t bytes_in, bytes_out;       /* lent and used; given to the kernel or the stream below */
};

/** Says who gets the events from now on. Reading is paused until stream_want(true). */
void stream_own(struct stream *stream, const struct stream_events *on, void *owner);

/** What is written after stream_shut(), or once the stream broke, is dropped.
 *  @param slices  copied as far as they are not taken at once; count 1..8
 *  @return the bytes that now wait in the stream, these and older ones; drained() comes when it was more than
 * 0 */
static inline size_t stream_write(struct stream *stream, const struct slice *slices, size_t count,
                                  unsigned flags)
{
    return stream->ops->write(stream, slices, count, flags);
}

/** Reading on or off. On while bytes are kept: they are lent again, before this turn ends (or the next, when
 * this stream had its share of this one). */
static inline void stream_want(struct stream *stream, bool want)
{
    stream->ops->want(stream, want);
}

/** Ends our direction (FIN, close_notify) behind what is kept for writing. */
static inline void stream_shut(struct stream *stream)
{
    stream->ops->shut(stream);
}

/** Ends both directions now; what is kept for writing is dropped, and then the peer sees a reset: a message
 * that was cut off must not look like one that ended. */
static inline void stream_close(struct stream *stream)
{
    stream->ops->close(stream);
}

/** The same, and the peer is told by a reset (where there is one) that it was not meant to end here. */
static inline void stream_reset(struct stream *stream)
{
    stream->ops->reset(stream);
}

/** Lets what is kept go out (at most 10 s), then ends the connection without the owner. STREAM_LATER bytes
 * and the end leave in one segment.
 *  @param linger  the peer may still be sending: read and drop that for up to 1 s, so that a reset does not
 * destroy the last answer on its way (RFC 9112 §9.6) */
static inline void stream_end(struct stream *stream, bool linger)
{
    stream->ops->end(stream, linger);
}

/** The socket, when bytes may be moved past the stream (splice), or -1 (TLS, test pipes, or bytes are kept).
 * The stream must not want while someone uses it. Within bytes(): only if that uses all it is lent. */
static inline int stream_raw_fd(struct stream *stream)
{
    return stream->ops->raw_fd(stream);
}

/** For who uses stream_raw_fd() by itself, from now until stream_close() or stream_end(): the stream reads
 * and writes nothing more, and reports only edges of readiness, to *on_ready*. WATCH_BROKEN: the next call on
 * the descriptor tells why. stream_shut() works. bytes_in and bytes_out are the owner's to count.
 *  @return the edges that came before and are not repeated, WATCH_* bits */
static inline unsigned stream_raw(struct stream *stream, stream_ready *on_ready, void *owner)
{
    return stream->ops->raw(stream, on_ready, owner);
}

/** Has the peer sent what waits to be read? Looks at the socket; false also where that cannot be told. */
bool stream_has_input(struct stream *stream);

/** Of the socket below, what the peer has acknowledged: it grows while the peer reads, however slowly, and long
 * before the kernel calls the socket writable again. Asks the kernel. */
static inline uint64_t stream_taken(const struct stream *stream)
{
    return stream->ops->taken(stream);
}

/** Bytes that wait to be written. */
static inline size_t stream_queued(const struct stream *stream)
{
    return stream->ops->queued(stream);
}

#endif
