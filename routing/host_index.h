/** The hosts of one port: those of http, or those of the TLS layer. One look-up by name for exact hosts; for
 *  wildcards one for each number of labels that any wildcard has, so that neither the number of routes nor a
 *  long Host costs anything. */
#ifndef ROUTING_HOST_INDEX_H
#define ROUTING_HOST_INDEX_H

#include "base/map.h"
#include "routing/path_tree.h"

struct host_entry {
    struct slice name; /* of a wildcard without "*."; empty for any */
    enum host_kind kind;
    enum scheme scheme;
    struct path_tree paths;
};

enum { HOST_LABELS_MAX = 128 }; /* of 253 bytes at most 127 are labels */

/** In the owner's memory; all zero is empty. */
struct host_index {
    struct map exact, wildcards;                    /* name → index of entries */
    uint64_t wildcard_labels[HOST_LABELS_MAX / 64]; /* bit n: there is a wildcard whose name has n labels */
    struct host_entry *any;
    struct host_entry **entries;
    size_t count, cap;
};

/** The entry of just that host, or NULL. */
struct host_entry *host_index_get(const struct host_index *index, enum host_kind kind, struct slice name);
/** Adds a host that is not there yet. *name* stays where it is. */
struct host_entry *host_index_add(struct host_index *index, enum host_kind kind, struct slice name,
                                  enum scheme scheme, struct arena *arena);
/** Who takes the name: the exact host, else the longest wildcard, else any; or NULL. An empty name (no SNI,
 * no Host) is taken by any only. */
const struct host_entry *host_index_find(const struct host_index *index, struct slice name);
/** The longest wildcard with fewer labels than *below* that takes the name, or NULL. */
const struct host_entry *host_index_wildcard(const struct host_index *index, struct slice name, size_t below);
size_t host_labels(struct slice name);
void host_index_fini(struct host_index *index);

#endif
