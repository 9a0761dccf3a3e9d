#include "backends/health.h"

#include "base/macro.h"

/* Checks:    up ──fall bad ones in a row──► down ──rise good ones in a row──► up; the first of all decides alone.
 * Requests:  in ──reported──► ejected ──time is over──► in, or (no room) a suspect for a while.
 * The two are apart; health_state() shows them as one. */

enum standing_state health_state(const struct health *health)
{
    if (health->is_down)
        return STANDING_DOWN;
    return health->is_ejected ? STANDING_EJECTED : STANDING_UP;
}

/* --- Checks */

static void turn(struct health *health, bool is_down, uint64_t now_ms)
{
    health->in_row = 0;
    health->is_down = is_down;
    health->suspect_until_ms = 0;
    health->back_since_ms = now_ms; /* while it was down no request could speak for it */
}

bool health_checked(struct health *health, const struct pool_health *rules, bool is_good, uint64_t now_ms)
{
    bool speaks_against = is_good == health->is_down;
    bool is_first = !health->is_checked;

    health->is_checked = true;
    if (!speaks_against) {
        health->in_row = 0;
        return false;
    }
    health->in_row++;
    if (!is_first && health->in_row < (health->is_down ? rules->rise : rules->fall))
        return false;
    turn(health, !health->is_down, now_ms);
    return true; /* down counts before ejected, so both ways are seen */
}

/* --- What requests met */

static uint64_t ejection_ms(const struct pool_outlier *rules, unsigned ejections)
{
    uint64_t ms = rules->eject_ms;

    while (--ejections > 0 && ms < rules->eject_max_ms)
        ms *= 2;
    return MIN(ms, rules->eject_max_ms);
}

static bool is_forgiven(const struct health *health, const struct pool_outlier *rules, uint64_t now_ms)
{
    uint64_t last_ms;

    if (health->ejections == 0)
        return true;
    last_ms = ejection_ms(rules, health->ejections);
    return now_ms - health->back_since_ms >= MAX(last_ms, rules->eject_ms);
}

static void eject(struct health *health, const struct pool_outlier *rules, uint64_t now_ms)
{
    if (is_forgiven(health, rules, now_ms))
        health->ejections = 0;
    health->ejections++;
    health->is_ejected = true;
    health->suspect_until_ms = 0;
    health->ejected_until_ms = now_ms + ejection_ms(rules, health->ejections);
}

static bool is_suspect(const struct health *health, uint64_t now_ms)
{
    return health_state(health) == STANDING_UP && health->suspect_until_ms > now_ms;
}

/* Of those that are not down, since they are all that is left to take the requests. */
static bool has_room(const struct health *endpoints, size_t count)
{
    size_t states[] = {[STANDING_UP] = 0, [STANDING_DOWN] = 0, [STANDING_EJECTED] = 0};

    for (size_t i = 0; i < count; i++)
        states[health_state(&endpoints[i])]++;
    return 2 * (states[STANDING_EJECTED] + 1) <= states[STANDING_UP] + states[STANDING_EJECTED];
}

static bool all_fail(const struct health *endpoints, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (health_state(&endpoints[i]) == STANDING_UP && !is_suspect(&endpoints[i], now_ms))
            return false;
    }
    return true;
}

static void eject_suspects(struct health *endpoints, size_t count, const struct pool_outlier *rules,
                           uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (is_suspect(&endpoints[i], now_ms))
            eject(&endpoints[i], rules, now_ms);
    }
}

bool health_reported(struct health *endpoints, size_t count, size_t index, const struct pool_outlier *rules,
                     uint64_t now_ms)
{
    struct health *reported = &endpoints[index];

    ASSERT(index < count);
    if (health_state(reported) != STANDING_UP)
        return false;
    if (has_room(endpoints, count)) {
        eject(reported, rules, now_ms);
        return true;
    }
    reported->suspect_until_ms = now_ms + rules->eject_ms;
    if (!all_fail(endpoints, count, now_ms))
        return false;
    eject_suspects(endpoints, count, rules, now_ms);
    return true;
}

bool health_served(struct health *health, uint64_t now_ms)
{
    health->ejected_until_ms = MIN(health->ejected_until_ms, now_ms);
    return health_readmit(health, now_ms);
}

bool health_readmit(struct health *health, uint64_t now_ms)
{
    if (!health->is_ejected || now_ms < health->ejected_until_ms)
        return false;
    health->is_ejected = false;
    health->back_since_ms = now_ms;
    return !health->is_down;
}

uint64_t health_readmit_at_ms(const struct health *health)
{
    return health->is_ejected ? health->ejected_until_ms : UINT64_MAX;
}

/* --- Numbers */

uint64_t health_next_check_ms(const struct pool_health *rules, uint32_t random)
{
    uint64_t tenth_ms = rules->interval_ms / 10;

    return rules->interval_ms - tenth_ms + (((2 * tenth_ms + 1) * random) >> 32);
}

uint32_t health_slow_start(uint32_t weight, uint64_t up_since_ms, uint64_t slow_start_ms, uint64_t now_ms)
{
    uint64_t whole = (uint64_t)weight * BALANCE_WEIGHT_ONE;
    /* another thread's turn may have begun before it came up */
    uint64_t age_ms = now_ms > up_since_ms ? now_ms - up_since_ms : 0;

    if (up_since_ms == 0 || age_ms >= slow_start_ms)
        return (uint32_t)whole;
    return (uint32_t)MAX(whole * (slow_start_ms + 9 * age_ms) / (10 * slow_start_ms), 1U);
}
