/** The far end of a connection whose near end is a codec's: sends an input as it is told to cut it, takes all
 *  that comes, and lives on one loop that all inputs share. */
#ifndef FUZZ_FAR_END_H
#define FUZZ_FAR_END_H

#include "base/text.h"
#include "net/loop.h"
#include "net/stream.h"

struct far_end {
    struct loop *loop;
    struct stream *stream, *near; /* stream: NULL once it is gone; near is of the codec */
    struct text received;
};

/** How an input comes; all zero: whole, and its end behind what came of it. */
struct cut {
    size_t piece_bytes; /* so many at a time; 0: all */
    size_t first_bytes; /* these, and what comes of them, before the rest; 0: all at once */
    bool ends_at_once;  /* the end comes along with the last bytes */
    bool takes_little;  /* the far end reads a few bytes at a time */
};

/** What an input's first two bytes say of *bytes*. */
struct cut cut_of(const unsigned char *prefix, struct slice bytes);

/** near is open and waits for its owner. */
void far_end_open(struct far_end *far, const struct cut *cut);
/** Sends, and lets everything happen that comes of it. */
void far_end_send(struct far_end *far, struct slice bytes, const struct cut *cut, bool ends);
void far_end_settle(struct far_end *far);
/** The codec must have let go of near. */
void far_end_fini(struct far_end *far);

/** Has this the end of a head in it, behind empty lines? A head that is not complete may be refused sooner when
 *  it comes at once: it is looked at whenever its length has doubled. */
bool has_end_of_head(struct slice bytes);

#endif
