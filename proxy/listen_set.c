#include "proxy/listen_set.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/inherited.h"
#include "net/listener.h"
#include "proxy/snapshot.h"

/* One being opened. */
struct opening {
    const struct listen_set *old, *leaving;
    struct inherited *inherited;
    const struct snapshot *snapshot;
    struct listen_set *set;
};

static const struct listen_entry *find_same(const struct listen_set *set, const struct listen_entry *entry)
{
    for (size_t i = 0; set && i < set->count; i++) {
        if (set->entries[i].fds[0] == entry->fds[0])
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

/* @return 0, or what the kernel said; then none is open but the first so many */
static int open_from(struct listen_entry *entry, unsigned first, unsigned workers)
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

/* The same returns. */
static int open_entry(const struct opening *opening, struct listen_entry *entry)
{
    if (!is_ours(opening, &entry->address) && listener_is_taken(&entry->address))
        return EADDRINUSE;
    return open_from(entry, 0, opening->set->workers);
}

static void set_waits(const struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++)
        listener_set_waits(entry->fds[i], entry->waits_for_client);
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

static struct listen_entry *next_entry(struct opening *opening, const struct listen *wanted)
{
    struct listen_entry *entry = &opening->set->entries[opening->set->count];

    entry->address = wanted->address;
    entry->waits_for_client = wanted->waits_for_client;
    entry->fds = mem_new_n(int, opening->set->workers);
    return entry;
}

/* ---- sockets of both families ---- */

static bool is_wanted(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        if (address_eq(&snapshot->listens[i].address, address))
            return true;
    }
    return false;
}

static struct address any_of(uint8_t family, uint16_t port)
{
    return address_from_ip((struct ip){.family = family}, port);
}

/* A socket that takes more than the table wants is none for it. */
static bool fits(const struct snapshot *snapshot, const struct address *address, bool takes_both)
{
    const struct address v4 = any_of(4, address_port(address));

    return !takes_both || is_wanted(snapshot, &v4);
}

/* 0.0.0.0 needs no socket where one of [::] takes IPv4 as well, and is used. */
static bool is_covered(const struct opening *opening, const struct address *address)
{
    const struct address v4 = any_of(4, address_port(address)), v6 = any_of(6, address_port(address));

    if (!address_eq(address, &v4) || !is_wanted(opening->snapshot, &v6))
        return false;
    for (size_t i = 0; opening->old && i < opening->old->count; i++) {
        const struct listen_entry *entry = &opening->old->entries[i];

        if (entry->takes_both && address_eq(&entry->address, &v6))
            return true;
    }
    for (size_t i = 0; opening->inherited && i < opening->inherited->count; i++) {
        const struct inherited_socket *socket = &opening->inherited->sockets[i];

        if (socket->takes_both && address_eq(&socket->address, &v6))
            return true;
    }
    return false;
}

/* ---- what is there already ---- */

static bool keep(struct opening *opening, const struct listen *wanted)
{
    bool is_kept = false;

    for (size_t i = 0; opening->old && i < opening->old->count; i++) {
        const struct listen_entry *before = &opening->old->entries[i];
        struct listen_entry *entry;

        if (!address_eq(&before->address, &wanted->address) ||
            !fits(opening->snapshot, &before->address, before->takes_both))
            continue;
        entry = next_entry(opening, wanted);
        memcpy(entry->fds, before->fds, opening->set->workers * sizeof(*entry->fds));
        entry->takes_both = before->takes_both;
        entry->inherited = before->inherited;
        if (entry->waits_for_client != before->waits_for_client)
            set_waits(entry, opening->set->workers);
        opening->set->count++;
        is_kept = true;
    }
    return is_kept;
}

/* @return 0, or what the kernel said; then none is open but the first */
static int share(struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = 1; i < workers; i++) {
        entry->fds[i] = fcntl(entry->fds[0], F_DUPFD_CLOEXEC, 0);
        if (entry->fds[i] < 0) {
            int error_number = errno;

            while (--i > 0)
                close(entry->fds[i]);
            return error_number;
        }
    }
    entry->inherited = workers;
    return 0;
}

static bool is_alone(const struct inherited *inherited, const struct inherited_socket *socket)
{
    for (size_t i = 0; i < inherited->count; i++) {
        if (&inherited->sockets[i] != socket && address_eq(&inherited->sockets[i].address, &socket->address))
            return false;
    }
    return !socket->takes_both;
}

static int take_socket(struct opening *opening, const struct listen *wanted, struct inherited_socket *socket)
{
    struct listen_entry *entry = next_entry(opening, wanted);
    const unsigned workers = opening->set->workers;
    const bool may_open = socket->shares_port && is_alone(opening->inherited, socket);
    char address[ADDRESS_TEXT];
    int error_number = 0;

    listener_adopt(socket->fd, wanted->waits_for_client);
    entry->fds[0] = socket->fd;
    entry->takes_both = socket->takes_both;
    entry->inherited = 1;
    if (!may_open || open_from(entry, 1, workers) != 0)
        error_number = share(entry, workers);
    if (error_number) {
        mem_free(entry->fds);
        return error_number;
    }
    opening->set->count++;
    socket->fd = -1;
    log_event(LOG_INFO, "inherited", "name=%s address=%s sockets=%s", log_quote(slice_str(socket->name)),
              address_describe(&wanted->address, address),
              entry->inherited == workers ? "shared" : "one_a_worker");
    return 0;
}

