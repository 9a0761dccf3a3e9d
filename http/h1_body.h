/** Content of an HTTP/1 message: lent bytes → spans of content, then trailers (RFC 9112 §6, §7.1).
 *  A known length is counted, chunks are decoded strictly, everything without a copy. Pure; the outcome does
 * not depend on how the bytes were cut. */
#ifndef HTTP_H1_BODY_H
#define HTTP_H1_BODY_H

#include "http/h1_parser.h"

enum h1_framing {
    H1_EMPTY,
    H1_COUNTED,
    H1_CHUNKED,
    H1_OPEN, /* until the peer ends its direction */
};

/** Small: it lives in every connection. */
struct h1_body {
    uint64_t left; /* of the content, or of this chunk */
    uint32_t scanned_bytes;
    uint16_t extension_bytes;
    uint8_t framing, state, digits;
};

enum h1_step {
    H1_STEP_MORE,     /* all was used, but for an incomplete trailer section */
    H1_STEP_DATA,     /* piece.data, and whether it is the last */
    H1_STEP_END,      /* the content ended with the span before */
    H1_STEP_TRAILERS, /* it ended with these */
    H1_STEP_BROKEN,   /* piece.detail says which rule */
};

/** Scratch in the caller's frame; needs no initialisation. */
struct h1_piece {
    struct slice data;
    bool last;
    const char *detail; /* a literal */
    struct fields trailers;
    struct field items[H1_FIELDS_MAX];
};

void h1_body_begin(struct h1_body *body, enum h1_framing framing, uint64_t length);
/** Takes the next piece off the front of *bytes. To be called until it says MORE, END, TRAILERS or BROKEN, or
 * said last. @param limits  for the trailer section */
enum h1_step h1_body_next(struct h1_body *body, struct slice *bytes, struct h1_piece *piece,
                          const struct h1_parse_limits *limits);

#endif
