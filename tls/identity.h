/** What a name is served with: up to one certificate of each kind of key in one SSL_CTX.
 *  Made by certificates when first asked for; read-only, used by all workers. */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include "tls/certificate.h"
#include "tls/certificates.h"
#include "tls/handshake.h"

struct tls_identity {
    SSL_CTX *ctx;
    const struct certificate *pairs[KEY_KINDS]; /* NULL where there is none */
    struct handshake_terms terms;
    char *description;
    time_t not_after; /* the earliest */
};

/** @param pairs  lent; must outlive the identity; at least one
 *  @param description  NULL: the certificates' file names */
int tls_identity_new(const struct certificate *const pairs[KEY_KINDS], struct ticket_keys *keys,
                     const char *description, struct tls_identity **out, struct error *error) NODISCARD;
void tls_identity_free(struct tls_identity *identity);

/** Gives the pair to a context, instead of an older one of its kind. Also a trial: does OpenSSL take it? */
int tls_identity_use(SSL_CTX *ctx, const struct certificate *pair, struct error *error) NODISCARD;

#endif
