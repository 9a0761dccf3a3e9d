#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tls/local_ca.h"
#include "unit/control/compiled.h"

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

static void remove_directory(const char *directory)
{
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct pool_target *endpoint(const struct compiled *compiled, size_t route, size_t at)
{
    return &compiled->snapshot->actions[route].pool->targets[at];
}

Test(compile_targets, are_in_order_with_an_identity_to_share_connections_by)
{
    struct compiled compiled = compile_good("routes:\n"
                                            "  http://a.test: [1, 10.0.0.1:2, unix:/run/x.sock]\n"
                                            "  http://b.test: http://127.0.0.1:1\n");

    cr_assert_eq(compiled.snapshot->actions[0].pool->count, 3);
    cr_assert_eq(compiled.snapshot->actions[1].pool->number, 1);
    cr_assert_str_eq(endpoint(&compiled, 0, 0)->target.text.data, "127.0.0.1:1");
    cr_assert_str_eq(endpoint(&compiled, 0, 2)->target.text.data, "unix:/run/x.sock");
    cr_assert_null(endpoint(&compiled, 0, 0)->tls);
    cr_assert(slice_eq(endpoint(&compiled, 0, 0)->identity, endpoint(&compiled, 1, 0)->identity));
    compiled_fini(&compiled);
}

/* A route that believes anyone must not lend its connections to one that verifies. */
Test(compile_targets, contexts_and_identities_differ_by_how_they_verify)
{
    char directory[] = "/tmp/compile_XXXXXX";
    struct compiled compiled;
    struct local_ca *ca;
    struct text yaml = {0};
    struct error error;

    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(local_ca_open(directory, &ca, &error), 0, "%s", error.text);
    text_printf(&yaml,
                "routes:\n"
                "  http://a.test: 'https://10.0.0.1:1'\n"
                "  http://b.test: {to: 'https://10.0.0.1:1', strip_prefix: true}\n"
                "  http://c.test: {to: 'https://10.0.0.1:1', verify: false}\n"
                "  http://d.test: {to: 'https://10.0.0.1:1', ca: %s}\n",
                local_ca_path(ca));
    compiled = compile_text_of(yaml.data);
    cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
    cr_expect_eq(compiled.diagnostics.warnings, 1, "%s", compiled.said.data);
    cr_expect(strstr(compiled.said.data, "t.yaml:4:18: warning: verify is off"), "%s", compiled.said.data);
    cr_expect_eq(compiled.snapshot->client_contexts_count, 3);
    cr_expect_eq(endpoint(&compiled, 0, 0)->tls, endpoint(&compiled, 1, 0)->tls);
    cr_expect(slice_eq(endpoint(&compiled, 0, 0)->identity, endpoint(&compiled, 1, 0)->identity));
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(endpoint(&compiled, i, 0)->verifies, i != 2);
        for (size_t k = MAX(i + 1, (size_t)2); k < 4; k++) {
            cr_expect_neq(endpoint(&compiled, i, 0)->tls, endpoint(&compiled, k, 0)->tls);
            cr_expect_not(slice_eq(endpoint(&compiled, i, 0)->identity, endpoint(&compiled, k, 0)->identity));
        }
    }
    text_fini(&yaml);
    compiled_fini(&compiled);
    local_ca_free(ca);
    remove_directory(directory);
}

Test(compile_targets, a_ca_that_cannot_be_read_is_an_error)
{
    static const struct said_case cases[] = {
        {"no such file",
         "routes:\n"
         "  http://a.test: {to: 'https://10.0.0.1:1', ca: /nonexistent.pem}\n",
         "t.yaml:2:49: error: /nonexistent.pem: cannot read: No such file or directory\n"
         " 2 |   http://a.test: {to: 'https://10.0.0.1:1', ca: /nonexistent.pem}\n"
         "   |                                                 ^^^^^^^^^^^^^^^^\n"},
    };

    expect_errors(cases, ARRAY_LEN(cases));
}

struct site {
    char directory[32];
    char ca[64], key[64]; /* a pair, whatever it is used for */
};

static struct site site_new(void)
{
    struct site site = {.directory = "/tmp/compile_XXXXXX"};
    struct local_ca *ca;
    struct error error;

    cr_assert_not_null(mkdtemp(site.directory));
    cr_assert_eq(local_ca_open(site.directory, &ca, &error), 0, "%s", error.text);
    snprintf(site.ca, sizeof(site.ca), "%s/ca/ca.crt", site.directory);
    snprintf(site.key, sizeof(site.key), "%s/ca/ca.key", site.directory);
    local_ca_free(ca);
    return site;
}

static void site_fini(struct site *site)
{
    remove_directory(site->directory);
}

