/** TLS as a stream over a stream, through our own BIO: ticket, answer and close_notify leave in one send.
 *  Server side from proxy/front, client side from backends/. The lower stream is no TLS stream itself.
 *
 *  What net/stream.h leaves to the kind of stream:
 *  - eof() means close_notify. A FIN without one is closed(FAULT_CLIENT_GONE, 0): what came may be cut off
 *    (RFC 8446 §6.1). A broken record or a fatal alert is closed(FAULT_TLS_BROKEN, 0). Both wait until all
 *    that came before was lent and want is true.
 *  - stream_shut() sends close_notify and the FIN below; reading goes on.
 *  - stream_end() sends close_notify and the FIN with the last bytes; stream_close() says nothing.
 *  - bytes_in and bytes_out count plaintext. */
#ifndef TLS_TLS_STREAM_H
#define TLS_TLS_STREAM_H

#include "net/stream.h"
#include "tls/certificates.h"
#include "tls/tls_alert.h"

struct tls_client_context;

/** Exactly one of the two, once, from the loop; never after the owner closed the stream. After failed() the
 * stream is gone. Until then the owner's only other call is stream_close(). */
struct tls_stream_events {
    void (*established)(void *owner, struct stream *stream);
    /** *detail*: for the log: "certificate has expired (depth 0); it is for a.test, wanted for b.test", "no shared
     * cipher". */
    void (*failed)(void *owner, enum fault fault, const char *detail);
};

struct tls_server_options {
    const char *const *alpn; /* what we take, best first; NULL-ended; must outlive the stream. A client that
                              * offers none of it is refused. NULL: ALPN is ignored (tcps) */
};

/** Takes the lower stream over, the ClientHello unread in it, and begins the handshake. No deadline of its
 * own. */
struct stream *tls_stream_accept(struct stream *lower, struct tls_identity *identity,
                                 const struct tls_server_options *options, const struct tls_stream_events *on,
                                 void *owner);

struct tls_client_options {
    const char *server_name; /* SNI; NULL for an IP address */
    const char *verify_name; /* DNS name or IP that the certificate must have; NULL: any (verify: off) */
    const char *const *alpn; /* NULL-ended, or NULL */
};
struct stream *tls_stream_connect(struct stream *lower, struct tls_client_context *context,
                                  const struct tls_client_options *options,
                                  const struct tls_stream_events *on, void *owner);

/** Refuses a client before any handshake: sends the fatal alert (RFC 8446 §6) and ends the stream. */
void tls_refuse(struct stream *lower, enum tls_alert alert);

/** Settings towards backends. */
struct tls_client_settings {
    const char *ca_path;                     /* NULL: the system's roots */
    bool verifies;                           /* false: any certificate will do */
    const char *certificate_path, *key_path; /* shown to servers that ask for one; NULL: none */
};
/** Reads the files. What comes out has one reference, is thread-safe and read-only; the settings are needed no more. */
int tls_client_context_new(const struct tls_client_settings *settings, struct tls_client_context **out,
                           struct error *error) NODISCARD;
/** Whoever may outlive the owner of a context: a connection that is still being made while the snapshot goes. */
struct tls_client_context *tls_client_context_ref(struct tls_client_context *context);
/** The last one frees it; from any thread. NULL is fine. */
void tls_client_context_unref(struct tls_client_context *context);

/** Of an established TLS stream, for logs and 421; NULL for other streams. Version, name and identity are still
 * known to the end of the turn in which it ended. */
const char *tls_stream_version(const struct stream *stream); /* "TLSv1.3" */
const char *tls_stream_cipher(const struct stream *stream);
struct tls_identity *tls_stream_identity(const struct stream *stream);
const char *tls_stream_server_name(const struct stream *stream); /* SNI in lower case, "" without */
struct slice tls_stream_alpn(const struct stream *stream);
bool tls_stream_is_resumed(const struct stream *stream);
/** The stream below, for its bytes_in and bytes_out: what TLS costs on the wire. */
const struct stream *tls_stream_lower(const struct stream *stream);

/** "OpenSSL 3.0.15 …": of the library that runs. */
const char *tls_library_version(void);

#endif
