/** Digests that protocols ask for. */
#ifndef TLS_DIGEST_H
#define TLS_DIGEST_H

#include "base/slice.h"

/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2): base64 of SHA-1, NUL-terminated. */
enum { WEBSOCKET_ACCEPT_LEN = 28 };
void digest_websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_LEN + 1]);

#endif
