/** Who is due first: a binary heap of turns in the order of their time, and of *order* where times are equal. For
 *  the policies of backends/balance.h. */
#ifndef BACKENDS_TURNS_H
#define BACKENDS_TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct turn {
    uint64_t due;
    uint32_t order;
    uint32_t who;
};

/** In the owner's memory. heap[0] is the first one; the others are in no order. */
struct turns {
    struct turn *heap;
    uint32_t count;
};

/** Empty, with room for *cap* turns. */
void turns_init(struct turns *turns, uint32_t cap);
void turns_fini(struct turns *turns);
void turns_push(struct turns *turns, struct turn turn);
/** Takes out the one that stands at *at* of the heap. */
struct turn turns_remove(struct turns *turns, uint32_t at);
/** The first one becomes due later, at *due*. */
void turns_postpone(struct turns *turns, uint64_t due);

static inline bool turn_is_before(const struct turn *a, const struct turn *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

#endif
