/** Requests that come at random and last random times on a virtual clock, and endpoints that a balance chooses for
 *  them: what tests of balancing look at. Two crowds of one seed are the same requests. */
#ifndef TESTS_SIM_CROWD_H
#define TESTS_SIM_CROWD_H

#include "backends/balance.h"
#include "base/random.h"

enum { ENDPOINTS_MAX = 1024, CROWD_MAX = 1 << 17, CROWD_TICKS = 1 << 12 };

struct crowd {
    struct random random;    /* of the requests */
    struct balance *balance; /* NULL: one is taken at random */
    struct random choices;   /* for that */
    struct balance_candidate candidates[ENDPOINTS_MAX];
    uint32_t count;
    uint32_t slowness[ENDPOINTS_MAX]; /* how many times as long a request lasts there */
    uint32_t in_use[ENDPOINTS_MAX];
    uint64_t picked[ENDPOINTS_MAX];
    uint64_t under_way;
    uint64_t worst;               /* the most that one had more than the mean, since it was last set */
    uint32_t tick;                /* the virtual time */
    uint32_t ending[CROWD_TICKS]; /* requests that end then: 1 + their number; 0: none */
    struct crowd_request {
        uint32_t endpoint, next;
    } requests[CROWD_MAX];
    uint32_t spare, used; /* requests that may be used again, and that have been used */
};

/** @param weights  in whole ones; NULL: all have weight one */
struct crowd *crowd_new(enum balance_kind kind, uint64_t seed, uint32_t count, const uint32_t *weights);
/** Nobody balances: one endpoint is taken at random. */
struct crowd *crowd_new_random(uint64_t seed, uint32_t count);
void crowd_free(struct crowd *crowd);
/** So many requests come, about *under_way* of them at a time; 0: each ends before the next one comes. */
void crowd_comes(struct crowd *crowd, uint64_t requests, uint32_t under_way);
/** Forgets what was picked until now. */
void crowd_count_anew(struct crowd *crowd);

#endif
