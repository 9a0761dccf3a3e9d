#include "backends/retry_budget.h"

#include <criterion/criterion.h>

/* What is there at first and comes back with time, and the most that requests save up. */
enum { FLOOR = 100, MOST = 1000, START_MS = 1000000 };

static size_t spend_all(struct retry_budget *budget, uint64_t now_ms)
{
    size_t spent = 0;

    while (retry_budget_spend(budget, now_ms))
        spent++;
    return spent;
}

static struct retry_budget budget_of(unsigned percent)
{
    struct retry_budget budget;

    retry_budget_init(&budget, percent, START_MS);
    return budget;
}

Test(retry_budget, begins_with_a_hundred)
{
    struct retry_budget budget = budget_of(20);

    cr_assert_eq(spend_all(&budget, START_MS), FLOOR);
    cr_assert(!retry_budget_spend(&budget, START_MS));
}

Test(retry_budget, of_zero_percent_is_nothing)
{
    struct retry_budget budget = budget_of(0);

    retry_budget_earn(&budget);
    cr_assert(!retry_budget_spend(&budget, START_MS));
    cr_assert(!retry_budget_spend(&budget, START_MS + 3600 * 1000));
}

Test(retry_budget, earns_its_percentage)
{
    static const unsigned PERCENTS[] = {1, 7, 20, 50, 100};

    for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++) {
        struct retry_budget budget = budget_of(PERCENTS[i]);

        spend_all(&budget, START_MS);
        for (size_t requests = 0; requests < 300; requests++)
            retry_budget_earn(&budget);
        cr_expect_eq(spend_all(&budget, START_MS), 3 * PERCENTS[i], "%u", PERCENTS[i]);
    }
}

Test(retry_budget, saves_up_a_thousand)
{
    struct retry_budget budget = budget_of(100);

    for (size_t requests = 0; requests < 100000; requests++)
        retry_budget_earn(&budget);
    cr_assert_eq(spend_all(&budget, START_MS), MOST);
}

Test(retry_budget, comes_back_at_ten_a_second)
{
    struct retry_budget budget = budget_of(20);

    spend_all(&budget, START_MS);
    cr_assert_eq(spend_all(&budget, START_MS + 99), 0);
    cr_assert_eq(spend_all(&budget, START_MS + 100), 1);
    cr_assert_eq(spend_all(&budget, START_MS + 1100), 10);
}

/* Who looks often loses nothing by it. */
Test(retry_budget, comes_back_in_small_steps_as_well)
{
    struct retry_budget budget = budget_of(20);
    size_t spent = 0;

    spend_all(&budget, START_MS);
    for (uint64_t ms = 1; ms <= 1000; ms++)
        spent += retry_budget_spend(&budget, START_MS + ms);
    cr_assert_eq(spent, 10);
}

/* A night's rest is worth no more than a hundred. */
Test(retry_budget, comes_back_up_to_a_hundred)
{
    struct retry_budget budget = budget_of(20);

    spend_all(&budget, START_MS);
    cr_assert_eq(spend_all(&budget, START_MS + 8 * 3600 * 1000), FLOOR);
}

/* Time that passed while there was plenty is not paid out later. */
Test(retry_budget, time_counts_only_below_a_hundred)
{
    struct retry_budget budget = budget_of(100);

    for (size_t requests = 0; requests < 500; requests++)
        retry_budget_earn(&budget);
    cr_assert(retry_budget_spend(&budget, START_MS + 60 * 1000));
    cr_assert_eq(spend_all(&budget, START_MS + 60 * 1000), FLOOR + 500 - 1);
}
