#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls/certificate.h"
#include "tls/certificates.h"
#include "tls/identity.h"
#include "tls/issuer.h"
#include "tls/leaf_files.h"
#include "tls/local_ca.h"
#include "unit/tls/pki.h"

/* Bytes without a NUL. */
static void put(char *at, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = bytes[i];
}

static char *directory;

static void make_directory(void)
{
    directory = pki_directory();
}

static void remove_directory(void)
{
    pki_directory_remove(directory);
}

TestSuite(local_ca, .init = make_directory, .fini = remove_directory);

static struct local_ca *open_ca(void)
{
    struct local_ca *ca;
    struct error error = {0};

    cr_assert_eq(local_ca_open(directory, &ca, &error), 0, "%s", error.text);
    return ca;
}

static struct certificate *leaf_of(struct local_ca *ca, const char *name)
{
    struct certificate *leaf;
    struct error error = {0};

    cr_assert_eq(local_ca_leaf(ca, slice_str(name), &leaf, &error), 0, "%s", error.text);
    return leaf;
}

static struct certificate *load(const char *cert, const char *key)
{
    struct certificate *certificate;
    struct error error = {0};

    cr_assert_eq(certificate_load(cert, key, &certificate, &error), 0, "%s", error.text);
    return certificate;
}

/* What a client that trusts *root* says of the leaf for *host*: X509_V_OK or why not. */
static int verify(X509 *root, X509 *leaf, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int result;

    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_STORE_CTX_set_default(ctx, "ssl_server");
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), host, 0);
    result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    cr_assert_eq(stat(path, &info), 0, "%s", path);
    return info.st_mode & 0777;
}

