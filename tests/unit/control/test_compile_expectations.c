/* `expect:`: what a table does is checked against what its operator means it to do. */
#include <criterion/criterion.h>

#include "unit/control/compiled.h"

#define TABLE                                                                                                \
    "redirect_http: off\n"                                                                                   \
    "routes:\n"                                                                                              \
    "  http://a.test: 1\n"                                                                                   \
    "  http://a.test/api/: 2\n"                                                                              \
    "  http://*.b.test: 3\n"                                                                                 \
    "  http://c.test:\n"                                                                                     \
    "    - {when: {methods: POST}, to: 4}\n"                                                                 \
    "    - {when: {from: 127.0.0.1}, to: 5}\n"                                                               \
    "  tls://v.test: 6\n"                                                                                    \
    "  ssh://:443: 7\n"                                                                                      \
    "expect:\n"

Test(compile_expectations, that_hold_are_silent)
{
    static const char *const EXPECTATIONS[] = {
        "http://a.test: http://a.test",
        "a.test/x?y=z: 'http://A.test:80/'",
        "http://a.test/api: http://a.test/api",
        "http://a.test/api/x: http://a.test/api/",
        "http://x.y.b.test/: 'http://*.b.test'",
        "http://c.test/: http://c.test",
        "https://v.test/: tls://v.test",
        "tls://v.test: tls://v.test",
        "ssh://:443: ssh://:443",
    };

    for (size_t i = 0; i < ARRAY_LEN(EXPECTATIONS); i++) {
        struct text yaml = {0};
        struct compiled compiled;

        text_printf(&yaml, TABLE "  %s\n", EXPECTATIONS[i]);
        compiled = compile_good(yaml.data);
        compiled_fini(&compiled);
        text_fini(&yaml);
    }
}

/* Certificates are not looked at: there is none, and that is only a warning. */
Test(compile_expectations, of_https_are_asked_as_a_client_asks)
{
    static const struct {
        const char *expectation;
        bool holds;
    } CASES[] = {
        {"'https://a.example/x': 'https://a.example'", true},
        {"'https://a.example/api/1': 'https://a.example/api'", true},
        {"'https://a.example/api/1': 'https://a.example'", false},
        {"'http://a.example/x': 'http://a.example'",
         true}, /* the redirect to https, which has a key of its own */
        {"'http://a.example/x': 'https://a.example'", false},
        {"'https://192.0.2.1/': 'https://192.0.2.1'", true}, /* without a name: RFC 6066 §3 */
        {"'tls://a.example': 'https://a.example'", false},   /* its bytes go nowhere as they are */
    };

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct text yaml = {0};
        struct compiled compiled;

        text_printf(&yaml,
                    "routes: {'https://a.example': 1, 'https://a.example/api': 2, 'https://192.0.2.1': 3}\n"
                    "local_ca: off\nexpect: {%s}\n",
                    CASES[i].expectation);
        compiled = compile_text_of(yaml.data);
        cr_expect_eq(compiled.snapshot != NULL, CASES[i].holds, "%s", compiled.said.data);
        compiled_fini(&compiled);
        text_fini(&yaml);
    }
}

Test(compile_expectations, of_an_address_send_no_name)
{
    struct compiled compiled = compile_text_of("routes: {'tls://:443': 1, 'https://192.0.2.1': 2}\n"
                                               "local_ca: off\nredirect_http: off\n"
                                               "expect: {'https://192.0.2.1/': 'tls://:443'}\n");

    cr_expect_not_null(compiled.snapshot, "%s", compiled.said.data);
    compiled_fini(&compiled);
}

Test(compile_expectations, that_do_not_hold_are_told_what_happens_instead_and_why)
{
    static const struct said_case cases[] = {
        {"a longer path", TABLE "  http://a.test/api/v1: http://a.test\n",
         "t.yaml:12:3: error: expect: http://a.test/api/v1 takes the route http://a.test/api/ (line 4), not "
         "http://a.test\n"
         " 12 |   http://a.test/api/v1: http://a.test\n"
         "    |   ^^^^^^^^^^^^^^^^^^^^ host a.test: exact name (line 3); path /api/v1: longest prefix /api "
         "(line "
         "4); http://a.test/ (line 3): a longer prefix goes first\n"},
        {"no route", TABLE "  http://d.test/: http://a.test\n",
         "t.yaml:12:3: error: expect: no route takes http://d.test/; expected http://a.test\n"
         " 12 |   http://d.test/: http://a.test\n"
         "    |   ^^^^^^^^^^^^^^ host d.test: no route has it; no route takes this host; http://a.test/ "
         "(line "
         "3): another name, though a similar one\n"},
        {"another port", TABLE "  http://a.test:81: http://a.test\n",
         "t.yaml:12:3: error: expect: no route takes http://a.test:81; expected http://a.test\n"
         " 12 |   http://a.test:81: http://a.test\n"
         "    |   ^^^^^^^^^^^^^^^^ port 81: no route names it; http://a.test/ (line 3): on another port\n"},
        {"TLS that goes past us", TABLE "  https://v.test: http://a.test\n",
         "t.yaml:12:3: error: expect: https://v.test takes the route tls://v.test (line 9), not "
         "http://a.test\n"
         " 12 |   https://v.test: http://a.test\n"
         "    |   ^^^^^^^^^^^^^^ name v.test: exact name (line 9); tls: TLS stays closed, the bytes go on as "
         "they "
         "are\n"},
        {"no such route", TABLE "  http://a.test/x: http://a.tset\n",
         "t.yaml:12:20: error: expect: there is no route \"http://a.tset\"\n"
         " 12 |   http://a.test/x: http://a.tset\n"
         "    |                    ^^^^^^^^^^^^^ did you mean \"http://a.test\"?\n"},
        {"no key", TABLE "  http://a.test/x: http://a.test?x\n",
         "t.yaml:12:20: error: expect: route \"http://a.test?x\": a key has no query (\"?\"): put it under "
         "`when: {query: …}`\n"
         " 12 |   http://a.test/x: http://a.test?x\n"
         "    |                    ^^^^^^^^^^^^^^^\n"},
        {"no URL", TABLE "  tcp://: http://a.test\n",
         "t.yaml:12:3: error: expect: \"\" is no host[:port]\n"
         " 12 |   tcp://: http://a.test\n"
         "    |   ^^^^^^\n"},
    };

    expect_errors(cases, ARRAY_LEN(cases));
}

Test(compile_expectations, say_nothing_of_a_table_with_mistakes)
{
    struct compiled compiled = compile_text_of("routes: {'http://a.test': 'x y'}\n"
                                               "expect: {'http://b.test': 'http://a.test'}\n");

    cr_expect_null(compiled.snapshot);
    cr_expect_eq(compiled.diagnostics.errors, 1, "%s", compiled.said.data);
    compiled_fini(&compiled);
}

Test(compile_expectations, many_that_fail_are_no_slower_than_their_messages, .timeout = 20)
{
    enum { MANY = 20000 };
    struct text yaml = {0};
    struct compiled compiled;

    text_add_literal(&yaml, "routes:\n");
    for (int i = 0; i < MANY; i++)
        text_printf(&yaml, "  http://h%d.test: 1\n", i);
    text_add_literal(&yaml, "expect:\n");
    for (int i = 0; i < MANY; i++)
        text_printf(&yaml, "  http://h%d.else: http://h%d.test\n", i, i);
    compiled = compile_text_of(yaml.data);
    cr_expect_eq(compiled.diagnostics.errors, MANY);
    compiled_fini(&compiled);
    text_fini(&yaml);
}
