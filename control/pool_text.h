/** Pools as people read them, for `routes` and `explain`. */
#ifndef CONTROL_POOL_TEXT_H
#define CONTROL_POOL_TEXT_H

#include "backends/pool.h"
#include "base/text.h"

/** "10.0.0.8:8080 (weight 2, backup)" */
void pool_text_target(const struct pool_target *target, struct text *out);
/** "@shop: 10.0.0.7:8080, 10.0.0.8:8080 (backup)"; of a route's own pool without its name. */
void pool_text_targets(const struct pool *pool, struct text *out);
/** Is it one of `backends:`, which routes go to by name? */
bool pool_text_has_name(const struct pool *pool);
/** "balance=least_connections health=/up ": what is not as it is by default, each with a blank behind it. */
void pool_text_options(const struct pool *pool, struct text *out);

#endif
