/** What a configuration says, as a tree with places: null, text, list, map. */
#ifndef CONF_NODE_H
#define CONF_NODE_H

#include <stdbool.h>

#include "conf/mark.h"

enum node_kind {
    NODE_NULL, /* nothing, ~ or null, unquoted */
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
};

/** In the arena that was given; texts are lent by it or by the source. */
struct node {
    enum node_kind kind;
    bool is_plain;   /* NODE_SCALAR: written without quotes */
    uint32_t weight; /* nodes that a walk over it sees, itself included */
    uint32_t count;  /* of items */
    struct mark mark;
    union {
        struct slice text;   /* NODE_NULL, NODE_SCALAR */
        struct node **items; /* NODE_LIST: its items; NODE_MAP: key, value, key, value … keys are scalars */
    };
};

/** The value of a map's key, or NULL. @param key_node  may be NULL */
struct node *node_get(const struct node *map, struct slice key, struct node **key_node);
/** Where one item may stand without a list around it: how many there are, and the i-th. */
uint32_t node_item_count(const struct node *node);
const struct node *node_item(const struct node *node, uint32_t i);
/** "a list", "a map", "nothing", "a text". */
const char *node_kind_name(const struct node *node);

#endif
