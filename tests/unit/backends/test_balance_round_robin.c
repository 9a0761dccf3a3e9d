#include "backends/balance.h"
#include "base/random.h"
#include "unit/backends/candidates.h"

static struct field field;

static void picks_are(const char *letters)
{
    char seen[64] = {0};
    size_t count = strlen(letters);

    for (size_t i = 0; i < count; i++)
        seen[i] = (char)('a' + field_pick(&field));
    cr_assert_str_eq(seen, letters);
}

/* Picks until this one had its turn, so that a test knows what is next whatever the seed. */
static void until(uint32_t index)
{
    for (unsigned i = 0; i < 1000; i++)
        if (field_pick(&field) == index)
            return;
    cr_assert_fail("%u never came", index);
}

/* After each of so many picks everyone has had its share, to less than *slack* picks. */
static void check_shares(unsigned picks, double slack)
{
    static double ahead[CANDIDATES_MAX];
    double weight = 0;

    memset(ahead, 0, sizeof(ahead));
    for (size_t i = 0; i < field.count; i++)
        weight += field.candidates[i].weight;
    for (unsigned n = 1; n <= picks; n++) {
        ahead[field_pick(&field)] += 1;
        for (size_t i = 0; i < field.count; i++) {
            ahead[i] -= field.candidates[i].weight / weight;
            if (ahead[i] > slack || ahead[i] < -slack)
                cr_assert_fail("after %u picks %zu of weight %u is ahead by %f", n, i,
                               field.candidates[i].weight, ahead[i]);
        }
    }
}

static void begin(void)
{
    field_init(&field, BALANCE_ROUND_ROBIN, 1);
}

static void end(void)
{
    field_fini(&field);
}

TestSuite(round_robin, .init = begin, .fini = end);

Test(round_robin, equals_rotate_in_their_order)
{
    field_weigh(&field, 4, NULL);
    until(3);
    picks_are("abcdabcdabcd");
}

Test(round_robin, the_seed_says_who_is_first)
{
    unsigned first[4] = {0};

    for (uint64_t seed = 0; seed < 400; seed++) {
        static struct field other;

        field_init(&other, BALANCE_ROUND_ROBIN, seed);
        field_weigh(&other, 0, NULL);
        field_weigh(&other, 4, NULL);
        first[field_pick(&other)]++;
        field_fini(&other);
    }
    for (size_t i = 0; i < 4; i++)
        cr_assert(first[i] > 50 && first[i] < 150, "%zu was the first for %u of 400 seeds", i, first[i]);
}

Test(round_robin, a_heavy_one_does_not_come_in_bursts)
{
    field_weigh(&field, 3, (uint32_t[]){5, 1, 1});
    for (unsigned i = 0, gap = 0; i < 700; i++) {
        gap = field_pick(&field) == 0 ? 0 : gap + 1;
        cr_assert_leq(gap, 1, "its share is 1.4 picks apart");
    }
    check_shares(700, 0.999);
}

Test(round_robin, shares_hold_after_every_pick)
{
    struct random random = random_of(3);

    for (unsigned round = 0; round < 60; round++) {
        uint32_t weights[40], count = 2 + random_below(&random, 39);

        for (uint32_t i = 0; i < count; i++)
            weights[i] =
                random_below(&random, 4) ? 1 + random_below(&random, 7) : 1 + random_below(&random, 1000);
        end();
        begin();
        field_weigh(&field, count, weights);
        check_shares(4000, 1.001);
    }
}

Test(round_robin, many_equals_beside_a_heavy_one_are_spread)
{
    uint32_t weights[101] = {100};

    for (size_t i = 1; i < 101; i++)
        weights[i] = 1;
    field_weigh(&field, 101, weights);
    check_shares(2000, 1.001);
}

Test(round_robin, a_thousand_have_their_shares)
{
    field_weigh(&field, CANDIDATES_MAX, NULL);
    check_shares(3 * CANDIDATES_MAX, 1.001);
}

/* 2^64 units of time, at the greatest step that there is: that of the lightest while the other is refused. */
Test(round_robin, time_does_not_run_out)
{
    field_add(&field, 0, 0, 1);
    field_add(&field, 1, 1, 1);
    field_set(&field);
    field.is_refused[1] = true;
    for (unsigned i = 0; i < (1U << 24) + 1000; i++)
        field_pick(&field);
    field.is_refused[1] = false;
    for (unsigned i = 0; i < 8; i++)
        field_pick(&field);
    check_shares(100, 1.001);
}

/* So heavy that a turn is a few hundred units of time: what division leaves would be a pick in some hundred. */
Test(round_robin, rounding_does_not_drift)
{
    field_add(&field, 0, 0, 1U << 31);
    field_add(&field, 1, 1, 3000000000);
    field_add(&field, 2, 2, 2999999999);
    field_set(&field);
    check_shares(1000000, 1.05);
}

/* --- Refusals */

Test(round_robin, one_that_is_passed_over_keeps_its_place)
{
    field_weigh(&field, 4, NULL);
    until(3);
    field.is_refused[0] = true;
    picks_are("b");
    field.is_refused[0] = false;
    picks_are("acdbacd");
}

