/* Which route takes a request, a ClientHello, or a raw connection. */
#include "routing/table.h"

#include <stdio.h>

#include "tables.h"

static const struct conditions POSTS = {.methods = (const struct slice[]){{"POST", 4}}, .methods_count = 1};
static const struct conditions GETS = {.methods = (const struct slice[]){{"GET", 3}, {"HEAD", 4}},
                                       .methods_count = 2};

struct taken_case {
    const char *url;
    int number;
};

static void check_all(struct table *table, const struct taken_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(taken_by(table, cases[i].url), cases[i].number, "%s: %d", cases[i].url,
                     taken_by(table, cases[i].url));
    table_free(table);
}
#define CHECK_ALL(table, ...)                                                                                \
    check_all(table, (const struct taken_case[]){__VA_ARGS__},                                               \
              sizeof((const struct taken_case[]){__VA_ARGS__}) / sizeof(struct taken_case))

Test(table, exact_host_goes_before_wildcards_and_any)
{
    CHECK_ALL(TABLE_OF({"http://*.example.com"}, {"http://:80"}, {"http://www.example.com"},
                       {"http://*.dev.example.com"}, {"http://example.com"}),
              {"http://www.example.com/", 2}, {"http://example.com/", 4}, {"http://a.example.com/", 0},
              {"http://a.b.example.com/", 0}, {"http://a.dev.example.com/", 3},
              {"http://a.b.dev.example.com/", 3}, {"http://dev.example.com/", 0}, {"http://example.org/", 1},
              {"http://com/", 1}, {"http://badexample.com/", 1}, {"http://www.example.com.evil.test/", 1},
              {"http:///", 1});
}

Test(table, host_that_no_route_has_is_refused)
{
    CHECK_ALL(TABLE_OF({"http://a.test"}, {"http://*.b.test"}), {"http://b.test/", NO_HOST},
              {"http://x.a.test/", NO_HOST}, {"http://x.b.test/", 1}, {"http://test/", NO_HOST},
              {"http:///", NO_HOST});
}

Test(table, host_with_very_many_labels_is_taken_by_its_wildcard)
{
    char url[7 + 253 + 2] = "http://";
    struct table *table = TABLE_OF({"http://*.a.a.a"}, {"http://*.b"});

    for (size_t i = 0; i < 253; i++)
        url[7 + i] = i % 2 ? '.' : 'a';
    url[260] = '/';
    cr_assert_eq(taken_by(table, url), 0);
    url[259] = 'b';
    cr_assert_eq(taken_by(table, url), 1);
    url[259] = 'c';
    cr_assert_eq(taken_by(table, url), NO_HOST);
    table_free(table);
}

Test(table, longest_path_prefix_by_segments_wins)
{
    CHECK_ALL(TABLE_OF({"http://a/"}, {"http://a/v1/"}, {"http://a/v1/users"}, {"http://a/v1-x"},
                       {"http://a/v10"}, {"http://b/v1"}),
              {"http://a/", 0}, {"http://a/v", 0}, {"http://a/v1", 1}, {"http://a/v1/", 1},
              {"http://a/v1/x", 1}, {"http://a/v1/users", 2}, {"http://a/v1/users/", 2},
              {"http://a/v1/users/7", 2}, {"http://a/v1/usersx", 1}, {"http://a/v1-x", 3},
              {"http://a/v1-x/y", 3}, {"http://a/v1-", 0}, {"http://a/v10", 4}, {"http://a/v10/v1", 4},
              {"http://a/v11", 0}, {"http://a/V1", 0}, {"http://a//v", 0}, {"http://a/v1//x", 1},
              {"http://b/", NO_PATH}, {"http://b/v1/x", 5});
}

Test(table, chosen_host_alone_decides_over_paths)
{
    CHECK_ALL(TABLE_OF({"http://a.test/v1"}, {"http://*.test"}, {"http://:80"}), {"http://a.test/v1", 0},
              {"http://a.test/", NO_PATH}, {"http://b.test/", 1}, {"http://b.other/", 2});
}

Test(table, alternatives_are_asked_in_order)
{
    CHECK_ALL(TABLE_OF({"http://a", 1, &POSTS}, {"http://a", 2, &GETS}, {"http://a", 3}), {"http://a/", 1});
    CHECK_ALL(TABLE_OF({"http://a", 1, &POSTS}, {"http://a", 2}), {"http://a/", 1});
    CHECK_ALL(TABLE_OF({"http://a", 1, &POSTS}), {"http://a/", NO_CONDITION});
}

