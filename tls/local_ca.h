/** A certificate authority of this machine for names that no public one may certify.
 *  Made once in the state directory (ca.crt, ca.key 0600; P-256, name-constrained to its four domains, 10
 * years); leaves are made on first use and kept beside it. Thread-safe. */
#ifndef TLS_LOCAL_CA_H
#define TLS_LOCAL_CA_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

struct local_ca;

/** Loads the CA from the folder "ca" of *directory*, or makes it. */
int local_ca_open(const char *directory, struct local_ca **out, struct error *error) NODISCARD;
void local_ca_free(struct local_ca *ca);
/** localhost, *.localhost, test, internal, home.arpa (RFC 6761, RFC 8375). Lower case, no trailing dot. */
bool local_ca_may_name(struct slice name);
/** Path of the CA's certificate, for `portico trust`. */
const char *local_ca_path(const struct local_ca *ca);

#endif
