/** The files that a configuration is made of: its own, and those of certificates, keys and authorities that it names. */
#ifndef CONTROL_NAMED_FILES_H
#define CONTROL_NAMED_FILES_H

#include "base/arena.h"
#include "net/file_watch.h"

struct conf;

/** In the owner's memory; all zero is "none". */
struct named_files {
    struct file_place *places;
    size_t count, cap;
    bool are_watched; /* `watch: true` */
    struct arena arena;
};

/** Adds what it names, whether it is there or not.
 *  @param path  of the configuration itself; NULL when it is no file */
void named_files_add(struct named_files *files, const char *path, const struct conf *conf);
void named_files_fini(struct named_files *files);

#endif