Test(table, path_whose_conditions_fail_leaves_it_to_shorter_ones_of_the_host)
{
    CHECK_ALL(TABLE_OF({"http://a"}, {"http://a/v1/x", 2, &POSTS}, {"http://a/v1", 3, &POSTS}),
              {"http://a/v1/x/y", 0});
    CHECK_ALL(
        TABLE_OF({"http://a/v1", 1, &GETS}, {"http://a/v1/x", 2, &POSTS}, {"http://a/v1/x/y", 3, &POSTS}),
        {"http://a/v1/x/y", 0});
    CHECK_ALL(TABLE_OF({"http://a/v1", 1, &POSTS}, {"http://:80"}), {"http://a/v1", NO_CONDITION},
              {"http://a/", NO_PATH});
}

Test(table, paths_are_routed_in_normal_form)
{
    CHECK_ALL(TABLE_OF({"http://a"}, {"http://b/"}, {"http://b/v1"}), {"http://a/x/../y", 0},
              {"http://a/%7euser", 0}, {"http://a/x%2fy", 0}, {"http://a/caf%c3%a9", 0},
              {"http://b/v1/%7e", 2}, {"http://b/v1/x/../y", 2}, {"http://b/v1/./x", 2},
              {"http://b/x/../y", 1}, {"http://b/v1/a%2Fb", 2}, {"http://b/a%20b", 1});
}

Test(table, path_that_takes_different_routes_in_different_readings_is_ambiguous)
{
    CHECK_ALL(
        TABLE_OF({"http://a"}, {"http://a/v1"}, {"http://b/v1"}), {"http://a/v1/..", AMBIGUOUS},
        {"http://a/x/../v1", AMBIGUOUS}, {"http://a/%761", AMBIGUOUS}, {"http://a/v1/%2e%2e/x", AMBIGUOUS},
        {"http://a/v1%2Fx", AMBIGUOUS}, {"http://a/v1%2fx", AMBIGUOUS}, {"http://a/v1%5Cx", AMBIGUOUS},
        {"http://a/x%2F..%2Fv1", AMBIGUOUS}, {"http://a/v1/x%2F..%2F..%2Fy", AMBIGUOUS},
        {"http://a/v1/..%2Fy", AMBIGUOUS}, {"http://a/./v1", AMBIGUOUS}, {"http://b/x/../v1", AMBIGUOUS},
        {"http://b/v1/../x", AMBIGUOUS}, {"http://b/%761", AMBIGUOUS}, {"http://b/x%2Fv1", NO_PATH},
        {"http://b/x/../y", NO_PATH}, {"http://a/v1/x%2F..%2Fy", 1}, {"http://a//v1", 0},
        {"http://a/%2fv1", AMBIGUOUS}, {"http://a/v1//../x", 1}, {"http://a/v1;x", AMBIGUOUS},
        {"http://a/x/..;/v1", AMBIGUOUS}, {"http://a/;/v1", AMBIGUOUS}, {"http://a/v1%3bx", AMBIGUOUS},
        {"http://a/v1%00", AMBIGUOUS}, {"http://a/%761/../x", AMBIGUOUS},
        {"http://a/v1%2fx%5c..%5c..%5cy", AMBIGUOUS}, {"http://a/v1%5cx%2f..%2f..%2fy", AMBIGUOUS},
        {"http://b/in/..;/v1", AMBIGUOUS}, {"http://a/x;y//z%00", 0}, {"http://a/v1/x;y//z%00", 1});
}

/* Tomcat cuts at ";" and then decodes, so "%3B" and what "%2F" brings forth are of the name; C ends the whole path at a
 * NUL; who cuts at one of the two need not cut at the other. Jetty removes dots first and merges then. */
Test(table, whoever_cuts_at_one_thing_need_not_cut_at_another)
{
    CHECK_ALL(TABLE_OF({"http://a"}, {"http://a/v1"}), {"http://a/x/..;/v1/..%3B", AMBIGUOUS},
              {"http://a/x%2F..%2Fv1;y%2F..", AMBIGUOUS}, {"http://a/x/../v1%00/..", AMBIGUOUS},
              {"http://a/x/..%00/v1/..;", AMBIGUOUS}, {"http://a/x/..;/v1/..%00", AMBIGUOUS},
              {"http://a/x/../;/v1/;/..", AMBIGUOUS});
}

