/** What a server decides in the middle of a handshake, as OpenSSL's callbacks: name, protocol, resumption. */
#ifndef TLS_HANDSHAKE_H
#define TLS_HANDSHAKE_H

#include <openssl/types.h>

#include "tls/certificates.h"

enum { FINGERPRINT_BYTES = 32 };

/** What all handshakes of one identity share; found as the SSL_CTX's app data. */
struct handshake_terms {
    unsigned char fingerprint[FINGERPRINT_BYTES]; /* of the leaves: sessions stay within it */
    struct ticket_keys *ticket_keys;              /* NULL: no resumption */
};

/** One handshake's wishes and findings; embedded in its stream. */
struct handshake {
    const char *const *alpn; /* NULL-ended, best first; NULL: not looked at */
    char *server_name;       /* SNI in lower case; owned; NULL without one */
    bool has_heard_hello;    /* server_name is set for good */
    char *detail;            /* why a peer's certificate was refused; owned; NULL for none */
};

/** Makes the context serve by these terms, which must outlive it. */
void handshake_serve(SSL_CTX *ctx, struct handshake_terms *terms);
void handshake_fini(struct handshake *handshake);

#endif
