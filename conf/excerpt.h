/** The line that a mark stands in, made fit for a terminal, with what goes in front of the carets. */
#ifndef CONF_EXCERPT_H
#define CONF_EXCERPT_H

#include "base/text.h"
#include "conf/mark.h"

/** In the caller's memory. */
struct excerpt {
    struct text line; /* a long one is cut around the mark; control characters and bad UTF-8 are replaced */
    struct text padding; /* as wide as the line up to the mark: its tabs are tabs here too */
    unsigned column;     /* from 1, in characters */
    unsigned carets;     /* at least 1, never past the end of the line */
};

/** @param mark  with a source and a line */
void excerpt_make(struct excerpt *excerpt, struct mark mark);
void excerpt_fini(struct excerpt *excerpt);

/** Adds it with control characters (but tabs) and bad UTF-8 replaced by U+FFFD. */
void excerpt_add_clean(struct text *text, struct slice bytes);

#endif
