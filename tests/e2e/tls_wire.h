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

/* ---- ClientHellos by hand ---- */

/** What such a hello says; all zero is one of TLS 1.3 without a server name that every server takes. */
struct hello_terms {
    unsigned version;         /* the highest that is offered, 0x0301 to 0x0304; 0: 0x0304 */
    unsigned record_version;  /* 0: 0x0301 */
    struct bytes extensions;  /* in front of the usual ones, as they stand on the wire */
    bool has_no_extensions;   /* not even those: as before TLS 1.3 it was allowed */
    bool has_no_key_share;    /* so that a server of TLS 1.3 asks for a second hello */
    size_t session_id_length; /* over 32 is wrong */
};
/** In one record, or as many as 16 KiB each make it. */
struct bytes hello_make(struct hello_terms terms);
/** The same handshake message in records of so many bytes. */
struct bytes hello_in_records(struct bytes hello, size_t step);
/** A hello for that name. */
struct bytes hello_for(const char *name);
/** A server_name extension with that body, and the body for one name of that type. */
struct bytes sni_extension(struct bytes body);
struct bytes sni_body(unsigned type, struct bytes name);

struct bytes bytes_of(const char *text);
struct bytes bytes_join(struct bytes one, struct bytes other);

/** What comes of a hello: "alert 112" (that and nothing else, then the end), "served" (TLS 1.3), the certificate's
 *  first DNS name (TLS 1.2), "passed" (a backend that says what it hears got it as it was), "http 400", "closed". */
const char *hello_verdict(struct wire *wire, struct bytes hello);
/** The same on a connection of its own. */
const char *hello_try(int port, struct bytes hello);

/** How a relay cuts the first 2 KiB that a client sends. */
enum relay_cut {
    RELAY_BYTES,  /* one byte a segment */
    RELAY_RECORDS /* handshake records of 40 bytes */
};
/** A port that relays to that one. One relay a test. */
int relay_start(int to_port, enum relay_cut cut);

#endif
