#include "proxy/listen_set.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listener.h"
#include "proxy/snapshot.h"

static const struct listen_entry *find(const struct listen_set *set, const struct address *address)
{
    for (size_t i = 0; set && i < set->count; i++) {
        if (address_eq(&set->entries[i].address, address))
            return &set->entries[i];
    }
    return NULL;
}

static void close_entry(struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++) {
        if (entry->fds[i] >= 0)
            close(entry->fds[i]);
    }
}

/* Where `bind` changes, sockets of ours hold the port under its other address until the workers let go of
 * them; SO_REUSEPORT lets both stand. */
static bool is_ours(const struct listen_set *old, const struct address *address)
{
    for (size_t i = 0; old && i < old->count; i++) {
        const struct address *other = &old->entries[i].address;

        if (other->family == address->family && address_port(other) == address_port(address))
            return true;
    }
    return false;
}

/* @return 0, or what the kernel said */
static int open_entry(struct listen_entry *entry, unsigned workers, const struct listen_set *old)
{
    if (!is_ours(old, &entry->address) && listener_is_taken(&entry->address))
        return EADDRINUSE;
    for (unsigned i = 0; i < workers; i++) {
        entry->fds[i] = listener_open(&entry->address, entry->waits_for_client);
        if (entry->fds[i] < 0) {
            int error_number = errno;

            close_entry(entry, i);
            return error_number;
        }
    }
    return 0;
}

static void set_waits(const struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++)
        listener_set_waits(entry->fds[i], entry->waits_for_client);
}

static void adopt_entry(struct listen_entry *entry, const struct listen_entry *kept, unsigned workers)
{
    memcpy(entry->fds, kept->fds, workers * sizeof(*entry->fds));
    if (entry->waits_for_client != kept->waits_for_client)
        set_waits(entry, workers);
}

static struct listen_set *set_new(unsigned workers, size_t capacity)
{
    struct listen_set *set = mem_zeroed(1, sizeof(*set) + capacity * sizeof(*set->entries));

    set->workers = workers;
    return set;
}

static void set_free(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        mem_free(set->entries[i].fds);
    mem_free(set);
}

/* An IPv6 wildcard on a machine without IPv6 is no failure: the table asked for "all addresses". */
static bool may_skip(const struct listen *listen, int error_number)
{
    return listen->is_optional && (error_number == EAFNOSUPPORT || error_number == EADDRNOTAVAIL);
}

int listen_set_open(const struct listen_set *old, const struct snapshot *snapshot, unsigned workers,
                    struct listen_set **out, struct error *error)
{
    struct listen_set *set = set_new(workers, snapshot->listens_count);

    ASSERT(!old || old->workers == workers);
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        const struct listen *wanted = &snapshot->listens[i];
        struct listen_entry *entry = &set->entries[set->count];
        const struct listen_entry *kept = find(old, &wanted->address);
        int error_number = 0;

        entry->address = wanted->address;
        entry->waits_for_client = wanted->waits_for_client;
        entry->fds = mem_new_n(int, workers);
        if (kept) {
            adopt_entry(entry, kept, workers);
        } else if ((error_number = open_entry(entry, workers, old))) {
            mem_free(entry->fds);
            if (may_skip(wanted, error_number))
                continue;
            listener_explain(&wanted->address, error_number, error);
            listen_set_close(set, old);
            return -1;
        }
        set->count++;
    }
    *out = set;
    return 0;
}

void listen_set_close(struct listen_set *old, const struct listen_set *now)
{
    if (!old)
        return;
    for (size_t i = 0; i < old->count; i++) {
        const struct listen_entry *kept = find(now, &old->entries[i].address);

        if (!kept || kept->fds[0] != old->entries[i].fds[0])
            close_entry(&old->entries[i], old->workers);
        else if (kept->waits_for_client != old->entries[i].waits_for_client)
            set_waits(kept, old->workers); /* a set that was given up had them changed */
    }
    set_free(old);
}
