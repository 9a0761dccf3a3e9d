#include "control/named_files.h"

#include <criterion/criterion.h>

#include "conf/conf.h"

Test(named_files, are_all_that_a_configuration_names)
{
    static const char yaml[] =
        "routes:\n"
        "  http://a.test: 1\n"
        "  http://b.test: {to: \"https://b.inside\", ca: b-ca.pem}\n"
        "  http://c.test: \"@c\"\n"
        "  http://d.test: {respond: 404}\n"
        "backends:\n"
        "  c: {to: \"https://c.inside\", client_certificate: {cert: c.pem, key: c.key}}\n"
        "certificates: [{cert: one.pem, key: one.key}, both.pem]\n"
        "default_certificate: {cert: default.pem, key: default.key}\n"
        "watch: true\n";
    static const char *const expected[] = {"t.yaml",      "one.pem", "one.key", "both.pem", "default.pem",
                                           "default.key", "c.pem",   "c.key",   "b-ca.pem"};
    struct diagnostics diagnostics = {0};
    struct named_files files = {0};
    struct conf *conf = NULL;

    cr_assert_eq(conf_load_bytes(SLICE("t.yaml"), slice_str(yaml), &conf, &diagnostics), 0);
    cr_assert_eq(diagnostics.errors, 0);
    named_files_add(&files, "t.yaml", conf);
    conf_free(conf);
    cr_expect(files.are_watched);
    cr_assert_eq(files.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        cr_expect_str_eq(files.places[i].path, expected[i]);
        cr_expect_eq(files.places[i].holds != NULL, i == 3, "both.pem may be a directory");
    }
    cr_expect(files.places[3].holds(SLICE("a.key")));
    cr_expect_not(files.places[3].holds(SLICE("a.log")));
    named_files_fini(&files);
    diagnostics_fini(&diagnostics);
}
