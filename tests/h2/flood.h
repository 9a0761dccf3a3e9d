/** One flood against the real binary, with figures: what it made backends do, what it made Portico hold, how long it went on,
 *  and what others on the same worker noticed. */
#ifndef H2_FLOOD_H
#define H2_FLOOD_H

#include <stdbool.h>

#include "h2/peer.h"

enum { FLOOD_LONGEST = 3 };

struct flood {
    /** Adds what comes next to *out*; called again and again until the connection is cut or the time is over. */
    void (*more)(struct flood *flood, struct frames *out);
    bool is_endured; /* it costs its bandwidth and no more, so nobody has to cut it */
    bool reads_nothing;
    int times_as_long; /* as the others it may go on, up to FLOOD_LONGEST; 0: once */
    /* of the run, for more() */
    struct peer *peer;
    uint32_t next_id; /* of a stream */
    unsigned rounds;
    int64_t content; /* bytes of DATA sent */
};

/** Plays it, prints its figures and asserts what the goals say: at most 200 requests to a backend, 16 MiB; others are
 *  served meanwhile and afterwards. */
void flood_play(const char *name, struct flood flood);

/** To a backend that answers nothing until it is left; to one whose answer is large; to one that reads content. */
#define FLOOD_PATH_HELD  "/held"
#define FLOOD_PATH_LARGE "/large"
#define FLOOD_PATH_SINK  "/sink"

#endif
