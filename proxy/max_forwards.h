/** Max-Forwards (RFC 9110 §7.6.2): how many more hops an OPTIONS or TRACE request may take. */
#ifndef PROXY_MAX_FORWARDS_H
#define PROXY_MAX_FORWARDS_H

#include "http/head.h"

enum max_forwards {
    MAX_FORWARDS_ON,  /* forward it; the field, if there was one, counts one less now */
    MAX_FORWARDS_END, /* we are the last: answer as the final recipient */
    MAX_FORWARDS_BAD, /* no number, or more than one */
};

/** For any request: other methods go on as they are.
 *  @param arena  the head's */
enum max_forwards max_forwards_spend(struct head *head, struct arena *arena);

#endif
