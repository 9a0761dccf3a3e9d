/** Names to addresses, off the loop, by the system's resolver; answers are kept for a few seconds. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/address.h"

/* Until backends/resolver.h takes the place of this file, both are linked. */
#define resolver_new  resolve_resolver_new
#define resolver_free resolve_resolver_free

struct loop;
struct resolver; /* one a loop */
struct resolve;  /* one question under way */

struct resolver *resolver_new(struct loop *loop);
/** Cancels what is under way; no event comes afterwards. */
void resolver_free(struct resolver *resolver);

/** *count* addresses with port 0, valid during the call; or count 0 and *reason* ("Name or service not
 * known"). */
typedef void resolve_done(void *owner, const struct address *addresses, size_t count, const char *reason);

/** The answer comes from the loop, never from inside this call. A fresh answer (younger than 5 s) is reused;
 * when the system fails where it answered before, the old answer is used for up to 5 min.
 *  @param name  host name, lower case */
struct resolve *resolve_start(struct resolver *resolver, struct slice name, resolve_done *done, void *owner);
void resolve_cancel(struct resolve *resolve);

/** Addresses for the name known now without waiting, or NULL. */
const struct address *resolve_cached(struct resolver *resolver, struct slice name, size_t *count);

#endif
