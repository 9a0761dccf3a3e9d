/** The handshake message inside a ClientHello's records, once it is complete. */
#ifndef TLS_HELLO_MESSAGE_H
#define TLS_HELLO_MESSAGE_H

#include "base/macro.h"
#include "tls/client_hello.h"

enum { HELLO_MESSAGE_HEAD = 4, HELLO_MESSAGE_TYPE = 1 };

/** Sets name, ALPN and versions of *hello* from the body behind the four bytes of type and length.
 *  @return false for what RFC 8446 does not allow; *hello* may be half set then, and its alert
 *  is set where another than decode_error says it better */
bool hello_message_parse(struct client_hello *hello, struct slice body) NODISCARD;

#endif
