/** What the files of the acquisition share (backends/acquire.c, acquire_wait.c, acquire_again.c). For them alone. */
#ifndef BACKENDS_ACQUIRE_PARTS_H
#define BACKENDS_ACQUIRE_PARTS_H

#include "backends/acquire.h"

static inline struct loop *acquire_loop(const struct acquisition *a)
{
    return back_office_loop(a->desk->office);
}

/** Of the endpoint in use. */
static inline struct shared_conns *acquire_shared(const struct acquisition *a)
{
    return &a->view->endpoints[a->index].home->shared;
}

/** Picks an endpoint and begins there, waits, or fails. Nothing is in use. */
void acquire_attempt(struct acquisition *a);
/** failed() follows, from the loop. */
void acquire_fail(struct acquisition *a, enum fault fault, struct slice detail);

/** At the desk, for what is left of the time that this may take. */
void acquire_wait(struct acquisition *a, enum wait_kind what);

/** For people, and for what the acquisition may end with. */
void acquire_note_failure(struct acquisition *a, enum fault fault, int error_number, struct slice detail);
/** The endpoint in use is not to be picked again. */
void acquire_note_tried(struct acquisition *a);
/** One more. @return false: `retry` allows no more, or the budget is spent */
bool acquire_may_try_another(struct acquisition *a);

#endif
