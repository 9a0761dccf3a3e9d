/** What the parts of control/compile share. */
#ifndef CONTROL_COMPILE_PARTS_H
#define CONTROL_COMPILE_PARTS_H

#include "base/map.h"
#include "conf/conf.h"
#include "proxy/snapshot.h"

struct compiler {
    const struct conf *conf;
    struct diagnostics *diagnostics;
    struct snapshot *snapshot;       /* being built */
    struct map backends;             /* "@shop": its number in `backends:` */
    const struct conf_route **users; /* of each of them: the first route; NULL: none */
};

/** A pool as it was written, in `backends:` or in a route. */
struct pool_source {
    const struct conf_targets *to;
    const struct conf_pool *settings;
    struct mark mark; /* of the whole */
};

/** The pools of `backends:`, and room for those of routes. Before the routes. */
void compile_backends(struct compiler *compiler);
/** Warns of those that no route uses. After the routes. */
void compile_backends_done(struct compiler *compiler);

/** Routes: table and actions, with the redirects from http that https routes bring. */
void compile_routes(struct compiler *compiler);
/** Where a route goes: a pool of `backends:`, or its own as the snapshot's next one. @return NULL when there is none;
 *  that is reported */
const struct pool *compile_pool(struct compiler *compiler, const struct conf_route *route);
/** The targets of a pool, and how they are met. */
void compile_targets(struct compiler *compiler, const struct pool_source *source, struct pool *pool);
/** Does the table do what `expect:` says? After the routes. */
void compile_expectations(struct compiler *compiler);
/** The secret of sticky cookies, from the state directory. After the routes. */
void compile_sticky(struct compiler *compiler);
/** Certificates and the local CA; warns of names that none covers and of certificates that end soon. */
void compile_certificates(struct compiler *compiler, struct ticket_keys *keys);
/** Addresses to listen on. After the routes. */
void compile_listens(struct compiler *compiler);

/** The newest error is of that file: says so, where it is the sandbox of this process that hides it. */
void compile_hint_unread(struct compiler *compiler, const char *path);
/** The same for a directory in which files are kept. */
void compile_hint_unkept(struct compiler *compiler, const char *directory);

/** A copy in the snapshot's arena, NUL-terminated; data NULL stays NULL. */
struct slice compile_text(struct compiler *compiler, struct slice text);

#endif
