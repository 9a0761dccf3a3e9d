#include <criterion/criterion.h>

#include "base/random.h"

Test(random_numbers, equal_seeds_give_equal_numbers)
{
    struct random one = random_of(7), same = random_of(7), other = random_of(8);
    unsigned alike = 0;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t number = random_next(&one);

        cr_assert_eq(number, random_next(&same));
        alike += number == random_next(&other);
    }
    cr_assert_eq(alike, 0);
}

Test(random_numbers, seeds_that_follow_each_other_begin_differently)
{
    unsigned ones[64] = {0};

    for (uint64_t seed = 0; seed < 10000; seed++) {
        struct random random = random_of(seed);
        uint64_t first = random_next(&random);

        for (unsigned bit = 0; bit < 64; bit++)
            ones[bit] += first >> bit & 1;
    }
    for (unsigned bit = 0; bit < 64; bit++)
        cr_assert(ones[bit] > 4700 && ones[bit] < 5300, "bit %u is set in %u of 10000", bit, ones[bit]);
}

Test(random_numbers, below_gives_every_number_about_as_often)
{
    struct random random = random_of(1);
    unsigned seen[7] = {0};

    for (unsigned i = 0; i < 70000; i++) {
        uint32_t number = random_below(&random, 7);

        cr_assert_lt(number, 7);
        seen[number]++;
    }
    for (unsigned i = 0; i < 7; i++)
        cr_assert(seen[i] > 9500 && seen[i] < 10500, "%u came %u times of 70000", i, seen[i]);
    cr_assert_eq(random_below(&random, 1), 0);
    cr_assert_eq(random_below(&random, 0), 0);
}
