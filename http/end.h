/** One end of an exchange: a request's way to the client (front) or to a backend (back), or our own answer.
 *  Codecs (one file a protocol and side) and the responder implement http_end_ops; the exchange implements
 *  http_end_events and joins any two ends. Both tables have the same shape: what one end says outward is what
 * the other is told.
 *
 *  Front end: events head (once, the request), data, trailers; ops head (interim ones, then the final), data,
 * trailers. Back end:  ops head (the request), data, trailers; events head (interim ones, then the final),
 * data, trailers. A message ends with `last` in head or data, or with trailers, which are always the last.
 *
 *  Credit: every byte given in data() is credited once it has moved on to the kernel or the next queue; the
 * giver stops reading its socket while too much is outstanding (base/flow). credit() may come from inside
 * data().
 *
 *  A request that asks for an upgrade (head.protocol) has no content, but its head is not the last: after a
 * 101 both directions are open-ended data, each until its own `last`. Any other final answer declines; the
 * request is complete then.
 *
 *  An end is detached, and must not be touched again by the exchange, after:
 *    reset() in either direction; for the front: the answer's last was given (in a tunnel: both lasts); for
 * the back: its answer's last was told (in a tunnel: both lasts). Calls that still come for it from inside
 * that very event are ignored.
 *
 *  Events are never delivered from inside ops calls, but for credit().
 *
 *  Heads, fields and slices are lent for the call. */
#ifndef HTTP_END_H
#define HTTP_END_H

#include "base/fault.h"
#include "http/head.h"
#include "net/splice.h"

struct http_end;
struct stream;

/** What is known of a request that a back end was given, whichever way it went: may it be sent once more? */
enum http_progress {
    HTTP_UNPROCESSED, /* for certain: no byte of it has left, or the server says so (h2: REFUSED_STREAM, GOAWAY) */
    HTTP_UNANSWERED, /* it may have been processed */
    HTTP_ANSWERED,   /* a byte of an answer has come */
};

struct http_end_ops {
    void (*head)(struct http_end *end, const struct head *head, bool last);
    void (*data)(struct http_end *end, struct slice bytes, bool last);
    void (*trailers)(struct http_end *end, const struct fields *trailers);
    /** *n* of the bytes that this end gave have moved on. */
    void (*credit)(struct http_end *end, size_t n);
    /** Gives up at once: the connection (h1) or stream (h2) is cut so that the peer can see the truncation.
     */
    void (*reset)(struct http_end *end, enum fault fault);
    /** Instead of data(), for content that need not be seen: moves up to *max* bytes, never the last of it, from
     * that stream to the peer. Only what waits is credited later. NULL: cannot. */
    struct spliced (*move)(struct http_end *end, struct stream *from, size_t max);
    /** A number that grows while the peer takes what it is sent (stream_taken()). NULL: cannot be told. */
    uint64_t (*taken)(const struct http_end *end);
    /** Of a front: takes a final answer back of which nothing has left; another one may be given then. NULL: cannot.
     * @return false: too late */
    bool (*recall)(struct http_end *end);
    /** Of a back; also after its reset, to the end of the turn. */
    enum http_progress (*progress)(const struct http_end *end);
};

struct http_end_events {
    void (*head)(void *owner, const struct head *head, bool last);
    void (*data)(void *owner, struct slice bytes, bool last);
    void (*trailers)(void *owner, const struct fields *trailers);
    void (*credit)(void *owner, size_t n);
    /** The peer is gone or broke the protocol; *error_number* is errno or 0. Last. */
    void (*reset)(void *owner, enum fault fault, int error_number);
    struct spliced (*move)(void *owner, struct stream *from, size_t max);
};

struct http_end {
    const struct http_end_ops *ops;
    const struct http_end_events *on; /* NULL: detached */
    void *owner;
};

static inline void http_end_own(struct http_end *end, const struct http_end_events *on, void *owner)
{
    end->on = on;
    end->owner = owner;
}

#endif