Test(round_robin, the_shares_of_the_others_hold_while_one_is_refused)
{
    uint64_t picked[4] = {0};

    field_weigh(&field, 4, (uint32_t[]){9, 3, 2, 1});
    field.is_refused[0] = true;
    for (unsigned i = 0; i < 6000; i++)
        picked[field_pick(&field)]++;
    cr_assert(picked[1] >= 2995 && picked[1] <= 3005 && picked[2] >= 1995 && picked[2] <= 2005, "%lu %lu %lu",
              (unsigned long)picked[1], (unsigned long)picked[2], (unsigned long)picked[3]);
}

Test(round_robin, who_comes_back_after_long_refusal_has_no_burst)
{
    field_weigh(&field, 4, NULL);
    field.is_refused[2] = true;
    for (unsigned i = 0; i < 100000; i++)
        field_pick(&field);
    field.is_refused[2] = false;
    for (unsigned i = 0, burst = 0, total = 0; i < 400; i++) {
        bool is_it = field_pick(&field) == 2;

        burst = is_it ? burst + 1 : 0;
        total += is_it;
        cr_assert_leq(burst, 3);
        cr_assert_leq(total, i / 4 + 4);
        cr_assert_geq(total, i / 4);
    }
    check_shares(400, 1.001);
}

Test(round_robin, nothing_is_lost_by_a_pick_that_finds_none)
{
    field_weigh(&field, 3, (uint32_t[]){3, 2, 1});
    for (unsigned i = 0; i < 1000; i++) {
        memset(field.is_refused, true, sizeof(field.is_refused));
        cr_assert_eq(field_pick(&field), BALANCE_NONE);
        memset(field.is_refused, false, sizeof(field.is_refused));
        field_pick(&field);
    }
    check_shares(600, 1.001);
}

/* --- Over balance_set() */

Test(round_robin, turns_are_kept_over_set)
{
    field_weigh(&field, 4, NULL);
    until(3);
    for (unsigned i = 0; i < 40; i++) {
        cr_assert_eq(field_pick(&field), i % 4);
        field_weigh(&field, 4, NULL);
    }
}

Test(round_robin, turns_are_kept_at_other_places_of_the_roster)
{
    field_weigh(&field, 4, NULL);
    until(3);
    picks_are("ab");
    field.count = 0;
    for (uint32_t i = 0; i < 4; i++)
        field_add(&field, i, 1000 + (i + 2) % 4, BALANCE_WEIGHT_ONE); /* c and d are called a and b now */
    field_set(&field);
    picks_are("abcdabcd");
}

Test(round_robin, one_that_comes_has_no_burst)
{
    field_weigh(&field, 3, NULL);
    for (unsigned i = 0; i < 100001; i++)
        field_pick(&field);
    field_weigh(&field, 4, NULL);
    check_shares(400, 1.5);
    field_weigh(&field, 3, NULL);
    check_shares(1000, 1.5);
    field_weigh(&field, 4, NULL);
    check_shares(400, 1.5);
}

Test(round_robin, one_that_starts_slowly_gets_what_it_weighs)
{
    double expected = 0;
    unsigned picked = 0;

    field_weigh(&field, 3, NULL);
    for (uint32_t weight = 1; weight <= BALANCE_WEIGHT_ONE; weight++) {
        field.candidates[2].weight = weight;
        field_set(&field);
        for (unsigned i = 0; i < 7; i++) {
            picked += field_pick(&field) == 2;
            expected += weight / (2.0 * BALANCE_WEIGHT_ONE + weight);
        }
    }
    cr_assert(picked > expected - 2 && picked < expected + 2, "%u, not %f", picked, expected);
}

/* Each time it goes when it has just been picked, ahead of the others: time must not be ahead of them for that. */
Test(round_robin, shares_hold_however_often_one_comes_and_goes)
{
    for (unsigned i = 0; i < 200; i++) {
        field_weigh(&field, 4, (uint32_t[]){5, 1, 1, 9});
        until(3);
        field_weigh(&field, 3, (uint32_t[]){5, 1, 1});
    }
    for (unsigned i = 0; i < 14; i++)
        field_pick(&field);
    for (unsigned i = 0, gap = 0; i < 700; i++) {
        gap = field_pick(&field) == 0 ? 0 : gap + 1;
        cr_assert_leq(gap, 1);
    }
}

/* What goes takes its turn along, ahead or behind; time must not run away from those that stay. */
Test(round_robin, shares_hold_however_many_have_come_and_gone)
{
    struct random random = random_of(4);

    for (unsigned round = 0; round < 20000; round++) {
        field.count = 0;
        for (uint32_t i = 0; i < 8; i++)
            if (i < 2 || random_below(&random, 2))
                field_add(&field, i, i, BALANCE_WEIGHT_ONE * (1 + random_below(&random, 2) * (i + 9)));
        field_set(&field);
        for (uint32_t i = random_below(&random, 6); i; i--)
            field_pick(&field);
    }
    field_weigh(&field, 8, (uint32_t[]){40, 1, 2, 3, 1, 2, 3, 4});
    for (unsigned i = 0; i < 200; i++)
        field_pick(&field);
    check_shares(2000, 2.001);
}
