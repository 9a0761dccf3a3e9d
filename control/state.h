/** Where Portico keeps what must survive it: the local CA. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "base/error.h"

struct conf;

/** `state:` of the configuration, if it says so; else /var/lib/portico for root, $XDG_STATE_HOME/portico or
 *  ~/.local/state/portico for others. Not made here.
 *  @param conf  NULL: there is none
 *  @return 0 with *out, to be freed with mem_free() */
int state_of_conf(const struct conf *conf, char **out, struct error *error) NODISCARD;

#endif
