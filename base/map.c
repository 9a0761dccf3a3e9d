#include "base/map.h"

#include "base/macro.h"
#include "base/mem.h"

static struct map_entry *find(const struct map *map, struct slice key, uint32_t hash)
{
    size_t mask = map->cap - 1;

    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        struct map_entry *entry = &map->entries[at];

        if (entry->value == MAP_NONE || (entry->hash == hash && slice_eq(entry->key, key)))
            return entry;
    }
}

static void resize(struct map *map, size_t cap)
{
    struct map old = *map;

    map->cap = cap;
    map->entries = mem_alloc(map->cap * sizeof(*map->entries));
    for (size_t i = 0; i < map->cap; i++)
        map->entries[i] = (struct map_entry){.value = MAP_NONE};
    for (size_t i = 0; i < old.cap; i++) {
        if (old.entries[i].value != MAP_NONE)
            *find(map, old.entries[i].key, old.entries[i].hash) = old.entries[i];
    }
    mem_free(old.entries);
}

/* At most half full, so that a miss ends after about two probes. */
void map_reserve(struct map *map, size_t count)
{
    size_t cap = map->cap ? map->cap : 8;

    while ((map->count + count) * 2 > cap)
        cap *= 2;
    if (cap > map->cap)
        resize(map, cap);
}

uint32_t map_put(struct map *map, struct slice key, uint32_t value)
{
    uint32_t hash = (uint32_t)slice_hash(key);
    struct map_entry *entry;

    ASSERT(value != MAP_NONE);
    map_reserve(map, 1);
    entry = find(map, key, hash);
    if (entry->value != MAP_NONE)
        return entry->value;
    *entry = (struct map_entry){.key = key, .hash = hash, .value = value};
    map->count++;
    return value;
}

uint32_t map_get(const struct map *map, struct slice key)
{
    return map->cap ? find(map, key, (uint32_t)slice_hash(key))->value : MAP_NONE;
}

void map_fini(struct map *map)
{
    mem_free(map->entries);
    *map = (struct map){0};
}
