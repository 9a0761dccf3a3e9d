#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listener.h"
#include "proxy/listen_parts.h"

struct listen_set *listen_set_new(unsigned workers, size_t capacity)
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

void listen_set_waits(const struct listen_entry *entry, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++)
        listener_set_waits(entry->fds[i], entry->waits_for_client);
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
    struct listen_set *kept = listen_set_new(set->workers, set->count);

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
            listen_set_waits(kept, old->workers); /* a set that was given up had them changed */
    }
    set_free(old);
}

struct listen_set *listen_set_none(unsigned workers)
{
    return listen_set_new(workers, 0);
}

void listen_set_restore(const struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        listen_set_waits(&set->entries[i], set->workers);
}
