/* Each candidate has turns in virtual time: a pick takes ONE / (sum of weights) of it, a candidate's turn ONE / weight.
 * Whose turn has begun is ready, and of the ready the one whose turn ends first is taken; its next turn begins where
 * this one ended. Waiting for the begin is what makes it smooth: a heavy one cannot run ahead of the others, and after
 * any number of picks each has had its share to less than one pick (earliest deadline first with release times;
 * Baruah, Cohen, Plaxton and Varvel 1996, "Proportionate progress"). Where all weights are the same, turns end in the
 * order in which they begin, so those that wait are picked from as they are.
 *
 * All candidates together are as much ahead of time as behind it. Whatever moves one otherwise than by a pick moves
 * time as well, so that this holds; else time would run away from the turns, and all of them be ready always. */
#include "backends/balance_policy.h"
#include "backends/turns.h"
#include "base/macro.h"
#include "base/mem.h"

/* A turn of the smallest weight. Time starts again at KEPT when it comes to its END, so that it never wraps. */
#define ONE  ((uint64_t)1 << 40)
#define KEPT ((uint64_t)1 << 43)
#define END  ((uint64_t)1 << 62)

/* A candidate that may not be taken keeps its place, but turns do not gather beyond these: else all that is picked
 * would be this one when it is back. */
enum { KEPT_TURNS = 2 };

/* Steps of ONE / weight. What division leaves is carried on, so k steps are floor(k * ONE / weight) for any k. */
struct pace {
    uint64_t step, rest, weight, carried;
};

struct node {
    struct pace pace;
    uint64_t begin, end; /* of its turn */
    uint32_t order;      /* where turns are equal: of those picked before, whoever was picked longest ago */
};

struct round_robin {
    struct balance balance;
    struct node *nodes;          /* one for each candidate */
    struct turns waiting, ready; /* by the begin, by the end of their turns */
    struct pace pace;            /* of all weights together */
    uint64_t now;                /* when the next pick ends */
    bool is_even;                /* all weights are the same: nobody is in *ready* */
    uint32_t orders;             /* given so far; that it wraps moves a rotation once in 2^32 picks */
};

static struct pace pace_of(uint64_t weight)
{
    return (struct pace){.step = ONE / weight, .rest = ONE % weight, .weight = weight};
}

static uint64_t pace_step(struct pace *pace)
{
    pace->carried += pace->rest;
    if (pace->carried < pace->weight)
        return pace->step;
    pace->carried -= pace->weight;
    return pace->step + 1;
}

/* --- The queues */

static void wait_for_turn(struct round_robin *rr, uint32_t position)
{
    turns_push(&rr->waiting, (struct turn){rr->nodes[position].begin, rr->nodes[position].order, position});
}

static void be_ready(struct round_robin *rr, uint32_t position)
{
    turns_push(&rr->ready, (struct turn){rr->nodes[position].end, rr->nodes[position].order, position});
}

static void line_up(struct round_robin *rr)
{
    rr->waiting.count = rr->ready.count = 0;
    for (uint32_t i = 0; i < rr->balance.count; i++)
        wait_for_turn(rr, i);
}

static void begin_turns(struct round_robin *rr)
{
    while (rr->waiting.count > 0 && rr->waiting.heap[0].due < rr->now)
        be_ready(rr, turns_remove(&rr->waiting, 0).who);
}

static void turn_back_time(struct round_robin *rr)
{
    uint64_t shift = rr->now - KEPT;

    for (uint32_t i = 0; i < rr->balance.count; i++) {
        struct node *node = &rr->nodes[i];

        node->begin = MAX(node->begin, shift) - shift;
        node->end = MAX(node->end, shift) - shift;
    }
    rr->now = KEPT;
    line_up(rr);
}

/* --- Picking */

/* Moves on a node that is in no queue, if turns have gathered. Time gets what the node loses. */
static void forgive(struct round_robin *rr, struct node *node)
{
    uint64_t kept = node->begin + KEPT_TURNS * (node->end - node->begin), late, shift;

    if (kept >= rr->now)
        return;
    late = MIN(rr->now - kept, UINT64_MAX / node->pace.weight);
    shift = late * node->pace.weight / (rr->pace.weight - node->pace.weight);
    node->begin += late + shift;
    node->end += late + shift;
    rr->now += shift;
}

static void pass_over_first(struct round_robin *rr)
{
    uint32_t position = turns_remove(rr->is_even ? &rr->waiting : &rr->ready, 0).who;

    forgive(rr, &rr->nodes[position]);
    if (rr->is_even)
        wait_for_turn(rr, position);
    else
        be_ready(rr, position);
}

/* The first that may be taken, as a place in the heap. Refusals are rare, and then the others are looked through. */
static uint32_t first_of(const struct round_robin *rr, const struct turns *turns,
                         const struct balance_question *question)
{
    uint32_t best = BALANCE_NONE;

    for (uint32_t at = 0; at < turns->count && best != 0; at++) {
        const struct turn *turn = &turns->heap[at];

        if (best != BALANCE_NONE && !turn_is_before(turn, &turns->heap[best]))
            continue;
        if (balance_may_take(&rr->balance, question, turn->who))
            best = at;
    }
    return best;
}

