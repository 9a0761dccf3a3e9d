/* Two candidates are drawn, each as likely as its weight says, and the one with the lower in_use / weight is taken,
 * the first drawn where they are equal. So while nothing is under way the shares are the weights', and under load
 * the longest queue is that of two choices (Mitzenmacher 2001) and not that of one.
 *
 * Drawing is one look into an alias table (Walker 1977, Vose 1991): a column for each candidate, which says with
 * what likelihood it is itself, and who it is else. */
#include "backends/balance_policy.h"
#include "base/macro.h"
#include "base/mem.h"

/* Pairs that are drawn before everyone is looked through, where candidates are refused. */
enum { DRAWS = 4 };

struct column {
    uint32_t itself; /* in 1/2^32 */
    uint32_t other;
};

struct two_choices {
    struct balance balance;
    struct column *columns;
};

/* --- The table */

/* Positions whose column is not made yet: those with less than a column from the front, the others from the back. */
struct shares {
    uint64_t *size; /* of each candidate, a column being the sum of all weights */
    uint32_t *unmade;
    uint32_t small, large; /* how many */
};

static void sort_in(struct shares *shares, uint32_t count, uint32_t position, uint64_t column)
{
    if (shares->size[position] < column)
        shares->unmade[shares->small++] = position;
    else
        shares->unmade[count - ++shares->large] = position;
}

static struct shares shares_of(const struct balance *balance, uint64_t column)
{
    uint32_t count = balance->count;
    struct shares shares = {mem_new_n(uint64_t, count), mem_new_n(uint32_t, count), 0, 0};

    for (uint32_t i = 0; i < count; i++) {
        shares.size[i] = (uint64_t)balance->candidates[i].weight * count;
        sort_in(&shares, count, i, column);
    }
    return shares;
}

/* A small one's column is filled up by a large one, which then has less left. */
static void make_columns(struct column *columns, struct shares *shares, uint32_t count, uint64_t column)
{
    while (shares->small > 0 && shares->large > 0) {
        uint32_t small = shares->unmade[--shares->small];
        uint32_t large = shares->unmade[count - shares->large--];

        columns[small].itself = (uint32_t)(0x1p32 * (double)shares->size[small] / (double)column);
        columns[small].other = large;
        shares->size[large] -= column - shares->size[small];
        sort_in(shares, count, large, column);
    }
}

static void set(struct balance *balance, const uint32_t *was)
{
    struct two_choices *two = CONTAINER_OF(balance, struct two_choices, balance);
    struct shares shares;
    uint64_t column = 0;

    mem_free(two->columns);
    two->columns = mem_new_n(struct column, balance->count);
    for (uint32_t i = 0; i < balance->count; i++) {
        column += balance->candidates[i].weight;
        two->columns[i] = (struct column){UINT32_MAX, i};
    }
    shares = shares_of(balance, column);
    make_columns(two->columns, &shares, balance->count, column);
    mem_free(shares.size);
    mem_free(shares.unmade);
}

/* --- Picking */

static uint32_t draw(struct two_choices *two)
{
    uint64_t number = random_next(&two->balance.random);
    uint32_t position = (uint32_t)(((number >> 32) * two->balance.count) >> 32);
    const struct column *column = &two->columns[position];

    return (uint32_t)number < column->itself ? position : column->other;
}

/* Another one than *first*. Where the same is drawn again, as happens to a heavy one, any other will do: it is only
 * taken when it is less busy. */
static uint32_t draw_other(struct two_choices *two, uint32_t first)
{
    uint32_t count = two->balance.count;
    uint32_t second = count > 2 ? draw(two) : 1 - first;

    if (second == first)
        second = (first + 1 + random_below(&two->balance.random, count - 1)) % count;
    return second;
}

static bool is_less_busy(const struct balance *balance, const struct balance_question *question, uint32_t a,
                         uint32_t b)
{
    const struct balance_candidate *candidates = balance->candidates;

    return (uint64_t)balance_in_use(balance, question, a) * candidates[b].weight <
           (uint64_t)balance_in_use(balance, question, b) * candidates[a].weight;
}

/* From a random place on, so that those behind one that is refused are not always the next. */
static uint32_t any_that_may_be_taken(struct balance *balance, const struct balance_question *question)
{
    uint32_t position = random_below(&balance->random, balance->count);

    for (uint32_t i = 0; i < balance->count; i++) {
        if (balance_may_take(balance, question, position))
            return position;
        position = position + 1 < balance->count ? position + 1 : 0;
    }
    return BALANCE_NONE;
}

static uint32_t pick(struct balance *balance, const struct balance_question *question)
{
    struct two_choices *two = CONTAINER_OF(balance, struct two_choices, balance);

    for (unsigned i = 0; i < DRAWS; i++) {
        uint32_t first = draw(two), second = draw_other(two, first);
        bool is_second = is_less_busy(balance, question, second, first);

        if (balance_may_take(balance, question, is_second ? second : first))
            return is_second ? second : first;
        if (balance_may_take(balance, question, is_second ? first : second))
            return is_second ? first : second;
    }
    return any_that_may_be_taken(balance, question);
}

static void fini(struct balance *balance)
{
    mem_free(CONTAINER_OF(balance, struct two_choices, balance)->columns);
}

const struct balance_policy balance_two_choices = {"two_choices", sizeof(struct two_choices), set, pick,
                                                   fini};
