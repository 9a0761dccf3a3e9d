/** The frames in a run of bytes (RFC 9113 §4.1), seen before nghttp2 reads them: it tells nothing of frames that it
 *  ignores, and of a header block only when that is complete. Pure. */
#ifndef HTTP_H2_SCAN_H
#define HTTP_H2_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { H2_FRAME_HEAD_BYTES = 9 };

struct h2_frame_head {
    uint32_t length; /* of what follows */
    uint8_t type, flags;
    uint32_t stream_id;
};

/** All zero: at the start of a frame. */
struct h2_scan {
    uint32_t left;         /* to skip: payload, or the preface */
    uint32_t block_frames; /* CONTINUATIONs of it, so far */
    uint32_t blocks;       /* header blocks that have begun */
    uint8_t have;          /* of head */
    bool is_in_block;      /* a header block has begun: its END_HEADERS has not come, or not its payload */
    bool ends_block;       /* the frame under way ends it */
    uint8_t head[H2_FRAME_HEAD_BYTES];
};

/** Skips to the next frame's head. @return false: the bytes are used up */
bool h2_scan_next(struct h2_scan *scan, struct slice *bytes, struct h2_frame_head *frame);

#endif
