#include "backends/balance.h"

#include <stdlib.h>
#include <string.h>

#include "backends/balance_policy.h"
#include "base/macro.h"
#include "base/mem.h"

static const struct balance_policy *const POLICIES[] = {
    [BALANCE_ROUND_ROBIN] = &balance_round_robin,
    [BALANCE_LEAST_CONNECTIONS] = &balance_least_connections,
    [BALANCE_TWO_CHOICES] = &balance_two_choices,
    [BALANCE_HASH] = &balance_hash,
};

struct balance *balance_new(enum balance_kind kind, uint64_t seed)
{
    const struct balance_policy *policy = POLICIES[kind];
    struct balance *balance = mem_zeroed(1, policy->size);

    balance->policy = policy;
    balance->random = random_of(seed);
    return balance;
}

void balance_free(struct balance *balance)
{
    if (!balance)
        return;
    balance->policy->fini(balance);
    mem_free(balance->candidates);
    mem_free(balance->by_name);
    mem_free(balance);
}

const char *balance_name(enum balance_kind kind)
{
    return POLICIES[kind]->name;
}

/* --- Who is who: by name, since a roster that changes gives other indexes */

struct named {
    uint64_t name;
    uint32_t position;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;

    if (left->name != right->name)
        return left->name < right->name ? -1 : 1;
    return left->position < right->position ? -1 : left->position > right->position;
}

static uint32_t *order_by_name(const struct balance_candidate *candidates, uint32_t count)
{
    struct named *named = mem_new_n(struct named, count);
    uint32_t *order = mem_new_n(uint32_t, count);

    for (uint32_t i = 0; i < count; i++)
        named[i] = (struct named){candidates[i].name, i};
    qsort(named, count, sizeof(*named), compare_named);
    for (uint32_t i = 0; i < count; i++)
        order[i] = named[i].position;
    mem_free(named);
    return order;
}

static uint64_t name_at(const struct balance *balance, uint32_t rank)
{
    return balance->candidates[balance->by_name[rank]].name;
}

/* Walks both in the order of names. Several of one name are matched in their order. NULL: nobody stays. */
static uint32_t *match(const struct balance *before, const struct balance *now)
{
    uint32_t *was = mem_new_n(uint32_t, now->count);
    uint32_t old = 0;
    bool is_anyone = false;

    for (uint32_t rank = 0; rank < now->count; rank++) {
        uint32_t *place = &was[now->by_name[rank]];

        *place = BALANCE_NONE;
        while (old < before->count && name_at(before, old) < name_at(now, rank))
            old++;
        if (old == before->count || name_at(before, old) != name_at(now, rank))
            continue;
        *place = before->by_name[old++];
        is_anyone = true;
    }
    if (!is_anyone)
        mem_free(TAKE(was));
    return was;
}

static struct balance_candidate *copy(const struct balance_candidate *candidates, uint32_t count)
{
    struct balance_candidate *copies = mem_new_n(struct balance_candidate, count);

    for (uint32_t i = 0; i < count; i++) {
        ASSERT(candidates[i].weight > 0);
        copies[i] = candidates[i];
    }
    return copies;
}

void balance_set(struct balance *balance, const struct balance_candidate *candidates, size_t count)
{
    struct balance before = *balance;
    uint32_t *was;

    ASSERT(count < BALANCE_NONE);
    balance->count = (uint32_t)count;
    balance->candidates = copy(candidates, balance->count);
    balance->by_name = order_by_name(balance->candidates, balance->count);
    was = match(&before, balance);
    balance->policy->set(balance, was);
    mem_free(was);
    mem_free(before.candidates);
    mem_free(before.by_name);
}

uint32_t balance_pick(struct balance *balance, const struct balance_question *question)
{
    uint32_t position = 0;

    if (balance->count > 1)
        position = balance->policy->pick(balance, question);
    else if (balance->count == 0 || !balance_may_take(balance, question, 0))
        position = BALANCE_NONE;
    return position == BALANCE_NONE ? BALANCE_NONE : balance->candidates[position].index;
}
