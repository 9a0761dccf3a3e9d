/** Paths in the normal form on which routing is done: percent-decoded where RFC 3986 §2.3 says the two mean
 * the same, dot segments removed (§5.2.4), "//" left as it is; and as backends may read them. Forwarding is raw. Pure. */
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
/** What a backend may do to a path before it looks at it, alone or together. */
enum path_reading {
    PATH_DECODED = 1,      /* escapes of unreserved characters */
    PATH_SLASHES = 2,      /* %2F is a slash */
    PATH_BACKSLASHES = 4,  /* %5C is a slash */
    PATH_CUT = 8,          /* a segment ends at ";" (path parameters), %3B or %00 */
    PATH_MERGED = 16,      /* "//" is "/", where one of the last three may have brought them together */
    PATH_WITHOUT_DOTS = 32 /* dot segments are removed, last of all */
};
/** Those that may change this path, alone or behind others of them. "//" as it stands is nobody's to merge. */
unsigned path_readings(struct slice path);
/** The path as that set of readings leaves it. Same room and return as path_normalise(), which is PATH_DECODED
 * and PATH_WITHOUT_DOTS. */
ptrdiff_t path_read(struct slice path, unsigned readings, char *out);

#endif
