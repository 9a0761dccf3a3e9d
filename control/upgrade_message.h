/** What an old and a new process of Portico say to each other while one takes the other's place: a message is one packet
 *  of a SOCK_SEQPACKET pair, with descriptors beside it (SCM_RIGHTS).
 *
 *  new:  HELLO → NEXT … NEXT → LEFT … → SERVING, or FAILED at any time
 *  old:  SOCKETS … → ADMIN → KEYS → END, one for each HELLO and NEXT; YOURS → SPEAK for SERVING; or GIVE_UP at any time
 *
 *  Each side may be a program of another version, and the old one may have lost privileges that the new one still has: so
 *  every message is checked, and what is wrong with one is said. */
#ifndef CONTROL_UPGRADE_MESSAGE_H
#define CONTROL_UPGRADE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    UPGRADE_PROTOCOL = 1, /* another number: another language */
    UPGRADE_BYTES_MAX = 2048,
    UPGRADE_FDS_MAX = 200, /* the kernel takes 253 */
};

enum upgrade_kind {
    UPGRADE_HELLO = 1, /* number: UPGRADE_PROTOCOL; pid; bytes: version */
    UPGRADE_NEXT,
    UPGRADE_SERVING, /* number: 1 when the admin socket was taken over */
    UPGRADE_FAILED,  /* bytes: why; the new process ends */
    UPGRADE_SOCKETS, /* listening sockets; bytes: one for each, 1 when it is inherited (net/inherited.h) */
    UPGRADE_ADMIN,   /* one socket; number: 1 when it is at a default place; bytes: its path */
    UPGRADE_KEYS,    /* bytes: of tls/ticket_keys.h */
    UPGRADE_END,     /* that is all; serve */
    UPGRADE_YOURS, /* the old process takes nothing new any more; pid; number: 1 when a reload was asked for */
    UPGRADE_SPEAK,   /* the service manager knows the new process, and hears it */
    UPGRADE_GIVE_UP, /* the old process serves on, and the new one ends */
    UPGRADE_LEFT, /* bytes: cookies of sockets that were handed over, and that the new process has no use for */
};

/** In the caller's memory. The descriptors of one that was received are its owner's. */
struct upgrade_message {
    uint32_t kind, number, pid;
    struct slice bytes; /* of one that was received: in data */
    size_t fds_count;
    int fds[UPGRADE_FDS_MAX];
    char data[UPGRADE_BYTES_MAX];
};

/** Does not block, and raises no signal. The descriptors stay the caller's.
 *  @return 0, or -1 with errno: EPIPE when the other side is gone */
int upgrade_send(int fd, const struct upgrade_message *message) NODISCARD;

enum upgrade_got { UPGRADE_GOT, UPGRADE_NOTHING, UPGRADE_ENDED, UPGRADE_WRONG };

/** Does not block. Descriptors come close-on-exec.
 *  @return UPGRADE_NOTHING: none is there; UPGRADE_ENDED: the other side is gone, and all it said was read;
 *          UPGRADE_WRONG: with *error, and without descriptors */
enum upgrade_got upgrade_receive(int fd, struct upgrade_message *out, struct error *error);

/** Closes the descriptors that are left. */
void upgrade_message_fini(struct upgrade_message *message);

#endif
