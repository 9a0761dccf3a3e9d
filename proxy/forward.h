/** What a head becomes on its way: the forwarding fields, the route's edits, the rewritten path. Pure. */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "http/head.h"
#include "proxy/snapshot.h"
#include "proxy/websocket.h"

/** Says that no backend of the pool is as it should be, and that one of the least bad was asked. */
#define FORWARD_DEGRADED_NAME  SLICE("X-Portico-Degraded")
#define FORWARD_DEGRADED_VALUE SLICE("no healthy backend")

struct forward {
    const struct action *action;
    const struct url_key *key; /* of the route, for strip_prefix and rewrite_path */
    struct slice client_ip;
    uint16_t port; /* at which the client arrived */
    bool is_tls;
    bool is_trusted; /* the client is one of trusted_proxies: what it says of the client before it is kept */
    struct slice request_id;
    struct websocket websocket;
    struct slice cookie; /* of the answer: the value of a Set-Cookie of ours; empty: none */
    bool is_degraded;    /* of the answer: no backend of the pool was well */
    struct arena *arena;
};

/** Fields and target of the request to the backend. *out* shares slices with *in*. */
void forward_request(const struct forward *forward, const struct head *in, struct head *out);
/** The route's edits of the answer, and what we say ourselves; returns *in* itself where there is nothing. */
const struct head *forward_answer(const struct forward *forward, const struct head *in, struct head *out);

#endif
