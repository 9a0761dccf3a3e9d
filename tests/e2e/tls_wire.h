/** TLS as tests need it: openssl s_client at work, and real ClientHellos as bytes. */
#ifndef E2E_TLS_WIRE_H
#define E2E_TLS_WIRE_H

#include "e2e/portico.h"

/** What `openssl s_client` with those options says about a handshake with that name; it sends nothing. */
struct run tls_probe(int port, const char *name, const char *options);
/** The same, with one GET to that name, read to the end of the connection. */
struct run tls_get(int port, const char *name, const char *options);

struct bytes {
    const char *bytes;
    size_t count;
};
/** The first record that OpenSSL sends for that name. */
struct bytes client_hello(const char *name);

/** How a relay cuts the first 2 KiB that a client sends. */
enum relay_cut {
    RELAY_BYTES,  /* one byte a segment */
    RELAY_RECORDS /* handshake records of 40 bytes */
};
/** A port that relays to that one. One relay a test. */
int relay_start(int to_port, enum relay_cut cut);

#endif
