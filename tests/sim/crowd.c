#include "sim/crowd.h"

#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "sim/must.h"

/* A request lasts 1 to LONGEST ticks, where an endpoint is not slow. */
enum { LONGEST = 200, MEAN = (LONGEST + 1) / 2 };

static struct crowd *crowd_of(uint64_t seed, uint32_t count, const uint32_t *weights)
{
    struct crowd *crowd = mem_new(struct crowd);

    crowd->random = random_of(seed);
    crowd->choices = random_of(~seed);
    crowd->count = count;
    for (uint32_t i = 0; i < count; i++) {
        crowd->slowness[i] = 1;
        crowd->candidates[i] =
            (struct balance_candidate){.index = i,
                                       .slot = i,
                                       .weight = (weights ? weights[i] : 1) * BALANCE_WEIGHT_ONE,
                                       .name = random_mix(seed ^ (i + 1))};
    }
    return crowd;
}

struct crowd *crowd_new_random(uint64_t seed, uint32_t count)
{
    return crowd_of(seed, count, NULL);
}

struct crowd *crowd_new(enum balance_kind kind, uint64_t seed, uint32_t count, const uint32_t *weights)
{
    struct crowd *crowd = crowd_of(seed, count, weights);

    crowd->balance = balance_new(kind, seed);
    balance_set(crowd->balance, crowd->candidates, count);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    balance_free(crowd->balance);
    mem_free(crowd);
}

static uint32_t choose(struct crowd *crowd)
{
    struct balance_question question = {.key = random_next(&crowd->random), .in_use = crowd->in_use};
    uint32_t endpoint;

    if (!crowd->balance)
        return random_below(&crowd->choices, crowd->count);
    endpoint = balance_pick(crowd->balance, &question);
    MUST(endpoint < crowd->count, "%u", endpoint);
    return endpoint;
}

static void note_worst(struct crowd *crowd, uint32_t endpoint)
{
    uint64_t mean = crowd->under_way / crowd->count;

    if (crowd->in_use[endpoint] > mean)
        crowd->worst = MAX(crowd->worst, crowd->in_use[endpoint] - mean);
}

static uint32_t take_spare(struct crowd *crowd)
{
    uint32_t number = crowd->spare;

    if (number) {
        crowd->spare = crowd->requests[number - 1].next;
        return number;
    }
    MUST(crowd->used < CROWD_MAX, "too many under way");
    return ++crowd->used;
}

static void begin(struct crowd *crowd, uint32_t endpoint, uint32_t ticks)
{
    uint32_t number = take_spare(crowd);
    uint32_t *ending = &crowd->ending[(crowd->tick + ticks * crowd->slowness[endpoint]) % CROWD_TICKS];

    crowd->requests[number - 1] = (struct crowd_request){endpoint, *ending};
    *ending = number;
    crowd->in_use[endpoint]++;
    crowd->under_way++;
    note_worst(crowd, endpoint);
}

static void next_tick(struct crowd *crowd)
{
    uint32_t *ending = &crowd->ending[++crowd->tick % CROWD_TICKS];

    while (*ending) {
        uint32_t number = *ending;
        struct crowd_request *request = &crowd->requests[number - 1];

        *ending = request->next;
        crowd->in_use[request->endpoint]--;
        crowd->under_way--;
        request->next = crowd->spare;
        crowd->spare = number;
    }
}

/* As many ticks pass before the next one comes as make the mean: often none. */
static void wait_for_next(struct crowd *crowd, uint32_t under_way)
{
    uint64_t ticks_256 = random_below(&crowd->random, 2 * 256 * MEAN / under_way + 1);
    uint32_t left = random_below(&crowd->random, 256);

    for (uint64_t ticks = (ticks_256 + left) / 256; ticks; ticks--)
        next_tick(crowd);
}

void crowd_comes(struct crowd *crowd, uint64_t requests, uint32_t under_way)
{
    for (; requests; requests--) {
        uint32_t endpoint = choose(crowd);

        crowd->picked[endpoint]++;
        if (under_way == 0)
            continue;
        begin(crowd, endpoint, 1 + random_below(&crowd->random, LONGEST));
        wait_for_next(crowd, under_way);
    }
}

void crowd_count_anew(struct crowd *crowd)
{
    memset(crowd->picked, 0, sizeof(crowd->picked));
    crowd->worst = 0;
}
