#include "backends/resolver.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/backends/asking.h"

/* Addresses of names, by a real name server on loopback. */

static struct asker asker;

static void begin(void)
{
    asker_init(&asker);
}

static void finish(void)
{
    asker_fini(&asker);
}

TestSuite(resolver, .init = begin, .fini = finish);

Test(resolver, ipv4_alone)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.1");
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "app.test", DNS_TYPE_A), 1);
    cr_assert_eq(dns_server_asked(asker.server, "app.test", DNS_TYPE_AAAA), 1);
}

Test(resolver, ipv6_alone)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 30, "2001:db8::1");
    ask(&asker, "app.test");
    expect_found(&asker, "[2001:db8::1]:0", 30000);
}

Test(resolver, both_families_in_a_stable_order_each_address_once)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 10, "2001:db8::2");
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 10, "2001:db8::1");
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 20, "10.0.0.9");
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 20, "10.0.0.1");
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 20, "10.0.0.9");
    dns_server_delay(asker.server, "app.test", DNS_TYPE_A, 50);
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.9:0 10.0.0.1:0 [2001:db8::2]:0 [2001:db8::1]:0", 10000);
}

Test(resolver, nothing_is_kept)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.1");
    ask(&asker, "app.test");
    dns_server_clear(asker.server);
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.2");
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.2:0", 60000);
}

Test(resolver, alias_chain_has_the_shortest_ttl)
{
    dns_server_add(asker.server, "c.test", DNS_TYPE_A, 300, "10.0.0.1");
    dns_server_add(asker.server, "b.test", DNS_TYPE_CNAME, 7, "C.test");
    dns_server_add(asker.server, "a.test", DNS_TYPE_CNAME, 60, "b.test");
    ask(&asker, "a.test");
    expect_found(&asker, "10.0.0.1:0", 7000);
}

Test(resolver, alias_round_is_no_authority)
{
    dns_server_add(asker.server, "a.test", DNS_TYPE_CNAME, 60, "b.test");
    dns_server_add(asker.server, "b.test", DNS_TYPE_CNAME, 60, "a.test");
    ask(&asker, "a.test");
    expect_none(&asker, "the name servers' answer is malformed", false);
}

Test(resolver, no_such_name)
{
    ask(&asker, "nobody.test");
    expect_none(&asker, "no such name (NXDOMAIN)", true);
}

Test(resolver, no_data)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_SRV, 60, "1 1 80 x.test");
    ask(&asker, "app.test");
    expect_none(&asker, "the name has no address (no data)", true);
}

Test(resolver, odd_names_are_no_names)
{
    char label[65] = "", name[256] = "";
    const char *const odd[] = {"", ".", "a..b", ".a", "a..", label, name};

    memset(label, 'a', sizeof(label) - 1);
    memset(name, 'a', sizeof(name) - 1);
    for (size_t i = 50; i < sizeof(name) - 1; i += 51)
        name[i] = '.';
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        ask(&asker, odd[i]);
        expect_none(&asker, "no such name (NXDOMAIN)", true);
        ask_service(&asker, odd[i]);
        expect_none(&asker, "no such name (NXDOMAIN)", true);
    }
    cr_assert_eq(dns_server_asked(asker.server, NULL, DNS_ANY_TYPE), 0);
}

Test(resolver, longest_name_is_asked_for)
{
    char name[254] = "";

    memset(name, 'a', sizeof(name) - 1);
    for (size_t i = 63; i < sizeof(name) - 1; i += 64)
        name[i] = '.';
    dns_server_add(asker.server, name, DNS_TYPE_A, 60, "10.0.0.1");
    ask(&asker, name);
    expect_found(&asker, "10.0.0.1:0", 60000);
}

Test(resolver, addresses_as_text_and_localhost_need_no_server)
{
    ask(&asker, "192.0.2.7");
    expect_found(&asker, "192.0.2.7:0", LOOKUP_HOSTS_TTL_MS);
    ask(&asker, "app.localhost");
    expect_found(&asker, "127.0.0.1:0 [::1]:0", LOOKUP_HOSTS_TTL_MS);
    ask(&asker, "localhost");
    cr_assert(slice_starts(text_slice(&asker.found), SLICE("127.0.0.1:0")), "%s", asker.found.data);
    cr_assert_eq(asker.ttl_ms, LOOKUP_HOSTS_TTL_MS);
    cr_assert_eq(dns_server_asked(asker.server, NULL, DNS_ANY_TYPE), 0);
}

Test(resolver, answer_too_long_for_a_datagram_comes_by_tcp)
{
    char ip[32];

    for (unsigned i = 0; i < 200; i++) {
        snprintf(ip, sizeof(ip), "10.0.1.%u", i);
        dns_server_add(asker.server, "many.test", DNS_TYPE_A, 60, ip);
    }
    ask(&asker, "many.test");
    cr_assert_eq(asker.count, 200);
    cr_assert_eq(dns_server_asked_by_tcp(asker.server), 1);
}

Test(resolver, addresses_are_bounded)
{
    char ip[32];

    for (unsigned i = 0; i < 400; i++) {
        snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 200, i % 200);
        dns_server_add(asker.server, "many.test", DNS_TYPE_A, 60, ip);
    }
    ask(&asker, "many.test");
    cr_assert_eq(asker.count, 256);
}

Test(resolver, truncated_answer_is_asked_for_by_tcp_again_and_again)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 60, "::2");
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_TRUNCATES);
    for (unsigned i = 1; i <= 3; i++) {
        ask(&asker, "app.test");
        expect_found(&asker, "10.0.0.1:0 [::2]:0", 60000);
        cr_assert_eq(dns_server_asked_by_tcp(asker.server), 2 * i);
        cr_assert_eq(dns_server_asked(asker.server, NULL, DNS_ANY_TYPE), 4 * i, "none was repeated");
    }
}

