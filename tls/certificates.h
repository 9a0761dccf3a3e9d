/** Certificates by name. Built at load, then only read by all workers; part of a snapshot.
 *  An identity is what one name is served with: an RSA and an ECDSA certificate at most, one context of
 * settings. Sessions never resume across identities. */
#ifndef TLS_CERTIFICATES_H
#define TLS_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/slice.h"

struct certificates;
struct tls_identity;
struct ticket_keys; /* of the process; outlives all snapshots */

struct certificates *certificates_new(struct ticket_keys *keys);
void certificates_free(struct certificates *certificates);

/** Adds a pair: PEM files; the chain must belong together, the key to the leaf. */
int certificates_add_pair(struct certificates *certificates, const char *cert_path, const char *key_path,
                          struct error *error) NODISCARD;
/** Adds every pair in a directory: NAME.crt|.pem with NAME.key, or one .pem that holds both. */
int certificates_add_directory(struct certificates *certificates, const char *path,
                               struct error *error) NODISCARD;
/** Is a file of that name in a directory read, as certificate or as key? */
bool certificates_directory_has(struct slice name);
/** Served where nothing covers the name, and to clients without SNI. */
int certificates_set_default(struct certificates *certificates, const char *cert_path, const char *key_path,
                             struct error *error) NODISCARD;
struct local_ca;
/** Names under localhost, test, internal and home.arpa that no pair covers get a leaf from this CA. Taken
 * over. */
void certificates_set_local_ca(struct certificates *certificates, struct local_ca *ca);

/** What to serve for the name (lower case, no trailing dot; empty: no SNI). Exact SAN, then wildcard SAN (one
 * label, RFC 9525 §6.3), then local CA (made on demand; may be called from any worker), then default; NULL:
 * refuse with unrecognized_name. Live as long as the certificates. */
struct tls_identity *certificates_find(struct certificates *certificates, struct slice name);
/** Does the identity's leaf cover that host name? For 421. An identity served as default covers what its SANs
 * say. */
bool tls_identity_covers(const struct tls_identity *identity, struct slice name);
/** "example.com.pem", "local CA": for `routes` and `explain`. */
const char *tls_identity_describe(const struct tls_identity *identity);
time_t tls_identity_not_after(const struct tls_identity *identity);

/** What is known of a loaded certificate. Lent by the certificates. */
struct certificate_facts {
    const char *source;       /* the path that it came from */
    char *const *names;       /* of its SANs, lower case; wildcards as "*.example.com" */
    size_t names_count;       /* 0 only of a default */
    time_t not_after;         /* of the leaf */
    bool is_default;          /* set by certificates_set_default() */
    const void *leaf, *chain; /* for certificate_facts_eq() */
};
/** The same certificates, byte for byte, in the same chain? Where they come from does not matter. */
bool certificate_facts_eq(const struct certificate_facts *a, const struct certificate_facts *b);

/** Calls *each* for every loaded certificate, in the order of loading. */
void certificates_each(const struct certificates *certificates,
                       void (*each)(void *argument, const struct certificate_facts *facts), void *argument);
/** Is there a local CA for the names that no pair covers? */
bool certificates_have_local_ca(const struct certificates *certificates);

/** Random keys, rotated every 12 h, 3 kept; thread-safe. */
struct ticket_keys *ticket_keys_new(void);
void ticket_keys_free(struct ticket_keys *keys);

#endif
