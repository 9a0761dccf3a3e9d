/** The rules by which an endpoint goes down, is ejected, and comes back. Pure: times are passed in.
 *  One for each endpoint, in the warden, the only one who decides. */
#ifndef BACKENDS_HEALTH_H
#define BACKENDS_HEALTH_H

#include "backends/pool.h"
#include "backends/roster.h"

/** In the warden's memory; all zero: up, nothing known. */
struct health {
    unsigned in_row;    /* checks in a row that speak against the state it has */
    bool is_checked;    /* one check ended at least */
    bool is_down;       /* by checks */
    bool is_ejected;    /* by requests */
    bool is_suspect;    /* was reported while no more could be ejected */
    unsigned ejections; /* in a row: each doubles the time */
    uint64_t ejected_until_ms;
    uint64_t back_since_ms; /* of the last ejection: a while without another one forgives them */
};

enum standing_state health_state(const struct health *health);

/** A check ended. The first one after the start decides at once; afterwards pool_health.rise and fall do.
 *  @return whether the state changed */
bool health_checked(struct health *health, const struct pool_health *rules, bool is_good, uint64_t now_ms);

/** Requests met as many failures in a row as the pool's outlier says.
 *  @param ejected, count  of the pool's endpoints now: never more than half of them are ejected. What is reported
 *                         beyond that becomes a suspect; where all others are ejected or suspects, nothing tells them
 *                         apart any more and none stays ejected for it (health_forgive()).
 *  @return whether the state changed */
bool health_reported(struct health *health, const struct pool_outlier *rules, size_t ejected, size_t count,
                     uint64_t now_ms);
/** The ejection's time is over, or a check was good. @return whether the state changed */
bool health_readmit(struct health *health, uint64_t now_ms);
/** When health_readmit() is due; UINT64_MAX: never. */
uint64_t health_readmit_at_ms(const struct health *health);

/** The next check: interval_ms with up to a tenth of jitter either way, so that the checks of many endpoints and nodes
 *  spread. @param random  any number */
uint64_t health_next_check_ms(const struct pool_health *rules, uint32_t random);

/** What an endpoint's weight is worth while it starts slowly, in 1/BALANCE_WEIGHT_ONE of one: from a tenth up to the
 *  whole. */
uint32_t health_slow_start(uint32_t weight, uint64_t up_since_ms, uint64_t slow_start_ms, uint64_t now_ms);

#endif
