/** Which running Portico a command means. */
#ifndef CONTROL_ADMIN_FIND_H
#define CONTROL_ADMIN_FIND_H

#include "base/error.h"
#include "control/options.h"

/** The socket named by --admin; else that of the one process that serves the same configuration file; else, where no
 *  file was named by -c, that of the only process there is. Looked at are the default directory and what `admin:` in
 *  the file says. Asks each for its status.
 *  @return 0 with *out, to be freed with mem_free(); -1 when there is none, or several */
int admin_find(const struct admin_options *options, char **out, struct error *error) NODISCARD;

/** Is that process a Portico that serves the origin's configuration file? Also false where it may not be asked. */
bool admin_find_serves(const struct origin *origin, int pid);

#endif
