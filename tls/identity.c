#include "tls/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "base/text.h"
#include "tls/certificate_names.h"
#include "tls/ticket_keys.h"

/* Mozilla's intermediate recommendation, version 5.8. Its finite-field DHE suites are left out: who can do
 * TLS 1.2 with AEAD at all can do ECDHE, and DHE costs ten times as much. */
static const char suites_tls12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_tls13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* Best first; OpenSSL before 3.5 does not know the hybrid. */
static const char *const groups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

static bool set_groups(SSL_CTX *ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (SSL_CTX_set1_groups_list(ctx, groups[i]) == 1)
            return true;
        ERR_clear_error();
    }
    return false;
}

/* The client's order of suites counts: all of ours are good, and it knows whether it has AES in hardware. */
static bool set_policy(SSL_CTX *ctx)
{
    /* No chain is searched for at each handshake: what the file has is what is sent. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only */
    SSL_CTX_set_timeout(ctx, TICKET_LIFETIME_S);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, suites_tls12) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, suites_tls13) == 1 && SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
           set_groups(ctx);
}

int tls_identity_use(SSL_CTX *ctx, const struct certificate *pair, struct error *error)
{
    const char *reason;

    if (SSL_CTX_use_cert_and_key(ctx, pair->leaf, pair->key, pair->chain, 1) == 1)
        return 0;
    reason = ERR_reason_error_string(ERR_peek_error());
    error_set(error, "%s: OpenSSL does not serve with this certificate: %s", pair->source,
              reason ? reason : "it gives no reason");
    ERR_clear_error();
    return -1;
}

/* Over the leaves, so that the same files in a new configuration go on with the old sessions. */
static void set_fingerprint(struct tls_identity *identity)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);

    for (int kind = 0; kind < KEY_KINDS; kind++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned len;

        if (identity->pairs[kind])
            ok = ok && X509_digest(identity->pairs[kind]->leaf, EVP_sha256(), digest, &len) &&
                 EVP_DigestUpdate(hash, digest, len);
    }
    ok = ok && EVP_DigestFinal_ex(hash, identity->terms.fingerprint, NULL);
    ASSERT(ok);
    EVP_MD_CTX_free(hash);
}

static char *names_of_files(const struct tls_identity *identity)
{
    struct text text = {0};

    for (int kind = 0; kind < KEY_KINDS; kind++) {
        const char *path, *slash;

        if (!identity->pairs[kind])
            continue;
        path = identity->pairs[kind]->source;
        slash = strrchr(path, '/');
        text_printf(&text, "%s%s", text.len ? " + " : "", slash ? slash + 1 : path);
    }
    return text.data;
}

int tls_identity_new(const struct certificate *const pairs[KEY_KINDS], struct ticket_keys *keys,
                     const char *description, struct tls_identity **out, struct error *error)
{
    struct tls_identity *identity = mem_new(struct tls_identity);

    identity->ctx = SSL_CTX_new(TLS_server_method());
    if (!identity->ctx || !set_policy(identity->ctx)) {
        ERR_clear_error();
        tls_identity_free(identity);
        return error_set(error, "this OpenSSL cannot be set to TLS 1.2 and 1.3 with our suites and groups");
    }
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        const struct certificate *pair = identity->pairs[kind] = pairs[kind];

        if (!pair)
            continue;
        if (tls_identity_use(identity->ctx, pair, error) < 0) {
            tls_identity_free(identity);
            return -1;
        }
        if (identity->not_after == 0 || pair->not_after < identity->not_after)
            identity->not_after = pair->not_after;
    }
    set_fingerprint(identity);
    identity->terms.ticket_keys = keys;
    handshake_serve(identity->ctx, &identity->terms);
    identity->description = description ? mem_string(slice_str(description)) : names_of_files(identity);
    *out = identity;
    return 0;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (!identity)
        return;
    SSL_CTX_free(identity->ctx);
    mem_free(identity->description);
    mem_free(identity);
}

/* By every certificate in it: which one the client saw is its own choice. */
bool tls_identity_covers(const struct tls_identity *identity, struct slice name)
{
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        if (identity->pairs[kind] && !certificate_names_cover(identity->pairs[kind], name))
            return false;
    }
    return true;
}

const char *tls_identity_describe(const struct tls_identity *identity)
{
    return identity->description;
}

time_t tls_identity_not_after(const struct tls_identity *identity)
{
    return identity->not_after;
}
