#include "backends/turns.h"

#include "base/macro.h"
#include "base/mem.h"

void turns_init(struct turns *turns, uint32_t cap)
{
    *turns = (struct turns){.heap = mem_new_n(struct turn, cap)};
}

void turns_fini(struct turns *turns)
{
    mem_free(turns->heap);
    *turns = (struct turns){0};
}

/* Both sifts move a hole, and put the turn where it stays. */
static void sift_up(struct turns *turns, uint32_t at, struct turn turn)
{
    while (at > 0 && turn_is_before(&turn, &turns->heap[(at - 1) / 2])) {
        turns->heap[at] = turns->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    turns->heap[at] = turn;
}

/* To the bottom, and up again from there: those that are put in anew are nearly always among the last. */
static void sift_down(struct turns *turns, uint32_t at, struct turn turn)
{
    for (uint32_t child = 2 * at + 1; child < turns->count; child = 2 * at + 1) {
        if (child + 1 < turns->count && turn_is_before(&turns->heap[child + 1], &turns->heap[child]))
            child++;
        turns->heap[at] = turns->heap[child];
        at = child;
    }
    sift_up(turns, at, turn);
}

void turns_push(struct turns *turns, struct turn turn)
{
    sift_up(turns, turns->count++, turn);
}

struct turn turns_remove(struct turns *turns, uint32_t at)
{
    struct turn removed = turns->heap[at];
    struct turn last = turns->heap[--turns->count];

    if (at == turns->count)
        return removed;
    if (at > 0 && turn_is_before(&last, &turns->heap[(at - 1) / 2]))
        sift_up(turns, at, last);
    else
        sift_down(turns, at, last);
    return removed;
}

void turns_postpone(struct turns *turns, uint64_t due)
{
    struct turn first = turns->heap[0];

    ASSERT(due >= first.due);
    first.due = due;
    sift_down(turns, 0, first);
}
