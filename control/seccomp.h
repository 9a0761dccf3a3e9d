/** The system calls that are left (seccomp(2)): those of a running Portico, and with which arguments. All else fails with
 *  EPERM, and what libraries only try with ENOSYS; calls of another architecture end the process. No other program, no
 *  new process, no memory that can be executed, no socket but TCP's, UDP's and local ones. */
#ifndef CONTROL_SECCOMP_H
#define CONTROL_SECCOMP_H

#include "base/error.h"

/** From now on it holds for all threads, for good. no_new_privs must be set.
 *  @return 0, or -1 where the kernel or the container does not allow a filter, or the architecture is not known */
int seccomp_enter(struct error *error) NODISCARD;

/** Version of libseccomp. */
const char *seccomp_library_version(void);

#endif
