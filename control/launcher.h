/** A small process beside Portico's own that can start the program anew, for an upgrade. It is forked at the
 *  start, before anything was read, so it has the privileges and the environment of the start when the process itself has
 *  given them up, and may execute when that may not. It holds no secret and no descriptor but the standard ones and those
 *  of socket activation; it ends with the process that made it.
 *
 *  Happy path:  forked → told to launch, with a descriptor → started(), and ended() when that process ends
 *  On failure:  one that cannot be executed says so over the descriptor (control/upgrade_message.h) and ended() follows
 *  On close:    what was launched lives on, whoever of us ends
 *
 *  It also sees what a confined process cannot: asked who listens at an address, it answers with a process's number and
 *  its program's name, and does and tells nothing else. */
#ifndef CONTROL_LAUNCHER_H
#define CONTROL_LAUNCHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct launcher;
struct loop;

/** The descriptor's number, for the program that is started. */
#define LAUNCHER_VARIABLE "PORTICO_TAKES_OVER"

struct launcher_events {
    void (*ended)(void *owner, int status); /* what was launched, as waitpid() says it */
    void (*gone)(void *owner);              /* the launcher itself */
};

/** The place of the running program, where a new one will be: absolute, links in it as they were named.
 *  @return to be freed with mem_free(); NULL when it cannot be told */
char *launcher_program(void);

/** Forks, so before any thread runs, and before anything secret is read.
 *  @param program, argv  what it starts, in this directory; lent
 *  @return NULL with *error */
struct launcher *launcher_new(const char *program, char *const *argv, struct error *error);
/** It ends. NULL is fine. */
void launcher_free(struct launcher *launcher);

/** From now on events come on this loop, until launcher_free() or launcher_close(); and port_holder_find() asks it when it
 *  finds nobody, and waits for a second at most, until launcher_free(). */
int launcher_watch(struct launcher *launcher, struct loop *loop, const struct launcher_events *on,
                   void *owner, struct error *error) NODISCARD;
/** Before the loop is freed. */
void launcher_close(struct launcher *launcher);

bool launcher_is_there(const struct launcher *launcher);
/** Not before the last one that was launched has ended, or was killed. The descriptor stays the caller's. */
int launcher_launch(struct launcher *launcher, int fd, struct error *error) NODISCARD;
/** What was launched; harmless when it has ended. */
void launcher_kill(struct launcher *launcher);

#endif
