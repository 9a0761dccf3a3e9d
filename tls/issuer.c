#include "tls/issuer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { SERIAL_BITS = 159, HOUR_S = 60 * 60, X509_VERSION_3_VALUE = 2 };

struct extension {
    int nid;
    const char *value; /* as in OpenSSL's configuration files */
};

static int failed(struct error *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    error_set(error, "cannot make %s: OpenSSL: %s", what, reason ? reason : "no reason given");
    ERR_clear_error();
    return -1;
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool ok = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

    BN_free(number);
    return ok;
}

static bool set_subject(X509 *certificate, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), nid, MBSTRING_UTF8,
                                      (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct extension *extensions, size_t count)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        bool ok = made && X509_add_ext(certificate, made, -1) == 1;

        X509_EXTENSION_free(made);
        if (!ok)
            return false;
    }
    return true;
}

/* Everything but the names and extensions. Valid an hour back, for clients whose clock is late. */
static X509 *begin_certificate(EVP_PKEY *key, int days)
{
    X509 *certificate = X509_new();

    if (certificate && X509_set_version(certificate, X509_VERSION_3_VALUE) && set_serial(certificate) &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR_S) &&
        X509_time_adj_ex(X509_getm_notAfter(certificate), days, -HOUR_S, NULL) &&
        X509_set_pubkey(certificate, key))
        return certificate;
    X509_free(certificate);
    return NULL;
}

static void describe_constraints(const char *const *domains, struct text *out)
{
    text_add_literal(out, "critical");
    for (; *domains; domains++)
        text_printf(out, ",permitted;DNS:%s", *domains);
    /* A permitted kind says nothing about other kinds (RFC 5280 §4.2.1.10). */
    text_add_literal(out, ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0");
}

static bool sign_ca(struct issuer *issuer, const char *common_name, const char *const *domains)
{
    struct text constraints = {0};
    bool ok;

    describe_constraints(domains, &constraints);
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {NID_name_constraints, constraints.data},
    };
    ok = set_subject(issuer->certificate, NID_organizationName, "Portico local CA") &&
         set_subject(issuer->certificate, NID_commonName, common_name) &&
         X509_set_issuer_name(issuer->certificate, X509_get_subject_name(issuer->certificate)) &&
         add_extensions(issuer->certificate, issuer->certificate, extensions, ARRAY_LEN(extensions)) &&
         X509_sign(issuer->certificate, issuer->key, EVP_sha256()) > 0;
    text_fini(&constraints);
    return ok;
}

int issuer_make(const char *common_name, const char *const *domains, struct issuer *out, struct error *error)
{
    struct issuer made = {.key = EVP_EC_gen("P-256")};

    ERR_clear_error();
    if (made.key)
        made.certificate = begin_certificate(made.key, ISSUER_CA_DAYS);
    if (!made.certificate || !sign_ca(&made, common_name, domains)) {
        issuer_fini(&made);
        return failed(error, "a certificate authority");
    }
    *out = made;
    return 0;
}

void issuer_fini(struct issuer *issuer)
{
    X509_free(issuer->certificate);
    EVP_PKEY_free(issuer->key);
    *issuer = (struct issuer){0};
}

static bool sign_leaf(const struct issuer *issuer, X509 *leaf, struct slice name)
{
    struct text san = {0};
    bool ok;

    text_printf(&san, "DNS:%.*s", FMT_SLICE(name));
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, san.data},
    };
    ok = set_subject(leaf, NID_organizationName, "Portico local CA") &&
         set_subject(leaf, NID_organizationalUnitName, "made on this machine") &&
         X509_set_issuer_name(leaf, X509_get_subject_name(issuer->certificate)) &&
         add_extensions(leaf, issuer->certificate, extensions, ARRAY_LEN(extensions)) &&
         X509_sign(leaf, issuer->key, EVP_sha256()) > 0;
    text_fini(&san);
    return ok;
}

int issuer_sign_leaf(const struct issuer *issuer, struct slice name, struct text *pem, struct error *error)
{
    EVP_PKEY *key;
    X509 *leaf;
    int rc = 0;

    ERR_clear_error();
    key = EVP_EC_gen("P-256");
    leaf = key ? begin_certificate(key, ISSUER_LEAF_DAYS) : NULL;
    if (leaf && sign_leaf(issuer, leaf, name)) {
        issuer_add_certificate_pem(leaf, pem);
        issuer_add_key_pem(key, pem);
    } else {
        rc = failed(error, "a certificate");
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}

static void move_bio_to_text(BIO *bio, struct text *out)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    text_add(out, slice_of(data, (size_t)len));
    BIO_free(bio);
}

void issuer_add_certificate_pem(X509 *certificate, struct text *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio && PEM_write_bio_X509(bio, certificate);

    ASSERT(ok);
    move_bio_to_text(bio, pem);
}

void issuer_add_key_pem(EVP_PKEY *key, struct text *pem)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool ok = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

    ASSERT(ok);
    move_bio_to_text(bio, pem);
}
