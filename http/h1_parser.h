/** Bytes → head of an HTTP/1 message (RFC 9112 §2–5), strictly: llhttp with every lenient flag off, then what
 * it lets through is checked (here the layout of lines, in http/h1_rules the meaning of fields). Reads the
 * head where it lies and keeps nothing: an incomplete head is lent again, longer, and looked at anew. The
 * outcome does not depend on how the bytes were cut. */
#ifndef HTTP_H1_PARSER_H
#define HTTP_H1_PARSER_H

#include "base/fault.h"
#include "http/head.h"

enum { H1_FIELDS_MAX = 512 }; /* whatever the limits say */

struct h1_parse_limits {
    size_t head_bytes, fields; /* past them HEAD_TOO_LARGE, or BACK_BAD_ANSWER */
    size_t target_bytes;       /* of a request; past it TARGET_TOO_LONG */
};

/** Between two looks at the same incomplete head; all zero at its start. Keeps the cost of a head that comes
 *  byte by byte linear: it is parsed at its end, and before that each time its length has doubled. */
struct h1_progress {
    uint32_t parsed_bytes;  /* the last parse saw so many and found no mistake */
    uint32_t scanned_bytes; /* no end of head among these */
};

/** What a request asked, for understanding its answer. */
struct h1_question {
    bool is_head;          /* no content comes (RFC 9112 §6.3) */
    struct slice protocol; /* Upgrade asked for, or empty */
};

enum h1_outcome { H1_MORE, H1_HEAD, H1_REFUSED };

/** Scratch of one look, in the caller's frame; needs no initialisation. Slices point into the bytes given. */
struct h1_parse {
    struct head head;   /* when refused: as far as it could be read */
    size_t used;        /* bytes of the head, with empty lines in front */
    bool is_chunked;    /* head.body is BODY_UNKNOWN and framed by chunks */
    uint64_t keep_ms;   /* Keep-Alive: timeout of an answer; 0: none */
    enum fault fault;   /* when refused */
    const char *detail; /* which rule; a literal */
    struct field items[H1_FIELDS_MAX];
};

enum h1_outcome h1_parse_request(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes,
                                 const struct h1_parse_limits *limits);
enum h1_outcome h1_parse_answer(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes,
                                const struct h1_parse_limits *limits, const struct h1_question *question);

#endif