/* One target, met in ways that all differ: no two may share a connection. */
Test(compile_targets, identities_differ_by_all_that_keeps_connections_apart)
{
    struct site site = site_new();
    struct text yaml = {0};
    struct compiled compiled;
    const size_t count = 8;

    text_printf(&yaml,
                "routes:\n"
                "  http://0.test: {to: 'https://10.0.0.1:1'}\n"
                "  http://1.test: {to: 'https://10.0.0.1:1', verify: off}\n"
                "  http://2.test: {to: 'https://10.0.0.1:1', ca: %s}\n"
                "  http://3.test: {to: 'https://10.0.0.1:1', client_certificate: {cert: %s, key: %s}}\n"
                "  http://4.test: {to: 'https://10.0.0.1:1', server_name: Inside.Test.}\n"
                "  http://5.test: {to: 'https://10.0.0.1:1', proxy_protocol: v1}\n"
                "  http://6.test: {to: 'https://10.0.0.1:1', proxy_protocol: v2}\n"
                "  http://7.test: {to: '10.0.0.1:1', proxy_protocol: v2}\n"
                "  http://8.test: {to: 'https://10.0.0.1:1', balance: two_choices, retry: 0}\n",
                site.ca, site.ca, site.key);
    compiled = compile_text_of(yaml.data);
    cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            cr_expect_not(slice_eq(endpoint(&compiled, i, 0)->identity, endpoint(&compiled, k, 0)->identity),
                          "%zu and %zu", i, k);
    }
    cr_expect(slice_eq(endpoint(&compiled, 0, 0)->identity, endpoint(&compiled, count, 0)->identity));
    cr_expect_eq(compiled.snapshot->client_contexts_count, 4);
    cr_expect_eq(endpoint(&compiled, 0, 0)->tls, endpoint(&compiled, 4, 0)->tls);
    cr_expect_neq(endpoint(&compiled, 0, 0)->tls, endpoint(&compiled, 3, 0)->tls);
    cr_expect_str_eq(endpoint(&compiled, 4, 0)->server_name.data, "inside.test");
    cr_expect_null(endpoint(&compiled, 0, 0)->server_name.data);
    text_fini(&yaml);
    compiled_fini(&compiled);
    site_fini(&site);
}

Test(compile_targets, a_key_of_another_certificate_is_an_error_in_its_place)
{
    struct site site = site_new(), other = site_new();
    struct text yaml = {0};
    struct compiled compiled;

    text_printf(&yaml,
                "routes: {a.test: \"@b\"}\n"
                "backends:\n"
                "  b:\n"
                "    to: https://10.0.0.1:1\n"
                "    ca: %s\n"
                "    client_certificate: {cert: %s, key: %s}\n",
                site.ca, site.ca, other.key);
    compiled = compile_text_of(yaml.data);
    cr_expect_null(compiled.snapshot);
    cr_expect(strstr(compiled.said.data, "does not belong to this certificate"), "%s", compiled.said.data);
    text_fini(&yaml);
    compiled_fini(&compiled);
    site_fini(&other);
    site_fini(&site);
}

/* --- Certificates */

Test(compile_certificates, a_name_that_none_covers_is_warned_of)
{
    static const struct said_case cases[] = {
        {"of the world",
         "routes:\n"
         "  https://a.example.com: 1\n"
         "  https://*.example.com: 2\n" /* a certificate of some name may do */
         "  tls://b.example.com: 3\n",  /* is not ended here */
         "t.yaml:2:3: warning: no certificate covers a.example.com: its handshakes will be refused\n"
         " 2 |   https://a.example.com: 1\n"
         "   |   ^^^^^^^^^^^^^^^^^^^^^\n"},
        {"of this machine",
         "local_ca: false\n"
         "routes:\n"
         "  https://a.localhost: 1\n",
         "t.yaml:3:3: warning: no certificate covers a.localhost: its handshakes will be refused\n"
         " 3 |   https://a.localhost: 1\n"
         "   |   ^^^^^^^^^^^^^^^^^^^ `local_ca: true` makes one on this machine\n"},
        {"trust in all",
         "routes: {'http://a.test': 1}\n"
         "trusted_proxies: [0.0.0.0/0]\n",
         "t.yaml: warning: trusted_proxies has a network of all addresses: every client may say who it is\n"},
    };

    expect_warnings(cases, ARRAY_LEN(cases));
}

Test(compile_certificates, a_pair_that_cannot_be_read_is_an_error)
{
    struct compiled compiled =
        compile_text_of("routes: {'https://a.test': 1}\n"
                        "certificates: [{cert: /nonexistent.crt, key: /nonexistent.key}]\n");

    cr_expect_null(compiled.snapshot);
    cr_expect(strstr(compiled.said.data, "t.yaml:2:23: error: /nonexistent.crt"), "%s", compiled.said.data);
    compiled_fini(&compiled);
}

Test(compile_certificates, the_local_ca_is_made_only_where_it_is_wanted)
{
    static const struct {
        const char *route;
        bool is_made;
    } cases[] = {{"https://a.localhost", true},
                 {"https://", true},
                 {"https://a.example.com", false},
                 {"http://a.localhost", false},
                 {"tls://a.localhost", false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char directory[] = "/tmp/compile_XXXXXX", made[64];
        struct compiled compiled;
        struct text yaml = {0};
        FILE *file;

        cr_assert_not_null(mkdtemp(directory));
        text_printf(&yaml, "state: %s\nlocal_ca: true\nroutes: {'%s': 1}\n", directory, cases[i].route);
        compiled = compile_text_of(yaml.data);
        cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
        snprintf(made, sizeof(made), "%s/ca/ca.crt", directory);
        file = fopen(made, "r");
        cr_expect_eq(file != NULL, cases[i].is_made, "%s", cases[i].route);
        if (file)
            fclose(file);
        cr_expect_eq(certificates_find(compiled.snapshot->certificates, SLICE("a.localhost")) != NULL,
                     cases[i].is_made, "%s", cases[i].route);
        text_fini(&yaml);
        compiled_fini(&compiled);
        remove_directory(directory);
    }
}
