/** Memory that never fails to come: running out ends the process with a message.
 *  What an outsider can make grow is bounded before it gets here. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/slice.h"

/** Zeroed memory for one *type*. */
#define mem_new(type)          ((type *)mem_zeroed(1, sizeof(type)))
#define mem_new_n(type, count) ((type *)mem_zeroed((count), sizeof(type)))

void *mem_alloc(size_t size);
void *mem_zeroed(size_t count, size_t size);
void *mem_resize(void *old, size_t size);

/** Grows *array (items of *item_size*) to hold at least *need*, doubling; *cap is in items. */
void mem_grow(void **array, size_t *cap, size_t need, size_t item_size);

/** A NUL-terminated copy; free it with mem_free(). */
char *mem_string(struct slice text);
void mem_free(void *memory);

#endif
