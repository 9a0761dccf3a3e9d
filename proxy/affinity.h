/** What keeps a client's requests at one endpoint: the key of `balance: {hash: …}`, and the cookie of `sticky`. Pure. */
#ifndef PROXY_AFFINITY_H
#define PROXY_AFFINITY_H

#include "backends/pool.h"
#include "http/head.h"
#include "net/address.h"

/** The same for requests that belong together. A request without that header or cookie goes by its client. */
uint64_t affinity_key(const struct pool *pool, const struct head *head, const struct address *client);
/** Of a raw connection. */
uint64_t affinity_client_key(const struct address *client);

/** What the request's sticky cookie says; empty where it has none. */
struct slice affinity_tag(const struct pool *pool, const struct head *head);
/** The value of a Set-Cookie field (RFC 6265) that gives the client this tag. */
struct slice affinity_cookie(const struct pool *pool, struct slice tag, bool is_tls, struct arena *arena);

#endif
