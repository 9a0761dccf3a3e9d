/* What the tests of backends/connect and backends/probe share: endpoints made by hand, and a server's side of TLS. */
#ifndef TESTS_BACKENDS_PEERS_H
#define TESTS_BACKENDS_PEERS_H

#include "backends/roster.h"
#include "base/text.h"
#include "tls/tls_stream.h"
#include "unit/backends/offices.h"

/** Of one address, or of 127.0.0.1 where the target is a name. In the office's arena, and may be changed. */
struct endpoint *peer_endpoint(struct office *office, const char *target);
/** Of that server: "https://a.test" and its port. */
struct endpoint *peer_endpoint_at(struct office *office, const char *host, const struct server *server);
/** The target behind it, to be changed. */
struct pool_target *peer_target(const struct endpoint *endpoint);

/** One certificate, who trusts it, and one connection with it. */
struct tls_peer {
    struct loop *loop;
    char *directory;
    const char *offer[2]; /* protocols by ALPN, NULL-ended; none: it knows no ALPN. May be changed */
    struct certificates *certificates;
    struct tls_client_context *trusting;
    struct stream *stream;
    unsigned established, failed, ended; /* ended: by close_notify; broken off is neither */
    struct text got;
    char server_name[64], alpn[16];
};

/** @param san  "DNS:a.test,IP:127.0.0.1"; of DNS names a.test must be one */
void tls_peer_init(struct tls_peer *peer, struct loop *loop, const char *san);
void tls_peer_fini(struct tls_peer *peer);
/** Shakes hands on a connection that the server took. */
void tls_peer_take(struct tls_peer *peer, struct server *server, size_t conn);
void tls_peer_says(struct tls_peer *peer, const char *text);

#endif