Test(local_ca, may_name_its_domains_only)
{
    static const struct {
        const char *name;
        bool may;
    } cases[] = {
        {"localhost", true},
        {"app.localhost", true},
        {"a.b.localhost", true},
        {"test", true},
        {"x.test", true},
        {"db.internal", true},
        {"home.arpa", true},
        {"nas.home.arpa", true},
        {"arpa", false},
        {"x.arpa", false},
        {"example.com", false},
        {"mylocalhost", false},
        {"localhost.com", false},
        {"", false},
        {".localhost", false},
        {"a..localhost", false},
        {"A.localhost", false},
        {"a.localhost.", false},
        {"../x.localhost", false},
        {"*.localhost", false},
        {"a,DNS:b.localhost", false},
        {"xmyhome.arpa", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(local_ca_may_name(slice_str(cases[i].name)), cases[i].may, "%s", cases[i].name);
}

Test(local_ca, name_too_long_for_it_is_refused)
{
    char name[300];

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    put(name + LOCAL_NAME_MAX - 9, "localhost", 9);
    name[LOCAL_NAME_MAX - 10] = '.';
    name[LOCAL_NAME_MAX - 11] = 'a';
    cr_expect(local_ca_may_name(slice_of(name, LOCAL_NAME_MAX)));
    put(name + LOCAL_NAME_MAX - 8, "localhost", 9);
    name[LOCAL_NAME_MAX - 9] = '.';
    cr_expect_not(local_ca_may_name(slice_of(name, LOCAL_NAME_MAX + 1)));
    memset(name, 'a', 64);
    put(name + 64, ".test", 5);
    cr_expect_not(local_ca_may_name(slice_of(name, 69)), "a label of 64 bytes");
}

Test(local_ca, deep_names_share_their_parents_wildcard)
{
    static const struct {
        const char *name, *leaf;
    } cases[] = {
        {"localhost", "localhost"},   {"app.localhost", "app.localhost"}, {"a.b.localhost", "*.b.localhost"},
        {"x.a.b.test", "*.a.b.test"}, {"home.arpa", "home.arpa"},         {"nas.home.arpa", "*.home.arpa"},
    };
    char out[LOCAL_NAME_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        local_ca_leaf_name(slice_str(cases[i].name), out);
        cr_expect_str_eq(out, cases[i].leaf);
    }
}

Test(local_ca, leaves_verify_for_their_names)
{
    struct local_ca *ca = open_ca();
    struct certificate *root = load(local_ca_path(ca), pki_path(directory, "ca/ca.key"));
    struct certificate *one = leaf_of(ca, "app.localhost"), *wild = leaf_of(ca, "*.b.internal");

    cr_expect_eq(verify(root->leaf, one->leaf, "app.localhost"), X509_V_OK);
    cr_expect_eq(verify(root->leaf, one->leaf, "other.localhost"), X509_V_ERR_HOSTNAME_MISMATCH);
    cr_expect_eq(verify(root->leaf, wild->leaf, "a.b.internal"), X509_V_OK);
    cr_expect_eq(verify(root->leaf, wild->leaf, "a.c.internal"), X509_V_ERR_HOSTNAME_MISMATCH);
    cr_expect_leq(one->not_after, time(NULL) + 397 * 24 * 60 * 60);
    cr_expect_gt(one->not_after, time(NULL) + 390 * 24 * 60 * 60);
    cr_expect_eq(mode_of(pki_path(directory, "ca")), 0700);
    cr_expect_eq(mode_of(pki_path(directory, "ca/leaves")), 0700);
    cr_expect_eq(mode_of(pki_path(directory, "ca/ca.key")), 0600);
    cr_expect_eq(mode_of(pki_path(directory, "ca/leaves/app.localhost.pem")), 0600);
    certificate_free(wild);
    certificate_free(one);
    certificate_free(root);
    local_ca_free(ca);
}

/* Whoever steals the key gains nothing beyond the four domains. */
Test(local_ca, clients_refuse_what_it_signs_outside_its_domains)
{
    struct local_ca *ca = open_ca();
    struct certificate *root = load(local_ca_path(ca), pki_path(directory, "ca/ca.key"));
    struct issuer issuer = {root->leaf, root->key};
    struct pki_pair as_issuer = {root->leaf, root->key};
    struct pki_pair with_ip = pki_make(&(struct pki_spec){.san = "IP:192.0.2.1", .issuer = &as_issuer});
    struct pki_pair below = pki_make(&(struct pki_spec){.is_ca = true, .issuer = &as_issuer});
    struct text pem = {0};
    struct error error;
    struct certificate *leaf;
    struct pem_source source;

    cr_assert_eq(issuer_sign_leaf(&issuer, SLICE("example.com"), &pem, &error), 0);
    source = (struct pem_source){"stolen", text_slice(&pem)};
    cr_assert_eq(certificate_parse(&source, &source, &leaf, &error), 0);
    cr_expect_eq(verify(root->leaf, leaf->leaf, "example.com"), X509_V_ERR_PERMITTED_VIOLATION);
    cr_expect_eq(verify(root->leaf, with_ip.cert, NULL), X509_V_ERR_EXCLUDED_VIOLATION);
    cr_expect_eq(X509_get_pathlen(root->leaf), 0);
    certificate_free(leaf);
    text_fini(&pem);
    pki_pair_fini(&below);
    pki_pair_fini(&with_ip);
    certificate_free(root);
    local_ca_free(ca);
}

Test(local_ca, second_opening_finds_the_same_ca_and_leaves)
{
    struct local_ca *ca = open_ca();
    struct certificate *first = leaf_of(ca, "app.test"), *second;

    local_ca_free(ca);
    ca = open_ca();
    second = leaf_of(ca, "app.test");
    cr_expect_eq(X509_cmp(first->leaf, second->leaf), 0);
    certificate_free(second);
    certificate_free(first);
    local_ca_free(ca);
}

Test(local_ca, leaf_that_is_damaged_foreign_or_nearly_expired_is_made_anew)
{
    struct local_ca *ca = open_ca();
    struct certificate *root = load(local_ca_path(ca), pki_path(directory, "ca/ca.key"));
    struct pki_pair as_issuer = {root->leaf, root->key};
    const struct pki_spec specs[] = {
        {.san = "DNS:app.test"},
        {.san = "DNS:other.test", .issuer = &as_issuer},
        {.san = "DNS:app.test", .issuer = &as_issuer, .from_days = -300, .to_days = 29},
    };

    for (size_t i = 0; i <= ARRAY_LEN(specs); i++) {
        struct text pem = {0};
        struct certificate *leaf;

        if (i < ARRAY_LEN(specs)) {
            struct pki_pair pair = pki_make(&specs[i]);

            pki_add_cert(&pem, &pair);
            pki_add_key(&pem, &pair);
            pki_pair_fini(&pair);
        } else {
            text_add_literal(&pem, "half a fi");
        }
        pki_write(directory, "ca/leaves/app.test.pem", &pem);
        leaf = leaf_of(ca, "app.test");
        cr_expect_eq(verify(root->leaf, leaf->leaf, "app.test"), X509_V_OK, "%zu", i);
        cr_expect_not(local_ca_leaf_is_stale(leaf), "%zu", i);
        certificate_free(leaf);
    }
    certificate_free(root);
    local_ca_free(ca);
}

Test(local_ca, certificate_without_its_key_is_an_error_and_not_replaced)
{
    struct local_ca *ca = open_ca();
    struct error error = {0};

    local_ca_free(ca);
    cr_assert_eq(unlink(pki_path(directory, "ca/ca.key")), 0);
    cr_expect_eq(local_ca_open(directory, &ca, &error), -1);
    cr_expect(strstr(error.text, "ca.key"), "%s", error.text);
    cr_assert_eq(unlink(pki_path(directory, "ca/ca.crt")), 0);
    local_ca_free(open_ca());
}

Test(local_ca, opened_by_many_processes_at_once_is_one)
{
    pid_t children[6];
    struct local_ca *ca;
    struct certificate *root, *leaf;

    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct error error;
            struct certificate *mine;

            if (local_ca_open(directory, &ca, &error) < 0 ||
                local_ca_leaf(ca, SLICE("race.test"), &mine, &error) < 0)
                _exit(1);
            root = load(local_ca_path(ca), pki_path(directory, "ca/ca.key"));
            _exit(verify(root->leaf, mine->leaf, "race.test") == X509_V_OK ? 0 : 2);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        int status;

        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_expect_eq(status, 0);
    }
    ca = open_ca();
    root = load(local_ca_path(ca), pki_path(directory, "ca/ca.key"));
    leaf = leaf_of(ca, "race.test");
    cr_expect_eq(verify(root->leaf, leaf->leaf, "race.test"), X509_V_OK);
    certificate_free(leaf);
    certificate_free(root);
    local_ca_free(ca);
}

static size_t files_in(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    struct dirent *entry;

    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

Test(local_ca, trimming_keeps_the_files_used_last)
{
    for (int i = 0; i < 20; i++) {
        char name[32];
        struct text text = {0};
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};

        snprintf(name, sizeof(name), i == 19 ? "x%d.pem.Ab12Cd" : "x%d.pem", i);
        text_add_literal(&text, "x");
        pki_write(directory, name, &text);
        utimensat(AT_FDCWD, pki_path(directory, name), times, 0);
    }
    leaf_files_mark_used(pki_path(directory, "x0.pem"));
    leaf_files_trim(directory, 5);
    cr_expect_eq(files_in(directory), 5);
    cr_expect_eq(access(pki_path(directory, "x0.pem"), F_OK), 0);
    cr_expect_eq(access(pki_path(directory, "x18.pem"), F_OK), 0);
    cr_expect_neq(access(pki_path(directory, "x14.pem"), F_OK), 0);
}

Test(local_ca, certificates_use_it_for_names_that_no_pair_covers)
{
    struct certificates *certificates = certificates_new(NULL);
    struct tls_identity *identity;
    struct error error = {0};

    pki_write_pair(directory, "a", &(struct pki_spec){.san = "DNS:a.test"});
    cr_assert_eq(certificates_add_pair(certificates, pki_path(directory, "a.crt"),
                                       pki_path(directory, "a.key"), &error),
                 0);
    certificates_set_local_ca(certificates, open_ca());
    identity = certificates_find(certificates, SLICE("b.test"));
    cr_assert(identity);
    cr_expect_str_eq(tls_identity_describe(identity), "local CA");
    cr_expect(tls_identity_covers(identity, SLICE("b.test")));
    cr_expect_not(tls_identity_covers(identity, SLICE("a.test")));
    cr_expect_eq(certificates_find(certificates, SLICE("b.test")), identity);
    cr_expect_neq(certificates_find(certificates, SLICE("c.test")), identity);
    cr_expect_eq(certificates_find(certificates, SLICE("x.c.test")),
                 certificates_find(certificates, SLICE("y.c.test")));
    cr_expect_str_eq(tls_identity_describe(certificates_find(certificates, SLICE("a.test"))), "a.crt");
    cr_expect_null(certificates_find(certificates, SLICE("example.com")));
    cr_expect_null(certificates_find(certificates, SLICE("")));
    certificates_free(certificates);
}

Test(local_ca, invented_names_come_to_an_end)
{
    struct certificates *certificates = certificates_new(NULL);
    size_t made = 0;

    certificates_set_local_ca(certificates, open_ca());
    cr_assert(certificates_find(certificates, SLICE("mine.localhost")));
    for (int i = 0; i < LOCAL_LEAVES_MAX + 50; i++) {
        char name[32];

        snprintf(name, sizeof(name), "x%d.localhost", i);
        made += certificates_find(certificates, slice_str(name)) != NULL;
    }
    cr_expect_eq(made, LOCAL_LEAVES_MAX - 1);
    cr_expect_eq(files_in(pki_path(directory, "ca/leaves")), LOCAL_LEAVES_MAX);
    cr_expect(certificates_find(certificates, SLICE("mine.localhost")), "known names are still served");
    certificates_free(certificates);
    local_ca_free(open_ca());
    cr_expect_eq(files_in(pki_path(directory, "ca/leaves")), LOCAL_LEAVES_KEPT);
}

struct race {
    struct certificates *certificates;
    struct tls_identity *found[8];
};

static void *find_some(void *argument)
{
    struct race *race = argument;

    for (size_t i = 0; i < ARRAY_LEN(race->found); i++) {
        char name[32];

        snprintf(name, sizeof(name), "t%zu.test", i);
        race->found[i] = certificates_find(race->certificates, slice_str(name));
    }
    return NULL;
}

Test(local_ca, asked_by_many_threads_gives_all_the_same)
{
    struct certificates *certificates = certificates_new(NULL);
    struct race races[4];
    pthread_t threads[ARRAY_LEN(races)];

    certificates_set_local_ca(certificates, open_ca());
    for (size_t i = 0; i < ARRAY_LEN(races); i++) {
        races[i] = (struct race){.certificates = certificates};
        pthread_create(&threads[i], NULL, find_some, &races[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(races); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < ARRAY_LEN(races); i++) {
        for (size_t n = 0; n < ARRAY_LEN(races[i].found); n++) {
            cr_expect(races[i].found[n]);
            cr_expect_eq(races[i].found[n], races[0].found[n]);
        }
    }
    certificates_free(certificates);
}
