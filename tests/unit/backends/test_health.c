#include "backends/health.h"

#include <criterion/criterion.h>

#include "base/macro.h"

static const struct pool_health CHECKS = {.interval_ms = 5000, .rise = 2, .fall = 3};
static const struct pool_outlier OUTLIER = {.eject_ms = 10 * 1000, .eject_max_ms = 60 * 1000};

/* Of the letters, one a check: 'g' good, 'b' bad. @return the states after each: 'u' up, 'd' down, 'e' ejected;
 * in upper case where it was said to have changed */
static void run_checks(struct health *health, const char *checks, char *out)
{
    static const char states[] = {[STANDING_UP] = 'u', [STANDING_DOWN] = 'd', [STANDING_EJECTED] = 'e'};

    for (; *checks; checks++) {
        bool changed = health_checked(health, &CHECKS, *checks == 'g', 1000);
        char state = states[health_state(health)];

        *out++ = changed ? (char)(state - 'a' + 'A') : state;
    }
    *out = '\0';
}

Test(health, checks_in_a_row_change_the_state)
{
    static const struct {
        const char *checks, *states;
    } cases[] = {
        {"g", "u"},
        {"b", "D"}, /* the first decides at once */
        {"bg", "Dd"},
        {"bgg", "DdU"},
        {"bgbgg", "DdddU"},
        {"gbb", "uuu"},
        {"gbbb", "uuuD"},
        {"gbbgbbb", "uuuuuuD"},
        {"gbbbbbgg", "uuuDdddU"},
        {"gbbbggbbb", "uuuDdUuuD"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health health = {0};
        char states[16];

        run_checks(&health, cases[i].checks, states);
        cr_expect_str_eq(states, cases[i].states, "%s: %s", cases[i].checks, states);
    }
}

static bool report(struct health *endpoints, size_t count, size_t index, uint64_t now_ms)
{
    return health_reported(endpoints, count, index, &OUTLIER, now_ms);
}

static size_t ejected_of(const struct health *endpoints, size_t count)
{
    size_t ejected = 0;

    for (size_t i = 0; i < count; i++)
        ejected += health_state(&endpoints[i]) == STANDING_EJECTED;
    return ejected;
}

Test(health, at_most_half_are_ejected_unless_all_fail)
{
    static const struct {
        size_t count, ejected[6]; /* after the first, second … was reported */
    } cases[] = {
        {1, {1}},          {2, {1, 2}},          {3, {1, 1, 3}},
        {4, {1, 2, 2, 4}}, {5, {1, 2, 2, 2, 5}}, {6, {1, 2, 3, 3, 3, 6}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health endpoints[6] = {0};

        for (size_t at = 0; at < cases[i].count; at++) {
            size_t before = ejected_of(endpoints, cases[i].count);
            bool changed = report(endpoints, cases[i].count, at, 1000);

            cr_expect_eq(ejected_of(endpoints, cases[i].count), cases[i].ejected[at], "%zu of %zu", at + 1,
                         cases[i].count);
            cr_expect_eq(changed, cases[i].ejected[at] != before);
        }
    }
}

Test(health, half_is_counted_of_those_that_are_not_down)
{
    struct health endpoints[4] = {0};

    health_checked(&endpoints[0], &CHECKS, false, 1000);
    cr_assert(report(endpoints, 4, 1, 1000), "one of three");
    cr_assert_not(report(endpoints, 4, 2, 1000), "two of three are too many");
    cr_assert_not(report(endpoints, 4, 0, 1000), "it is down already");
    cr_assert_eq(health_state(&endpoints[0]), STANDING_DOWN);
    cr_assert(report(endpoints, 4, 3, 1000), "nobody is left who does not fail");
    cr_assert_eq(ejected_of(endpoints, 4), 3);
}

Test(health, suspicion_ends)
{
    struct health endpoints[3] = {0};

    cr_assert(report(endpoints, 3, 0, 1000));
    cr_assert_not(report(endpoints, 3, 1, 1000));
    cr_assert_not(report(endpoints, 3, 2, 1000 + OUTLIER.eject_ms), "the second is no suspect any more");
    cr_assert_eq(ejected_of(endpoints, 3), 1);
    cr_assert(report(endpoints, 3, 1, 1000 + OUTLIER.eject_ms), "but now it is again");
    cr_assert_eq(ejected_of(endpoints, 3), 3);
}

Test(health, an_ejection_doubles_up_to_its_limit)
{
    static const uint64_t seconds[] = {10, 20, 40, 60, 60};
    struct health health = {0};
    uint64_t now_ms = 5000;

    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        cr_assert(report(&health, 1, 0, now_ms));
        cr_expect_eq(health_readmit_at_ms(&health), now_ms + seconds[i] * 1000, "the %zuth", i + 1);
        now_ms += seconds[i] * 1000;
        cr_assert_not(health_readmit(&health, now_ms - 1));
        cr_assert_eq(health_state(&health), STANDING_EJECTED);
        cr_assert(health_readmit(&health, now_ms));
        cr_assert_eq(health_state(&health), STANDING_UP);
        cr_assert_eq(health_readmit_at_ms(&health), UINT64_MAX);
        cr_assert_not(health_readmit(&health, now_ms));
        now_ms += 9999;
    }
}

/* Ejected twice: the second time for 20 s, until 40 s. */
static struct health ejected_twice(void)
{
    struct health health = {0};

    cr_assert(report(&health, 1, 0, 0));
    cr_assert(health_readmit(&health, 10 * 1000));
    cr_assert(report(&health, 1, 0, 19 * 1000));
    cr_assert(health_readmit(&health, 40 * 1000));
    return health;
}

Test(health, who_was_back_for_long_enough_is_forgiven)
{
    struct health health = ejected_twice();

    report(&health, 1, 0, 60 * 1000 - 1);
    cr_assert_eq(health_readmit_at_ms(&health), 60 * 1000 - 1 + 40 * 1000);
    health = ejected_twice();
    report(&health, 1, 0, 60 * 1000);
    cr_assert_eq(health_readmit_at_ms(&health), 60 * 1000 + 10 * 1000);
}

Test(health, nobody_is_forgiven_for_the_time_that_it_was_down)
{
    struct health health = ejected_twice();

    health_checked(&health, &CHECKS, false, 41 * 1000);
    health_checked(&health, &CHECKS, true, 50 * 1000);
    cr_assert(health_checked(&health, &CHECKS, true, 55 * 1000));
    report(&health, 1, 0, 61 * 1000);
    cr_assert_eq(health_readmit_at_ms(&health), (61 + 40) * 1000);
}

Test(health, who_is_ejected_already_is_not_ejected_anew)
{
    struct health health = {0};

    cr_assert(report(&health, 1, 0, 1000));
    cr_assert_not(report(&health, 1, 0, 9000));
    cr_assert_eq(health_readmit_at_ms(&health), 11000);
}

Test(health, good_checks_do_not_shorten_an_ejection)
{
    struct health health = {0};
    char states[16];

    report(&health, 1, 0, 1000);
    run_checks(&health, "ggggbbbgg", states);
    cr_assert_str_eq(states, "eeeeeeDdE");
    cr_assert_eq(health_readmit_at_ms(&health), 11000);
}

Test(health, the_end_of_an_ejection_does_not_bring_back_who_is_down)
{
    struct health health = {0};

    report(&health, 1, 0, 1000);
    cr_assert(health_checked(&health, &CHECKS, false, 2000));
    cr_assert_not(health_readmit(&health, 11000));
    cr_assert_eq(health_state(&health), STANDING_DOWN);
    cr_assert_eq(health_readmit_at_ms(&health), UINT64_MAX);
}

Test(health, who_serves_well_for_want_of_better_ones_is_back)
{
    struct health health = {0};

    cr_assert_not(health_served(&health, 500), "it was not ejected");
    report(&health, 1, 0, 1000);
    cr_assert(health_served(&health, 2000));
    cr_assert_eq(health_state(&health), STANDING_UP);
    report(&health, 1, 0, 3000);
    cr_assert_eq(health_readmit_at_ms(&health), 23000, "for twice as long, so soon after");
    cr_assert(health_checked(&health, &CHECKS, false, 4000));
    cr_assert_not(health_served(&health, 5000), "its checks have it down");
    cr_assert_eq(health_state(&health), STANDING_DOWN);
}

Test(health, checks_keep_within_a_tenth_of_their_interval)
{
    cr_expect_eq(health_next_check_ms(&CHECKS, 0), 4500);
    cr_expect_eq(health_next_check_ms(&CHECKS, UINT32_MAX / 2), 5000);
    cr_expect_eq(health_next_check_ms(&CHECKS, UINT32_MAX), 5500);
    cr_expect_eq(health_next_check_ms(&(struct pool_health){.interval_ms = 7}, UINT32_MAX), 7);
}

Test(health, slow_start_goes_from_a_tenth_to_the_whole)
{
    static const struct {
        uint64_t up_since_ms, slow_start_ms, now_ms;
        uint32_t weight, worth;
    } cases[] = {
        {1000, 10000, 1000, 100, 10 * BALANCE_WEIGHT_ONE},
        {1000, 10000, 6000, 100, 55 * BALANCE_WEIGHT_ONE},
        {1000, 10000, 11000, 100, 100 * BALANCE_WEIGHT_ONE},
        {1000, 10000, 900, 100, 10 * BALANCE_WEIGHT_ONE},
        {0, 10000, 1, 100, 100 * BALANCE_WEIGHT_ONE},
        {1000, 0, 1000, 100, 100 * BALANCE_WEIGHT_ONE},
        {1000, 10000, 1000, 1, 25},
        {1000, 10000, 99999999, 1000, 1000 * BALANCE_WEIGHT_ONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(
            health_slow_start(cases[i].weight, cases[i].up_since_ms, cases[i].slow_start_ms, cases[i].now_ms),
            cases[i].worth, "row %zu", i);
}
