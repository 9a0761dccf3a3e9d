#include "backends/balance.h"

#include "base/random.h"
#include "unit/backends/candidates.h"

static struct field field;

#define EACH_KIND(kind) for (enum balance_kind kind = BALANCE_ROUND_ROBIN; kind <= BALANCE_HASH; kind++)

/* --- What all policies promise */

Test(balance, every_policy_has_its_name)
{
    cr_assert_str_eq(balance_name(BALANCE_ROUND_ROBIN), "round_robin");
    cr_assert_str_eq(balance_name(BALANCE_LEAST_CONNECTIONS), "least_connections");
    cr_assert_str_eq(balance_name(BALANCE_TWO_CHOICES), "two_choices");
    cr_assert_str_eq(balance_name(BALANCE_HASH), "hash");
}

Test(balance, none_of_none_is_picked)
{
    EACH_KIND(kind)
    {
        field_init(&field, kind, 1);
        cr_assert_eq(field_pick(&field), BALANCE_NONE, "%s, never set", balance_name(kind));
        field_weigh(&field, 3, NULL);
        field_weigh(&field, 0, NULL);
        cr_assert_eq(field_pick(&field), BALANCE_NONE, "%s, emptied", balance_name(kind));
        field_weigh(&field, 3, NULL);
        cr_assert_lt(field_pick(&field), 3, "%s, filled again", balance_name(kind));
        field_fini(&field);
    }
    balance_free(NULL);
}

Test(balance, one_is_picked_unless_it_is_refused)
{
    EACH_KIND(kind)
    {
        field_init(&field, kind, 1);
        field_add(&field, 7, 1007, 1);
        field_set(&field);
        cr_assert_eq(field_pick(&field), 7, "%s", balance_name(kind));
        field.is_refused[7] = true;
        cr_assert_eq(field_pick(&field), BALANCE_NONE, "%s", balance_name(kind));
        field_fini(&field);
    }
}

Test(balance, the_only_one_that_may_be_taken_is_found)
{
    EACH_KIND(kind)
    {
        field_init(&field, kind, 1);
        field_weigh(&field, CANDIDATES_MAX, NULL);
        memset(field.is_refused, true, sizeof(field.is_refused));
        cr_assert_eq(field_pick(&field), BALANCE_NONE, "%s", balance_name(kind));
        for (uint32_t i = 0; i < CANDIDATES_MAX; i += 37) {
            field.is_refused[i] = false;
            cr_assert_eq(field_pick_key(&field, i), i, "%s", balance_name(kind));
            field.is_refused[i] = true;
        }
        field_fini(&field);
    }
}

Test(balance, no_endpoint_is_asked_without_end)
{
    EACH_KIND(kind)
    {
        field_init(&field, kind, 1);
        field_weigh(&field, 2, (uint32_t[]){1, 200000});
        memset(field.is_refused, true, sizeof(field.is_refused));
        for (unsigned i = 0; i < 10; i++)
            cr_assert_eq(field_pick(&field), BALANCE_NONE, "%s", balance_name(kind));
        cr_assert_leq(field.asked, 10 * 16, "%s: two were asked %zu times", balance_name(kind), field.asked);
        field_fini(&field);
    }
}

Test(balance, who_is_refused_may_be_taken_later)
{
    EACH_KIND(kind)
    {
        unsigned seen = 0;

        field_init(&field, kind, 1);
        field_weigh(&field, 2, NULL);
        field.is_refused[1] = true;
        for (unsigned i = 0; i < 100; i++)
            cr_assert_eq(field_pick_key(&field, i), 0, "%s", balance_name(kind));
        field.is_refused[1] = false;
        for (unsigned i = 0; i < 100; i++)
            seen += field_pick_key(&field, i);
        cr_assert(seen >= 20 && seen <= 80, "%s: %u of 100", balance_name(kind), seen);
        field_fini(&field);
    }
}

Test(balance, equal_seeds_give_equal_picks)
{
    static struct field same;

    EACH_KIND(kind)
    {
        field_init(&field, kind, 5);
        field_init(&same, kind, 5);
        field_weigh(&field, 9, NULL);
        field_weigh(&same, 9, NULL);
        for (unsigned i = 0; i < 1000; i++)
            cr_assert_eq(field_pick_key(&field, i), field_pick_key(&same, i), "%s", balance_name(kind));
        field_fini(&field);
        field_fini(&same);
    }
}

