/** A certificate authority of this machine for names that no public one may certify.
 *  Made once in the state directory (ca.crt, ca.key 0600; P-256, name-constrained to its four domains, 10
 * years); leaves are made on first use and kept beside it. Thread-safe.
 *
 *  Clients can invent names, so what they can make it do is bounded:
 *  - a name whose parent has two labels or more ("a.b.localhost", "a.home.arpa") is served with one wildcard
 *    for its parent ("*.b.localhost"); clients accept no wildcard for a name of one label, so "a.localhost"
 *    gets a leaf of its own;
 *  - certificates_find() makes LOCAL_LEAVES_MAX leaves at most for one set of certificates; names beyond them
 *    fall to the default certificate, and the next reload starts anew;
 *  - local_ca_open() removes the least recently used files beyond LOCAL_LEAVES_KEPT. They are a cache:
 * clients trust the CA, so a leaf can be made again at any time. */
#ifndef TLS_LOCAL_CA_H
#define TLS_LOCAL_CA_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

enum { LOCAL_LEAVES_MAX = 1000, LOCAL_LEAVES_KEPT = 500, LOCAL_NAME_MAX = 200 };

struct certificate;
struct local_ca;

/** Loads the CA from the folder "ca" of *directory*, or makes it, and the directory too. */
int local_ca_open(const char *directory, struct local_ca **out, struct error *error) NODISCARD;
void local_ca_free(struct local_ca *ca);
/** localhost, *.localhost, test, internal, home.arpa (RFC 6761, RFC 8375). Lower case, no trailing dot. */
bool local_ca_may_name(struct slice name);
/** Path of the CA's certificate, for `portico trust`. */
const char *local_ca_path(const struct local_ca *ca);

/** The name that the leaf for *name* carries: itself, or a wildcard that covers it, written to *out*. */
struct slice local_ca_leaf_name(struct slice name, char out[LOCAL_NAME_MAX + 1]);
/** The leaf for a local_ca_leaf_name(): from its file, or made and written there when there is none that
 * lasts for 30 days. Two processes may do so at once: both get a good one. */
int local_ca_leaf(struct local_ca *ca, struct slice leaf_name, struct certificate **out,
                  struct error *error) NODISCARD;
/** Is it time to make the leaf anew? */
bool local_ca_leaf_is_stale(const struct certificate *leaf);

#endif
