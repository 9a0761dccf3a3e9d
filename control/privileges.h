/** What a process may do: giving up root, and raising the number of open files. Linux. */
#ifndef CONTROL_PRIVILEGES_H
#define CONTROL_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/** Becomes that user for good: groups, ids and capabilities, checked afterwards. Of all threads:
 * the C library sees to that. Nothing to do when the process is that user already. */
int privileges_drop(const char *user, struct error *error) NODISCARD;

/** The user's id. */
int privileges_find(const char *user, uid_t *out, struct error *error) NODISCARD;

/** Nothing that this process executes can gain privileges. Holds for threads that start later. */
void privileges_give_up_new(void);

/** Whether this process can give files to others: as root at the start, and not any more once it is confined. */
bool privileges_can_give(void);

/** Gives the directory and the files in it to the user, so that they can still be written after
 * privileges_drop(). Links stay as they are, and files that have a name elsewhere. */
int privileges_give(const char *directory, const char *user, struct error *error) NODISCARD;

/** Lets the user into a directory that only its owner may pass, such as the one around what was given. One that
 * others may pass is left as it is. */
int privileges_give_way(const char *directory, const char *user, struct error *error) NODISCARD;

/** Gives that one file, directory or socket, which must be of this process's user and have no second name, to the
 * user: what others put in its place meanwhile stays as it is. */
int privileges_give_one(const char *path, const char *user, struct error *error) NODISCARD;

/** Raises the soft limit of open files to the hard one. @return the limit now */
uint64_t privileges_raise_files(void);

#endif