Test(balance, names_may_be_equal_and_weights_tiny)
{
    EACH_KIND(kind)
    {
        bool is_seen[3] = {false};

        field_init(&field, kind, 5);
        field_add(&field, 0, 77, 1);
        field_add(&field, 1, 77, 1);
        field_add(&field, 2, 77, 1);
        for (unsigned i = 0; i < 300; i++) {
            uint32_t index;

            if (i % 50 == 0)
                field_set(&field);
            index = field_pick_key(&field, i);
            cr_assert_lt(index, 3, "%s", balance_name(kind));
            is_seen[index] = true;
        }
        cr_assert(is_seen[0] && is_seen[1] && is_seen[2], "%s", balance_name(kind));
        field_fini(&field);
    }
}

/* Whoever comes, goes, weighs and refuses: what is picked is in, and may be taken. */
Test(balance, random_changes_keep_the_promise)
{
    struct random random = random_of(20);

    EACH_KIND(kind)
    {
        field_init(&field, kind, 5);
        for (unsigned round = 0; round < 150; round++) {
            bool is_in[64] = {false};
            bool is_one_left = false;

            field.count = 0;
            for (uint32_t i = 0; i < 64; i++) {
                field.is_refused[i] = random_below(&random, 3) == 0;
                field.in_use[i] = random_below(&random, 5);
                is_in[i] = random_below(&random, 64) < round % 65;
                is_one_left |= is_in[i] && !field.is_refused[i];
                if (is_in[i])
                    field_add(&field, i, i, 1 + random_below(&random, 1000 * BALANCE_WEIGHT_ONE));
            }
            field_set(&field);
            for (unsigned i = 0; i < 100; i++) {
                uint32_t index = field_pick_key(&field, random_next(&random));

                cr_assert_eq(index != BALANCE_NONE, is_one_left, "%s", balance_name(kind));
                cr_assert(index == BALANCE_NONE || (is_in[index] && !field.is_refused[index]), "%s",
                          balance_name(kind));
            }
        }
        field_fini(&field);
    }
}

/* --- least_connections */

Test(least_connections, the_least_busy_over_weight_is_picked)
{
    field_init(&field, BALANCE_LEAST_CONNECTIONS, 1);
    field_weigh(&field, 3, (uint32_t[]){1, 2, 4});
    memcpy(field.in_use, (uint32_t[]){1, 4, 7}, 3 * sizeof(uint32_t)); /* would be 2/1, 5/2, 8/4 */
    field.in_use[2] = 6;                                               /* 7/4 */
    cr_assert_eq(field_pick(&field), 2);
    field.in_use[2] = 9; /* 10/4 */
    cr_assert_eq(field_pick(&field), 0);
    field.is_refused[0] = true;
    field.in_use[1] = 3; /* 4/2 */
    cr_assert_eq(field_pick(&field), 1);
    field_fini(&field);
}

Test(least_connections, counts_and_weights_as_large_as_they_can_be_are_compared)
{
    field_init(&field, BALANCE_LEAST_CONNECTIONS, 1);
    field_add(&field, 0, 0, UINT32_MAX);
    field_add(&field, 1, 1, UINT32_MAX - 1);
    field_set(&field);
    field.in_use[0] = field.in_use[1] = UINT32_MAX;
    cr_assert_eq(field_pick(&field), 0);
    field_fini(&field);
}

Test(least_connections, equals_take_turns_over_set)
{
    field_init(&field, BALANCE_LEAST_CONNECTIONS, 1);
    field_weigh(&field, 5, NULL);
    for (uint32_t i = 0, last = field_pick(&field); i < 20; i++) {
        uint32_t index;

        field_weigh(&field, 5, NULL);
        index = field_pick(&field);
        cr_assert_eq(index, (last + 1) % 5);
        last = index;
    }
    field_fini(&field);
}

