/** Makes keys and certificates for the local CA; no files. */
#ifndef TLS_ISSUER_H
#define TLS_ISSUER_H

#include <openssl/types.h>

#include "base/error.h"
#include "base/text.h"

/** The authority: its own certificate and key. */
struct issuer {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Public authorities' limit is 398 days, and clients have begun to enforce it for all. */
enum { ISSUER_CA_DAYS = 3650, ISSUER_LEAF_DAYS = 396 };

/** A new P-256 key and a certificate of its own, limited to signing servers' certificates directly for DNS
 * names under *domains* (NULL-ended; RFC 5280 §4.2.1.10). */
int issuer_make(const char *common_name, const char *const *domains, struct issuer *out,
                struct error *error) NODISCARD;
void issuer_fini(struct issuer *issuer);

/** Appends a new leaf for the one name (or wildcard) and its key, both PEM, to *pem*. */
int issuer_sign_leaf(const struct issuer *issuer, struct slice name, struct text *pem,
                     struct error *error) NODISCARD;

void issuer_add_certificate_pem(X509 *certificate, struct text *pem);
void issuer_add_key_pem(EVP_PKEY *key, struct text *pem);

#endif
