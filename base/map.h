/** Names to numbers, by open addressing: the host table and everything else that is looked up by name.
 *  Built once, then only read: no deletion. Keys are compared byte for byte; fold case before. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/slice.h"

enum { MAP_NONE = UINT32_MAX };

struct map_entry {
    struct slice key; /* lent by the one who puts it; must outlive the map */
    uint32_t hash;
    uint32_t value; /* MAP_NONE: the entry is free */
};

/** In the owner's memory; all zero is an empty map. */
struct map {
    struct map_entry *entries;
    size_t count, cap; /* cap is 0 or a power of two */
};

/** Puts the key unless it is there. @return the value that the key has now: *value*, or the one it had before
 */
uint32_t map_put(struct map *map, struct slice key, uint32_t value);
/** Makes room for so many more, so that as many can be put without moving the others again and again. */
void map_reserve(struct map *map, size_t count);
/** @return MAP_NONE when the key is not there */
uint32_t map_get(const struct map *map, struct slice key);
void map_fini(struct map *map);

#endif
