/** The outgoing half of an HTTP/1 connection: content is framed onto the stream, and credit is held back
 * while the stream keeps bytes. Part of each codec. */
#ifndef HTTP_H1_SENDER_H
#define HTTP_H1_SENDER_H

#include "http/h1_body.h"
#include "http/h1_write.h"
#include "net/splice.h"
#include "net/stream.h"

struct h1_sender {
    struct stream *stream;
    uint64_t left;     /* of a counted content */
    size_t owed_bytes; /* credit that comes with drained() */
    uint8_t framing;   /* enum h1_framing; H1_EMPTY: content is dropped (HEAD, 204, 304) */
    bool is_overrun;   /* more content came than was declared */
};

void h1_sender_begin(struct h1_sender *sender, enum h1_framing framing, uint64_t length);
void h1_sender_head(struct h1_sender *sender, const struct h1_out *out, unsigned flags);
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
