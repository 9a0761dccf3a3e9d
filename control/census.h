/** What all workers have in hand together: each is asked on its own thread. */
#ifndef CONTROL_CENSUS_H
#define CONTROL_CENSUS_H

#include "proxy/worker_count.h"

struct census;
struct loop;
struct worker;

/** The sum is lent for the call. */
typedef void census_done(void *owner, const struct worker_count *sum);

/** From the main thread, whose loop that is: done() comes there once all have answered, and frees the census. */
struct census *census_begin(struct loop *loop, struct worker *const *workers, unsigned count,
                            census_done *done, void *owner);
/** done() is not called any more. NULL is fine. */
void census_forget(struct census *census);

#endif
