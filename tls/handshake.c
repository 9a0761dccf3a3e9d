#include "tls/handshake.h"

#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "tls/client_hello.h"
#include "tls/ticket_keys.h"
#include "tls/tls_core.h"

enum { SNI_HEAD = 5 }; /* list length, type, name length (RFC 6066 §3) */

static struct slice sent_server_name(SSL *ssl)
{
    const unsigned char *extension;
    size_t len;
    struct slice name;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len) != 1 || len <= SNI_HEAD)
        return slice_of(NULL, 0);
    name = slice_of(extension + SNI_HEAD, len - SNI_HEAD);
    if (name.data[name.len - 1] == '.')
        name.len--;
    return name;
}

/* A second hello, after HelloRetryRequest, must say what the first said (RFC 8446 §4.1.2): certificate and policy were
 * chosen by that. @return false when it does not */
static bool keep_server_name(struct handshake *handshake, struct slice name)
{
    if (handshake->has_heard_hello)
        return slice_eq_nocase(slice_str(handshake->server_name), name);
    handshake->has_heard_hello = true;
    if (name.len == 0)
        return true;
    handshake->server_name = mem_string(name);
    for (char *c = handshake->server_name; *c; c++)
        *c = ascii_lower(*c);
    return true;
}

/* A session belongs to these certificates and this name: OpenSSL refuses to resume one whose context id
 * differs, in both versions. Without the name in it, a session of a.example would open b.example without its
 * policies having been looked at (RFC 8446 §4.6.1 leaves the check to us). */
static bool bind_session(SSL *ssl, const struct handshake_terms *terms, struct slice name)
{
    unsigned char bound[FINGERPRINT_BYTES + SNI_MAX], id[EVP_MAX_MD_SIZE];
    unsigned id_len;

    if (name.len > SNI_MAX)
        return false;
    memcpy(bound, terms->fingerprint, FINGERPRINT_BYTES);
    if (name.len)
        memcpy(bound + FINGERPRINT_BYTES, name.data, name.len);
    return EVP_Digest(bound, FINGERPRINT_BYTES + name.len, id, &id_len, EVP_sha256(), NULL) == 1 &&
           SSL_set_session_id_context(ssl, id, id_len) == 1;
}

/* Runs before OpenSSL looks at tickets. */
static int on_client_hello(SSL *ssl, int *alert, void *argument)
{
    struct handshake *handshake = tls_core_handshake_of(ssl);
    const struct handshake_terms *terms = argument;

    if (!keep_server_name(handshake, sent_server_name(ssl))) {
        *alert = SSL_AD_ILLEGAL_PARAMETER;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (bind_session(ssl, terms, slice_str(handshake->server_name)))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
}

/* The server says that it used the name (RFC 6066 §3). */
static int on_server_name(SSL *ssl, int *alert, void *argument)
{
    return SSL_TLSEXT_ERR_OK;
}

static bool offers(struct slice offered, struct slice protocol)
{
    while (offered.len > 0) {
        size_t len = (unsigned char)offered.data[0];

        offered = slice_from(offered, 1);
        if (slice_eq(slice_head(offered, len), protocol))
            return true;
        offered = slice_from(offered, MIN(len, offered.len));
    }
    return false;
}

/* Our order counts. Without overlap the handshake ends (RFC 7301 §3.2): a client must not take the answer for
 * a protocol that it did not offer. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                   unsigned offered_len, void *argument)
{
    const struct handshake *handshake = tls_core_handshake_of(ssl);

    if (!handshake->alpn)
        return SSL_TLSEXT_ERR_NOACK;
    for (const char *const *protocol = handshake->alpn; *protocol; protocol++) {
        struct slice wanted = slice_str(*protocol);

        if (!offers(slice_of(offered, offered_len), wanted))
            continue;
        *out = (const unsigned char *)wanted.data;
        *out_len = (unsigned char)wanted.len;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* In TLS 1.3 a client uses a ticket once (RFC 8446 C.4): whoever resumes with one is given the next. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    const struct handshake_terms *terms = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    enum ticket_verdict verdict;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (is_sealing)
        return ticket_keys_seal(terms->ticket_keys, (uint64_t)now.tv_sec, name, iv, cipher, mac);
    verdict = ticket_keys_open(terms->ticket_keys, (uint64_t)now.tv_sec, name, iv, cipher, mac);
    return verdict == TICKET_GOOD && SSL_version(ssl) >= TLS1_3_VERSION ? TICKET_RENEW : verdict;
}

void handshake_serve(SSL_CTX *ctx, struct handshake_terms *terms)
{
    SSL_CTX_set_app_data(ctx, terms);
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, terms);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (terms->ticket_keys)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    else
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

void handshake_fini(struct handshake *handshake)
{
    mem_free(handshake->server_name);
    mem_free(handshake->detail);
}