Test(resolver, second_question_on_an_open_tcp_connection)
{
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 60, "::2");
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_TRUNCATES);
    dns_server_delay(asker.server, "app.test", DNS_TYPE_AAAA, 100);
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0 [::2]:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "app.test", DNS_ANY_TYPE), 4, "none was repeated");
}

Test(resolver, thousand_questions_at_once)
{
    char name[32];

    asker.setup.total_ms = 15 * 1000;
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%u.test", i % 50);
        if (i < 50)
            dns_server_add(asker.server, name, DNS_TYPE_A, 60, "10.0.0.1");
        start(&asker, LOOKUP_ADDRESSES, name);
    }
    for (unsigned answers = 0; answers < 1000; answers = asker.answers) {
        RUN_UNTIL(asker.loop, asker.answers > answers);
        expect_found(&asker, "10.0.0.1:0", 60000);
    }
    cr_assert_leq(dns_server_asked(asker.server, NULL, DNS_ANY_TYPE), 2400, "hardly one was lost");
}

/* The machine's settings. */

Test(resolver, search_domains_in_order_then_as_it_is)
{
    asker_write_resolv_conf(&asker, "# of a test\nsearch one.test two.test.\noptions ndots:2 rotate\n");
    asker_renew(&asker, &(struct address){0}, 0);
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "app.two.test", DNS_TYPE_A, 60, "10.0.0.2");
    ask(&asker, "app");
    expect_found(&asker, "10.0.0.2:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "app.one.test", DNS_ANY_TYPE), 2);
    cr_assert_eq(dns_server_asked(asker.server, "app", DNS_ANY_TYPE), 0);
    dns_server_add(asker.server, "far.app", DNS_TYPE_A, 60, "10.0.0.3");
    ask(&asker, "far.app");
    expect_found(&asker, "10.0.0.3:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "far.app.two.test", DNS_ANY_TYPE), 2);
    dns_server_add(asker.server, "a.b.c", DNS_TYPE_A, 60, "10.0.0.4");
    ask(&asker, "a.b.c");
    expect_found(&asker, "10.0.0.4:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "a.b.c.one.test", DNS_ANY_TYPE), 0);
}

Test(resolver, a_full_name_is_not_searched_for)
{
    asker_write_resolv_conf(&asker, "search one.test\noptions ndots:5\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "app.two.one.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.two", DNS_TYPE_A, 60, "10.0.0.2");
    ask(&asker, "app.two.");
    expect_found(&asker, "10.0.0.2:0", 60000);
    ask(&asker, "none.two.");
    expect_none(&asker, "no such name (NXDOMAIN)", true);
    cr_assert_eq(dns_server_asked(asker.server, "none.two.one.test", DNS_ANY_TYPE), 0);
    ask(&asker, "localhost.");
    cr_assert_gt(asker.count, 0, "by the machine itself");
    ask(&asker, ".");
    expect_none(&asker, "no such name (NXDOMAIN)", true);
}

Test(resolver, both_families_are_of_the_same_full_name)
{
    asker_write_resolv_conf(&asker, "search one.test two.test\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "app.one.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.two.test", DNS_TYPE_AAAA, 60, "::2");
    ask(&asker, "app");
    expect_found(&asker, "10.0.0.1:0", 60000);
}

Test(resolver, search_domains_of_the_environment)
{
    setenv("LOCALDOMAIN", "env.test", 1);
    setenv("RES_OPTIONS", "ndots:3", 1);
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "a.b.env.test", DNS_TYPE_A, 60, "10.0.0.1");
    ask(&asker, "a.b");
    expect_found(&asker, "10.0.0.1:0", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "a.b", DNS_ANY_TYPE), 0);
}

Test(resolver, failing_search_domain_makes_the_failure_no_authority)
{
    asker_write_resolv_conf(&asker, "search one.test\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_behave(asker.server, "app.one.test", DNS_TYPE_A, DNS_FAILS);
    ask(&asker, "app");
    expect_none(&asker, "the name servers failed (SERVFAIL)", false);
    cr_assert_eq(dns_server_asked(asker.server, "app", DNS_TYPE_A), 1, "the next name is tried all the same");
}

static void time_passes(uint64_t ms)
{
    loop_timers(asker.loop)->now_ms += ms;
}

Test(resolver, changed_resolv_conf_is_read_again_and_old_questions_end_well)
{
    unsigned before;

    asker_write_resolv_conf(&asker, "search one.test\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "app.one.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.other.test", DNS_TYPE_A, 60, "10.0.0.2");
    dns_server_add(asker.server, "slow.test", DNS_TYPE_A, 60, "10.0.0.3");
    dns_server_delay(asker.server, "slow.test", DNS_ANY_TYPE, 300);
    ask(&asker, "app");
    expect_found(&asker, "10.0.0.1:0", 60000);
    before = asker.answers;
    start(&asker, LOOKUP_ADDRESSES, "slow.test");
    RUN_UNTIL(asker.loop, dns_server_asked(asker.server, "slow.test", DNS_ANY_TYPE) == 2);
    asker_write_resolv_conf(&asker, "search other.test\n");
    time_passes(1000);
    start(&asker, LOOKUP_ADDRESSES, "app");
    RUN_UNTIL(asker.loop, asker.answers == before + 1);
    expect_found(&asker, "10.0.0.2:0", 60000);
    RUN_UNTIL(asker.loop, asker.answers == before + 2);
    expect_found(&asker, "10.0.0.3:0", 60000);
}
