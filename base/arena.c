#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

enum {
    BLOCK_SIZE = 4096,
    PRINTF_FIRST = 256, /* what is longer is formatted a second time */
};

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) char bytes[];
};

static void block_push(struct arena *arena, size_t need)
{
    size_t size = MAX(need, BLOCK_SIZE - sizeof(struct arena_block));
    struct arena_block *block = mem_alloc(sizeof(*block) + size);

    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->used = 0;
    arena->total += size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t at = (arena->used + align - 1) & ~(align - 1);

    if (!arena->blocks || at + size > arena->blocks->size) {
        block_push(arena, size);
        at = 0;
    }
    arena->used = at + size;
    return arena->blocks->bytes + at;
}

void *arena_zeroed(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_alloc(arena, bytes.len + 1);

    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    copy[bytes.len] = '\0';
    return slice_of(copy, bytes.len);
}

struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t len = 0, at = 0;
    char *out;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    out = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < count; at += parts[i++].len) {
        if (parts[i].len)
            memcpy(out + at, parts[i].data, parts[i].len);
    }
    out[len] = '\0';
    return slice_of(out, len);
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    char first[PRINTF_FIRST];
    va_list args, again;
    int len;
    char *out;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(first, sizeof(first), format, args);
    ASSERT(len >= 0);
    out = arena_alloc(arena, (size_t)len + 1);
    if ((size_t)len < sizeof(first))
        memcpy(out, first, (size_t)len + 1);
    else
        vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return slice_of(out, (size_t)len);
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks && arena->blocks->older) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->older;
        mem_free(block);
    }
    if (arena->blocks && arena->blocks->size > BLOCK_SIZE) {
        arena_fini(arena);
        return;
    }
    arena->used = 0;
    arena->total = arena->blocks ? arena->blocks->size : 0;
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->older;
        mem_free(block);
    }
    *arena = (struct arena){0};
}
