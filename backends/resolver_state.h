/** Of backends/resolver.h, what its tests set: other files and other times than this machine's. */
#ifndef BACKENDS_RESOLVER_STATE_H
#define BACKENDS_RESOLVER_STATE_H

#include "backends/resolver.h"

struct resolver_setup {
    const char *resolv_conf; /* must outlive the resolver */
    unsigned try_ms;         /* for a server's answer, the first time; it doubles */
    uint64_t total_ms;       /* for a question as a whole */
    uint64_t grace_ms;       /* for the other family, once one has answered */
};

struct resolver_setup resolver_setup(void);
int resolver_new_with(struct loop *loop, const struct address *servers, size_t count,
                      const struct resolver_setup *setup, struct resolver **out,
                      struct error *error) NODISCARD;

#endif
