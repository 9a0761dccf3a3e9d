/** The process's listening sockets: one a worker for each address that the table needs (SO_REUSEPORT).
 *  Owned by the main thread; workers only borrow descriptors. A reload makes a new set that takes over what
 *  stays.
 *  An inherited socket (net/inherited.h) is one for all. Where it has SO_REUSEPORT and we are its user, the first worker
 *  has it and the others open their own beside it. Elsewhere the kernel refuses a second one, so all workers have
 *  duplicates of that one descriptor: each sees every connection come, and who is first accepts it.
 *  Sockets that the process before us hands over are shared out among the workers, however many these are. */
#ifndef PROXY_LISTEN_SET_H
#define PROXY_LISTEN_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "net/address.h"

struct inherited;
struct snapshot;

/** Several have the same address where several sockets of it were inherited. */
struct listen_entry {
    struct address address;
    bool waits_for_client;
    bool takes_both;    /* of [::]: IPv4 as well, so that there is no entry of 0.0.0.0 */
    unsigned inherited; /* so many of fds, the first, are inherited: never to be shut down */
    int *fds;           /* one a worker; -1: it has none, which is never so of the first */
};

struct listen_set {
    struct listen_set *next; /* these three are the owner's own */
    void *owner;
    unsigned users;
    unsigned workers;
    size_t count;
    struct listen_entry entries[];
};

/** Opens what the snapshot needs, beside sockets that are still there for other addresses of a port; sockets whose address
 * *old* has (NULL: none) are taken from it. On failure
 * *error says who holds the port or what is missing, and nothing has changed.
 *  @param leaving  of ours as well, linked by next; NULL: none
 *  @param inherited  likewise taken from; NULL: none */
int listen_set_open(const struct listen_set *old, const struct listen_set *leaving,
                    struct inherited *inherited, const struct snapshot *snapshot, unsigned workers,
                    struct listen_set **out, struct error *error) NODISCARD;
/** A set of those of its entries of whose last socket is_left() is false: what listen_set_leave() takes for *now*. */
struct listen_set *listen_set_kept(const struct listen_set *set, bool (*is_left)(const void *owner, int fd),
                                   const void *owner);
/** Once all workers accept on *now*: turns *old* into the set of those sockets that *now* did not take over. On them no new
 *  connection begins any more; what is under way is to be accepted before they are closed.
 *  @return that set, or NULL: there are none, and *old* is freed */
struct listen_set *listen_set_leave(struct listen_set *old, const struct listen_set *now);
/** Is that socket the worker's of one of its entries? */
bool listen_set_has(const struct listen_set *set, unsigned worker, int fd);
/** Frees *old* and closes the sockets that *now* (NULL: none) did not take over: after all workers let go of
 * them. */
void listen_set_close(struct listen_set *old, const struct listen_set *now);
/** One without entries. */
struct listen_set *listen_set_none(unsigned workers);
/** Sets up the sockets as the set says: another process that shares them may have changed that. */
void listen_set_restore(const struct listen_set *set);

#endif
