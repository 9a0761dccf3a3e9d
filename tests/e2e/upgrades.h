/** What the tests of upgrades do: a program that may be replaced, who of its processes is where, and upgrades. */
#ifndef E2E_UPGRADES_H
#define E2E_UPGRADES_H

#include <stdatomic.h>

#include "e2e/portico.h"

/** Serves the configuration with a copy of Portico, ./portico, that upgrades will find. The state and the admin socket
 *  are the scene's. */
struct process *upgrades_start(const char *format, ...) PRINTF_LIKE(1, 2);
/** The same behind a piece of shell whose last word runs it. */
struct process *upgrades_start_by(const char *shell, const char *format, ...) PRINTF_LIKE(2, 3);
/** Writes the configuration that the next process, or a reload, reads. */
void upgrades_write(const char *format, ...) PRINTF_LIKE(1, 2);
/** From now on that shell script lies in the program's place, by rename; it may use $REAL, which is Portico. */
void upgrades_script(const char *script);
/** The program again, by rename. */
void upgrades_program(void);

/** `portico upgrade`, of the scene's admin socket. */
struct run upgrade_run(void);
/** Has it done, which must work. @return the new process */
pid_t upgrade_do(void);
/** Of the process that answers at the admin socket; 0: none does. */
pid_t upgrade_pid(void);

/** The child of that process which starts others, or what that one started last; 0: there is none (any more). */
pid_t child_of(pid_t pid);
/** It has ended, though it may not be buried. */
bool is_gone(pid_t pid);
/** The exit code of the process that the test started, which stays there, so that the test's own end finds the others;
 *  -1 when it does not end in time. */
int exit_code_of(struct process *process);
/** SIGTERM, and it ends. */
void upgrade_end(pid_t pid);

/** Clients that each time connect anew, one after the other. */
struct strangers {
    int port;
    atomic_int served, lost;
    atomic_bool stops;
    pthread_t thread;
};
struct strangers *strangers_start(int port);
void strangers_stop(struct strangers *strangers);

#endif
