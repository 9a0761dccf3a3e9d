/** Listening sockets: opened once by the process (SO_REUSEPORT, one a worker), accepted on by each worker's
 * loop. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/error.h"
#include "net/address.h"

struct loop;
struct stream;
struct listener;

/** Opens a TCP listening socket, non-blocking, close-on-exec, SO_REUSEPORT, IPV6_V6ONLY on IPv6.
 *  @param waits_for_client  the client speaks first on this port: TCP_DEFER_ACCEPT
 *  @return the descriptor, or -1 with errno; explain that with listener_explain() */
int listener_open(const struct address *address, bool waits_for_client) NODISCARD;

/** The same, but it does not listen yet: nobody connects to it until listener_begin(). */
int listener_bind(const struct address *address, bool waits_for_client) NODISCARD;
/** Listens; nothing happens where it does. @return 0, or what the kernel said */
int listener_begin(int fd) NODISCARD;

/** Sets up one that another process opened (net/inherited.h) as listener_open() would have. */
void listener_adopt(int fd, bool waits_for_client);

/** Changes that of an open one. */
void listener_set_waits(int fd, bool waits_for_client);

/** No new connection begins on it any more, as if it were closed; those whose handshake is under way still come and are
 *  to be accepted. Not for a socket that others use as well. Where the kernel cannot, nothing happens. */
void listener_deafen(int fd);

/** Another socket of another process already listens there, and is not deaf? SO_REUSEPORT would let two processes of one user
 * share a port silently; this tells before. @return true with errno EADDRINUSE when the port is taken */
bool listener_is_taken(const struct address *address);
/** Could it be opened now, by this process alone? @return 0, or what the kernel says */
int listener_try(const struct address *address);

/** The sentence for a port that could not be opened: who holds it (pid and program, from /proc), or which
 * privilege is missing, and what can be done. */
void listener_explain(const struct address *address, int error_number, struct error *error);

/** @param stream  the new connection, yours; @return nothing: what cannot be served is closed by the one
 * called */
typedef void listener_accepted(void *owner, struct stream *stream);

/** Accepts on *fd* (borrowed: the caller closes it after listener_free()). Out of descriptors or memory
 * (EMFILE, ENFILE, ENOBUFS, ENOMEM): accepting pauses for 100 ms, or until listener_resume(); logged once a
 * pause.
 *  @param waits_for_client  the same as at the opening: a first read is tried at once */
struct listener *listener_new(struct loop *loop, int fd, bool waits_for_client, listener_accepted *accepted,
                              void *owner, struct error *error);
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
/** What waits in the accept queue is accepted first when *drain*. */
void listener_free(struct listener *listener, bool drain);

#endif