Test(table, text_that_is_no_path_is_refused)
{
    char url[9000] = "http://a/%41";
    struct table *table = TABLE_OF({"http://a"});

    memset(url + strlen(url), 'x', sizeof(url) - strlen(url) - 1);
    cr_assert_eq(taken_by(table, url), BAD_PATH);
    memset(url + 9, 'x', 3);
    cr_assert_eq(taken_by(table, url), 0, "a long path in normal form needs no room");
    CHECK_ALL(table, {"http://a/%", BAD_PATH}, {"http://a/%4", BAD_PATH}, {"http://a/\\", BAD_PATH},
              {"http://a/a b", BAD_PATH}, {"http://a/\xc3\xa9", BAD_PATH}, {"http://a/#", BAD_PATH});
}

Test(table, options_for_all_is_routed_as_the_root)
{
    struct table *table = TABLE_OF({"http://a"}, {"http://a/v1"}, {"http://b/v1"});
    struct url_request request = request_of("http://a/");
    const struct port_table *port = table_port(table, 80);

    request.view.path = SLICE("*");
    cr_assert_eq(port_table_request(port, &request.view).result, MATCH_BAD_PATH, "of GET it is no path");
    request.view.method = SLICE("OPTIONS");
    cr_assert_eq(port_table_request(port, &request.view).route->number, 0);
    request.view.host = SLICE("b");
    cr_assert_eq(port_table_request(port, &request.view).result, MATCH_NO_PATH);
    table_free(table);
}

Test(table, schemes_on_one_port_have_spaces_of_their_own)
{
    CHECK_ALL(TABLE_OF({"http://a:8000"}, {"https://a:8000"}, {"https://*.b:8000"}, {"tls://x.b:8000"},
                       {"http://x.b:8000"}, {"tls://:8000"}),
              {"http://a:8000/", 0}, {"https://a:8000/", 1}, {"https://y.b:8000/", 2},
              {"http://y.b:8000/", NO_HOST}, {"https://x.b:8000/", NO_HOST}, {"http://x.b:8000/", 4},
              {"https://c:8000/", NO_HOST});
}

static struct sni_match sni_of(const struct table *table, const char *name, const char *from)
{
    return port_table_sni(table_port(table, 443), slice_str(name), ip_of(from), ip_of("198.51.100.1"));
}

Test(table, client_hello_goes_by_name)
{
    const struct cidr inside = cidr_of("10.0.0.0/8");
    const struct conditions from_inside = {.from = &inside, .from_count = 1};
    struct table *table = TABLE_OF({"https://a.test"}, {"https://a.test/v1"}, {"tls://*.test"},
                                   {"tcps://db.test:443"}, {"tls://in.test", 5, &from_inside});

    cr_assert_eq(sni_of(table, "a.test", "10.1.2.3").kind, SNI_HTTPS);
    cr_assert_null(sni_of(table, "a.test", "10.1.2.3").route);
    cr_assert_eq(sni_of(table, "b.test", "10.1.2.3").kind, SNI_TLS);
    cr_assert_eq(sni_of(table, "b.test", "10.1.2.3").route->number, 2);
    cr_assert_eq(sni_of(table, "db.test", "10.1.2.3").kind, SNI_TCPS);
    cr_assert_eq(sni_of(table, "db.test", "10.1.2.3").route->number, 3);
    cr_assert_eq(sni_of(table, "in.test", "10.1.2.3").route->number, 4);
    cr_assert_eq(sni_of(table, "in.test", "192.0.2.1").kind, SNI_TLS);
    cr_assert_null(sni_of(table, "in.test", "192.0.2.1").route);
    cr_assert_eq(sni_of(table, "test", "10.1.2.3").kind, SNI_NONE);
    cr_assert_eq(sni_of(table, "", "10.1.2.3").kind, SNI_NONE);
    table_free(table);
}

Test(table, client_hello_without_a_name_goes_to_any_host_or_to_addresses)
{
    struct table *any = TABLE_OF({"https://a.test"}, {"tls://:443"});
    struct table *address = TABLE_OF({"https://a.test"}, {"https://192.0.2.1"});
    struct table *address6 = TABLE_OF({"https://[2001:db8::1]"});

    cr_assert_eq(sni_of(any, "", "10.1.2.3").kind, SNI_TLS);
    cr_assert_eq(sni_of(any, "", "10.1.2.3").route->number, 1);
    cr_assert_eq(sni_of(address, "", "10.1.2.3").kind, SNI_HTTPS);
    cr_assert_eq(sni_of(address, "b.test", "10.1.2.3").kind, SNI_NONE);
    cr_assert_eq(sni_of(address6, "", "10.1.2.3").kind, SNI_HTTPS);
    cr_assert_eq(taken_by(address, "https://192.0.2.1/x"), 1);
    table_free(any);
    table_free(address);
    table_free(address6);
}

