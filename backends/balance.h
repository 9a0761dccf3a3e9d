/** Which endpoint of a pool takes the next request. Pure: no clock, no I/O; one file a policy behind it.
 *  One for each pool and worker; what is down, ejected or a backup not needed now is no candidate.
 *
 *  round_robin        smooth and weighted: the one that is due first (earliest virtual deadline). One that may not be
 *                     taken keeps its place, up to two turns of it; the others have their shares meanwhile, if
 *                     less evenly. O(log n), O(n) where one is refused
 *  least_connections  fewest requests under way over weight, this one counted in; so with little under way the
 *                     heaviest get all, and shares follow the weights when all are busy. O(n)
 *  two_choices        the less busy (over weight) of two taken at random, each as its weight says (Mitzenmacher 2001);
 *                     the first where they are equal, so with little under way shares are the weights'. O(1)
 *  hash               the same key to the same endpoint while it is there; one that comes or goes moves
 *                     about its own share of the keys (Maglev, Eisenbud et al. 2016). O(1); 128 KiB, made at the
 *                     first pick after balance_set() has changed a name or a weight, which takes some ms */
#ifndef BACKENDS_BALANCE_H
#define BACKENDS_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum balance_kind { BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS, BALANCE_TWO_CHOICES, BALANCE_HASH };

enum { BALANCE_NONE = UINT32_MAX, BALANCE_WEIGHT_ONE = 256 };

struct balance_candidate {
    uint32_t index;  /* of the endpoint in its roster: what is picked */
    uint32_t slot;   /* its place in balance_question.in_use */
    uint32_t weight; /* in 1/BALANCE_WEIGHT_ONE, at least 1: slow start makes fractions */
    uint64_t name; /* of the endpoint, the same wherever it stands in the roster and on every worker: hash */
};

struct balance_question {
    uint64_t key;           /* BALANCE_HASH: of the request; a good hash already, it is used as it is */
    const uint32_t *in_use; /* requests under way on this worker, by slot */
    bool (*may_take)(void *owner, uint32_t index); /* NULL: any of the candidates */
    void *owner;
};

struct balance;

/** @param seed  of what is random, and of who is first: equal seeds give equal picks */
struct balance *balance_new(enum balance_kind kind, uint64_t seed);
void balance_free(struct balance *balance);
/** Who may be picked from now on; copied. Those that stay keep their turn, also when their weight changes: this is
 *  called again and again while an endpoint starts slowly. */
void balance_set(struct balance *balance, const struct balance_candidate *candidates, size_t count);
/** @return the index of a candidate that may be taken, BALANCE_NONE when there is none. Each candidate's share of
 *          many picks is its weight's share, as far as the policy looks at weights alone. */
uint32_t balance_pick(struct balance *balance, const struct balance_question *question);
/** "round_robin", as in the configuration. */
const char *balance_name(enum balance_kind kind);

#endif