static uint32_t take(struct round_robin *rr, struct turns *turns, uint32_t at)
{
    uint32_t position = turns_remove(turns, at).who;
    struct node *node = &rr->nodes[position];

    forgive(rr, node);
    node->begin = node->end;
    node->end += pace_step(&node->pace);
    node->order = rr->orders++;
    wait_for_turn(rr, position);
    rr->now += pace_step(&rr->pace);
    return position;
}

static uint32_t pick(struct balance *balance, const struct balance_question *question)
{
    struct round_robin *rr = CONTAINER_OF(balance, struct round_robin, balance);
    struct turns *turns = &rr->ready;
    uint32_t at, position;
    bool is_refused;

    if (UNLIKELY(rr->now >= END))
        turn_back_time(rr);
    if (!rr->is_even)
        begin_turns(rr);
    at = first_of(rr, turns, question);
    if (at == BALANCE_NONE) {
        turns = &rr->waiting;
        at = first_of(rr, turns, question);
    }
    if (at == BALANCE_NONE)
        return BALANCE_NONE;
    is_refused = rr->is_even || turns == &rr->ready ? at > 0 : rr->ready.count > 0;
    position = take(rr, turns, at);
    if (is_refused)
        pass_over_first(rr);
    return position;
}

/* --- Who is there */

/* Its weight may be another: as many picks ahead or behind as it was, though not by more than is kept anyway.
 * @return how far ahead, in ONEs of a pick */
static int64_t stay(const struct round_robin *rr, struct node *node, uint32_t weight)
{
    int64_t turns = (int64_t)(KEPT_TURNS * (node->end - node->begin));
    int64_t ahead = (int64_t)(node->begin - rr->now);

    if (weight == node->pace.weight && ahead >= -turns)
        return ahead * (int64_t)weight;
    ahead = MAX(-turns, MIN(ahead, turns)) * (int64_t)node->pace.weight;
    node->pace = pace_of(weight);
    node->begin = rr->now + (uint64_t)(ahead / (int64_t)weight);
    node->end = node->begin + pace_step(&node->pace);
    return ahead;
}

static struct node newcomer(struct round_robin *rr, uint32_t weight)
{
    struct node node = {.pace = pace_of(weight), .begin = rr->now, .order = rr->orders++};

    node.end = node.begin + pace_step(&node.pace);
    return node;
}

/* Those that come begin when those that stay are as much ahead as behind, all together. */
static void take_over(struct round_robin *rr, struct node *nodes, const uint32_t *was)
{
    const struct balance_candidate *candidates = rr->balance.candidates;
    int64_t ahead = 0, weight = 0;

    for (uint32_t i = 0; i < rr->balance.count; i++) {
        if (was[i] == BALANCE_NONE)
            continue;
        nodes[i] = rr->nodes[was[i]];
        ahead += stay(rr, &nodes[i], candidates[i].weight);
        weight += candidates[i].weight;
    }
    if (weight > 0)
        rr->now += (uint64_t)(ahead / weight);
    for (uint32_t i = 0; i < rr->balance.count; i++)
        if (was[i] == BALANCE_NONE)
            nodes[i] = newcomer(rr, candidates[i].weight);
}

/* The seed says who is the first of those that are equal. */
static void begin_all(struct round_robin *rr, struct node *nodes)
{
    uint32_t count = rr->balance.count, first = random_below(&rr->balance.random, count);

    rr->now = KEPT;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t position = (uint32_t)(((uint64_t)first + i) % count);

        nodes[position] = newcomer(rr, rr->balance.candidates[position].weight);
    }
}

static void replace_nodes(struct round_robin *rr, struct node *nodes)
{
    mem_free(rr->nodes);
    turns_fini(&rr->waiting);
    turns_fini(&rr->ready);
    rr->nodes = nodes;
    turns_init(&rr->waiting, rr->balance.count);
    turns_init(&rr->ready, rr->balance.count);
    line_up(rr);
}

static void set(struct balance *balance, const uint32_t *was)
{
    struct round_robin *rr = CONTAINER_OF(balance, struct round_robin, balance);
    struct node *nodes = mem_new_n(struct node, balance->count);
    uint64_t weight = 0;

    rr->is_even = true;
    rr->now -= rr->pace.step; /* when the next pick begins */
    if (was)
        take_over(rr, nodes, was);
    else
        begin_all(rr, nodes);
    for (uint32_t i = 0; i < balance->count; i++) {
        weight += balance->candidates[i].weight;
        rr->is_even &= balance->candidates[i].weight == balance->candidates[0].weight;
    }
    rr->pace = pace_of(MAX(weight, 1));
    rr->now += pace_step(&rr->pace);
    replace_nodes(rr, nodes);
}

static void fini(struct balance *balance)
{
    struct round_robin *rr = CONTAINER_OF(balance, struct round_robin, balance);

    mem_free(rr->nodes);
    turns_fini(&rr->waiting);
    turns_fini(&rr->ready);
}

const struct balance_policy balance_round_robin = {"round_robin", sizeof(struct round_robin), set, pick,
                                                   fini};
