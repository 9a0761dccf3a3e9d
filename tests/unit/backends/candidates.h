/** Candidates for the tests of balancing: their names are their letters, so index and place may change. */
#ifndef TESTS_UNIT_BACKENDS_CANDIDATES_H
#define TESTS_UNIT_BACKENDS_CANDIDATES_H

#include <criterion/criterion.h>
#include <string.h>

#include "backends/balance.h"

enum { CANDIDATES_MAX = 1000 };

/** Who is in, and who may not be taken now; the requests under way. Indexes are picked. */
struct field {
    struct balance *balance;
    struct balance_candidate candidates[CANDIDATES_MAX];
    size_t count;
    uint32_t in_use[CANDIDATES_MAX]; /* by index, which is the slot as well */
    bool is_refused[CANDIDATES_MAX]; /* by index */
    size_t asked;                    /* how often may_take() was called */
};

static inline void field_init(struct field *field, enum balance_kind kind, uint64_t seed)
{
    memset(field, 0, sizeof(*field));
    field->balance = balance_new(kind, seed);
}

static inline void field_fini(struct field *field)
{
    balance_free(field->balance);
}

static inline void field_add(struct field *field, uint32_t index, uint64_t name, uint32_t weight)
{
    field->candidates[field->count++] =
        (struct balance_candidate){.index = index, .slot = index, .weight = weight, .name = name};
}

static inline void field_set(struct field *field)
{
    balance_set(field->balance, field->candidates, field->count);
}

/** 0 to *count* - 1 with these weights, in whole ones; NULL: all have weight one. */
static inline void field_weigh(struct field *field, size_t count, const uint32_t *weights)
{
    field->count = 0;
    for (size_t i = 0; i < count; i++)
        field_add(field, (uint32_t)i, 1000 + i, (weights ? weights[i] : 1) * BALANCE_WEIGHT_ONE);
    field_set(field);
}

static inline bool field_may_take(void *owner, uint32_t index)
{
    struct field *field = owner;

    field->asked++;
    return !field->is_refused[index];
}

static inline uint32_t field_pick_key(struct field *field, uint64_t key)
{
    struct balance_question question = {
        .key = key, .in_use = field->in_use, .may_take = field_may_take, .owner = field};

    return balance_pick(field->balance, &question);
}

static inline uint32_t field_pick(struct field *field)
{
    return field_pick_key(field, 0);
}

#endif
