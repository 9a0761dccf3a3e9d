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

/** The same question to somebody who sees more: another process. */
typedef bool port_holder_ask(void *owner, const struct address *address, struct port_holder *out);

/** From now on port_holder_find() asks there first, and looks by itself where nobody is told. On the main thread, as the question is.
 *  @param ask  NULL: nobody is asked any more */
void port_holder_set_other(port_holder_ask *ask, void *owner);

/** For what was heard from elsewhere: a process's number, and a program's name that can be printed. */
bool port_holder_is_valid(const struct port_holder *holder);

#endif
