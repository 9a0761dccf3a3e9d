/** The side of a TLS stream where the records are: OpenSSL's BIO over the bytes that the lower stream lends,
 *  and one outbox a thread where records gather until they leave in one stream_write().
 *  Who uses OpenSSL empties the outbox before anyone else gets control: it holds one connection's records. */
#ifndef TLS_TLS_WIRE_H
#define TLS_TLS_WIRE_H

#include <openssl/types.h>

#include "net/stream.h"

/** In the TLS stream's memory. */
struct tls_wire {
    struct stream *lower;
    struct slice lent; /* what OpenSSL has not read of it yet */
    bool is_shut;      /* our direction ended below: nothing may follow the FIN */
};

/** Gives the SSL a BIO of its own, for the handshake. Lends the wire. */
void tls_wire_connect(struct tls_wire *wire, SSL *ssl);
/** Whose SSL it is, while its handshake runs. */
struct tls_wire *tls_wire_of(const SSL *ssl);
/** The handshake is over: all such SSLs of a thread share one BIO, which takes memory once. From now on each call of OpenSSL that
 *  may read or write stands between enter and leave: the BIO is this wire's there, and else nobody's. */
void tls_wire_share(SSL *ssl);
void tls_wire_enter(struct tls_wire *wire, SSL *ssl);
void tls_wire_leave(SSL *ssl);
/** Gives what gathered to the lower stream. @return bytes that wait below */
size_t tls_wire_flush(struct tls_wire *wire, unsigned flags);
bool tls_wire_is_empty(const struct tls_wire *wire);
/** Forgets what gathered. */
void tls_wire_drop(struct tls_wire *wire);

#endif
