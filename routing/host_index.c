#include "routing/host_index.h"

#include "base/mem.h"
#include "routing/host.h"

size_t host_labels(struct slice name)
{
    size_t labels = name.len > 0;

    for (size_t i = 0; i < name.len; i++)
        labels += name.data[i] == '.';
    return labels;
}

struct host_entry *host_index_get(const struct host_index *index, enum host_kind kind, struct slice name)
{
    uint32_t at;

    if (kind == HOST_ANY)
        return index->any;
    at = map_get(kind == HOST_EXACT ? &index->exact : &index->wildcards, name);
    return at == MAP_NONE ? NULL : index->entries[at];
}

struct host_entry *host_index_add(struct host_index *index, enum host_kind kind, struct slice name,
                                  enum scheme scheme, struct arena *arena)
{
    struct host_entry *entry = arena_new(arena, struct host_entry);
    uint32_t at = (uint32_t)index->count, labels = (uint32_t)host_labels(name);

    *entry = (struct host_entry){.name = name, .kind = kind, .scheme = scheme};
    mem_grow((void **)&index->entries, &index->cap, index->count + 1, sizeof(struct host_entry *));
    index->entries[index->count++] = entry;
    switch (kind) {
    case HOST_EXACT:
        map_put(&index->exact, name, at);
        break;
    case HOST_WILDCARD:
        ASSERT(labels < HOST_LABELS_MAX);
        map_put(&index->wildcards, name, at);
        index->wildcard_labels[labels / 64] |= 1ULL << (labels % 64);
        break;
    case HOST_ANY:
        index->any = entry;
        break;
    }
    return entry;
}

static bool has_wildcards_of(const struct host_index *index, size_t labels)
{
    return labels < HOST_LABELS_MAX && index->wildcard_labels[labels / 64] >> (labels % 64) & 1;
}

/* Labels are counted once; then each cut at a dot leaves one fewer, and most numbers are not asked for. */
const struct host_entry *host_index_wildcard(const struct host_index *index, struct slice name, size_t below)
{
    size_t labels;

    if (index->wildcards.count == 0 || name.len > HOST_MAX)
        return NULL;
    labels = host_labels(name);
    while (labels > 1) {
        uint32_t at;

        name = slice_from(name, (size_t)slice_find(name, '.') + 1);
        labels--;
        if (labels >= below || !has_wildcards_of(index, labels))
            continue;
        at = map_get(&index->wildcards, name);
        if (at != MAP_NONE)
            return index->entries[at];
    }
    return NULL;
}

const struct host_entry *host_index_find(const struct host_index *index, struct slice name)
{
    uint32_t at = name.len ? map_get(&index->exact, name) : MAP_NONE;
    const struct host_entry *wildcard;

    if (LIKELY(at != MAP_NONE))
        return index->entries[at];
    wildcard = host_index_wildcard(index, name, HOST_LABELS_MAX);
    return wildcard ? wildcard : index->any;
}

void host_index_fini(struct host_index *index)
{
    map_fini(&index->exact);
    map_fini(&index->wildcards);
    mem_free(index->entries);
    *index = (struct host_index){0};
}
