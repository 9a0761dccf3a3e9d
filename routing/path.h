/** Paths in the normal form on which routing is done: percent-decoded where RFC 3986 §2.3 says the two mean
 * the same, dot segments removed (§5.2.4), "//" left as it is. Forwarding is raw. Pure. */
#ifndef ROUTING_PATH_H
#define ROUTING_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/** True for most: nothing to decode or remove, the path is its own normal form. */
bool path_is_normal(struct slice path);
/** @param out  room for path.len bytes. @return the length, or -1 for a path that is none (no leading "/",
 * bad escape, raw control, blank, non-ASCII byte, backslash, "?", "#"). Normalising twice changes nothing. */
ptrdiff_t path_normalise(struct slice path, char *out);
/** As the most obliging backend would read a normal path: %2F and %5C are slashes, and make dot segments.
 * Same room and return as path_normalise(). */
ptrdiff_t path_loosen(struct slice normal, char *out);

#endif
