/* Checks and reports at random on a virtual clock, and beside the rules a model that keeps what happened and reads
 * the state off that. PORTICO_TEST_SEED repeats a run. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backends/health.h"
#include "base/macro.h"
#include "sim/must.h"

enum { ACTS = 100 * 1000, ENDPOINTS_MAX = 7, PAST = 8 };

/* xorshift64* */
static uint64_t dice;

static size_t below(size_t n)
{
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (size_t)((dice * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static void roll_seed(void)
{
    const char *given = getenv("PORTICO_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000003;

    fprintf(stderr, "sim: PORTICO_TEST_SEED=%llu\n", (unsigned long long)seed);
    dice = seed | 1;
}

/* --- The model: the last checks and the last ejection of one endpoint, as they were */

struct past {
    size_t checks;
    bool good[PAST]; /* the last ones, newest first */
    bool is_down;
    bool is_out; /* ejected */
    unsigned ejections;
    uint64_t out_until_ms, out_for_ms; /* the last ejection */
    uint64_t proven_since_ms;          /* it could have failed requests from then on */
    uint64_t suspected_ms;             /* when; 0: not, or it came to more */
};

struct play {
    struct pool_health checks;
    struct pool_outlier outlier;
    struct health health[ENDPOINTS_MAX];
    struct past past[ENDPOINTS_MAX];
    size_t count;
    uint64_t now_ms;
    size_t ejected, all_failed, forgiven, went_down; /* how often: the play must have come there */
};

static enum standing_state state_of(const struct past *past)
{
    return past->is_down ? STANDING_DOWN : past->is_out ? STANDING_EJECTED : STANDING_UP;
}

static size_t count_of(const struct play *play, enum standing_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < play->count; i++)
        n += state_of(&play->past[i]) == state;
    return n;
}

static bool last_were(const struct past *past, size_t n, bool is_good)
{
    if (past->checks < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (past->good[i] != is_good)
            return false;
    }
    return true;
}

static void model_check(struct play *play, struct past *past, bool is_good)
{
    bool was_down = past->is_down;

    for (size_t i = PAST - 1; i > 0; i--)
        past->good[i] = past->good[i - 1];
    past->good[0] = is_good;
    past->checks++;
    if (past->checks == 1)
        past->is_down = !is_good;
    else if (last_were(past, play->checks.fall, false))
        past->is_down = true;
    else if (last_were(past, play->checks.rise, true))
        past->is_down = false;
    if (was_down == past->is_down)
        return;
    play->went_down += past->is_down;
    past->proven_since_ms = play->now_ms;
    past->suspected_ms = 0;
}

static void model_eject(struct play *play, struct past *past)
{
    uint64_t good_for_ms = play->now_ms - past->proven_since_ms;

    if (past->ejections && good_for_ms >= past->out_for_ms && good_for_ms >= play->outlier.eject_ms) {
        past->ejections = 0;
        play->forgiven++;
    }
    past->out_for_ms = play->outlier.eject_ms << MIN(past->ejections, 20U);
    past->out_for_ms = MIN(past->out_for_ms, play->outlier.eject_max_ms);
    past->ejections++;
    past->out_until_ms = play->now_ms + past->out_for_ms;
    past->is_out = true;
    past->suspected_ms = 0;
    play->ejected++;
}

static bool is_suspected(const struct play *play, const struct past *past)
{
    return past->suspected_ms && play->now_ms - past->suspected_ms < play->outlier.eject_ms;
}

static void model_report(struct play *play, struct past *past)
{
    size_t out = count_of(play, STANDING_EJECTED), left = play->count - count_of(play, STANDING_DOWN);
    size_t suspects = 0;

    if (state_of(past) != STANDING_UP)
        return;
    if (out + 1 <= left / 2) {
        model_eject(play, past);
        return;
    }
    past->suspected_ms = play->now_ms;
    for (size_t i = 0; i < play->count; i++)
        suspects += is_suspected(play, &play->past[i]);
    if (out + suspects < left)
        return;
    play->all_failed++;
    for (size_t i = 0; i < play->count; i++) {
        if (is_suspected(play, &play->past[i]))
            model_eject(play, &play->past[i]);
    }
}

/* --- Acts */

static void check(struct play *play, size_t i)
{
    bool is_good = below(3) > 0;
    enum standing_state before = state_of(&play->past[i]);
    bool changed = health_checked(&play->health[i], &play->checks, is_good, play->now_ms);

    model_check(play, &play->past[i], is_good);
    MUST(changed == (state_of(&play->past[i]) != before), "a check");
}

static void report(struct play *play, size_t i)
{
    size_t before = play->ejected;
    bool changed = health_reported(play->health, play->count, i, &play->outlier, play->now_ms);

    model_report(play, &play->past[i]);
    MUST(changed == (play->ejected != before), "a report");
}

static void readmit(struct play *play, size_t i)
{
    struct past *past = &play->past[i];
    bool is_over = past->is_out && play->now_ms >= past->out_until_ms;
    bool changed = health_readmit(&play->health[i], play->now_ms);

    MUST(changed == (is_over && !past->is_down), "an ejection that ends");
    if (!is_over)
        return;
    past->is_out = false;
    past->proven_since_ms = play->now_ms;
}

static void compare(const struct play *play)
{
    for (size_t i = 0; i < play->count; i++) {
        const struct past *past = &play->past[i];
        uint64_t until_ms = past->is_out ? past->out_until_ms : UINT64_MAX;

        MUST(health_state(&play->health[i]) == state_of(past), "endpoint %zu", i);
        MUST(health_readmit_at_ms(&play->health[i]) == until_ms, "endpoint %zu", i);
    }
}

static void set_up(struct play *play)
{
    *play = (struct play){
        .checks = {.rise = 1 + (unsigned)below(4), .fall = 1 + (unsigned)below(4)},
        .outlier = {.eject_ms = 100 + below(10000)},
        .count = 1 + below(ENDPOINTS_MAX),
        .now_ms = 1 + below(1000000),
    };
    play->outlier.eject_max_ms = play->outlier.eject_ms * (1 + below(20)) + below(100);
}

static void act(struct play *play)
{
    size_t i = below(play->count);

    play->now_ms += below(3) ? below(50) : below(4) ? below(3000) : below(60000);
    if (below(2))
        check(play, i);
    else
        report(play, i);
    for (size_t each = 0; each < play->count; each++) {
        if (below(8)) /* the warden may come late */
            readmit(play, each);
    }
    compare(play);
}

Test(health_random, changes_by_the_rules_alone)
{
    struct play play = {0};
    size_t ejected = 0, all_failed = 0, forgiven = 0, went_down = 0;

    roll_seed();
    for (size_t i = 0; i < ACTS; i++) {
        if (i % 500 == 0)
            set_up(&play);
        act(&play);
        if (i % 500 == 499) {
            ejected += play.ejected;
            all_failed += play.all_failed;
            forgiven += play.forgiven;
            went_down += play.went_down;
        }
    }
    MUST(ejected > 1000 && all_failed > 100 && forgiven > 100 && went_down > 1000,
         "it was played too little: %zu %zu %zu %zu", ejected, all_failed, forgiven, went_down);
}

Test(health_random, checks_spread_over_a_tenth_either_way)
{
    const struct pool_health rules = {.interval_ms = 5000};
    size_t tenths[10] = {0};

    roll_seed();
    for (size_t i = 0; i < ACTS; i++) {
        uint64_t ms = health_next_check_ms(&rules, (uint32_t)(below(1u << 31) * 2 + below(2)));

        MUST(ms >= 4500 && ms <= 5500, "%llu", (unsigned long long)ms);
        tenths[MIN((ms - 4500) / 100, 9)]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(tenths); i++)
        MUST(tenths[i] > ACTS / 10 * 9 / 10 && tenths[i] < ACTS / 10 * 11 / 10, "%zu: %zu", i, tenths[i]);
}
