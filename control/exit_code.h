/** What the process says when it ends (the table in README.md). */
#ifndef CONTROL_EXIT_CODE_H
#define CONTROL_EXIT_CODE_H

enum exit_code {
    EXIT_FINE = 0,
    EXIT_WRONG = 1,      /* the configuration or the request */
    EXIT_USAGE = 2,      /* the command line */
    EXIT_NO_PROCESS = 3, /* nobody to talk to */
    EXIT_PORT = 4,       /* a port could not be opened */
};

#endif
