/** What the tests of changes under load stand on: a configuration in ever other variants, its backends, certificates of two
 *  issues, and the mixed load on it. */
#ifndef E2E_GROUND_H
#define E2E_GROUND_H

#include "e2e/mixed_load.h"
#include "e2e/variant.h"

struct ground {
    struct variant_terms terms;
    struct certificate ca, issues[2];
    int issue;               /* that is in place */
    struct process *portico; /* the test's to start */
    int version;             /* of the configuration that it serves */
};

/** With PORTICO_LONG=1 there is as much of everything as is promised; else as much as a minute has room for. */
bool ground_is_long(void);

/** Everything but Portico; portico.yaml is the plainest variant. */
struct ground ground_make(void);
/** The other issue comes to where the configuration says. */
void ground_swap_certificate(struct ground *ground);

/** @param has_only_kept  only requests on kept connections */
struct mixed_load *ground_load(const struct ground *ground, int64_t lasts_ms, bool has_only_kept);
/** Ends it: each kind did something, and nothing failed. */
void ground_end_load(struct mixed_load *load);
/** Those who come again were not asked for a full handshake, but where the certificate is another one. */
void ground_expect_resumption(const struct mixed_load *load);

#endif
