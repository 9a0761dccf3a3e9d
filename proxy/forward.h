/** What a head becomes on its way: the forwarding fields, the route's edits, the rewritten path. Pure. */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "http/head.h"
#include "proxy/snapshot.h"

struct forward {
    const struct action *action;
    const struct url_key *key; /* of the route, for strip_prefix and rewrite_path */
    struct slice client_ip;
    uint16_t port; /* at which the client arrived */
    bool is_tls;
    bool is_trusted; /* the client is one of trusted_proxies: what it says of the client before it is kept */
    struct slice request_id;
    struct arena *arena;
};

/** Fields and target of the request to the backend. *out* shares slices with *in*. */
void forward_request(const struct forward *forward, const struct head *in, struct head *out);
/** The route's edits of the answer; returns *in* itself where there are none. */
const struct head *forward_answer(const struct forward *forward, const struct head *in, struct head *out);

#endif
