/** Why a request was answered with an error: each worker is asked, on its own thread, whether the id is one of its last. */
#ifndef CONTROL_WHY_H
#define CONTROL_WHY_H

#include "base/slice.h"
#include "base/text.h"
#include "proxy/failures.h"

struct loop;
struct why;
struct worker;

/** @param failure  lent; NULL: no worker knows it (any more) */
typedef void why_done(void *owner, const struct failure *failure);

/** From the main thread, whose loop that is: done() comes there once all have answered, and frees it. */
struct why *why_begin(struct loop *loop, struct worker *const *workers, unsigned count, uint64_t id,
                      why_done *done, void *owner);
/** done() is not called any more. NULL is fine. */
void why_forget(struct why *why);

/** As X-Portico-Error and the logs have it. @return false: it is none */
bool why_read_id(struct slice text, uint64_t *id);
/** Adds the JSON. */
void why_write(const struct failure *failure, struct text *out);

#endif
