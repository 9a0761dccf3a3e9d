#include "tls/tls_client_context.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/ip.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/certificate_names.h"
#include "tls/tls_core.h"

enum { NAMES_TOLD_MAX = 3, ALPN_MAX = 255 };

struct tls_client_context {
    atomic_uint refs;
    SSL_CTX *ctx;
    bool verify;
};

static int load_roots(SSL_CTX *ctx, const char *ca_path, struct error *error)
{
    if (!ca_path) {
        if (SSL_CTX_set_default_verify_paths(ctx) == 1)
            return 0;
        ERR_clear_error();
        return error_set(error, "cannot load this system's trusted certificates");
    }
    if (access(ca_path, R_OK) < 0)
        return error_set(error, "%s: cannot read: %s", ca_path, strerror(errno));
    if (SSL_CTX_load_verify_file(ctx, ca_path) == 1)
        return 0;
    ERR_clear_error();
    return error_set(error, "%s: there is no certificate in this file (PEM is expected)", ca_path);
}

static int load_own(SSL_CTX *ctx, const struct tls_client_settings *settings, struct error *error)
{
    struct certificate *own;
    int rc;

    if (certificate_load(settings->certificate_path, settings->key_path, &own, error) < 0)
        return -1;
    rc = SSL_CTX_use_cert_and_key(ctx, own->leaf, own->key, own->chain, 1);
    certificate_free(own); /* the context has references of its own */
    if (rc == 1)
        return 0;
    ERR_clear_error();
    return error_set(error, "%s: OpenSSL does not take this certificate", settings->certificate_path);
}

int tls_client_context_new(const struct tls_client_settings *settings, struct tls_client_context **out,
                           struct error *error)
{
    struct tls_client_context *context = mem_new(struct tls_client_context);

    ERR_clear_error();
    atomic_init(&context->refs, 1);
    context->verify = settings->verifies;
    context->ctx = SSL_CTX_new(TLS_client_method());
    ASSERT(context->ctx);
    SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(context->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_OFF);
    if ((settings->verifies && load_roots(context->ctx, settings->ca_path, error) < 0) ||
        (settings->certificate_path && load_own(context->ctx, settings, error) < 0)) {
        tls_client_context_unref(context);
        return -1;
    }
    *out = context;
    return 0;
}

struct tls_client_context *tls_client_context_ref(struct tls_client_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void tls_client_context_unref(struct tls_client_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(context->ctx);
    mem_free(context);
}

SSL_CTX *tls_client_context_ssl(struct tls_client_context *context)
{
    return context->ctx;
}

static void describe_names(X509 *leaf, struct text *out)
{
    struct certificate certificate = {.leaf = leaf};

    certificate_names_read(&certificate);
    for (size_t i = 0; i < certificate.names_count && i < NAMES_TOLD_MAX; i++)
        text_printf(out, "%s%s", i ? ", " : "", certificate.names[i]);
    if (certificate.names_count > NAMES_TOLD_MAX)
        text_printf(out, " and %zu more", certificate.names_count - NAMES_TOLD_MAX);
    if (certificate.names_count == 0)
        text_add_literal(out, "no name at all");
    certificate_names_fini(&certificate);
}

/* Both names in each case: which of them is the wrong one is for people to say. */
static void describe_refusal(X509_STORE_CTX *store, X509_VERIFY_PARAM *param, struct text *out)
{
    int reason = X509_STORE_CTX_get_error(store);
    char *ip = X509_VERIFY_PARAM_get1_ip_asc(param);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    const char *wanted = host ? host : ip;
    bool is_mismatch = reason == X509_V_ERR_HOSTNAME_MISMATCH || reason == X509_V_ERR_IP_ADDRESS_MISMATCH;

    if (is_mismatch)
        text_add_literal(out, "certificate is for ");
    else
        text_printf(out, "%s (depth %d); it is for ", X509_verify_cert_error_string(reason),
                    X509_STORE_CTX_get_error_depth(store));
    describe_names(X509_STORE_CTX_get0_cert(store), out);
    text_printf(out, is_mismatch ? ", not for %s" : ", wanted for %s", wanted);
    OPENSSL_free(ip);
}

/* Changes nothing of the verdict; keeps the first reason. */
static int on_verified(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct handshake *handshake = tls_core_handshake_of(ssl);
    struct text detail = {0};

    if (ok || handshake->detail)
        return ok;
    describe_refusal(store, SSL_get0_param(ssl), &detail);
    handshake->detail = detail.data;
    return ok;
}

static bool set_verify_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct ip ip;

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
    if (ip_parse(slice_str(name), &ip))
        return X509_VERIFY_PARAM_set1_ip(param, ip.bytes, ip.family == 4 ? 4 : 16) == 1;
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static bool set_alpn(SSL *ssl, const char *const *protocols)
{
    unsigned char wire[ALPN_MAX];
    size_t len = 0;

    for (; *protocols; protocols++) {
        size_t name_len = strlen(*protocols);

        if (name_len == 0 || len + 1 + name_len > sizeof(wire))
            return false;
        wire[len++] = (unsigned char)name_len;
        memcpy(wire + len, *protocols, name_len);
        len += name_len;
    }
    return SSL_set_alpn_protos(ssl, wire, (unsigned)len) == 0;
}

bool tls_client_context_prepare(const struct tls_client_context *context, SSL *ssl,
                                const struct tls_client_options *options)
{
    bool ok = true;

    if (options->server_name)
        ok = SSL_set_tlsext_host_name(ssl, options->server_name) == 1;
    if (ok && options->alpn)
        ok = set_alpn(ssl, options->alpn);
    if (ok && context->verify && options->verify_name)
        ok = set_verify_name(ssl, options->verify_name);
    ERR_clear_error();
    return ok;
}
