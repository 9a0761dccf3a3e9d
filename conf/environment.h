/** ${NAME} and ${NAME:-default} in a value, from the environment of the process.
 *  The default stands in for a variable that is not set or empty, as in a shell. `$$` is a literal `$`; any
 *  other `$` stays what it is. What comes out is a text: it is never read as YAML again. */
#ifndef CONF_ENVIRONMENT_H
#define CONF_ENVIRONMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

/** @param arena  where the result lives, unless the text needs no change and is returned as it is
 *  @param at     on failure: the part of the text that is wrong */
int environment_expand(struct slice text, struct arena *arena, struct slice *out, struct slice *at,
                       struct error *error) NODISCARD;

#endif
