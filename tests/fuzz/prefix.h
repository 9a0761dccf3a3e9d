/** What the first bytes of an input mean, for those targets that have such bytes: shared with the program that
 *  writes the seeds. */
#ifndef FUZZ_PREFIX_H
#define FUZZ_PREFIX_H

/* fuzz_request_stream, fuzz_answer_stream: one byte of these bits, one byte that says how large the pieces are. */
enum {
    STREAM_IN_PIECES = 1,     /* else in two, at a place */
    STREAM_ENDS_AT_ONCE = 2,  /* the end comes along with the last bytes */
    STREAM_TAKES_LITTLE = 4,  /* the far end reads a few bytes at a time */
    STREAM_LATER_ANSWERS = 8, /* the exchange answers, and credits, at the end of the turn */
    STREAM_IS_PREFIX_BYTES = 2,
    /* requests alone: */
    REQUESTS_UPGRADE = 16, /* an upgrade is agreed to */
    /* answers alone: */
    ANSWER_TO_HEAD = 16,
    ANSWER_TO_POST = 32,
    ANSWER_TO_UPGRADE = ANSWER_TO_HEAD | ANSWER_TO_POST,
    ANSWER_IS_EARLY = 64, /* a POST's content is not complete */
    ANSWER_ENDS = 128,    /* the backend ends its direction */
};

/* fuzz_h1_answer: a byte of sizes, then one of these bits. */
enum { HEAD_OF_HEAD = 1, HEAD_OF_UPGRADE = 2, HEAD_BYTE_BY_BYTE = 4 };

#endif
