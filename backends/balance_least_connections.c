/* The least (in_use + 1) / weight: how busy each would be if it took this one. So an idle pool gives all to its
 * heaviest until that is as busy as the others; equals take turns. Looks at everyone, for counts change elsewhere. */
#include "backends/balance_policy.h"
#include "base/macro.h"

struct least_connections {
    struct balance balance;
    uint32_t next; /* where looking begins: behind the one that was picked last */
};

static void set(struct balance *balance, const uint32_t *was)
{
    struct least_connections *least = CONTAINER_OF(balance, struct least_connections, balance);
    uint32_t next = least->next;

    if (!was) {
        least->next = random_below(&balance->random, balance->count);
        return;
    }
    least->next = balance->count > 0 ? next % balance->count : 0;
    for (uint32_t i = 0; i < balance->count; i++)
        if (was[i] == next)
            least->next = i;
}

struct load {
    uint64_t requests;
    uint32_t weight;
};

static bool is_less(struct load a, struct load b)
{
    return a.requests * b.weight < b.requests * a.weight;
}

static uint32_t pick(struct balance *balance, const struct balance_question *question)
{
    struct least_connections *least = CONTAINER_OF(balance, struct least_connections, balance);
    struct load best_load = {0, 0};
    uint32_t best = BALANCE_NONE;

    for (uint32_t i = 0, at = least->next; i < balance->count;
         i++, at = at + 1 < balance->count ? at + 1 : 0) {
        struct load load = {(uint64_t)balance_in_use(balance, question, at) + 1,
                            balance->candidates[at].weight};

        if ((best != BALANCE_NONE && !is_less(load, best_load)) || !balance_may_take(balance, question, at))
            continue;
        best = at;
        best_load = load;
    }
    if (best != BALANCE_NONE)
        least->next = best + 1 < balance->count ? best + 1 : 0;
    return best;
}

static void fini(struct balance *balance)
{
}

const struct balance_policy balance_least_connections = {"least_connections",
                                                         sizeof(struct least_connections), set, pick, fini};
