/** How much may be tried again, so that retries of a pool in trouble do not become its load: a share of its requests,
 *  and besides a hundred that come back at ten a second. Pure; one for each pool and worker. */
#ifndef BACKENDS_RETRY_BUDGET_H
#define BACKENDS_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct retry_budget {
    unsigned percent;     /* 0: nothing is tried again */
    uint64_t hundredths;  /* of a retry */
    uint64_t refilled_ms; /* when time was last turned into retries */
};

void retry_budget_init(struct retry_budget *budget, unsigned percent, uint64_t now_ms);
/** A request begins. */
void retry_budget_earn(struct retry_budget *budget);
/** @return false when there is nothing left to spend */
bool retry_budget_spend(struct retry_budget *budget, uint64_t now_ms);

#endif
