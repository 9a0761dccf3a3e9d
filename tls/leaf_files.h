/** The folder of leaves that the local CA has made: NAME.pem, "+.b.localhost.pem" for a wildcard. A cache. */
#ifndef TLS_LEAF_FILES_H
#define TLS_LEAF_FILES_H

#include <stddef.h>

#include "base/slice.h"

/** Free it with mem_free(). */
char *leaf_files_path(const char *folder, struct slice leaf_name);
void leaf_files_mark_used(const char *path);
/** Removes the least recently used files beyond *keep*, and what a crash left half written. */
void leaf_files_trim(const char *folder, size_t keep);

#endif
