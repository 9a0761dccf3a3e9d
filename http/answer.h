/** An answer of the proxy's own, whole in memory: errors, redirects, fixed responses. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/end.h"

/** Slices are lent for answer_give(). */
struct answer {
    int status;
    struct fields fields;
    struct slice content_type; /* empty: none is said */
    struct slice body;
    bool ends_connection; /* no further request is read */
};

/** Gives head and content, whole, to the end that waits for an answer; the end is detached afterwards. */
void answer_give(struct http_end *front, const struct answer *answer);

#endif
