#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "tls/certificate.h"
#include "tls/certificate_names.h"
#include "tls/certificates.h"
#include "unit/tls/pki.h"

static char *directory;

static void make_directory(void)
{
    directory = pki_directory();
}

static void remove_directory(void)
{
    pki_directory_remove(directory);
}

TestSuite(certificate, .init = make_directory, .fini = remove_directory);

/* The files that the errors below are about. */
static void write_files(void)
{
    struct pki_pair root = pki_make(&(struct pki_spec){.is_ca = true, .common_name = "root"});
    struct pki_pair middle =
        pki_make(&(struct pki_spec){.is_ca = true, .common_name = "middle", .issuer = &root});
    struct pki_pair leaf = pki_make(&(struct pki_spec){.san = "DNS:a.test", .issuer = &middle});
    struct pki_pair other = pki_make(&(struct pki_spec){.san = "DNS:a.test"});
    struct text text = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    pki_add_cert(&text, &leaf);
    pki_add_cert(&text, &middle);
    pki_add_cert(&text, &root);
    pki_write(directory, "good.crt", &text);
    pki_add_key(&text, &leaf);
    pki_write(directory, "good.key", &text);
    pki_add_key(&text, &leaf);
    pki_add_cert(&text, &leaf);
    pki_write(directory, "both.pem", &text);
    pki_add_cert(&text, &leaf);
    pki_add_cert(&text, &root);
    pki_add_cert(&text, &middle);
    pki_write(directory, "disorder.crt", &text);
    pki_add_cert(&text, &leaf);
    pki_add_cert(&text, &middle);
    pki_add_cert(&text, &other);
    pki_write(directory, "stranger.crt", &text);
    pki_add_key(&text, &other);
    pki_write(directory, "other.key", &text);
    text_add_literal(&text, "hello\n");
    pki_write(directory, "empty.crt", &text);
    text_add_literal(&text, "");
    pki_write(directory, "empty.key", &text);
    pki_add_cert(&text, &leaf);
    text_add_literal(&text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    pki_write(directory, "damaged.crt", &text);
    text_add_literal(&text, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    pki_write(directory, "damaged.key", &text);
    PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    len = BIO_get_mem_data(bio, &data);
    text_add(&text, slice_of(data, (size_t)len));
    pki_write(directory, "encrypted.key", &text);
    BIO_free(bio);
    pki_write_pair(directory, "weak", &(struct pki_spec){.san = "DNS:a.test", .key = "RSA-1024"});
    pki_write_pair(directory, "nameless", &(struct pki_spec){.common_name = "a.test"});
    pki_write_pair(directory, "odd", &(struct pki_spec){.san = "DNS:*,DNS:f*.a.test,DNS:a..b"});
    pki_pair_fini(&other);
    pki_pair_fini(&leaf);
    pki_pair_fini(&middle);
    pki_pair_fini(&root);
}

Test(certificate, error_names_the_file_and_what_is_wrong)
{
    static const struct {
        const char *cert, *key, *in_file, *expect;
    } cases[] = {
        {"absent.crt", "good.key", "absent.crt", "No such file"},
        {"good.crt", "absent.key", "absent.key", "No such file"},
        {".", "good.key", "/.", "Is a directory"},
        {"empty.crt", "good.key", "empty.crt", "there is no certificate in this file"},
        {"good.key", "good.key", "good.key", "there is no certificate in this file"},
        {"damaged.crt", "good.key", "damaged.crt", "the 2nd certificate is damaged"},
        {"disorder.crt", "good.key", "disorder.crt", "the 2nd certificate did not sign the 1st"},
        {"stranger.crt", "good.key", "stranger.crt", "the 3rd certificate did not sign the 2nd"},
        {"good.crt", "empty.key", "empty.key", "there is no private key in this file"},
        {"good.crt", "good.crt", "good.crt", "there is no private key in this file"},
        {"good.crt", "damaged.key", "damaged.key", "the private key is damaged"},
        {"good.crt", "encrypted.key", "encrypted.key", "the key is encrypted; decrypt it first"},
        {"good.crt", "other.key", "good.crt", "other.key does not belong to this certificate"},
        {"weak.crt", "weak.key", "weak.key", "a key of 1024 bits is too weak"},
        {"nameless.crt", "nameless.key", "nameless.crt", "it has no subjectAltName"},
        {"odd.crt", "odd.key", "odd.crt", "names no host"},
    };
    struct certificates *certificates = certificates_new(NULL);

    write_files();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error error = {0};
        int rc = certificates_add_pair(certificates, pki_path(directory, cases[i].cert),
                                       pki_path(directory, cases[i].key), &error);

        cr_expect_eq(rc, -1, "%s %s", cases[i].cert, cases[i].key);
        cr_expect(strstr(error.text, cases[i].expect), "%s %s: %s", cases[i].cert, cases[i].key, error.text);
        cr_expect(strstr(error.text, cases[i].in_file), "%s %s: %s", cases[i].cert, cases[i].key, error.text);
    }
    cr_expect_null(certificates_find(certificates, SLICE("a.test")));
    certificates_free(certificates);
}

Test(certificate, whole_chain_and_key_in_one_file_are_loaded)
{
    struct certificate *certificate;
    struct error error = {0};

    write_files();
    cr_assert_eq(certificate_load(pki_path(directory, "good.crt"), pki_path(directory, "good.key"),
                                  &certificate, &error),
                 0, "%s", error.text);
    cr_expect_eq(sk_X509_num(certificate->chain), 2);
    certificate_free(certificate);
    cr_assert_eq(certificate_load(pki_path(directory, "both.pem"), pki_path(directory, "both.pem"),
                                  &certificate, &error),
                 0, "%s", error.text);
    cr_expect_eq(certificate->kind, KEY_EC);
    certificate_free(certificate);
}

Test(certificate, covers_what_its_sans_say)
{
    static const struct {
        const char *name;
        bool covered;
    } cases[] = {
        {"a.test", true},        {"www.b.test", true},         {"b.test", false},
        {"x.www.b.test", false}, {".b.test", false},           {"", false},
        {"*.b.test", true},      {"192.0.2.1", true},          {"192.0.2.2", false},
        {"2001:db8::1", true},   {"[2001:db8::1]", true},      {"2001:DB8:0::1", true},
        {"2001:db8::2", false},  {"cn.test", false},           {"upper.test", true},
        {"0.2.1", false},        {"xn--bcher-kva.test", true},
    };
    struct certificate *certificate;
    struct error error = {0};

    pki_write_pair(directory, "x",
                   &(struct pki_spec){.san = "DNS:a.test,DNS:*.b.test,DNS:UPPER.Test,DNS:xn--bcher-kva.test,"
                                             "IP:192.0.2.1,IP:2001:db8::1,email:a@cn.test,DNS:a.test",
                                      .common_name = "cn.test"});
    cr_assert_eq(
        certificate_load(pki_path(directory, "x.crt"), pki_path(directory, "x.key"), &certificate, &error), 0,
        "%s", error.text);
    cr_expect_eq(certificate->names_count, 6);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(certificate_names_cover(certificate, slice_str(cases[i].name)), cases[i].covered, "%s",
                     cases[i].name);
    certificate_free(certificate);
}
