/** A short proof that we made something: what a client is given to keep and hands back. */
#ifndef TLS_MAC_H
#define TLS_MAC_H

#include "base/error.h"
#include "base/slice.h"

enum { MAC_SECRET_BYTES = 32, MAC_TAG_LEN = 32 };

/** The secret of a directory (made with mode 0700 unless it is there; its parent must exist), made on first use and the
 *  same from then on, so that tags outlive the process. */
int mac_secret_open(const char *directory, char out[MAC_SECRET_BYTES], struct error *error) NODISCARD;

/** 128 bits of HMAC-SHA-256 in lower-case hex: who lacks the secret can neither foretell nor invert it. */
void mac_tag(struct slice secret, struct slice what, char out[MAC_TAG_LEN]);

#endif
