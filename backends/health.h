/** The rules by which an endpoint goes down, is ejected, and comes back. Pure: times are passed in.
 *  One struct for each endpoint, in the warden, the only one who decides; those of a pool lie in one array.
 *
 *  Down is what the checks say, ejected what requests met. They do not speak for each other: a check asks for one
 *  path, and requests may fail at others. So good checks do not shorten an ejection, and the end of one brings
 *  back nobody whom the checks have down. */
#ifndef BACKENDS_HEALTH_H
#define BACKENDS_HEALTH_H

#include "backends/pool.h"
#include "backends/roster.h"

/** In the warden's memory; all zero: up, nothing known. */
struct health {
    unsigned in_row;           /* checks in a row that speak against is_down as it stands */
    bool is_checked;           /* one check ended at least */
    bool is_down;              /* by checks */
    bool is_ejected;           /* by requests */
    unsigned ejections;        /* in a row: each doubles the time */
    uint64_t suspect_until_ms; /* was reported while no more could be ejected: for eject_ms */
    uint64_t ejected_until_ms;
    uint64_t back_since_ms; /* from the last ejection, or up since, whichever came later */
};

/** Down counts before ejected. */
enum standing_state health_state(const struct health *health);

/** A check ended. The first one of all decides at once; afterwards pool_health.rise and fall do.
 *  @return whether the state changed */
bool health_checked(struct health *health, const struct pool_health *rules, bool is_good, uint64_t now_ms);

/** Requests to endpoints[index] met as many failures in a row as the pool's outlier says. It is ejected if then at
 *  most half are, of those that are not down; otherwise it is a suspect for eject_ms. Where each one is down,
 *  ejected or a suspect, all of them fail: then, and only then, more than half may be, and all suspects are ejected.
 *  What is ejected or down already stays as it is.
 *
 *  An ejection lasts eject_ms, twice as long each time, eject_max_ms at most. Who was back for as long as the last
 *  one lasted, and eject_ms at least, is forgiven and begins anew.
 *  @param endpoints, count  all of the pool
 *  @return whether any state changed: look at each of them */
bool health_reported(struct health *endpoints, size_t count, size_t index, const struct pool_outlier *rules,
                     uint64_t now_ms);
/** An ejected endpoint was used for want of better ones, and served well: its ejection ends.
 *  @return whether the state changed */
bool health_served(struct health *health, uint64_t now_ms);
/** Ends an ejection whose time is over. @return whether the state changed */
bool health_readmit(struct health *health, uint64_t now_ms);
/** When health_readmit() is due; UINT64_MAX: never. */
uint64_t health_readmit_at_ms(const struct health *health);

/** The delay to the next check: interval_ms with up to a tenth of jitter either way, so that the checks of many
 *  endpoints and nodes spread. @param random  any number, evenly spread */
uint64_t health_next_check_ms(const struct pool_health *rules, uint32_t random);

/** What an endpoint's weight is worth while it starts slowly, in 1/BALANCE_WEIGHT_ONE of one: from a tenth up to the
 *  whole, evenly over slow_start_ms. The whole where up_since_ms or slow_start_ms is 0; at least 1. */
uint32_t health_slow_start(uint32_t weight, uint64_t up_since_ms, uint64_t slow_start_ms, uint64_t now_ms);

#endif
