#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/inherited.h"
#include "net/listener.h"
#include "proxy/listen_parts.h"

struct listen_entry *listen_opening_next(struct opening *opening, const struct listen *wanted)
{
    struct listen_entry *entry = &opening->set->entries[opening->set->count];

    entry->address = wanted->address;
    entry->waits_for_client = wanted->waits_for_client;
    entry->fds = mem_new_n(int, opening->set->workers);
    return entry;
}

/* Where `bind` changes, sockets of ours hold the port under its other address until the workers let go of
 * them; SO_REUSEPORT lets both stand. */
static bool has_port_of(const struct address *address, const struct address *other)
{
    return other->family == address->family && address_port(other) == address_port(address);
}

static bool has_port(const struct listen_set *set, const struct address *address)
{
    for (size_t i = 0; set && i < set->count; i++) {
        if (has_port_of(address, &set->entries[i].address))
            return true;
    }
    return false;
}

static bool is_ours(const struct opening *opening, const struct address *address)
{
    const struct listen_set *set = opening->leaving;

    while (set && !has_port(set, address))
        set = set->next;
    if (set || has_port(opening->old, address))
        return true;
    for (size_t i = 0; opening->inherited && i < opening->inherited->count; i++) {
        const struct inherited_socket *socket = &opening->inherited->sockets[i];

        if (socket->is_ours && has_port_of(address, &socket->address))
            return true;
    }
    return false;
}

int listen_opening_bind(struct listen_entry *entry, unsigned first, unsigned workers)
{
    for (unsigned i = first; i < workers; i++) {
        entry->fds[i] = listener_bind(&entry->address, entry->waits_for_client);
        if (entry->fds[i] < 0) {
            int error_number = errno;

            while (i-- > first)
                close(entry->fds[i]);
            return error_number;
        }
    }
    return 0;
}

/* @return 0, or what the kernel said; then none is open */
static int open_entry(const struct opening *opening, struct listen_entry *entry)
{
    if (!is_ours(opening, &entry->address) && listener_is_taken(&entry->address))
        return EADDRINUSE;
    return listen_opening_bind(entry, 0, opening->set->workers);
}

/* An IPv6 wildcard on a machine without IPv6 is no failure: the table asked for "all addresses". */
static bool may_skip(const struct listen *listen, int error_number)
{
    return listen->is_optional && (error_number == EAFNOSUPPORT || error_number == EADDRNOTAVAIL);
}

static int open_new(struct opening *opening, const struct listen *wanted)
{
    struct listen_entry *entry = listen_opening_next(opening, wanted);
    int error_number = open_entry(opening, entry);

    if (error_number)
        mem_free(entry->fds);
    else
        opening->set->count++;
    return may_skip(wanted, error_number) ? 0 : error_number;
}

/* @return 0, or what the kernel said */
static int provide(struct opening *opening, const struct listen *wanted)
{
    bool is_taken = false;
    int error_number;

    if (listen_taking_keep(opening, wanted) || listen_taking_covers(opening, &wanted->address))
        return 0;
    error_number = listen_taking_inherit(opening, wanted, &is_taken);
    return error_number || is_taken ? error_number : open_new(opening, wanted);
}

static int provide_all(struct opening *opening, struct error *error)
{
    const struct snapshot *snapshot = opening->snapshot;

    for (size_t i = 0; i < snapshot->listens_count; i++) {
        const int error_number = provide(opening, &snapshot->listens[i]);

        if (error_number) {
            listener_explain(&snapshot->listens[i].address, error_number, error);
            return -1;
        }
    }
    return 0;
}

/* Only when all are there: a new socket may stand in front of one that serves (127.0.0.1 where it was any address), and
 * who connects to it must be accepted. */
static int listen_on_all(const struct listen_set *set, struct error *error)
{
    for (size_t i = 0; i < set->count; i++) {
        for (unsigned worker = 0; worker < set->workers; worker++) {
            const int fd = set->entries[i].fds[worker];
            const int error_number = fd < 0 ? 0 : listener_begin(fd);

            if (error_number) {
                listener_explain(&set->entries[i].address, error_number, error);
                return -1;
            }
        }
    }
    return 0;
}

int listen_set_open(const struct listen_set *old, const struct listen_set *leaving,
                    struct inherited *inherited, const struct snapshot *snapshot, unsigned workers,
                    struct listen_set **out, struct error *error)
{
    const size_t most = snapshot->listens_count + (old ? old->count : 0) +
                        (inherited ? inherited->count + 1 : 0); /* and one that finds no socket left */
    struct opening opening = {old, leaving, inherited, snapshot, listen_set_new(workers, most)};

    ASSERT(!old || old->workers == workers);
    if (provide_all(&opening, error) < 0 || listen_on_all(opening.set, error) < 0) {
        listen_set_close(opening.set, old);
        return -1;
    }
    *out = opening.set;
    return 0;
}
