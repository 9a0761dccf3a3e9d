/** The outgoing half of an HTTP/1 connection: content is framed onto the stream, and credit is held back
 * while the stream keeps bytes. A head may be held, and what little comes behind it: until it is released, or more
 * comes than is to wait, nothing of that message has left. Part of each codec. */
#ifndef HTTP_H1_SENDER_H
#define HTTP_H1_SENDER_H

#include "base/queue.h"
#include "http/h1_body.h"
#include "http/h1_write.h"
#include "net/splice.h"
#include "net/stream.h"

struct h1_sender {
    struct stream *stream;
    struct queue held; /* of a message of which nothing has left */
    uint64_t left;     /* of a counted content */
    size_t owed_bytes; /* credit that comes with drained() */
    uint8_t framing;   /* enum h1_framing; H1_EMPTY: content is dropped (HEAD, 204, 304) */
    bool is_overrun;   /* more content came than was declared */
};

/** Of a head, in place of STREAM_*: it leaves with the content, or by h1_sender_release(). */
enum { H1_SENDER_HOLDS = STREAM_LATER << 1 };

void h1_sender_begin(struct h1_sender *sender, enum h1_framing framing, uint64_t length);
void h1_sender_head(struct h1_sender *sender, const struct h1_out *out, unsigned flags);
static inline bool h1_sender_holds(const struct h1_sender *sender)
{
    return queue_len(&sender->held) > 0;
}
/** Gives what is held, if any, to the stream. @return bytes to credit at once */
size_t h1_sender_release(struct h1_sender *sender, unsigned flags);
/** Forgets what is held. */
void h1_sender_drop(struct h1_sender *sender);
/** @param end_flags  STREAM_LATER when the end of the connection follows the last bytes
 *  @return bytes to credit at once */
size_t h1_sender_data(struct h1_sender *sender, struct slice bytes, bool last, unsigned end_flags);
/** Of a counted content, but not its last byte (http/end.h). */
struct spliced h1_sender_move(struct h1_sender *sender, struct stream *from, size_t max);
/** Only with H1_CHUNKED; others have no place for trailers and drop them. */
void h1_sender_trailers(struct h1_sender *sender, const struct fields *trailers, unsigned end_flags);
/** @return bytes to credit now */
size_t h1_sender_drained(struct h1_sender *sender);
/** Was all sent that the head declared? Otherwise the connection must be cut, to be seen as such. */
bool h1_sender_is_whole(const struct h1_sender *sender);

#endif
