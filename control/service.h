/** The running process: main thread with signals, workers, listening sockets, logs; reload and drain.
 *
 *  Happy path:  load → open ports → give up root → start workers → serve → SIGTERM → drain → end
 *  On failure:  before serving: a message and an exit code; at a reload: nothing changes and the log says why
 *  On close:    a second SIGTERM or SIGINT cuts what still runs */
#ifndef CONTROL_SERVICE_H
#define CONTROL_SERVICE_H

#include "control/exit_code.h"
#include "control/load.h"

struct launcher;

/** Serves until it is told to stop, or another process has taken its place.
 *  @param launcher  of that other process; taken; NULL: there can be none
 *  @return the exit code */
enum exit_code service_run(const struct origin *origin, struct launcher *launcher);

#endif
