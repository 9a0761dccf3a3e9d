#include "routing/explain.h"

#include <stdio.h>
#include <time.h>

#include "tables.h"

static const struct conditions POSTS = {.methods = (const struct slice[]){{"POST", 4}}, .methods_count = 1};
static const struct conditions GETS = {.methods = (const struct slice[]){{"GET", 3}, {"HEAD", 4}},
                                       .methods_count = 2};

static struct table *shop(void)
{
    return TABLE_OF({"https://shop.example.com", 3}, {"https://shop.example.com/v1", 12, &POSTS},
                    {"https://shop.example.com/v1", 13, &GETS}, {"https://shop.example.com/v10", 14},
                    {"https://*.example.com", 4}, {"https://:443", 5}, {"ssh://:443", 6},
                    {"tls://vault.example.com", 7}, {"http://old.example.com", 8},
                    {"https://b.example.org:8443", 9});
}

/* What explain says, word for word, and that live traffic would get the same. */
static void check_text(const char *url, const char *expected)
{
    struct table *table = shop();
    struct url_request request = request_of(url);
    const struct port_table *port = table_port(table, request.port);
    struct text text = {0};
    struct match match = explain_request(table, request.port, &request.view, &text),
                 live = {MATCH_NO_HOST, NULL};

    if (port)
        live = port_table_request(port, &request.view);
    cr_assert_str_eq(text.data, expected, "%s:\n%s", url, text.data);
    cr_assert(match.result == live.result && match.route == live.route, "%s", url);
    text_fini(&text);
    table_free(table);
}

Test(explain, steps_lead_to_the_route)
{
    check_text("https://shop.example.com/v1/x",
               "port 443: TLS, SSH\n"
               "host shop.example.com: exact name (line 3)\n"
               "path /v1/x: longest prefix /v1 (line 12)\n"
               "when: methods POST: methods do not hold (line 12)\n"
               "when: methods GET, HEAD: holds (line 13)\n"
               "route https://shop.example.com/v1/ (line 13)\n"
               "nearest others:\n"
               "  https://shop.example.com/v10/ (line 14): not a prefix of /v1/x by segments\n"
               "  https://shop.example.com/ (line 3): a longer prefix goes first\n"
               "  https://*.example.com/ (line 4): an exact name goes before a wildcard\n"
               "  https://:443/ (line 5): any host comes last\n");
}

Test(explain, wildcard_and_any_host_are_said)
{
    check_text("https://x.y.example.com/a/../b",
               "port 443: TLS, SSH\n"
               "host x.y.example.com: longest wildcard *.example.com (line 4)\n"
               "path /a/../b: routed as /b\n"
               "path /b: longest prefix / (line 4)\n"
               "route https://*.example.com/ (line 4)\n"
               "nearest others:\n"
               "  https://:443/ (line 5): any host comes last\n");
    check_text("https://else.test/", "port 443: TLS, SSH\n"
                                     "host else.test: any host (line 5)\n"
                                     "path /: longest prefix / (line 5)\n"
                                     "route https://:443/ (line 5)\n");
}

Test(explain, refusals_are_said)
{
    check_text("https://shop.example.com/v1/../x",
               "port 443: TLS, SSH\n"
               "host shop.example.com: exact name (line 3)\n"
               "path /v1/../x: routed as /x\n"
               "path /x: longest prefix / (line 3)\n"
               "refused: as it stands, in normal form, or as a backend may read it (escapes, \";\"), "
               "this path takes different routes\n"
               "nearest others:\n"
               "  https://shop.example.com/v1/ (line 12): not a prefix of /x by segments\n"
               "  https://shop.example.com/v10/ (line 14): not a prefix of /x by segments\n"
               "  https://*.example.com/ (line 4): an exact name goes before a wildcard\n"
               "  https://:443/ (line 5): any host comes last\n");
    check_text("https://else.test/%", "port 443: TLS, SSH\n"
                                      "host else.test: any host (line 5)\n"
                                      "refused: this is no valid path\n");
    check_text("https://vault.example.com/",
               "port 443: TLS, SSH\n"
               "host vault.example.com: exact name (line 7)\n"
               "tls: whole connections go there, not requests\n"
               "no route takes this host\n"
               "nearest others:\n"
               "  https://*.example.com/ (line 4): an exact name goes before a wildcard\n"
               "  https://:443/ (line 5): any host comes last\n");
}

