#include "control/census.h"

#include "base/mem.h"
#include "net/loop.h"
#include "proxy/worker_control.h"

/** What one worker said, on its way to the main thread. */
struct ballot {
    struct census *census;
    struct worker_count count;
};

struct census {
    struct loop *loop;
    struct worker_count sum;
    unsigned missing;  /* workers that have not answered */
    census_done *done; /* NULL: forgotten */
    void *owner;
    struct ballot ballots[];
};

static void on_ballot(void *argument)
{
    struct ballot *ballot = argument;
    struct census *census = ballot->census;

    worker_count_add(&census->sum, &ballot->count);
    worker_count_fini(&ballot->count);
    if (--census->missing > 0)
        return;
    if (census->done)
        census->done(census->owner, &census->sum);
    worker_count_fini(&census->sum);
    mem_free(census);
}

static void on_counted(void *argument)
{
    struct ballot *ballot = argument;

    loop_post(ballot->census->loop, on_ballot, ballot);
}

struct census *census_begin(struct loop *loop, struct worker *const *workers, unsigned count,
                            census_done *done, void *owner)
{
    struct census *census = mem_zeroed(1, sizeof(*census) + count * sizeof(*census->ballots));

    census->loop = loop;
    census->missing = count;
    census->done = done;
    census->owner = owner;
    for (unsigned i = 0; i < count; i++) {
        census->ballots[i].census = census;
        worker_census(workers[i], &census->ballots[i].count, on_counted, &census->ballots[i]);
    }
    return census;
}

void census_forget(struct census *census)
{
    if (census)
        census->done = NULL;
}
