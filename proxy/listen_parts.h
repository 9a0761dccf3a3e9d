/** The parts of opening a set: listen_opening.c says what is opened anew, listen_taking.c takes what is there already. */
#ifndef PROXY_LISTEN_PARTS_H
#define PROXY_LISTEN_PARTS_H

#include "proxy/listen_set.h"
#include "proxy/snapshot.h"

/** One being opened. */
struct opening {
    const struct listen_set *old, *leaving;
    struct inherited *inherited;
    const struct snapshot *snapshot;
    struct listen_set *set;
};

/** Zeroed, with room for so many entries. */
struct listen_set *listen_set_new(unsigned workers, size_t capacity);
void listen_set_waits(const struct listen_entry *entry, unsigned workers);

/** The entry behind the last one; it counts once *opening->set* counts it. Until then its fds are the caller's to free. */
struct listen_entry *listen_opening_next(struct opening *opening, const struct listen *wanted);
/** Opens those of the workers from *first* on. @return 0, or what the kernel said; then none is open but the first so many */
int listen_opening_bind(struct listen_entry *entry, unsigned first, unsigned workers);

/** From the set before. @return had it one? */
bool listen_taking_keep(struct opening *opening, const struct listen *wanted);
/** What a socket of [::] takes as well, and needs none of its own. */
bool listen_taking_covers(const struct opening *opening, const struct address *address);
/** From systemd, and from the process before us. *is_taken says whether there was one. @return 0, or what the kernel said */
int listen_taking_inherit(struct opening *opening, const struct listen *wanted, bool *is_taken);

#endif
