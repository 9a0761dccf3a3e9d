/** What a peer may make us do for nothing: one budget for each HTTP/2 connection, whatever it is spent on. Honest peers
 *  do a little of all of it; a flood does much of something. Pure: the time is passed in. */
#ifndef HTTP_H2_GLITCHES_H
#define HTTP_H2_GLITCHES_H

#include <stdbool.h>
#include <stdint.h>

enum h2_glitch {
    H2_GLITCH_RST_FRAME,    /* RST_STREAM, for whatever */
    H2_GLITCH_RESET,        /* … and for a request that still ran (CVE-2023-44487) */
    H2_GLITCH_PROVOKED,     /* a reset of ours that the peer provoked (CVE-2025-8671), or a refused stream */
    H2_GLITCH_HEAD,         /* a header list past the limit: it is decoded, and thrown away */
    H2_GLITCH_CONTINUATION, /* a piece of a header block (CVE-2024-27316) */
    H2_GLITCH_EMPTY_DATA,   /* DATA that neither brings nor ends anything (CVE-2019-9518) */
    H2_GLITCH_PADDING,      /* so many frames of DATA that are padding for the most part */
    H2_GLITCH_PING,         /* a PING with nothing useful since the last one (CVE-2019-9512) */
    H2_GLITCH_SETTINGS,     /* CVE-2019-9515; also what resizes our tables and windows over and over */
    H2_GLITCH_PRIORITY,     /* PRIORITY, PRIORITY_UPDATE (CVE-2019-9513) */
    H2_GLITCH_WINDOW,       /* WINDOW_UPDATE by a few bytes, or with nothing sent since the last ones */
    H2_GLITCH_CLOSED, /* content or a head on a stream that has ended, which was not on its way when we ended it */
    H2_GLITCH_UNKNOWN, /* a frame of unknown type, or one that makes no sense here */
    H2_GLITCH_COUNT
};

/* "100 resets in 10 s": what costs a reset's work costs ten points. */
enum { H2_GLITCH_POINTS_MAX = 1000, H2_GLITCH_SPAN_MS = 10000 };

/** All zero: nothing spent. Counted over a sliding span, and not by a bucket that refills: from the start of a
 *  connection on, 100 resets in 10 s are then a bound and not a rate. With at most 100 requests at once, no more than 200
 *  can be begun before the peer has spent all. */
struct h2_glitches {
    uint64_t began_ms;       /* of this span */
    uint32_t points, before; /* spent in this span, and in the one before */
};

/** @return false: all is spent, the connection must end (ENHANCE_YOUR_CALM) */
bool h2_glitches_spend(struct h2_glitches *glitches, enum h2_glitch glitch, uint64_t now_ms);

#endif
