#include "backends/turns.h"

#include <criterion/criterion.h>

#include "base/random.h"

enum { TURNS = 500 };

static void fill(struct turns *turns, struct random *random)
{
    for (uint32_t i = 0; i < TURNS; i++)
        turns_push(turns, (struct turn){random_below(random, TURNS / 4), i, i});
}

static void empties_in_order(struct turns *turns)
{
    struct turn last = turns_remove(turns, 0);

    while (turns->count > 0) {
        struct turn turn = turns_remove(turns, 0);

        cr_assert(turn_is_before(&last, &turn));
        last = turn;
    }
}

Test(turns, leave_in_order)
{
    struct random random = random_of(1);
    struct turns turns;

    turns_init(&turns, TURNS);
    fill(&turns, &random);
    empties_in_order(&turns);
    turns_fini(&turns);
}

Test(turns, may_be_taken_from_anywhere_and_postponed)
{
    struct random random = random_of(2);
    struct turns turns;

    turns_init(&turns, TURNS);
    for (unsigned round = 0; round < 50; round++) {
        fill(&turns, &random);
        for (unsigned i = 0; i < TURNS / 2; i++) {
            turns_remove(&turns, random_below(&random, turns.count));
            turns_postpone(&turns, turns.heap[0].due + random_below(&random, TURNS));
        }
        cr_assert_eq(turns.count, TURNS / 2);
        empties_in_order(&turns);
    }
    turns_fini(&turns);
}
