/** Settings towards backends; see tls_stream.h for making and freeing one. */
#ifndef TLS_TLS_CLIENT_CONTEXT_H
#define TLS_TLS_CLIENT_CONTEXT_H

#include <openssl/types.h>

#include "tls/tls_stream.h"

SSL_CTX *tls_client_context_ssl(struct tls_client_context *context);
/** Sets names, protocols and what is verified. The reason of a refusal goes to the SSL's struct handshake.
 *  @return false when OpenSSL cannot send them */
bool tls_client_context_prepare(const struct tls_client_context *context, SSL *ssl,
                                const struct tls_client_options *options) NODISCARD;

#endif
