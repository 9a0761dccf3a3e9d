/** Pools as written: the entries of `backends:`, and the keys that a route may have for its own targets. */
#ifndef CONF_POOL_H
#define CONF_POOL_H

#include "conf/reader.h"

/** Of `backends`. */
read_function pool_map;

/** Checks what a pool's keys mean together, and notes where they stand.
 *  @param map  that has the keys: of an entry of `backends:`, or of a route */
void pool_check(struct reader *reader, const struct node *map, struct conf_pool *pool);
/** Has the long form of a route any keys of a pool? */
bool pool_is_in(const struct node *map);
/** Reports each key of a pool in the long form of a route: `"key" ` and then *why*. */
void pool_refuse_keys(struct reader *reader, const struct node *map, const char *why);

#endif
