/** Least privilege: once it has started, this process can do what a running Portico does, and no more. Several walls, one
 *  behind the other, each for itself as good as this kernel has it:
 *      capabilities  none, but what sandbox_terms keeps
 *      Landlock      files: control/sandbox_paths.h
 *      seccomp       system calls: control/seccomp.h
 *      dumpable      no core dump, and no ptrace by the same user: private keys stay inside
 *  One for the process, on the main thread, before other threads are there, as Landlock and capabilities are of the thread
 *  that calls and of those that it starts. Programs built with sanitizers or for coverage have only the first wall: their
 *  run-time libraries do what a running Portico does not.
 *
 *  In order: sandbox_prepare() as root → become the user → sandbox_enter() → threads. */
#ifndef CONTROL_SANDBOX_H
#define CONTROL_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "control/sandbox_paths.h"

/** What holds, and what does not. */
struct sandbox {
    bool is_on;            /* `sandbox:`; false: nothing of the below holds */
    unsigned uid;          /* effective */
    uint64_t capabilities; /* that are left */
    uint64_t given_up;     /* that it had at its start */
    bool is_bounded;       /* nothing can bring back others */
    int landlock;          /* version of the kernel's; 0: none */
    bool has_seccomp;
    bool is_dumpable;
    struct text missing; /* what should hold and does not, for people; empty: nothing */
};

struct sandbox_terms {
    struct sandbox_reach reach;
    uint64_t capabilities; /* that are kept, where they are held */
};

/** While this process is root, if it is: capabilities can be kept when it becomes another user, and not come back. */
void sandbox_prepare(void);
/** All walls, and an event that tells what holds; what this system lacks is told in another one. */
void sandbox_enter(const struct sandbox_terms *terms);

/** As it is now; also before sandbox_enter(). Lent. */
const struct sandbox *sandbox_now(void);

/** Why this process cannot read a file that it may have read at its start, and what to do; NULL: the sandbox is not the
 *  reason. Asked right after the failure. */
const char *sandbox_why_unread(const char *path);
/** The same for writing a file, or making one. */
const char *sandbox_why_unwritten(const char *path);

#endif
