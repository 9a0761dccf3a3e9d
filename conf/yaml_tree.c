#include "conf/yaml_tree.h"

#include "base/mem.h"

/* Below this many pairs comparing each with each is cheaper than a table of them. */
enum { FEW_PAIRS = 8 };

static bool is_null_word(struct slice text)
{
    static const struct slice WORDS[] = {SLICE("~"), SLICE("null"), SLICE("Null"), SLICE("NULL")};

    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (slice_eq(text, WORDS[i]))
            return true;
    }
    return text.len == 0;
}

static int count_node(struct yaml_tree *tree, struct mark mark)
{
    if (++tree->nodes <= YAML_MAX_NODES)
        return 0;
    diagnostics_error(tree->diagnostics, mark, "more than %d values", YAML_MAX_NODES);
    return -1;
}

static struct node *node_new(struct yaml_tree *tree, struct mark mark, enum node_kind kind)
{
    struct node *node;

    if (count_node(tree, mark) < 0)
        return NULL;
    node = arena_new(tree->arena, struct node);
    node->kind = kind;
    node->mark = mark;
    node->weight = 1;
    return node;
}

static void append(struct yaml_tree *tree, struct node *node)
{
    if (!tree->depth) {
        tree->root = node;
        return;
    }
    mem_grow((void **)&tree->pending, &tree->pending_cap, tree->pending_count + 1, sizeof(*tree->pending));
    tree->pending[tree->pending_count++] = node;
}

/* A name may be given again: from there on it means the newer node (YAML 1.2 §7.1). */
static void name_node(struct yaml_tree *tree, struct slice anchor, struct node *node)
{
    size_t at = tree->anchored_count;

    if (!anchor.len)
        return;
    at = map_put(&tree->anchors, anchor, (uint32_t)at);
    if (at == tree->anchored_count)
        tree->anchored_count++;
    mem_grow((void **)&tree->anchored, &tree->anchored_cap, tree->anchored_count, sizeof(*tree->anchored));
    tree->anchored[at] = node;
}

int yaml_tree_scalar(struct yaml_tree *tree, struct mark mark, struct slice text, bool is_plain,
                     struct slice anchor)
{
    struct node *node = node_new(tree, mark, is_plain && is_null_word(text) ? NODE_NULL : NODE_SCALAR);

    if (!node)
        return -1;
    node->text = text;
    node->is_plain = is_plain;
    name_node(tree, anchor, node);
    append(tree, node);
    return 0;
}

int yaml_tree_open(struct yaml_tree *tree, struct mark mark, enum node_kind kind, struct slice anchor)
{
    struct node *node = node_new(tree, mark, kind);

    if (!node)
        return -1;
    if (tree->depth == YAML_MAX_DEPTH) {
        diagnostics_error(tree->diagnostics, mark, "nested more than %d deep", YAML_MAX_DEPTH);
        return -1;
    }
    append(tree, node);
    name_node(tree, anchor, NULL);
    tree->frames[tree->depth++] =
        (struct yaml_frame){.collection = node, .first = tree->pending_count, .anchor = anchor};
    return 0;
}

/* @param lines  of the keys before, when there are many
 * @return the line where the key stands already among the first *kept* items, 0: nowhere */
static uint32_t find_before(struct map *lines, const struct node *map, uint32_t kept, const struct node *key)
{
    size_t known = lines->count;
    uint32_t line;

    for (uint32_t i = 0; map->count <= 2 * FEW_PAIRS && i < kept; i += 2) {
        if (slice_eq(map->items[i]->text, key->text))
            return map->items[i]->mark.line;
    }
    if (map->count <= 2 * FEW_PAIRS)
        return 0;
    line = map_put(lines, key->text, key->mark.line);
    return lines->count == known ? line : 0;
}

/* @return false when it is reported as wrong */
static bool check_key(struct yaml_tree *tree, struct map *lines, const struct node *map, uint32_t kept,
                      const struct node *key)
{
    uint32_t line;

    if (key->kind != NODE_SCALAR) {
        diagnostics_error(tree->diagnostics, key->mark, "a key must be a text, not %s", node_kind_name(key));
        return false;
    }
    if (key->is_plain && slice_eq(key->text, SLICE("<<"))) {
        diagnostics_error(
            tree->diagnostics, key->mark,
            "merge keys (<<) are not supported: write the keys out, or use an alias for a whole "
            "value");
        return false;
    }
    line = find_before(lines, map, kept, key);
    if (line)
        diagnostics_error(tree->diagnostics, key->mark,
                          "duplicate key \"%.*s\": it stands in line %u already",
                          FMT_SLICE(slice_head(key->text, 200)), line);
    return line == 0;
}

/* Where nothing is written there is no place to show (and versions of the library differ on it): the key's is. */
static void show_at_key(const struct node *key, struct node *value)
{
    if (value->kind == NODE_NULL && value->text.len == 0)
        value->mark = key->mark;
}

/* Pairs whose key is wrong or was there before are left out, so that those who read the map need not ask. */
static void check_keys(struct yaml_tree *tree, struct node *map)
{
    struct map lines = {0};
    uint32_t kept = 0;

    ASSERT(map->count % 2 == 0);
    for (uint32_t i = 0; i < map->count; i += 2) {
        if (!check_key(tree, &lines, map, kept, map->items[i]))
            continue;
        show_at_key(map->items[i], map->items[i + 1]);
        map->items[kept++] = map->items[i];
        map->items[kept++] = map->items[i + 1];
    }
    map->count = kept;
    map_fini(&lines);
}

static int add_weight(struct yaml_tree *tree, struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        node->weight += node->items[i]->weight;
        if (node->weight <= YAML_MAX_NODES)
            continue;
        diagnostics_error(tree->diagnostics, node->mark, "more than %d values, once its aliases are followed",
                          YAML_MAX_NODES);
        return -1;
    }
    return 0;
}

int yaml_tree_close(struct yaml_tree *tree)
{
    struct yaml_frame *frame = &tree->frames[--tree->depth];
    struct node *node = frame->collection;

    node->count = (uint32_t)(tree->pending_count - frame->first);
    if (node->count) {
        node->items = arena_alloc(tree->arena, node->count * sizeof(*node->items));
        memcpy(node->items, tree->pending + frame->first, node->count * sizeof(*node->items));
    }
    tree->pending_count = frame->first;
    name_node(tree, frame->anchor, node);
    if (add_weight(tree, node) < 0)
        return -1;
    if (node->kind == NODE_MAP)
        check_keys(tree, node);
    return 0;
}

int yaml_tree_alias(struct yaml_tree *tree, struct mark mark, struct slice name)
{
    uint32_t at = map_get(&tree->anchors, name);
    struct node *node = at == MAP_NONE ? NULL : tree->anchored[at];

    if (!node) {
        diagnostics_error(tree->diagnostics, mark,
                          at == MAP_NONE ? "no anchor &%.*s stands before this alias"
                                         : "the alias stands inside its own anchor &%.*s",
                          FMT_SLICE(slice_head(name, 200)));
        return -1;
    }
    append(tree, node);
    return count_node(tree, mark);
}

void yaml_tree_fini(struct yaml_tree *tree)
{
    mem_free(tree->pending);
    mem_free(tree->anchored);
    map_fini(&tree->anchors);
}
