#include "tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "tls/certificate_names.h"
#include "tls/pem_file.h"

/* What OpenSSL's security level 2 asks of a key: RSA 2048, any of the curves that we offer. */
enum { SECURITY_BITS_MIN = 112 };

static const struct {
    int base_id;
    enum key_kind kind;
} kinds[] = {
    {EVP_PKEY_RSA, KEY_RSA},         {EVP_PKEY_RSA_PSS, KEY_RSA_PSS}, {EVP_PKEY_EC, KEY_EC},
    {EVP_PKEY_ED25519, KEY_ED25519}, {EVP_PKEY_ED448, KEY_ED448},
};

static const char *ordinal(int n, char out[16])
{
    int tens = n % 100;
    const char *ending = n % 10 == 1 && tens != 11   ? "st"
                         : n % 10 == 2 && tens != 12 ? "nd"
                         : n % 10 == 3 && tens != 13 ? "rd"
                                                     : "th";

    snprintf(out, 16, "%d%s", n, ending);
    return out;
}

/* PEM readers end at "no start line" when nothing more comes; anything else is damage. */
static bool ended_cleanly(void)
{
    unsigned long code = ERR_peek_last_error();

    ERR_clear_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static int read_chain(struct certificate *certificate, const char *path, struct slice pem,
                      struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    char nth[16];
    int count = 0, rc = -1;
    X509 *next;

    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (count++ == 0) {
            certificate->leaf = next;
            continue;
        }
        if (!certificate->chain)
            certificate->chain = sk_X509_new_null();
        sk_X509_push(certificate->chain, next);
    }
    if (!ended_cleanly())
        error_set(error, "%s: the %s certificate is damaged", path, ordinal(count + 1, nth));
    else if (count == 0)
        error_set(error,
                  "%s: there is no certificate in this file (PEM is expected: -----BEGIN CERTIFICATE-----)",
                  path);
    else
        rc = 0;
    BIO_free(bio);
    return rc;
}

static int check_chain(const struct certificate *certificate, const char *path, struct error *error)
{
    X509 *below = certificate->leaf;
    char nth[16], mth[16];

    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        X509 *above = sk_X509_value(certificate->chain, i);

        if (X509_check_issued(above, below) != X509_V_OK ||
            X509_verify(below, X509_get0_pubkey(above)) != 1) {
            ERR_clear_error();
            return error_set(error,
                             "%s: the %s certificate did not sign the %s; the order is: the server's own "
                             "first, then each one's issuer",
                             path, ordinal(i + 2, nth), ordinal(i + 1, mth));
        }
        below = above;
    }
    return 0;
}

/* Asked for by PEM only when the key is encrypted. */
static int note_passphrase_wanted(char *out, int size, int writing, void *wanted)
{
    *(bool *)wanted = true;
    return -1;
}

static int read_key(struct certificate *certificate, const char *path, struct slice pem, struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    bool is_encrypted = false;

    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, note_passphrase_wanted, &is_encrypted);
    BIO_free(bio);
    if (certificate->key)
        return 0;
    if (is_encrypted) {
        ERR_clear_error();
        return error_set(error, "%s: the key is encrypted; decrypt it first: openssl pkey -in %s -out NEW",
                         path, path);
    }
    if (ended_cleanly() || !pem_has_key(pem))
        return error_set(error, "%s: there is no private key in this file (PEM is expected)", path);
    return error_set(error, "%s: the private key is damaged or of an unknown type", path);
}

static int check_key(struct certificate *certificate, const char *cert_path, const char *key_path,
                     struct error *error)
{
    size_t i = 0;

    if (X509_check_private_key(certificate->leaf, certificate->key) != 1) {
        ERR_clear_error();
        return error_set(error, "%s: the key %s does not belong to this certificate", cert_path, key_path);
    }
    while (i < ARRAY_LEN(kinds) && kinds[i].base_id != EVP_PKEY_get_base_id(certificate->key))
        i++;
    if (i == ARRAY_LEN(kinds))
        return error_set(error, "%s: keys of this type cannot serve TLS; use RSA, ECDSA or Ed25519",
                         key_path);
    certificate->kind = kinds[i].kind;
    if (EVP_PKEY_get_security_bits(certificate->key) < SECURITY_BITS_MIN)
        return error_set(error, "%s: a key of %d bits is too weak; use RSA 2048 or ECDSA P-256 at least",
                         key_path, EVP_PKEY_get_bits(certificate->key));
    return 0;
}

static time_t time_of(const ASN1_TIME *asn1)
{
    struct tm tm;

    return ASN1_TIME_to_tm(asn1, &tm) == 1 ? timegm(&tm) : 0;
}

static void read_facts(struct certificate *certificate)
{
    certificate->not_before = time_of(X509_get0_notBefore(certificate->leaf));
    certificate->not_after = time_of(X509_get0_notAfter(certificate->leaf));
    certificate_names_read(certificate);
}

int certificate_parse(const struct pem_source *cert, const struct pem_source *key, struct certificate **out,
                      struct error *error)
{
    struct certificate *certificate = mem_new(struct certificate);

    ERR_clear_error();
    certificate->source = mem_string(slice_str(cert->name));
    if (read_chain(certificate, cert->name, cert->pem, error) < 0 ||
        check_chain(certificate, cert->name, error) < 0 ||
        read_key(certificate, key->name, key->pem, error) < 0 ||
        check_key(certificate, cert->name, key->name, error) < 0) {
        certificate_free(certificate);
        return -1;
    }
    read_facts(certificate);
    *out = certificate;
    return 0;
}

int certificate_load(const char *cert_path, const char *key_path, struct certificate **out,
                     struct error *error)
{
    struct text cert = {0}, key = {0};
    int rc = -1;

    if (pem_file_read(cert_path, &cert, error) == 0 && pem_file_read(key_path, &key, error) == 0)
        rc = certificate_parse(&(struct pem_source){cert_path, text_slice(&cert)},
                               &(struct pem_source){key_path, text_slice(&key)}, out, error);
    if (key.data)
        OPENSSL_cleanse(key.data, key.cap);
    text_fini(&key);
    text_fini(&cert);
    return rc;
}

void certificate_free(struct certificate *certificate)
{
    if (!certificate)
        return;
    certificate_names_fini(certificate);
    EVP_PKEY_free(certificate->key);
    sk_X509_pop_free(certificate->chain, X509_free);
    X509_free(certificate->leaf);
    mem_free(certificate->source);
    mem_free(certificate);
}

static bool has(struct slice text, const char *part)
{
    return text.len && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

bool pem_has_certificate(struct slice pem)
{
    return has(pem, "-----BEGIN CERTIFICATE-----") || has(pem, "-----BEGIN X509 CERTIFICATE-----") ||
           has(pem, "-----BEGIN TRUSTED CERTIFICATE-----");
}

bool pem_has_key(struct slice pem)
{
    return has(pem, "PRIVATE KEY-----");
}

bool certificate_is_valid_at(const struct certificate *certificate, time_t now)
{
    return certificate->not_before <= now && now < certificate->not_after;
}
