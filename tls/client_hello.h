/** Reads a ClientHello (RFC 8446 §4.1.2, RFC 6066 §3) from the first bytes of a connection without consuming
 * them. Pure. Resumable, so that a client that sends one byte a segment costs one look at each byte. */
#ifndef TLS_CLIENT_HELLO_H
#define TLS_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "tls/tls_alert.h"

enum { CLIENT_HELLO_MAX = 16 * 1024, CLIENT_HELLO_WIRE_MAX = 64 * 1024, SNI_MAX = 255 };

enum client_hello_state {
    CLIENT_HELLO_MORE,    /* a valid beginning: wait for more */
    CLIENT_HELLO_DONE,    /* name and alpn are set */
    CLIENT_HELLO_NOT_TLS, /* the first bytes are no TLS handshake record */
    CLIENT_HELLO_BAD,     /* TLS, but no ClientHello that RFC 8446 allows, or larger than we take */
};

/** In the owner's memory; all zero before the first call. */
struct client_hello {
    enum client_hello_state state;
    enum tls_alert alert; /* CLIENT_HELLO_BAD: what to end it with. UNRECOGNIZED_NAME: only its name is bad */
    bool has_name;        /* false also for an IP address, which RFC 6066 §3 does not allow as a name */
    char name[SNI_MAX +
              1]; /* host_name as sent but in lower case and without a trailing dot; NUL-terminated */
    size_t name_len;
    bool offers_h2, offers_http1, has_alpn;
    bool offers_tls13;
    struct {
        size_t seen;        /* wire bytes that were looked at */
        size_t record_left; /* of the record that *seen* stands in */
        uint8_t *message;   /* handshake bytes put together, when the hello spans records; owned */
        size_t message_len, message_cap;
    } at;
};

/** @param wire  all bytes of the connection so far, from its first: the same and more at each call */
enum client_hello_state client_hello_read(struct client_hello *hello, struct slice wire);
void client_hello_fini(struct client_hello *hello);

#endif