Test(table, raw_connections_go_to_the_route_of_their_scheme)
{
    const struct cidr inside = cidr_of("10.0.0.0/8");
    const struct conditions from_inside = {.from = &inside, .from_count = 1};
    struct table *table = TABLE_OF({"ssh://:22", 1, &from_inside}, {"tcp://:22"}, {"ssh://:443"});
    const struct port_table *port = table_port(table, 22);
    struct ip local = ip_of("198.51.100.1");

    cr_assert_eq(port_table_raw(port, SCHEME_SSH, ip_of("10.1.1.1"), local)->number, 0);
    cr_assert_null(port_table_raw(port, SCHEME_SSH, ip_of("11.1.1.1"), local));
    cr_assert_eq(port_table_raw(port, SCHEME_TCP, ip_of("11.1.1.1"), local)->number, 1);
    cr_assert_null(port_table_raw(table_port(table, 443), SCHEME_TCP, ip_of("11.1.1.1"), local));
    table_free(table);
}

Test(table, ports_know_what_they_expect)
{
    struct table *table =
        TABLE_OF({"https://a"}, {"ssh://:443"}, {"http://a"}, {"tcp://:5000"}, {"tcps://:5001"});
    const uint16_t *ports;
    struct port_kinds kinds;

    cr_assert_eq(table_ports(table, &ports), 4);
    cr_assert_arr_eq(ports, ((uint16_t[]){80, 443, 5000, 5001}), sizeof(uint16_t[4]));
    kinds = port_table_kinds(table_port(table, 80));
    cr_assert(kinds.has_http && !kinds.has_tls_layer && !kinds.has_ssh && !kinds.has_tcp);
    kinds = port_table_kinds(table_port(table, 443));
    cr_assert(!kinds.has_http && kinds.has_tls_layer && kinds.has_ssh && !kinds.has_tcp);
    kinds = port_table_kinds(table_port(table, 5000));
    cr_assert(!kinds.has_http && !kinds.has_tls_layer && !kinds.has_ssh && kinds.has_tcp);
    cr_assert(port_table_kinds(table_port(table, 5001)).has_tls_layer);
    cr_assert_null(table_port(table, 81));
    cr_assert_null(table_port(table, 0));
    cr_assert_null(table_port(table, 65535));
    table_free(table);
}

static void append_number(void *argument, const struct route *route)
{
    char *text = argument;

    snprintf(text + strlen(text), 8, "%u ", route->number);
}

Test(table, routes_are_listed_by_port_and_then_as_added)
{
    struct table *table = TABLE_OF({"https://z"}, {"http://b"}, {"https://a/v1"}, {"ssh://:22"}, {"http://a"},
                                   {"http://a:8080"}, {"https://a/", 7, &GETS}, {"https://a/", 8});
    char order[64] = "";

    table_each(table, append_number, order);
    cr_assert_str_eq(order, "3 1 4 0 2 6 7 5 ");
    table_free(table);
}

Test(table, empty_table_has_no_ports)
{
    struct table *table = table_builder_done(table_builder_new());
    const uint16_t *ports;

    cr_assert_eq(table_ports(table, &ports), 0);
    cr_assert_null(table_port(table, 80));
    table_free(table);
    table_free(NULL);
    table_builder_free(NULL);
}

/* Every kind of reading doubles the work on a path: what one request may cost has an end. */
Test(table, a_long_path_with_many_readings_is_refused_where_it_matters)
{
    static const char unit[] = "/%41;%2f..%5cx";
    struct table *table = TABLE_OF({"http://a"}, {"http://a/v1"}, {"http://b"});
    char url[8 * 1024] = "http://a/w";

    while (strlen(url) < 4 * 1024)
        strcat(url, unit);
    cr_expect_eq(taken_by(table, url), AMBIGUOUS);
    url[strlen("http://")] = 'b';
    cr_expect_eq(taken_by(table, url), 2, "one route: every reading takes it");
    table_free(table);
}
