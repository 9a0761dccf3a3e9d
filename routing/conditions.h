/** A route's `when:`: does it hold for what arrives? Pure; nothing is allocated while asking. */
#ifndef ROUTING_CONDITIONS_H
#define ROUTING_CONDITIONS_H

#include "base/arena.h"
#include "base/text.h"
#include "routing/table.h"

/** A deep copy in the arena; NULL when nothing is asked. */
const struct conditions *conditions_copy(const struct conditions *when, struct arena *arena);
bool conditions_eq(const struct conditions *a, const struct conditions *b);
/** Can they be asked of bytes that are no HTTP request: addresses only? */
bool conditions_are_raw(const struct conditions *when);
/** "methods GET, POST; header X-Key: abc; from 10.0.0.0/8" */
void conditions_describe(const struct conditions *when, struct text *out);
/** The same without the values of headers and query parameters, which may be secrets: for what is logged. */
void conditions_describe_names(const struct conditions *when, struct text *out);

/** The first part that does not hold, in words for people ("methods"); NULL: all hold. NULL conditions hold.
 *  Methods are compared as they stand (RFC 9110 §9.1). Of a field or parameter that comes several times any
 * may be the one. Query parameters are compared as forms encode them: "%xx" decoded, "+" a blank. */
const char *conditions_broken_part(const struct conditions *when, const struct request_view *request);
/** The same for a raw connection. */
const char *conditions_broken_raw_part(const struct conditions *when, struct ip from, struct ip local);

#endif
