/** Identities for local names, made on demand and kept as long as the certificates that hold them.
 *  May be asked from any worker; making one costs about a millisecond under a lock. Bounded: see local_ca.h.
 */
#ifndef TLS_LOCAL_LEAVES_H
#define TLS_LOCAL_LEAVES_H

#include "tls/certificates.h"

struct local_ca;
struct local_leaves;

/** Takes the CA over. */
struct local_leaves *local_leaves_new(struct local_ca *ca, struct ticket_keys *keys);
void local_leaves_free(struct local_leaves *leaves);
/** NULL when the CA may not name it, or no more leaves may be made, or making one failed (logged). */
struct tls_identity *local_leaves_find(struct local_leaves *leaves, struct slice name);

#endif
