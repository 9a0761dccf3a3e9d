#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "tls/certificates.h"
#include "tls/identity.h"
#include "unit/tls/pki.h"

static char *directory;
static struct certificates *certificates;

static void set_up(void)
{
    directory = pki_directory();
    certificates = certificates_new(NULL);
}

static void tear_down(void)
{
    certificates_free(certificates);
    pki_directory_remove(directory);
}

TestSuite(certificates, .init = set_up, .fini = tear_down);

static void add(const char *name, const struct pki_spec *spec)
{
    char cert[64], key[64];
    struct error error = {0};

    snprintf(cert, sizeof(cert), "%s.crt", name);
    snprintf(key, sizeof(key), "%s.key", name);
    pki_write_pair(directory, name, spec);
    cr_assert_eq(
        certificates_add_pair(certificates, pki_path(directory, cert), pki_path(directory, key), &error), 0,
        "%s", error.text);
}

static const char *served(const char *name)
{
    struct tls_identity *identity = certificates_find(certificates, slice_str(name));

    return identity ? tls_identity_describe(identity) : "none";
}

Test(certificates, exact_name_beats_wildcard_beats_default)
{
    struct error error = {0};

    add("exact", &(struct pki_spec){.san = "DNS:www.a.test"});
    add("wild", &(struct pki_spec){.san = "DNS:*.a.test"});
    cr_expect_str_eq(served("www.a.test"), "exact.crt");
    cr_expect_str_eq(served("api.a.test"), "wild.crt");
    cr_expect_str_eq(served("x.api.a.test"), "none");
    cr_expect_str_eq(served("a.test"), "none");
    cr_expect_str_eq(served(".a.test"), "none");
    cr_expect_str_eq(served(""), "none");
    pki_write_pair(directory, "default", &(struct pki_spec){0});
    cr_assert_eq(certificates_set_default(certificates, pki_path(directory, "default.crt"),
                                          pki_path(directory, "default.key"), &error),
                 0, "%s", error.text);
    cr_expect_str_eq(served(""), "default.crt");
    cr_expect_str_eq(served("a.test"), "default.crt");
    cr_expect_str_eq(served("api.a.test"), "wild.crt");
    cr_expect_not(tls_identity_covers(certificates_find(certificates, SLICE("a.test")), SLICE("a.test")));
}

Test(certificates, of_one_kind_the_valid_one_that_lasts_longest_is_served)
{
    add("short", &(struct pki_spec){.san = "DNS:a.test", .from_days = -10, .to_days = 5});
    add("long", &(struct pki_spec){.san = "DNS:a.test", .from_days = -10, .to_days = 50});
    add("middle", &(struct pki_spec){.san = "DNS:a.test", .from_days = -10, .to_days = 30});
    add("future", &(struct pki_spec){.san = "DNS:a.test", .from_days = 10, .to_days = 500});
    add("expired", &(struct pki_spec){.san = "DNS:a.test,DNS:b.test", .from_days = -100, .to_days = -1});
    cr_expect_str_eq(served("a.test"), "long.crt");
    cr_expect_str_eq(served("b.test"), "expired.crt");
}

Test(certificates, of_two_kinds_share_one_identity)
{
    struct tls_identity *identity;

    add("rsa", &(struct pki_spec){.san = "DNS:a.test,DNS:b.test", .key = "RSA"});
    add("ec", &(struct pki_spec){.san = "DNS:a.test"});
    add("ed", &(struct pki_spec){.san = "DNS:a.test", .key = "ED25519"});
    identity = certificates_find(certificates, SLICE("a.test"));
    cr_expect_str_eq(tls_identity_describe(identity), "rsa.crt + ec.crt + ed.crt");
    cr_expect(tls_identity_covers(identity, SLICE("a.test")));
    cr_expect_not(tls_identity_covers(identity, SLICE("b.test")), "only one of its certificates does");
    cr_expect_str_eq(served("b.test"), "rsa.crt");
}

Test(certificates, expired_kind_is_left_out_while_another_is_valid)
{
    add("rsa", &(struct pki_spec){.san = "DNS:a.test", .key = "RSA", .from_days = -50, .to_days = -1});
    add("ec", &(struct pki_spec){.san = "DNS:a.test"});
    cr_expect_str_eq(served("a.test"), "ec.crt");
}

Test(certificates, names_with_the_same_pairs_share_one_identity)
{
    struct tls_identity *identity;

    add("many", &(struct pki_spec){.san = "DNS:a.test,DNS:b.test,DNS:*.c.test"});
    identity = certificates_find(certificates, SLICE("a.test"));
    cr_assert(identity);
    cr_expect_eq(certificates_find(certificates, SLICE("b.test")), identity);
    cr_expect_eq(certificates_find(certificates, SLICE("x.c.test")), identity);
    cr_expect_eq(certificates_find(certificates, SLICE("a.test")), identity);
}

static void count_expired(void *argument, const struct certificate_facts *facts)
{
    int *counts = argument;

    counts[0]++;
    counts[1] += facts->not_after < time(NULL) && strstr(facts->source, "old.crt") != NULL;
}

Test(certificates, expired_ones_load_and_are_told)
{
    int counts[2] = {0};

    add("old", &(struct pki_spec){.san = "DNS:a.test", .from_days = -100, .to_days = -1});
    add("new", &(struct pki_spec){.san = "DNS:b.test"});
    certificates_each(certificates, count_expired, counts);
    cr_expect_eq(counts[0], 2);
    cr_expect_eq(counts[1], 1);
    cr_expect_lt(tls_identity_not_after(certificates_find(certificates, SLICE("a.test"))), time(NULL));
}

static const char *directory_error(void)
{
    static struct error error;

    error = (struct error){0};
    return certificates_add_directory(certificates, directory, &error) == 0 ? "" : error.text;
}

Test(certificates, directory_takes_pairs_and_leaves_loose_files)
{
    struct pki_pair pair = pki_make(&(struct pki_spec){.san = "DNS:both.test"});
    struct text text = {0};

    cr_expect(strstr(directory_error(), "there is no certificate in this directory"));
    pki_write_pair(directory, "a", &(struct pki_spec){.san = "DNS:a.test"});
    pki_add_cert(&text, &pair);
    pki_write(directory, "chain.pem", &text);
    pki_add_cert(&text, &pair);
    pki_write(directory, "keyless.crt", &text);
    pki_add_key(&text, &pair);
    pki_write(directory, "privkey.pem", &text);
    pki_add_key(&text, &pair);
    pki_add_cert(&text, &pair);
    pki_write(directory, "both.pem", &text);
    text_add_literal(&text, "x");
    pki_write(directory, ".hidden.crt", &text);
    cr_expect_str_eq(directory_error(), "");
    cr_expect_str_eq(served("a.test"), "a.crt");
    cr_expect_str_eq(served("both.test"), "both.pem");
    text_add_literal(&text, "x");
    pki_write(directory, "a.crt", &text);
    cr_expect(strstr(directory_error(), "a.crt: there is no certificate"));
    pki_pair_fini(&pair);
}

Test(certificates, directory_that_is_absent_is_an_error)
{
    struct error error = {0};

    cr_expect_eq(certificates_add_directory(certificates, "/nonexistent/x", &error), -1);
    cr_expect(strstr(error.text, "/nonexistent/x: cannot read the directory"), "%s", error.text);
}
