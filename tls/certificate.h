/** One certificate with its chain and key, as loaded from PEM files.
 *  Owned by the certificates that hold it (or by the local CA's leaves); read-only once loaded. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "base/map.h"
#include "base/slice.h"

/** One identity can hold one certificate of each kind: OpenSSL picks by what the client can verify. */
enum key_kind { KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519, KEY_ED448, KEY_KINDS };

struct certificate {
    char *source; /* the path that it came from */
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf; NULL for none */
    EVP_PKEY *key;
    enum key_kind kind;
    char **names; /* of the SANs, lower case; wildcards as "*.example.com"; IP addresses as text */
    size_t names_count;
    struct map covered; /* the names; wildcards as ".example.com" */
    time_t not_before, not_after;
};

/** PEM text and what to call it in errors. */
struct pem_source {
    const char *name;
    struct slice pem;
};

/** The chain must be in order, the key belong to the leaf. */
int certificate_parse(const struct pem_source *cert, const struct pem_source *key, struct certificate **out,
                      struct error *error) NODISCARD;
/** The files may be one and the same. The error names the file and what to do. */
int certificate_load(const char *cert_path, const char *key_path, struct certificate **out,
                     struct error *error) NODISCARD;
void certificate_free(struct certificate *certificate);

/** What the text of a PEM file has, to tell pairs from loose chains and keys. */
bool pem_has_certificate(struct slice pem);
bool pem_has_key(struct slice pem);

bool certificate_is_valid_at(const struct certificate *certificate, time_t now);

#endif
