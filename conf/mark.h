/** Where something was written, so that a mistake found much later can still be shown in its place. */
#ifndef CONF_MARK_H
#define CONF_MARK_H

#include <stdint.h>

#include "base/slice.h"

/** Bytes that an operator wrote: a file, or one argument of the command line. */
struct source {
    struct slice name;  /* "portico.yaml", "argument 2" */
    struct slice bytes; /* at most SOURCE_MAX_BYTES, so that offsets fit in 32 bits */
    unsigned number;    /* the order in which messages are printed: the file is 0, argument N is N */
};

enum { SOURCE_MAX_BYTES = 64 * 1024 * 1024 };

/** A span of a source. Lent: valid as long as the source. Columns are counted only when they are shown. */
struct mark {
    const struct source *source; /* NULL: nowhere in particular */
    uint32_t offset, length;     /* bytes as written, quotes included */
    uint32_t line;               /* from 1; 0: the source as a whole */
};

/** A text of the configuration. Its bytes may differ from those at its mark: quotes, escapes, ${NAME}. */
struct conf_text {
    struct slice text; /* data NULL: not given */
    struct mark mark;
};

/** A part of what a mark spans, for a text that stands in the source just as it is. */
static inline struct mark mark_within(struct mark mark, uint32_t at, uint32_t length)
{
    mark.offset += at;
    mark.length = length;
    return mark;
}

#endif
