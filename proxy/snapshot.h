/** Everything that one load of the configuration says, compiled: immutable, shared by all workers, counted.
 *  Built by control/compile; a connection keeps the lease on the snapshot that it began with. */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H

#include <stdatomic.h>

#include "backends/pool.h"
#include "base/arena.h"
#include "base/map.h"
#include "conf/settings.h"
#include "net/address.h"
#include "routing/table.h"
#include "tls/certificates.h"

struct field_edit {
    enum { FIELD_EDIT_SET, FIELD_EDIT_ADD, FIELD_EDIT_REMOVE } kind;
    struct slice name, value;
};

/** How a route treats what it takes. Routes that say nothing of their own share one. */
struct route_options {
    bool strip_prefix;         /* the key's path is taken off */
    struct slice rewrite_path; /* replaces the key's path; data NULL: not set */
    const struct field_edit *request_edits, *response_edits;
    size_t request_edits_count, response_edits_count;
    struct timeouts timeouts; /* the file's, with the route's over them */
    struct limits limits;
    bool is_logged; /* access_log */
};

/** What a route does; struct route.number is its index. */
struct action {
    enum { ACTION_PROXY, ACTION_REDIRECT, ACTION_RESPOND } kind;
    int status;              /* ACTION_REDIRECT, ACTION_RESPOND */
    bool redirect_to_https;  /* ACTION_REDIRECT: same host, path and query on 443 */
    struct slice location;   /* ACTION_REDIRECT otherwise: the Location */
    const struct pool *pool; /* ACTION_PROXY; several routes may share one */
    struct slice id; /* what the route's key means, with its place among alternatives; empty: Portico's own */
    struct slice name; /* the route's key as written, for logs and `routes`; NUL-terminated */
    const struct route_options *options;
};

/** One address to listen on. */
struct listen {
    struct address address;
    bool waits_for_client; /* the client speaks first on this port */
    bool is_optional;      /* IPv6 any-address on a machine without IPv6 */
};

/** How https:// and h2:// targets are met: whom we believe, and what we show. */
struct client_context {
    struct tls_client_context *context;
    struct slice ca;               /* data NULL: the system's roots */
    struct slice certificate, key; /* data NULL: none */
    bool verifies;
};

struct loop;

struct snapshot {
    atomic_uint refs;
    struct loop *home; /* where it is freed, whoever lets go of it last; NULL: there and then */
    uint64_t version;
    struct arena arena; /* all slices and arrays below */
    struct table *table;
    struct action *actions; /* of the routes, and one for redirects to https */
    size_t actions_count, routes_count;
    struct map routes;  /* number by action.id: whether a route of another snapshot is still there */
    struct pool *pools; /* of `backends:`, then those of routes */
    size_t pools_count;
    struct address *resolvers; /* name servers; none: the machine's own */
    size_t resolvers_count;
    struct slice sticky_secret; /* of the cookies of sticky pools; empty: there are none */
    struct roster *
        *rosters; /* by pool number, of those that the warden looks after when the snapshot is applied; NULL:
                              * the pool is fixed */
    struct map pool_numbers, endpoints; /* see snapshot_index() */
    struct certificates *certificates;
    struct client_context *client_contexts;
    size_t client_contexts_count, client_contexts_cap;
    struct listen *listens;
    size_t listens_count;
    struct timeouts timeouts;
    struct limits limits;
    struct cidr *trusted_proxies;
    size_t trusted_proxies_count;
    unsigned workers;       /* 0: auto */
    struct slice user;      /* empty: stay */
    bool sandbox;           /* `sandbox:` */
    bool http2;             /* `http2:`: in front */
    struct slice state;     /* directory for what is kept, NUL-terminated; data NULL: there is none */
    int log_level;          /* enum log_level */
    struct slice access_to; /* "stdout", "stderr", a path, or "off" */
    enum access_format access_format;
    struct slice admin;  /* path of the admin socket, NUL-terminated; data NULL: the default */
    struct slice source; /* the configuration's file, for messages */
    bool is_watched;     /* `watch` */
};

struct snapshot *snapshot_new(void);
void snapshot_ref(struct snapshot *snapshot);
/** The last one frees it, at home; from any thread. */
void snapshot_unref(struct snapshot *snapshot);
/** Prepares what workers look up when it takes another one's place, before they get it: a hundred thousand pools are too
 *  many to walk there. After its rosters are set. */
void snapshot_index(struct snapshot *snapshot);
/** The pool of that key; NULL: none. After snapshot_index(). */
const struct pool *snapshot_pool(const struct snapshot *snapshot, struct slice key);
/** Is an endpoint of that identity in any pool, as rosters were at first? After snapshot_index(). */
bool snapshot_has_endpoint(const struct snapshot *snapshot, struct slice identity);
/** Is that one of trusted_proxies? */
bool snapshot_trusts(const struct snapshot *snapshot, const struct address *peer);

#endif
