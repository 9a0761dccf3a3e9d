/** Keys of session tickets (RFC 5077 §4, RFC 8446 §4.6.1): of the process, shared by all workers. A stolen
 * key opens old sessions, so none lives long: a new one each 12 h, and each opens tickets for 24 h more. */
#ifndef TLS_TICKET_KEYS_H
#define TLS_TICKET_KEYS_H

#include <stdint.h>

#include <openssl/types.h>

#include "tls/certificates.h"

enum { TICKET_KEYS_KEPT = 3, TICKET_KEY_ROTATION_S = 12 * 60 * 60, TICKET_LIFETIME_S = 12 * 60 * 60 };
enum { TICKET_KEY_NAME_BYTES = 16, TICKET_IV_MAX = 16 };

/* The answers that OpenSSL expects of a ticket callback. */
enum ticket_verdict { TICKET_FAILED = -1, TICKET_UNKNOWN = 0, TICKET_GOOD = 1, TICKET_RENEW = 2 };

/** Prepares the contexts to seal a ticket with the newest key; sets *name* and *iv*.
 *  @param now_s  of a clock that never goes back */
enum ticket_verdict ticket_keys_seal(struct ticket_keys *keys, uint64_t now_s,
                                     unsigned char name[TICKET_KEY_NAME_BYTES], unsigned char *iv,
                                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
/** Prepares the contexts to open a ticket that was sealed by *name*. TICKET_RENEW: by an older key. */
enum ticket_verdict ticket_keys_open(struct ticket_keys *keys, uint64_t now_s,
                                     const unsigned char name[TICKET_KEY_NAME_BYTES], const unsigned char *iv,
                                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);

/** All of them, so that another process opens the tickets of this one: secret, for who takes its place alone. */
enum { TICKET_KEYS_BYTES = TICKET_KEYS_KEPT * (TICKET_KEY_NAME_BYTES + 32 + 32 + 8 + 1) };
void ticket_keys_export(struct ticket_keys *keys, unsigned char out[TICKET_KEYS_BYTES]);
/** Before any other thread uses *keys*: what was exported on this machine, since it was last booted. */
void ticket_keys_import(struct ticket_keys *keys, const unsigned char bytes[TICKET_KEYS_BYTES]);

#endif
