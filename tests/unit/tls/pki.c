#include "unit/tls/pki.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum { DAY_S = 24 * 60 * 60 };

static EVP_PKEY *make_key(const char *kind)
{
    if (!kind || strcmp(kind, "P-256") == 0)
        return EVP_EC_gen("P-256");
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_RSA_gen(strcmp(kind, "RSA-1024") == 0 ? 1024 : 2048);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

struct pki_pair pki_make(const struct pki_spec *spec)
{
    static long serial = 1000;
    struct pki_pair pair = {.cert = X509_new(), .key = make_key(spec->key)};
    const struct pki_pair *issuer = spec->issuer ? spec->issuer : &pair;
    bool is_default = spec->from_days == 0 && spec->to_days == 0;
    const char *name = spec->common_name ? spec->common_name : spec->is_ca ? "test CA" : "test leaf";

    X509_set_version(pair.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(pair.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(pair.cert), (is_default ? -1L : spec->from_days) * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(pair.cert), (is_default ? 90L : spec->to_days) * DAY_S);
    X509_set_pubkey(pair.cert, pair.key);
    X509_NAME_add_entry_by_NID(X509_get_subject_name(pair.cert), NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(pair.cert, X509_get_subject_name(issuer->cert));
    add_extension(pair.cert, issuer->cert, NID_subject_key_identifier, "hash");
    add_extension(pair.cert, issuer->cert, NID_basic_constraints,
                  spec->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (spec->san)
        add_extension(pair.cert, issuer->cert, NID_subject_alt_name, spec->san);
    cr_assert_gt(X509_sign(pair.cert, issuer->key,
                           EVP_PKEY_get_base_id(issuer->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()),
                 0);
    return pair;
}

void pki_pair_fini(struct pki_pair *pair)
{
    X509_free(pair->cert);
    EVP_PKEY_free(pair->key);
}

static void move_bio(BIO *bio, struct text *out)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    text_add(out, slice_of(data, (size_t)len));
    BIO_free(bio);
}

void pki_add_cert(struct text *pem, const struct pki_pair *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, pair->cert);
    move_bio(bio, pem);
}

void pki_add_key(struct text *pem, const struct pki_pair *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, pair->key, NULL, NULL, 0, NULL, NULL);
    move_bio(bio, pem);
}

char *pki_directory(void)
{
    char path[] = "/tmp/portico-pki-XXXXXX";

    cr_assert(mkdtemp(path));
    return mem_string(slice_str(path));
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    return remove(path);
}

void pki_directory_remove(char *directory)
{
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(directory);
}

const char *pki_path(const char *directory, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

void pki_write(const char *directory, const char *name, struct text *content)
{
    FILE *file = fopen(pki_path(directory, name), "w");

    cr_assert(file);
    cr_assert_eq(fwrite(content->data, 1, content->len, file), content->len);
    fclose(file);
    text_fini(content);
}

void pki_write_pair(const char *directory, const char *name, const struct pki_spec *spec)
{
    struct pki_pair pair = pki_make(spec);
    struct text cert = {0}, key = {0};
    char file[128];

    pki_add_cert(&cert, &pair);
    pki_add_key(&key, &pair);
    snprintf(file, sizeof(file), "%s.crt", name);
    pki_write(directory, file, &cert);
    snprintf(file, sizeof(file), "%s.key", name);
    pki_write(directory, file, &key);
    pki_pair_fini(&pair);
}
