#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static NORETURN void out_of_memory(void)
{
    fputs("portico: out of memory\n", stderr);
    abort();
}

void *mem_alloc(size_t size)
{
    void *memory = malloc(size ? size : 1);

    if (UNLIKELY(!memory))
        out_of_memory();
    return memory;
}

void *mem_zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);

    if (UNLIKELY(!memory))
        out_of_memory();
    return memory;
}

void *mem_resize(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);

    if (UNLIKELY(!memory))
        out_of_memory();
    return memory;
}

void mem_grow(void **array, size_t *cap, size_t need, size_t item_size)
{
    size_t wanted = *cap ? *cap : 8;

    if (need <= *cap)
        return;
    while (wanted < need)
        wanted *= 2;
    ASSERT(wanted <= SIZE_MAX / item_size);
    *array = mem_resize(*array, wanted * item_size);
    *cap = wanted;
}

char *mem_string(struct slice text)
{
    char *copy = mem_alloc(text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

void mem_free(void *memory)
{
    free(memory);
}
