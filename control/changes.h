/** What a reload changes, said before it is done. */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "base/text.h"

struct snapshot;

/** Adds a line for each change. Pure. */
void changes_describe(const struct snapshot *before, const struct snapshot *after, struct text *out);

#endif
