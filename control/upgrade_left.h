/** The listening sockets that the new process of an upgrade has no use for, as its configuration listens elsewhere: it names
 *  them to the old one, which has them last and says farewell to them. Before SERVING, on the main thread.
 *  The cookie is how both know a socket: it has other numbers in each. */
#ifndef CONTROL_UPGRADE_LEFT_H
#define CONTROL_UPGRADE_LEFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inherited;
struct upgrade_message;

/** In the owner's memory; all zero is "none". */
struct upgrade_left {
    uint64_t *cookies;
    size_t count, cap;
};

/** The new process: names those that it was given and did not take, in as many messages as are needed. Where the other
 *  side is gone, nothing happens. */
void upgrade_left_send(int fd, const struct inherited *given);

/** The old one: adds what a message of UPGRADE_LEFT names. */
void upgrade_left_add(struct upgrade_left *left, const struct upgrade_message *message);
bool upgrade_left_has(const struct upgrade_left *left, int fd);
void upgrade_left_fini(struct upgrade_left *left);

#endif
