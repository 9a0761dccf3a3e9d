/** Digests that protocols ask for. */
#ifndef TLS_DIGEST_H
#define TLS_DIGEST_H

#include "base/slice.h"

/** A Sec-WebSocket-Key of 16 bytes (RFC 6455 §4.1): their base64, NUL-terminated. */
enum { WEBSOCKET_NONCE_LEN = 16, WEBSOCKET_KEY_LEN = 24 };
void digest_websocket_key(struct slice nonce, char out[WEBSOCKET_KEY_LEN + 1]);

/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2): base64 of SHA-1, NUL-terminated. */
enum { WEBSOCKET_ACCEPT_LEN = 28 };
void digest_websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_LEN + 1]);

#endif
