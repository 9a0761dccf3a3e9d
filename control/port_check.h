/** Whether the ports of a table could be opened now: for `check`, which opens none for longer than a moment. */
#ifndef CONTROL_PORT_CHECK_H
#define CONTROL_PORT_CHECK_H

#include "base/text.h"
#include "control/load.h"

/** Adds a warning, with its line break, for each port that could not be: held by another program, or a privilege or address
 *  is lacking. Not for what a running Portico of the same configuration file holds, which a reload leaves to it. */
void port_check(const struct snapshot *snapshot, const struct origin *origin, struct text *said);

#endif
