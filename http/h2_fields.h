/** Heads as HTTP/2 has them (RFC 9113 §8): the lines of a header block ↔ struct head. Pure.
 *  Coming in, everything is checked before anything is handed out, also what nghttp2 has checked already: nothing that
 *  came in HTTP/2 can write a line into HTTP/1, whichever library stands in front of this. */
#ifndef HTTP_H2_FIELDS_H
#define HTTP_H2_FIELDS_H

#include <nghttp2/nghttp2.h>

#include "base/fault.h"
#include "http/h2_block.h"
#include "http/head.h"

/* ---- in ---- */

/** What a block says; in the caller's frame, needs no initialisation. Slices point into the block. */
struct h2_reading {
    struct head head; /* when refused: as far as it could be read */
    struct fields trailers;
    enum fault fault;   /* when refused */
    const char *detail; /* which rule; a literal */
    struct field items[H2_FIELDS_MAX];
};

/** @param target_bytes  past it TARGET_TOO_LONG
 *  @param is_last  END_STREAM: no content follows
 *  @return false: fault and detail are set */
bool h2_read_request(struct h2_reading *reading, struct h2_block *block, size_t target_bytes, bool is_last);
/** @param protocol  asked for by extended CONNECT: then a 2xx is told as 101 (RFC 8441 §5); or empty
 *  @return false: BACK_BAD_ANSWER */
bool h2_read_answer(struct h2_reading *reading, struct h2_block *block, bool answers_head,
                    struct slice protocol, bool is_last);
/** Only what may stand there is left in reading->trailers. @param fault  of a refusal */
bool h2_read_trailers(struct h2_reading *reading, struct h2_block *block, enum fault fault);

/* ---- out ---- */

/** Lines to be sent, in the arena that made them, which must live until they have left. */
struct h2_lines {
    nghttp2_nv *items;
    size_t count;
};

/** What of its content an answer declares. */
struct h2_length {
    bool is_told;
    uint64_t bytes;
};

/** A 101 is written as the 200 that accepts an extended CONNECT.
 *  @param repeats_date  the peer was told the time in this second already: only then Date is worth a place in the table */
struct h2_lines h2_write_answer(const struct head *head, struct h2_length length, bool repeats_date,
                                struct arena *arena);
/** @param scheme  of the connection to the backend; a literal */
struct h2_lines h2_write_request(const struct head *head, struct slice scheme, struct h2_length length,
                                 struct arena *arena);
struct h2_lines h2_write_trailers(const struct fields *trailers, struct arena *arena);

#endif
