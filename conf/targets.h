/** The targets of a pool or route as written: short ones, long ones, and lists of both. */
#ifndef CONF_TARGETS_H
#define CONF_TARGETS_H

#include "conf/reader.h"

read_function targets_read, targets_address;

/** Is it one target, short or long, and not the long form of something that has targets? */
bool targets_is_one(const struct node *node);
/** Is one of them "@NAME", a pool of `backends:`? @return the first such, or NULL */
const struct conf_target *targets_pool(const struct conf_targets *targets);

#endif
