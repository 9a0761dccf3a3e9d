#include "conf/node.h"

struct node *node_get(const struct node *map, struct slice key, struct node **key_node)
{
    for (uint32_t i = 0; map->kind == NODE_MAP && i < map->count; i += 2) {
        if (!slice_eq(map->items[i]->text, key))
            continue;
        if (key_node)
            *key_node = map->items[i];
        return map->items[i + 1];
    }
    return NULL;
}

uint32_t node_item_count(const struct node *node)
{
    return node->kind == NODE_LIST ? node->count : 1;
}

const struct node *node_item(const struct node *node, uint32_t i)
{
    return node->kind == NODE_LIST ? node->items[i] : node;
}

const char *node_kind_name(const struct node *node)
{
    static const char *const NAMES[] = {
        [NODE_NULL] = "nothing",
        [NODE_SCALAR] = "a text",
        [NODE_LIST] = "a list",
        [NODE_MAP] = "a map",
    };

    return NAMES[node->kind];
}
