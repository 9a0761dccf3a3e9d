/** System calls made inside another process, as one who has taken it over would make them: by ptrace, as root.
 *  x86-64 alone. */
#ifndef E2E_INTRUDER_H
#define E2E_INTRUDER_H

#include <sys/types.h>

/** Stops that thread as soon as it waits in a system call. Fails the test when it cannot. */
void intruder_enter(pid_t thread);
/** @param text  a path that the call needs, put into the other's memory, or NULL
 *  @param at  which argument is its address, from 0
 *  @return what the kernel answers: a result, or -errno */
long intruder_calls(pid_t thread, long number, const char *text, int at, long a, long b, long c);
/** It goes on as if nothing had been. */
void intruder_leave(pid_t thread);

#endif
