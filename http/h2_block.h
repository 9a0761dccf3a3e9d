/** The lines of one header block (RFC 9113 §4.3), as they come from the decoder: copied, in order, as many as the limits
 *  allow. Pure. */
#ifndef HTTP_H2_BLOCK_H
#define HTTP_H2_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { H2_FIELDS_MAX = 512 }; /* whatever the limits say */

struct h2_line {
    uint32_t name, name_len, value, value_len; /* in bytes */
};

/** Allocated by mem_new(); all zero is an empty one. */
struct h2_block {
    char *bytes;
    size_t len, cap;
    struct h2_line *lines;
    size_t count, lines_cap;
    size_t seen_bytes; /* of all lines, kept or not, as HTTP/1 would write them */
    size_t limit_bytes, limit_lines;
    bool is_over;        /* a limit was passed; what came later is not kept */
    bool target_is_over; /* it was :path that did not fit */
};

/** Forgets what was there but its memory. */
void h2_block_begin(struct h2_block *block, size_t limit_bytes, size_t limit_lines);
void h2_block_add(struct h2_block *block, struct slice name, struct slice value);
/** NULL is none. */
void h2_block_free(struct h2_block *block);

/** The line number *i*; valid until the next change. */
struct slice h2_block_name(const struct h2_block *block, size_t i);
struct slice h2_block_value(const struct h2_block *block, size_t i);
/** All cookies stand on the first one's line then; the others are left as they are. */
void h2_block_join_cookies(struct h2_block *block);

/** ":path" and its kin. */
static inline bool h2_name_is_pseudo(struct slice name)
{
    return name.len && name.data[0] == ':';
}

#endif
