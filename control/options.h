/** What the commands' options have in common. */
#ifndef CONTROL_OPTIONS_H
#define CONTROL_OPTIONS_H

#include <stdbool.h>

#include "control/load.h"

/** Reads `-c FILE` and takes what follows the options as URL=TARGET arguments where *with_arguments*; the
 * slots of argv live on in *source.
 *  @return false when the command line is wrong: then say how the command is used */
bool options_read_origin(int argc, char **argv, bool with_arguments, struct origin *origin);

/** Of the commands that talk to a running process. */
struct admin_options {
    struct origin origin;
    const char *socket;   /* --admin; NULL: it is looked for */
    bool flag;            /* the command's own */
    const char *argument; /* what follows the options; NULL: nothing does */
};

/** Reads `-c FILE`, `--admin PATH` and the flag of that name, without its dashes (NULL: none). The same returns. */
bool options_read_admin(int argc, char **argv, const char *flag, struct admin_options *options);
/** The same, with one argument behind them. */
bool options_read_admin_argument(int argc, char **argv, const char *flag, struct admin_options *options);

#endif
