/** What a policy of backends/balance.h is made of: a row of operations and a struct of its own, which begins with a
 *  struct balance. Only backends/balance*.c see this. Candidates are known here by their position in the array that
 *  balance_set() copied. */
#ifndef BACKENDS_BALANCE_POLICY_H
#define BACKENDS_BALANCE_POLICY_H

#include "backends/balance.h"
#include "base/random.h"

struct balance_policy {
    const char *name;
    size_t size; /* of the policy's struct, which starts zeroed */
    /* balance->candidates are new. was[position] is the position that the same candidate had before, BALANCE_NONE
     * when it comes now; NULL when all come now. */
    void (*set)(struct balance *balance, const uint32_t *was);
    /* @return a position, BALANCE_NONE when none may be taken. There are at least two candidates. */
    uint32_t (*pick)(struct balance *balance, const struct balance_question *question);
    void (*fini)(struct balance *balance);
};

struct balance {
    const struct balance_policy *policy;
    struct random random;
    struct balance_candidate *candidates;
    uint32_t *by_name; /* positions, in the order of the names; where two have one name, in their own order */
    uint32_t count;
};

extern const struct balance_policy balance_round_robin, balance_least_connections, balance_two_choices,
    balance_hash;

static inline bool balance_may_take(const struct balance *balance, const struct balance_question *question,
                                    uint32_t position)
{
    return !question->may_take || question->may_take(question->owner, balance->candidates[position].index);
}

static inline uint32_t balance_in_use(const struct balance *balance, const struct balance_question *question,
                                      uint32_t position)
{
    return question->in_use[balance->candidates[position].slot];
}

#endif