Test(least_connections, the_next_of_equals_is_next_wherever_it_stands)
{
    field_init(&field, BALANCE_LEAST_CONNECTIONS, 1);
    field_weigh(&field, 5, NULL);
    while (field_pick(&field) != 2)
        continue;
    field.count = 0;
    for (uint32_t i = 0; i < 5; i++)
        field_add(&field, i, 1000 + (i + 2) % 5, BALANCE_WEIGHT_ONE); /* 3 is called 1 now */
    field_set(&field);
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_eq(field_pick(&field), (1 + i) % 5);
    field_fini(&field);
}

/* --- two_choices */

Test(two_choices, of_two_the_less_busy_over_weight_is_always_picked)
{
    field_init(&field, BALANCE_TWO_CHOICES, 1);
    field_weigh(&field, 2, (uint32_t[]){100, 1});
    field.in_use[0] = 99;
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(field_pick(&field), 1);
    field.in_use[1] = 1;
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(field_pick(&field), 0);
    field_fini(&field);
}

Test(two_choices, the_busiest_of_all_is_never_picked)
{
    field_init(&field, BALANCE_TWO_CHOICES, 1);
    field_weigh(&field, 5, (uint32_t[]){1000, 1, 1, 1, 1});
    field.in_use[0] = 1;
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_neq(field_pick(&field), 0, "the two were not distinct");
    field_fini(&field);
}

Test(two_choices, where_most_are_refused_the_others_share)
{
    unsigned picked = 0;

    field_init(&field, BALANCE_TWO_CHOICES, 1);
    field_weigh(&field, CANDIDATES_MAX, NULL);
    memset(field.is_refused, true, sizeof(field.is_refused));
    field.is_refused[0] = field.is_refused[CANDIDATES_MAX / 2] = false;
    for (unsigned i = 0; i < 1000; i++)
        picked += field_pick(&field) == 0;
    cr_assert(picked > 400 && picked < 600, "%u of 1000", picked);
    field_fini(&field);
}

/* --- hash */

Test(hash, a_key_stays_with_its_endpoint_wherever_that_stands)
{
    static struct field other;

    field_init(&field, BALANCE_HASH, 1);
    field_weigh(&field, 10, (uint32_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    field_init(&other, BALANCE_HASH, 2);
    for (uint32_t i = 0; i < 10; i++)
        field_add(&other, 9 - i, field.candidates[9 - i].name, field.candidates[9 - i].weight);
    field_set(&other);
    for (uint64_t key = 0; key < 1000; key++)
        cr_assert_eq(field_pick_key(&field, random_mix(key)), field_pick_key(&other, random_mix(key)));
    for (uint32_t i = 0; i < 10; i++)
        other.candidates[i].index = i; /* the roster turned round; the table need not be made anew */
    field_set(&other);
    for (uint64_t key = 0; key < 1000; key++)
        cr_assert_eq(field_pick_key(&field, random_mix(key)), 9 - field_pick_key(&other, random_mix(key)));
    field_fini(&field);
    field_fini(&other);
}

/* Other keys of the one that is refused go to others, but each to the same one again and again. */
Test(hash, a_second_choice_is_as_stable_as_the_first)
{
    bool is_seen[10] = {false};
    size_t seen = 0;

    field_init(&field, BALANCE_HASH, 1);
    field_weigh(&field, 10, NULL);
    for (uint64_t key = 0; key < 1000; key++) {
        uint32_t first = field_pick_key(&field, random_mix(key)), second;

        field.is_refused[first] = true;
        second = field_pick_key(&field, random_mix(key));
        cr_assert_neq(second, first);
        cr_assert_eq(second, field_pick_key(&field, random_mix(key)));
        field.is_refused[first] = false;
        cr_assert_eq(first, field_pick_key(&field, random_mix(key)));
        if (first == 0)
            is_seen[second] = true;
    }
    for (size_t i = 0; i < 10; i++)
        seen += is_seen[i];
    cr_assert_eq(seen, 9, "keys of the one went to %zu others", seen);
    field_fini(&field);
}

Test(hash, one_too_light_for_an_entry_is_found_when_all_others_are_refused)
{
    field_init(&field, BALANCE_HASH, 1);
    field_add(&field, 0, 0, 1);
    field_add(&field, 1, 1, 1000 * BALANCE_WEIGHT_ONE);
    field_set(&field);
    field.is_refused[1] = true;
    cr_assert_eq(field_pick(&field), 0);
    field_fini(&field);
}
