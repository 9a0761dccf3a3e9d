#include "proxy/lease.h"

#include "base/macro.h"
#include "base/mem.h"
#include "proxy/snapshot.h"

struct lease *lease_new(struct snapshot *snapshot)
{
    struct lease *lease = mem_new(struct lease);

    snapshot_ref(snapshot);
    lease->snapshot = snapshot;
    lease->users = 1;
    lease->turns = mem_new_n(uint32_t, snapshot->actions_count);
    return lease;
}

void lease_drop(struct lease *lease)
{
    if (!lease)
        return;
    ASSERT(lease->users > 0);
    if (--lease->users > 0)
        return;
    snapshot_unref(lease->snapshot);
    mem_free(lease->turns);
    mem_free(lease);
}
