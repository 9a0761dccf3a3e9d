/** What the two processes of the launcher say to each other, each in one packet. For them alone. */
#ifndef CONTROL_LAUNCHER_PARTS_H
#define CONTROL_LAUNCHER_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "net/address.h"

enum { FIRST_SOCKET = 3 }; /* of socket activation */

/** To the launcher. LAUNCH and KILL are a byte, WHO is a question; LAUNCH and WHO with a descriptor. */
enum launcher_order { LAUNCHER_LAUNCH = 'L', LAUNCHER_KILL = 'K', LAUNCHER_WHO = 'W' };

/** The answer, if there is one, is a struct port_holder on the descriptor: who came too late finds nobody there. */
struct launcher_question {
    char order; /* WHO */
    struct address address;
};

/** From it. */
struct launcher_report {
    enum { LAUNCHER_STARTED, LAUNCHER_ENDED } kind;
    int32_t pid;
    int32_t value; /* STARTED: 0, or errno when there is no process; ENDED: the status */
};

/** What it needs to know of the start. */
struct launcher_start {
    const char *program;
    char *const *argv;
    int socket;           /* to the process that forked it */
    size_t sockets_count; /* of socket activation, from FIRST_SOCKET on */
    int has_watchdog;     /* WATCHDOG_PID was that process's */
};

/** The launcher's life, in the forked process. */
NORETURN void launcher_run(struct launcher_start start);

#endif
