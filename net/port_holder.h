/** Who listens on a TCP port, as far as /proc tells: for the message about a port that is taken. */
#ifndef NET_PORT_HOLDER_H
#define NET_PORT_HOLDER_H

#include <stdbool.h>

#include "net/address.h"

enum { PROGRAM_TEXT = 32 };

struct port_holder {
    int pid;
    char program[PROGRAM_TEXT];
};

/** Reads much of /proc: not for the data path. Of several processes that share the socket the oldest, which
 *  mostly started the others. @return false when nobody is found or may be seen (others' processes only by
 *  root) */
bool port_holder_find(const struct address *address, struct port_holder *out);

#endif
