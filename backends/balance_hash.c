/* Maglev (Eisenbud et al. 2016, §3.4): a table of prime size whose entries are candidates. Each candidate has a
 * permutation of all entries, made of its name alone; in turns, as many as its weight, each claims the first entry of
 * its permutation that is free. A key means the entry at key mod size. When one candidate goes its entries are
 * claimed by others, and nearly all other entries stay.
 *
 * The candidates take their turns in the order of their names, so all workers make the same table. */
#include <string.h>

#include "backends/balance_policy.h"
#include "backends/turns.h"
#include "base/macro.h"
#include "base/mem.h"

enum { ENTRIES = 65537, FREE = UINT16_MAX, RANKS_MAX = UINT16_MAX };

#define TURN_OF_WEIGHT_ONE ((uint64_t)1 << 40)

/* What a table is made of. */
struct share {
    uint64_t name;
    uint32_t weight;
};

struct hash {
    struct balance balance;
    uint16_t *entries;    /* ranks: of the candidate in balance.by_name; NULL until the first pick */
    struct share *shares; /* of the table as it is, by rank */
    uint32_t ranks;
    bool may_differ; /* balance_set() was called since the table was made */
    bool *is_tried;  /* by rank; only while a pick looks for another candidate */
};

/* --- The table */

struct permutation {
    uint32_t at, skip;
};

static struct permutation permutation_of(uint64_t name)
{
    struct random random = random_of(name);

    return (struct permutation){random_below(&random, ENTRIES), 1 + random_below(&random, ENTRIES - 1)};
}

static void claim(uint16_t *entries, struct permutation *permutation, uint32_t rank)
{
    uint32_t at = permutation->at;

    while (entries[at] != FREE) {
        at += permutation->skip;
        at -= at >= ENTRIES ? ENTRIES : 0;
    }
    entries[at] = (uint16_t)rank;
    permutation->at = at;
}

/* Turns begin with half a one: so shares are rounded to the nearest number of entries, not up. */
static struct turns line_up(const struct share *shares, uint32_t count)
{
    struct turns turns;

    turns_init(&turns, count);
    for (uint32_t rank = 0; rank < count; rank++)
        turns_push(&turns, (struct turn){TURN_OF_WEIGHT_ONE / shares[rank].weight / 2, rank, rank});
    return turns;
}

static void fill(uint16_t *entries, const struct share *shares, uint32_t count)
{
    struct permutation *permutations = mem_new_n(struct permutation, count);
    struct turns turns = line_up(shares, count);

    for (uint32_t rank = 0; rank < count; rank++)
        permutations[rank] = permutation_of(shares[rank].name);
    for (uint32_t i = 0; i < ENTRIES; i++)
        entries[i] = FREE;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct turn turn = turns.heap[0];

        claim(entries, &permutations[turn.who], turn.who);
        turns_postpone(&turns, turn.due + TURN_OF_WEIGHT_ONE / shares[turn.who].weight);
    }
    turns_fini(&turns);
    mem_free(permutations);
}

/* More candidates than a table has entries for could not all have keys; those of the last names have none then. */
static uint32_t ranks_of(const struct balance *balance)
{
    return MIN(balance->count, RANKS_MAX);
}

static struct share *shares_of(const struct balance *balance)
{
    struct share *shares = mem_new_n(struct share, ranks_of(balance));

    for (uint32_t rank = 0; rank < ranks_of(balance); rank++) {
        const struct balance_candidate *candidate = &balance->candidates[balance->by_name[rank]];

        shares[rank] = (struct share){.name = candidate->name, .weight = candidate->weight};
    }
    return shares;
}

static bool shares_are_equal(const struct share *a, const struct share *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a[i].name != b[i].name || a[i].weight != b[i].weight)
            return false;
    return true;
}

/* The same candidates at other places of the roster leave the table as it is. */
static void make_table(struct hash *hash)
{
    struct share *shares = shares_of(&hash->balance);
    uint32_t ranks = ranks_of(&hash->balance);
    bool is_same = hash->ranks == ranks && shares_are_equal(hash->shares, shares, ranks);

    mem_free(hash->shares);
    hash->shares = shares;
    hash->ranks = ranks;
    hash->may_differ = false;
    if (is_same)
        return;
    if (!hash->entries)
        hash->entries = mem_new_n(uint16_t, ENTRIES);
    fill(hash->entries, shares, ranks);
    mem_free(hash->is_tried);
    hash->is_tried = mem_new_n(bool, ranks);
}

/* Making the table takes milliseconds: several changes in a row, and pools that nobody asks, shall not pay it. */
static void set(struct balance *balance, const uint32_t *was)
{
    CONTAINER_OF(balance, struct hash, balance)->may_differ = true;
}

/* --- Picking */

static bool is_refused(struct hash *hash, const struct balance_question *question, uint32_t rank)
{
    return !balance_may_take(&hash->balance, question, hash->balance.by_name[rank]);
}

/* The next candidate along the table that is another one: a key's second choice is as stable as its first. One that
 * is too light for an entry is not met there, so those that are left over are looked at in the end. */
static uint32_t next_along(struct hash *hash, const struct balance_question *question, uint32_t at)
{
    uint32_t untried = hash->ranks;

    memset(hash->is_tried, 0, hash->ranks * sizeof(*hash->is_tried));
    for (uint32_t i = 0; i < ENTRIES && untried > 0; i++, at = at + 1 < ENTRIES ? at + 1 : 0) {
        uint32_t rank = hash->entries[at];

        if (hash->is_tried[rank])
            continue;
        if (i > 0 && !is_refused(hash, question, rank))
            return rank;
        hash->is_tried[rank] = true; /* the first of all was refused before */
        untried--;
    }
    for (uint32_t rank = 0; rank < hash->ranks && untried > 0; rank++)
        if (!hash->is_tried[rank] && !is_refused(hash, question, rank))
            return rank;
    return BALANCE_NONE;
}

static uint32_t pick(struct balance *balance, const struct balance_question *question)
{
    struct hash *hash = CONTAINER_OF(balance, struct hash, balance);
    uint32_t at = (uint32_t)(question->key % ENTRIES), rank;

    if (UNLIKELY(hash->may_differ))
        make_table(hash);
    rank = hash->entries[at];
    if (UNLIKELY(is_refused(hash, question, rank)))
        rank = next_along(hash, question, at);
    return rank == BALANCE_NONE ? BALANCE_NONE : balance->by_name[rank];
}

static void fini(struct balance *balance)
{
    struct hash *hash = CONTAINER_OF(balance, struct hash, balance);

    mem_free(hash->entries);
    mem_free(hash->shares);
    mem_free(hash->is_tried);
}

const struct balance_policy balance_hash = {"hash", sizeof(struct hash), set, pick, fini};
