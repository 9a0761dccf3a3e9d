/** Where Portico keeps what must survive it: the local CA. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "base/error.h"

struct conf;

/** Who this process is now is who it was at its start, for all that follows: becoming a user must not move what is kept.
 *  Not for a process that stays who it is. */
void state_begin(void);

/** `state:` of the configuration, if it says so; else /var/lib/portico for root, $XDG_STATE_HOME/portico or
 *  ~/.local/state/portico for others. Not made here.
 *  @param conf  NULL: there is none
 *  @return 0 with *out, to be freed with mem_free() */
int state_of_conf(const struct conf *conf, char **out, struct error *error) NODISCARD;

#endif
