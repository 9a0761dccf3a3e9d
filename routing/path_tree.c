#include "routing/path_tree.h"

#include <stdlib.h>

struct path_node *path_tree_add(struct path_tree *tree, struct slice path, struct arena *arena)
{
    struct path_node *node = arena_new(arena, struct path_node);

    node->path = path;
    node->older = tree->newest;
    tree->newest = node;
    tree->count++;
    return node;
}

bool path_is_prefix(struct slice prefix, struct slice path)
{
    return slice_starts(path, prefix) && (path.len == prefix.len || path.data[prefix.len] == '/');
}

/* A slash sorts before all other bytes, so that what is below a path follows it without a gap: /v1, /v1/x,
 * /v1-x, /v10. */
static int compare(struct slice a, struct slice b)
{
    size_t len = MIN(a.len, b.len), at = 0;

    while (at < len && a.data[at] == b.data[at])
        at++;
    if (at == len)
        return (a.len > b.len) - (a.len < b.len);
    if (a.data[at] == '/' || b.data[at] == '/')
        return a.data[at] == '/' ? -1 : 1;
    return (unsigned char)a.data[at] < (unsigned char)b.data[at] ? -1 : 1;
}

static int compare_nodes(const void *a, const void *b)
{
    return compare((*(const struct path_node *const *)a)->path, (*(const struct path_node *const *)b)->path);
}

void path_tree_seal(struct path_tree *tree, struct arena *arena)
{
    struct path_node **sorted;
    uint32_t at = 0;

    if (tree->count < 2)
        return;
    sorted = arena_alloc(arena, tree->count * sizeof(*sorted));
    for (struct path_node *node = tree->newest; node; node = node->older)
        sorted[at++] = node;
    qsort(sorted, tree->count, sizeof(*sorted), compare_nodes);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct path_node *parent = sorted[i - 1];

        while (parent && !path_is_prefix(parent->path, sorted[i]->path))
            parent = parent->parent;
        sorted[i]->parent = parent;
    }
    tree->sorted = (const struct path_node **)sorted;
}

size_t path_tree_position(const struct path_tree *tree, struct slice path)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(path_tree_at(tree, middle)->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* In that order the paths between a prefix and the path itself are all below the prefix, so it is an ancestor
 * of the last one that is not behind the path. */
const struct path_node *path_tree_find(const struct path_tree *tree, struct slice path)
{
    const struct path_node *node = tree->newest;

    if (tree->count > 1) {
        size_t at = path_tree_position(tree, path);

        if (at < tree->count && slice_eq(tree->sorted[at]->path, path))
            return tree->sorted[at];
        node = at ? tree->sorted[at - 1] : NULL;
    }
    while (node && !path_is_prefix(node->path, path))
        node = node->parent;
    return node;
}
