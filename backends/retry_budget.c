#include "backends/retry_budget.h"

#include "base/macro.h"

/* There is always something to begin with: a burst at a pool that has been quiet. What is saved up is bounded: a pool
 * that was well for hours must not retry all at once. */
enum { ONE = 100, A_SECOND = 10 * ONE, FLOOR = 100 * ONE, MOST = 1000 * ONE };

void retry_budget_init(struct retry_budget *budget, unsigned percent, uint64_t now_ms)
{
    *budget = (struct retry_budget){.percent = percent, .hundredths = FLOOR, .refilled_ms = now_ms};
}

void retry_budget_earn(struct retry_budget *budget)
{
    budget->hundredths = MIN(budget->hundredths + budget->percent, (uint64_t)MOST);
}

static void refill(struct retry_budget *budget, uint64_t now_ms)
{
    uint64_t earned = (now_ms - budget->refilled_ms) * A_SECOND / 1000;

    if (budget->hundredths < FLOOR)
        budget->hundredths = MIN(budget->hundredths + earned, (uint64_t)FLOOR);
    budget->refilled_ms = now_ms;
}

bool retry_budget_spend(struct retry_budget *budget, uint64_t now_ms)
{
    if (budget->percent == 0)
        return false;
    refill(budget, now_ms);
    if (budget->hundredths < ONE)
        return false;
    budget->hundredths -= ONE;
    return true;
}
