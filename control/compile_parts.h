/** What the parts of control/compile share. */
#ifndef CONTROL_COMPILE_PARTS_H
#define CONTROL_COMPILE_PARTS_H

#include "conf/conf.h"
#include "proxy/snapshot.h"

struct compiler {
    const struct conf *conf;
    struct diagnostics *diagnostics;
    struct snapshot *snapshot; /* being built */
};

/** Routes: table and actions, with the redirects from http that https routes bring. */
void compile_routes(struct compiler *compiler);
/** The targets of a route, as the snapshot's next pool. */
const struct pool *compile_pool(struct compiler *compiler, const struct conf_route *route);
/** Certificates and the local CA; warns of names that none covers and of certificates that end soon. */
void compile_certificates(struct compiler *compiler, struct ticket_keys *keys);
/** Addresses to listen on. After the routes. */
void compile_listens(struct compiler *compiler);

/** A copy in the snapshot's arena, NUL-terminated; data NULL stays NULL. */
struct slice compile_text(struct compiler *compiler, struct slice text);

#endif
