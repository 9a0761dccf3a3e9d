/** What an exchange or a tunnel knows of the client's connection. Lives in its front, as long as the
 * connection. */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "base/ip.h"
#include "net/stream.h"

struct tls_identity;
struct worker;

struct client {
    struct worker *worker;
    struct stream *stream;         /* TLS or plain; for addresses and TLS facts, not for writing */
    struct tls_identity *identity; /* NULL: no TLS was ended here */
    uint16_t port;                 /* of ours, at which it arrived */
    bool is_plain_on_tls;          /* clear HTTP on a port that only speaks TLS */
};

#endif
