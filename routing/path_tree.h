/** The paths of one host, and under each the alternatives of its `when:`. The longest prefix by segments is
 *  found by binary search, and from there each shorter one by a step. */
#ifndef ROUTING_PATH_TREE_H
#define ROUTING_PATH_TREE_H

#include "base/arena.h"
#include "routing/table.h"

/** A route and those that are asked after it. */
struct alternative {
    struct route route;
    const struct alternative *next;
};

struct path_node {
    struct slice path;              /* normal form without a trailing slash */
    const struct path_node *parent; /* of the longest other path that is a prefix of it, or NULL */
    const struct alternative *first;
    struct path_node *older; /* as added */
};

/** In the owner's memory; all zero is empty. Most hosts have one path, which costs no array. */
struct path_tree {
    struct path_node *newest;
    const struct path_node **sorted; /* once sealed, where there are several */
    uint32_t count;
};

/** The caller has seen to it that the path is not there yet; its memory stays. */
struct path_node *path_tree_add(struct path_tree *tree, struct slice path, struct arena *arena);
/** After the last one is added, before the first is found. */
void path_tree_seal(struct path_tree *tree, struct arena *arena);
/** The longest path that is a prefix of this one by segments, or NULL. */
const struct path_node *path_tree_find(const struct path_tree *tree, struct slice path);
/** How many of a sealed tree's paths sort before this one: where its neighbours stand. */
size_t path_tree_position(const struct path_tree *tree, struct slice path);
static inline const struct path_node *path_tree_at(const struct path_tree *tree, size_t i)
{
    return tree->count == 1 ? tree->newest : tree->sorted[i];
}

/** By segments: "/v1" is a prefix of "/v1", "/v1/" and "/v1/x", not of "/v10". */
bool path_is_prefix(struct slice prefix, struct slice path);

#endif
