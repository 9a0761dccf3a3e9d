/** Are all loops alive? At each interval every worker's loop is asked to answer; when all of them have, the owner hears
 *  it. A loop that hangs keeps the round open, and nothing is heard until it goes on.
 *  Of the main thread, whose own loop is part of the question: it runs the intervals. */
#ifndef CONTROL_WATCHDOG_H
#define CONTROL_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct watchdog;

/** The first round begins at once.
 *  @param loops  of the workers; copied; they live at least until watchdog_close()
 *  @param on_alive  called on *loop* at the end of each round */
struct watchdog *watchdog_new(struct loop *loop, struct loop *const *loops, size_t count,
                              uint64_t interval_ms, void (*on_alive)(void *owner), void *owner);
/** Asks no more and says nothing more. NULL is fine. */
void watchdog_close(struct watchdog *watchdog);
/** After all loops were freed, so that no answer is on its way. NULL is fine. */
void watchdog_free(struct watchdog *watchdog);

#endif
