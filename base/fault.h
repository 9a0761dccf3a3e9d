/** Every way in which a connection or an exchange can end: one row of fault.def each. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

enum fault {
#define FAULT(name, status, blame, token, sentence) FAULT_##name,
#include "base/fault.def"
#undef FAULT
    FAULT_COUNT
};

enum blame { BLAME_NOBODY, BLAME_CLIENT, BLAME_BACKEND, BLAME_US };

struct fault_row {
    int status;           /* of the answer to the client; 0: the connection ends without one */
    enum blame blame;     /* whose mistake it is; decides log level and metrics */
    const char *token;    /* in logs and metrics */
    const char *sentence; /* for people; says nothing about the inside */
};

const struct fault_row *fault_row(enum fault fault);

#endif
