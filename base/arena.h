/** Memory that lives as long as one request (or one load of the configuration) and is freed as a whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

/** In the owner's memory; all zero is an empty arena. Holds no memory until the first allocation. */
struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes of the newest block */
    size_t total;
};

void *arena_alloc(struct arena *arena, size_t size);
void *arena_zeroed(struct arena *arena, size_t size);
/** A copy with a NUL behind it that the slice does not count. */
struct slice arena_copy(struct arena *arena, struct slice bytes);
/** All of them one behind the other; NUL-terminated. Where there are many, far cheaper than printf. */
struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count);
/** printf into the arena; NUL-terminated. */
struct slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Forgets everything but keeps the first block for the next user. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_zeroed((arena), sizeof(type)))

#endif
