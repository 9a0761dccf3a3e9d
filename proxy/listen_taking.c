#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/inherited.h"
#include "net/listener.h"
#include "proxy/listen_parts.h"

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
bool listen_taking_covers(const struct opening *opening, const struct address *address)
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

/* ---- the set before ---- */

bool listen_taking_keep(struct opening *opening, const struct listen *wanted)
{
    bool is_kept = false;

    for (size_t i = 0; opening->old && i < opening->old->count; i++) {
        const struct listen_entry *before = &opening->old->entries[i];
        struct listen_entry *entry;

        if (!address_eq(&before->address, &wanted->address) ||
            !fits(opening->snapshot, &before->address, before->takes_both))
            continue;
        entry = listen_opening_next(opening, wanted);
        memcpy(entry->fds, before->fds, opening->set->workers * sizeof(*entry->fds));
        entry->takes_both = before->takes_both;
        entry->inherited = before->inherited;
        if (entry->waits_for_client != before->waits_for_client)
            listen_set_waits(entry, opening->set->workers);
        opening->set->count++;
        is_kept = true;
    }
    return is_kept;
}

/* ---- from systemd ---- */

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
    struct listen_entry *entry = listen_opening_next(opening, wanted);
    const unsigned workers = opening->set->workers;
    const bool may_open = socket->shares_port && is_alone(opening->inherited, socket);
    char address[ADDRESS_TEXT];
    int error_number = 0;

    listener_adopt(socket->fd, wanted->waits_for_client);
    entry->fds[0] = socket->fd;
    entry->takes_both = socket->takes_both;
    entry->inherited = 1;
    if (!may_open || listen_opening_bind(entry, 1, workers) != 0)
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
        struct listen_entry *entry = listen_opening_next(opening, wanted);
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

int listen_taking_inherit(struct opening *opening, const struct listen *wanted, bool *is_taken)
{
    const int error_number = take(opening, wanted, is_taken);

    return error_number ? error_number : take_over(opening, wanted, is_taken);
}
