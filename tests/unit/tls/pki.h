/* Keys, certificates and a directory for them, for tests. */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/text.h"

struct pki_pair {
    X509 *cert;
    EVP_PKEY *key;
};

struct pki_spec {
    const char *san;               /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
    const char *key;               /* "P-256" (also for NULL), "RSA", "RSA-1024", "ED25519" */
    int from_days, to_days;        /* from now; 0, 0: -1 to 90 */
    const struct pki_pair *issuer; /* NULL: self-signed */
    bool is_ca;
    const char *common_name;
};

struct pki_pair pki_make(const struct pki_spec *spec);
void pki_pair_fini(struct pki_pair *pair);
void pki_add_cert(struct text *pem, const struct pki_pair *pair);
void pki_add_key(struct text *pem, const struct pki_pair *pair);

/* A new directory; pki_directory_remove() frees the path too. */
char *pki_directory(void);
void pki_directory_remove(char *directory);
/* "directory/name"; of a few in turn, valid until the 8th next call. */
const char *pki_path(const char *directory, const char *name);
void pki_write(const char *directory, const char *name, struct text *content);
/* NAME.crt and NAME.key of a fresh pair. */
void pki_write_pair(const char *directory, const char *name, const struct pki_spec *spec);

#endif
