/** Builds a tree of nodes from the events of a parser, within bounds. Knows no parser. */
#ifndef CONF_YAML_TREE_H
#define CONF_YAML_TREE_H

#include "base/arena.h"
#include "base/macro.h"
#include "base/map.h"
#include "conf/diagnostics.h"
#include "conf/node.h"

enum { YAML_MAX_DEPTH = 64, YAML_MAX_NODES = 4 * 1000 * 1000 };

struct yaml_frame {
    struct node *collection;
    size_t first; /* its items begin here in pending */
    struct slice anchor;
};

/** In the caller's memory; all zero, with arena and diagnostics set, is an empty tree. */
struct yaml_tree {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct node *root;
    struct yaml_frame frames[YAML_MAX_DEPTH];
    unsigned depth;
    struct node **pending; /* items of all collections that are still open */
    size_t pending_count, pending_cap;
    struct map anchors; /* name → index into anchored */
    struct node **anchored;
    size_t anchored_count, anchored_cap;
    uint32_t nodes;
};

/** Each returns -1, with an error among the diagnostics, when a bound is reached.
 *  @param anchor  empty: none */
int yaml_tree_scalar(struct yaml_tree *tree, struct mark mark, struct slice text, bool is_plain,
                     struct slice anchor) NODISCARD;
int yaml_tree_open(struct yaml_tree *tree, struct mark mark, enum node_kind kind,
                   struct slice anchor) NODISCARD;
int yaml_tree_close(struct yaml_tree *tree) NODISCARD;
int yaml_tree_alias(struct yaml_tree *tree, struct mark mark, struct slice name) NODISCARD;
void yaml_tree_fini(struct yaml_tree *tree);

#endif
