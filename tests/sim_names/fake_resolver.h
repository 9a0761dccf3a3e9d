/** In place of backends/resolver.c: defining all of its functions that the warden uses keeps its object out of the
 *  program. The test looks at what is asked, and answers. */
#ifndef TESTS_SIM_NAMES_FAKE_RESOLVER_H
#define TESTS_SIM_NAMES_FAKE_RESOLVER_H

#include "backends/resolver.h"
#include "base/list.h"

struct lookup {
    struct link link;
    enum lookup_kind kind;
    struct slice name;
    lookup_done *done;
    void *owner;
};

/** Of all resolvers that there are. */
struct asked {
    struct link lookups; /* under way, the oldest first */
    size_t under_way;
    size_t times;     /* resolver_ask() was called */
    size_t resolvers; /* there are now */
};
extern struct asked asked;

/** The lookup of that name, or the test fails. */
struct lookup *asked_for(const char *name);
/** Ends it. *answer* lives during the call. */
void lookup_answer(struct lookup *lookup, const struct lookup_answer *answer);

#endif
