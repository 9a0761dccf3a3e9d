#include <criterion/criterion.h>

#include "unit/control/compiled.h"

#define REDIRECT "redirect to https"

/* Certificates are another test's matter: names are not covered here. */
static void expect_taken(const char *yaml, const char *url, const char *route)
{
    struct compiled compiled = compile_text_of(yaml);

    cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
    cr_expect_str_eq(compiled_taken_by(&compiled, url), route, "%s\n%s by %s", yaml, url,
                     compiled_taken_by(&compiled, url));
    compiled_fini(&compiled);
}

/* product.md: an https route on 443 also opens port 80, where its host is redirected unless an http route
 * takes it or redirect_http: false stands in the file or the route. */
Test(compile_routes, https_on_443_brings_a_redirect_on_80)
{
    static const struct {
        const char *yaml, *url, *route;
    } cases[] = {
        {"routes: {'https://a.test': 1}", "http://a.test/x", REDIRECT},
        {"routes: {'https://a.test': 1}", "https://a.test/x", "https://a.test"},
        {"routes: {'https://a.test': 1}", "http://b.test/", "404"},
        {"routes: {'https://a.test/api': 1}", "http://a.test/", REDIRECT},
        {"routes: {'https://a.test/x': 1, 'https://a.test/y': 2}", "http://a.test/y", REDIRECT},
        {"routes: {'https://*.a.test': 1}", "http://b.a.test/", REDIRECT},
        {"routes: {'https://': 1}", "http://whatever.test/", REDIRECT},
        {"routes: {'https://a.test:8443': 1}", "http://a.test/", "closed"},
        {"routes: {'tls://a.test': 1}", "http://a.test/", "closed"},
        {"routes: {'http://a.test:443': 1}", "http://a.test/", "closed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_taken(cases[i].yaml, cases[i].url, cases[i].route);
}

Test(compile_routes, no_redirect_where_an_http_route_takes_the_host)
{
    static const struct {
        const char *yaml, *url, *route;
    } cases[] = {
        {"routes: {'https://a.test': 1, 'http://a.test': 2}", "http://a.test/", "http://a.test"},
        {"routes: {'http://a.test': 2, 'https://a.test': 1}", "http://a.test/", "http://a.test"},
        {"routes: {'https://a.test': 1, 'http://*.test': 2}", "http://a.test/", "http://*.test"},
        {"routes: {'http://*.test': 2, 'https://a.test': 1}", "http://a.test/", "http://*.test"},
        {"routes: {'https://a.test': 1, 'http://': 2}", "http://a.test/", "http://"},
        {"routes: {'https://*.test': 1, 'http://a.test': 2}", "http://a.test/", "http://a.test"},
        {"routes: {'https://*.test': 1, 'http://a.test': 2}", "http://b.test/", REDIRECT},
        {"routes: {'https://a.test': 1, 'http://a.test/api': 2}", "http://a.test/api/x", "http://a.test/api"},
        {"routes: {'https://a.test': 1, 'http://a.test/api': 2}", "http://a.test/x", REDIRECT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_taken(cases[i].yaml, cases[i].url, cases[i].route);
}

Test(compile_routes, redirect_http_false_brings_none)
{
    static const struct {
        const char *yaml, *url, *route;
    } cases[] = {
        {"redirect_http: false\nroutes: {'https://a.test': 1}", "http://a.test/", "closed"},
        {"routes: {'https://a.test': {to: 1, redirect_http: false}}", "http://a.test/", "closed"},
        {"redirect_http: false\nroutes: {'https://a.test': {to: 1, redirect_http: true}}", "http://a.test/",
         REDIRECT},
        {"routes: {'https://a.test': {to: 1, redirect_http: false}, 'https://b.test': 2}", "http://a.test/",
         "404"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_taken(cases[i].yaml, cases[i].url, cases[i].route);
}

Test(compile_routes, a_redirect_is_308_to_https)
{
    struct compiled compiled = compile_text_of("routes: {'https://a.test': 1}");
    const struct action *action = &compiled.snapshot->actions[1];

    cr_assert_eq(compiled.snapshot->actions_count, 2);
    cr_assert(action->kind == ACTION_REDIRECT && action->status == 308 && action->redirect_to_https);
    compiled_fini(&compiled);
}

Test(compile_routes, mistakes_are_said_with_their_place)
{
    static const struct said_case cases[] = {
        {"zero routes", "routes: {}\n", "t.yaml: error: there are no routes: nothing would be served\n"},
        {"clash",
         "routes:\n"
         "  http://a.test: 1\n"
         "  http://b.test: 2\n"
         "  http://A.test./: 3\n",
         "t.yaml:4:3: error: http://a.test/ on line 4 takes the same as http://a.test/ on line 2\n"
         " 4 |   http://A.test./: 3\n"
         "   |   ^^^^^^^^^^^^^^^\n"},
        {"https and tls of one host",
         "routes:\n"
         "  https://a.test: 1\n"
         "  tls://a.test: 2\n",
         "t.yaml:3:3: error: tls://a.test on line 3 takes the same name as https://a.test/ on line 2: "
         "SNI could not decide between them\n"
         " 3 |   tls://a.test: 2\n"
         "   |   ^^^^^^^^^^^^\n"},
        {"bad target",
         "routes:\n"
         "  http://a.test: 99999\n",
         "t.yaml:2:18: error: target \"99999\": port \"99999\" is none; expected 1 to 65535\n"
         " 2 |   http://a.test: 99999\n"
         "   |                  ^^^^^\n"},
        {"raw route that redirects",
         "routes:\n"
         "  ssh://:443: {redirect: /x}\n",
         "t.yaml:2:15: error: a route of raw bytes can only go to a target: ssh has no requests to answer\n"
         " 2 |   ssh://:443: {redirect: /x}\n"
         "   |               ^\n"},
        {"raw route to http",
         "routes:\n"
         "  tcp://:5000: http://127.0.0.1:22\n",
         "t.yaml:2:16: error: a route of raw bytes has no http:// targets\n"
         " 2 |   tcp://:5000: http://127.0.0.1:22\n"
         "   |                ^^^^^^^^^^^^^^^^^^^\n"},
    };

    expect_errors(cases, ARRAY_LEN(cases));
}

Test(compile_routes, all_mistakes_are_said_at_once)
{
    struct compiled compiled = compile_text_of("routes:\n"
                                               "  http://a.test: 0\n"
                                               "  http://a.test:0: 1\n"
                                               "  http://b.test: x\n"
                                               "listen: {81: {bind: ['::1']}}\n");

    cr_expect_null(compiled.snapshot);
    cr_expect_eq(compiled.diagnostics.errors, 4, "%s", compiled.said.data);
    compiled_fini(&compiled);
}

Test(compile_routes, options_of_a_route_lie_over_the_files)
{
    struct compiled compiled =
        compile_good("timeouts: {answer: 5s, stall: 7s}\n"
                     "routes:\n"
                     "  http://a.test: 1\n"
                     "  http://b.test: {to: 2, timeouts: {answer: 9s}, limits: {body: 1KiB}}\n");
    const struct action *actions = compiled.snapshot->actions;

    cr_expect_eq(actions[0].options->timeouts.answer, 5000);
    cr_expect_eq(actions[1].options->timeouts.answer, 9000);
    cr_expect_eq(actions[1].options->timeouts.stall, 7000);
    cr_expect_eq(actions[0].options->limits.body, SETTING_NONE);
    cr_expect_eq(actions[1].options->limits.body, 1024);
    compiled_fini(&compiled);
}
