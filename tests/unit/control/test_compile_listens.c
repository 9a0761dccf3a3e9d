#include <criterion/criterion.h>

#include "unit/control/compiled.h"

Test(compile_listens, follow_from_the_routes)
{
    static const struct {
        const char *name, *yaml, *listens;
    } cases[] = {
        {"all addresses, IPv6 where there is any", "routes: {'http://a.test': 1}", "0.0.0.0:80< [::]:80?<"},
        {"each port once", "routes: {'http://a.test:81': 1, 'http://b.test:81': 2}", "0.0.0.0:81< [::]:81?<"},
        {"443 brings 80", "routes: {'https://a.test': 1}", "0.0.0.0:80< [::]:80?< 0.0.0.0:443< [::]:443?<"},
        {"a server may speak first", "routes: {'https://a.test:444': 1, 'ssh://:444': 2, 'tcp://:445': 3}",
         "0.0.0.0:444 [::]:444? 0.0.0.0:445 [::]:445?"},
        {"bind narrows",
         "routes: {'http://a.test:81': 1, 'http://a.test:82': 1}\n"
         "listen: {82: {bind: [192.0.2.1, '::1']}}",
         "0.0.0.0:81< [::]:81?< 192.0.2.1:82< [::1]:82<"},
        {"an address that is said twice is one",
         "routes: {'http://a.test:81': 1}\n"
         "listen: {81: {bind: [127.0.0.1, '::1', 127.0.0.1]}}",
         "127.0.0.1:81< [::1]:81<"},
        {"bind of the redirects' port",
         "routes: {'https://a.test': 1}\n"
         "listen: {80: {bind: [127.0.0.1]}, 443: {bind: [127.0.0.1]}}",
         "127.0.0.1:80< 127.0.0.1:443<"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct compiled compiled = compile_text_of(cases[i].yaml);
        struct text listens = {0};

        cr_assert_not_null(compiled.snapshot, "%s: %s", cases[i].name, compiled.said.data);
        compiled_listens(&compiled, &listens);
        cr_expect_str_eq(listens.data, cases[i].listens, "%s: %s", cases[i].name, listens.data);
        text_fini(&listens);
        compiled_fini(&compiled);
    }
}

Test(compile_listens, of_a_port_without_routes_is_an_error)
{
    static const struct said_case cases[] = {
        {"no such port",
         "routes:\n"
         "  http://a.test: 1\n"
         "listen: {8443: {bind: ['::1']}}\n",
         "t.yaml:3:10: error: listen: no route names port 8443\n"
         " 3 | listen: {8443: {bind: ['::1']}}\n"
         "   |          ^^^^\n"},
    };

    expect_errors(cases, ARRAY_LEN(cases));
}