static int take(struct opening *opening, const struct listen *wanted, bool *is_taken)
{
    for (size_t i = 0; opening->inherited && i < opening->inherited->count; i++) {
        struct inherited_socket *socket = &opening->inherited->sockets[i];
        int error_number = 0;

        if (socket->fd < 0 || socket->is_ours || !address_eq(&socket->address, &wanted->address))
            continue;
        if (!fits(opening->snapshot, &socket->address, socket->takes_both)) {
            inherited_refuse(socket,
                             "it takes IPv4 as well, which is not wanted there: BindIPv6Only=ipv6-only");
            continue;
        }
        error_number = take_socket(opening, wanted, socket);
        if (error_number)
            return error_number;
        *is_taken = true;
    }
    return 0;
}

/* ---- what the process before us hands over ---- */

/* So many of the entry's are there; the other workers accept from these as well. A socket of their own would get
 * connections at once, which were lost if we did not come to serve after all. */
static int share_among(struct listen_entry *entry, unsigned count, unsigned workers)
{
    for (unsigned i = count; i < workers; i++) {
        entry->fds[i] = fcntl(entry->fds[i % count], F_DUPFD_CLOEXEC, 0);
        if (entry->fds[i] < 0)
            return errno;
    }
    return 0;
}

static bool is_handed(const struct inherited_socket *socket, const struct listen *wanted)
{
    return socket->fd >= 0 && socket->is_ours && !socket->takes_both &&
           address_eq(&socket->address, &wanted->address);
}

/* @return how many there were for the next workers */
static unsigned take_handed(struct opening *opening, const struct listen *wanted, struct listen_entry *entry)
{
    const unsigned workers = opening->set->workers;
    unsigned count = 0;

    for (size_t i = 0; i < opening->inherited->count && count < workers; i++) {
        struct inherited_socket *socket = &opening->inherited->sockets[i];

        if (!is_handed(socket, wanted))
            continue;
        listener_adopt(socket->fd, wanted->waits_for_client);
        entry->fds[count++] = socket->fd;
        socket->fd = -1;
    }
    for (unsigned i = count; i < workers; i++)
        entry->fds[i] = -1;
    return count;
}

/* One a worker; where there are more than workers, some have several, so that nobody waits in a queue that none
 * looks after. */
static int take_over(struct opening *opening, const struct listen *wanted, bool *is_taken)
{
    const unsigned workers = opening->set->workers;
    unsigned count = workers;

    while (opening->inherited && count == workers) {
        struct listen_entry *entry = next_entry(opening, wanted);
        int error_number;

        count = take_handed(opening, wanted, entry);
        if (count == 0) {
            mem_free(entry->fds);
            break;
        }
        opening->set->count++;
        error_number = *is_taken ? 0 : share_among(entry, count, workers);
        if (error_number)
            return error_number;
        *is_taken = true;
    }
    return 0;
}

/* ---- all of it ---- */

static int open_new(struct opening *opening, const struct listen *wanted)
{
    struct listen_entry *entry = next_entry(opening, wanted);
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

    if (keep(opening, wanted) || is_covered(opening, &wanted->address))
        return 0;
    error_number = take(opening, wanted, &is_taken);
    if (error_number == 0)
        error_number = take_over(opening, wanted, &is_taken);
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
    struct opening opening = {old, leaving, inherited, snapshot, set_new(workers, most)};

    ASSERT(!old || old->workers == workers);
    if (provide_all(&opening, error) < 0 || listen_on_all(opening.set, error) < 0) {
        listen_set_close(opening.set, old);
        return -1;
    }
    *out = opening.set;
    return 0;
}

bool listen_set_has(const struct listen_set *set, unsigned worker, int fd)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i].fds[worker] == fd)
            return true;
    }
    return false;
}

/* Those that are inherited are their opener's as well. */
static void deafen(const struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = entry->inherited; i < workers; i++) {
        if (entry->fds[i] >= 0)
            listener_deafen(entry->fds[i]);
    }
}

/* The first one may be inherited, the last one is ours if any is. */
static int last_fd(const struct listen_entry *entry, unsigned workers)
{
    while (entry->fds[workers - 1] < 0)
        workers--;
    return entry->fds[workers - 1];
}

static void copy_entry(struct listen_set *set, const struct listen_entry *from)
{
    struct listen_entry *entry = &set->entries[set->count++];

    *entry = *from;
    entry->fds = mem_new_n(int, set->workers);
    memcpy(entry->fds, from->fds, set->workers * sizeof(*entry->fds));
}

struct listen_set *listen_set_kept(const struct listen_set *set, bool (*is_left)(const void *owner, int fd),
                                   const void *owner)
{
    struct listen_set *kept = set_new(set->workers, set->count);

    for (size_t i = 0; i < set->count; i++) {
        if (!is_left(owner, last_fd(&set->entries[i], set->workers)))
            copy_entry(kept, &set->entries[i]);
    }
    return kept;
}

struct listen_set *listen_set_leave(struct listen_set *old, const struct listen_set *now)
{
    size_t count = 0;

    for (size_t i = 0; i < old->count; i++) {
        if (find_same(now, &old->entries[i])) {
            mem_free(old->entries[i].fds);
            continue;
        }
        deafen(&old->entries[i], old->workers);
        old->entries[count++] = old->entries[i];
    }
    old->count = count;
    if (count)
        return old;
    set_free(old);
    return NULL;
}

void listen_set_close(struct listen_set *old, const struct listen_set *now)
{
    if (!old)
        return;
    for (size_t i = 0; i < old->count; i++) {
        const struct listen_entry *kept = find_same(now, &old->entries[i]);

        if (!kept)
            close_entry(&old->entries[i], old->workers);
        else if (kept->waits_for_client != old->entries[i].waits_for_client)
            set_waits(kept, old->workers); /* a set that was given up had them changed */
    }
    set_free(old);
}

struct listen_set *listen_set_none(unsigned workers)
{
    return set_new(workers, 0);
}

void listen_set_restore(const struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        set_waits(&set->entries[i], set->workers);
}
