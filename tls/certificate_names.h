/** Which names a certificate is for: its SANs alone; the common name says nothing (RFC 9525 §2). */
#ifndef TLS_CERTIFICATE_NAMES_H
#define TLS_CERTIFICATE_NAMES_H

#include "tls/certificate.h"

/** Fills names and covered from the leaf. SANs that no client would accept as a name are left out. */
void certificate_names_read(struct certificate *certificate);
void certificate_names_fini(struct certificate *certificate);

/** *name*: lower case, without trailing dot; or an IP address. A wildcard stands for one label
 * (RFC 9525 §6.3). */
bool certificate_names_cover(const struct certificate *certificate, struct slice name);

/* Maps keep "*.example.com" as ".example.com", so that looking it up copies nothing. */

/** What a SAN is kept under. */
struct slice certificate_names_key(const char *san);
/** What a wildcard for the name is kept under: "www.example.com" → ".example.com"; empty without a parent. */
struct slice certificate_names_wildcard_key(struct slice name);

#endif