Test(explain, unknown_host_gets_the_nearest_names)
{
    check_text("http://odl.example.com/",
               "port 80: HTTP\n"
               "host odl.example.com: no route has it\n"
               "no route takes this host\n"
               "nearest others:\n"
               "  https://*.example.com/ (line 4): on another port\n"
               "  http://old.example.com/ (line 8): another name, though a similar one\n");
    check_text("https://old.example.com:8443/", "port 8443: TLS\n"
                                                "host old.example.com: no route has it\n"
                                                "no route takes this host\n"
                                                "nearest others:\n"
                                                "  http://old.example.com/ (line 8): on another port\n"
                                                "  https://*.example.com/ (line 4): on another port\n");
    check_text("http://b.example.org:81/", "port 81: no route names it\n"
                                           "nearest others:\n"
                                           "  https://:443/ (line 5): on another port\n"
                                           "  https://b.example.org:8443/ (line 9): on another port\n");
}

static void check_sni(const char *name, const char *expected)
{
    struct table *table = shop();
    struct text text = {0};
    struct ip ip = ip_of("192.0.2.1");
    struct sni_match match = explain_sni(table, 443, slice_str(name), ip, ip, &text);
    struct sni_match live = port_table_sni(table_port(table, 443), slice_str(name), ip, ip);

    cr_assert_str_eq(text.data, expected, "%s:\n%s", name, text.data);
    cr_assert(match.kind == live.kind && match.route == live.route, "%s", name);
    text_fini(&text);
    table_free(table);
}

Test(explain, client_hello_is_followed)
{
    check_sni("vault.example.com", "port 443: TLS, SSH\n"
                                   "name vault.example.com: exact name (line 7)\n"
                                   "tls: TLS stays closed, the bytes go on as they are\n"
                                   "route tls://vault.example.com (line 7)\n"
                                   "nearest others:\n"
                                   "  https://*.example.com/ (line 4): an exact name goes before a wildcard\n"
                                   "  https://:443/ (line 5): any host comes last\n");
    check_sni("x.example.com", "port 443: TLS, SSH\n"
                               "name x.example.com: longest wildcard *.example.com (line 4)\n"
                               "https: TLS ends here, requests are routed one by one\n"
                               "nearest others:\n"
                               "  https://:443/ (line 5): any host comes last\n");
    check_sni("", "port 443: TLS, SSH\n"
                  "no name: any host (line 5)\n"
                  "https: TLS ends here, requests are routed one by one\n");
}

Test(explain, conditions_that_none_hold_are_all_listed)
{
    struct table *table = TABLE_OF({"http://a/v1", 1, &POSTS}, {"http://a", 2, &POSTS});
    struct url_request request = request_of("http://a/v1");
    struct text text = {0};

    cr_assert_eq(explain_request(table, 80, &request.view, &text).result, MATCH_NO_CONDITION);
    cr_assert_str_eq(text.data, "port 80: HTTP\n"
                                "host a: exact name (line 1)\n"
                                "path /v1: longest prefix /v1 (line 1)\n"
                                "when: methods POST: methods do not hold (line 1)\n"
                                "path /v1: none of these holds; next shorter prefix / (line 2)\n"
                                "when: methods POST: methods do not hold (line 2)\n"
                                "no route: the conditions of none hold\n");
    text_fini(&text);
    table_free(table);
}

Test(explain, among_very_many_hosts_it_stays_short_and_fast)
{
    struct table_builder *builder = table_builder_new();
    struct url_request request = request_of("http://host-1234x.shop.example/");
    struct text text = {0};
    struct table *table;
    clock_t start;
    size_t lines = 0;

    for (unsigned i = 0; i < 100000; i++) {
        char key[64];
        struct error error;

        snprintf(key, sizeof(key), "http://host-%u.shop.example", i);
        cr_assert_eq(add_row(builder, &(struct row){key, i + 1}, i, &error), 0);
    }
    table = table_builder_done(builder);
    start = clock();
    explain_request(table, 80, &request.view, &text);
    cr_assert_lt(clock() - start, CLOCKS_PER_SEC, "bound of ten times what is wanted");
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    cr_assert_eq(lines, 7, "%s", text.data);
    cr_assert(strstr(text.data, "http://host-1234.shop.example/ (line 1235)"), "%s", text.data);
    fprintf(stderr, "explain among 100,000 hosts: %.1f ms\n",
            (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
    text_fini(&text);
    table_free(table);
}
