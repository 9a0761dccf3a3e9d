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
    PATH_DECODED = 1,       /* escapes of unreserved characters */
    PATH_SLASHES = 2,       /* %2F is a slash */
    PATH_BACKSLASHES = 4,   /* %5C is a slash */
    PATH_PARAMETERS = 8,    /* a segment ends at ";", looked for before anything is decoded */
    PATH_CUT = 16,          /* a segment ends at ";" or %3B, looked for behind that */
    PATH_CUT_NUL = 32,      /* a segment ends at %00 */
    PATH_ENDED_NUL = 64,    /* all ends at %00 */
    PATH_MERGED = 128,      /* "//" is "/", where one of the others may have brought them together */
    PATH_MERGED_LAST = 256, /* the same, looked for when dot segments are gone */
    PATH_WITHOUT_DOTS = 512 /* dot segments are removed */
};
/** Those that may change this path, alone or behind others of them. "//" as it stands is nobody's to merge. */
unsigned path_readings(struct slice path);
/** The path as that set of readings leaves it. Same room and return as path_normalise(), which is PATH_DECODED
 * and PATH_WITHOUT_DOTS. */
ptrdiff_t path_read(struct slice path, unsigned readings, char *out);

#endif
