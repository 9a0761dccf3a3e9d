#include <stdio.h>

#include "base/mem.h"
#include "unit/backends/asking.h"

/* Name servers that fail, lie or say nothing; questions that are given up. */

enum { GENEROUS_US = 3 * 1000 * 1000 };

static struct asker asker;

static void begin(void)
{
    asker_init(&asker);
    asker.setup.try_ms = 300;
    asker.setup.total_ms = 1000;
    asker.setup.grace_ms = 400;
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_add(asker.server, "app.test", DNS_TYPE_A, 60, "10.0.0.1");
    dns_server_add(asker.server, "app.test", DNS_TYPE_AAAA, 30, "::2");
}

static void finish(void)
{
    asker_fini(&asker);
}

TestSuite(resolver_faults, .init = begin, .fini = finish);

static void expect_all_well(void)
{
    dns_server_clear(asker.server);
    dns_server_add(asker.server, "well.test", DNS_TYPE_A, 60, "10.9.9.9");
    ask(&asker, "well.test");
    expect_found(&asker, "10.9.9.9:0", 60000);
}

Test(resolver_faults, silent_server_is_given_up_after_about_five_seconds)
{
    uint64_t began_us = loop_now_us();

    asker.setup = resolver_setup();
    asker.setup.resolv_conf = asker.resolv_conf;
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_IS_SILENT);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers did not answer in time", false);
    cr_assert_geq(loop_now_us() - began_us, 3 * 1000 * 1000);
    cr_assert_leq(loop_now_us() - began_us, 10 * 1000 * 1000);
    cr_assert_geq(dns_server_asked(asker.server, "app.test", DNS_TYPE_A), 2, "asked again");
    expect_all_well();
}

Test(resolver_faults, silence_is_no_authority)
{
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_IS_SILENT);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers did not answer in time", false);
    ask_service(&asker, "_http._tcp.app.test");
    expect_none(&asker, "the name servers did not answer in time", false);
    expect_all_well();
}

Test(resolver_faults, one_lost_datagram_is_no_harm)
{
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_IS_SILENT);
    start(&asker, LOOKUP_ADDRESSES, "app.test");
    RUN_UNTIL(asker.loop, dns_server_asked(asker.server, "app.test", DNS_ANY_TYPE) == 2);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_ANSWERS);
    RUN_UNTIL(asker.loop, asker.answers == 1);
    expect_found(&asker, "10.0.0.1:0 [::2]:0", 30000);
}

Test(resolver_faults, one_family_that_fails_is_left_out)
{
    const enum dns_manner manners[] = {DNS_FAILS,   DNS_REFUSES,   DNS_DENIES,
                                       DNS_GARBLES, DNS_IS_SILENT, DNS_MISTAKES};

    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_ANSWERS);
        dns_server_behave(asker.server, NULL, DNS_TYPE_AAAA, manners[i]);
        ask(&asker, "app.test");
        expect_found(&asker, "10.0.0.1:0", 60000);
        cr_expect_eq(asker.lacks_ipv6, manners[i] != DNS_DENIES, "row %zu", i);
        cr_expect_not(asker.lacks_ipv4, "row %zu", i);
        dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_ANSWERS);
        dns_server_behave(asker.server, NULL, DNS_TYPE_A, manners[i]);
        ask(&asker, "app.test");
        expect_found(&asker, "[::2]:0", 30000);
        cr_expect_eq(asker.lacks_ipv4, manners[i] != DNS_DENIES, "row %zu", i);
        cr_expect_not(asker.lacks_ipv6, "row %zu", i);
    }
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_ANSWERS);
    ask(&asker, "app.test");
    cr_expect_not(asker.lacks_ipv4 || asker.lacks_ipv6);
}

Test(resolver_faults, silent_family_is_waited_for_a_moment_only)
{
    uint64_t began_us;

    asker.setup.try_ms = asker.setup.total_ms = 15 * 1000;
    asker.setup.grace_ms = 200;
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    dns_server_behave(asker.server, NULL, DNS_TYPE_AAAA, DNS_IS_SILENT);
    began_us = loop_now_us();
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0", 60000);
    cr_assert_leq(loop_now_us() - began_us, GENEROUS_US);
}

Test(resolver_faults, failure_of_one_family_takes_authority_from_the_other)
{
    dns_server_add(asker.server, "v6.test", DNS_TYPE_AAAA, 30, "::2");
    dns_server_behave(asker.server, "v6.test", DNS_TYPE_AAAA, DNS_FAILS);
    ask(&asker, "v6.test");
    expect_none(&asker, "the name servers failed (SERVFAIL)", false);
    dns_server_behave(asker.server, "v6.test", DNS_TYPE_AAAA, DNS_IS_SILENT);
    ask(&asker, "v6.test");
    expect_none(&asker, "the name servers did not answer in time", false);
}

Test(resolver_faults, answers_that_are_failures)
{
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_FAILS);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers failed (SERVFAIL)", false);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_REFUSES);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers refused the question (REFUSED)", false);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_DENIES);
    ask(&asker, "app.test");
    expect_none(&asker, "no such name (NXDOMAIN)", true);
    expect_all_well();
}

Test(resolver_faults, garbage_is_no_authority)
{
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_GARBLES);
    ask(&asker, "app.test");
    cr_assert_eq(asker.count, 0);
    cr_assert_not(asker.is_authoritative);
    ask_service(&asker, "_http._tcp.app.test");
    cr_assert_eq(asker.count, 0);
    cr_assert_not(asker.is_authoritative);
    expect_all_well();
}

Test(resolver_faults, answer_with_a_wrong_id_is_none)
{
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_MISTAKES);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers did not answer in time", false);
    expect_all_well();
}

Test(resolver_faults, server_stops_answering_and_comes_back)
{
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0 [::2]:0", 30000);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_IS_SILENT);
    ask(&asker, "app.test");
    expect_none(&asker, "the name servers did not answer in time", false);
    dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, DNS_ANSWERS);
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0 [::2]:0", 30000);
}

Test(resolver_faults, nobody_listens)
{
    struct dns_server *gone = dns_server_new();
    struct address address = server_address(gone);
    uint64_t began_us;

    dns_server_free(gone);
    asker_renew(&asker, &address, 1);
    began_us = loop_now_us();
    ask(&asker, "app.test");
    expect_none(&asker, "no name server can be reached", false);
    cr_assert_leq(loop_now_us() - began_us, GENEROUS_US);
}

Test(resolver_faults, second_server_is_asked_in_time)
{
    const enum dns_manner manners[] = {DNS_IS_SILENT, DNS_FAILS, DNS_REFUSES};
    struct dns_server *first = dns_server_new();

    asker_renew(&asker, (struct address[]){server_address(first), server_address(asker.server)}, 2);
    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        dns_server_behave(first, NULL, DNS_ANY_TYPE, manners[i]);
        ask(&asker, "app.test");
        expect_found(&asker, "10.0.0.1:0 [::2]:0", 30000);
    }
    dns_server_free(first);
    ask(&asker, "app.test");
    expect_found(&asker, "10.0.0.1:0 [::2]:0", 30000);
}

Test(resolver_faults, server_must_be_an_ip_address)
{
    struct resolver *resolver = NULL;
    struct error error = {0};
    struct address path;

    cr_assert_eq(address_from_path(SLICE("/run/dns.sock"), &path), 0);
    cr_assert_eq(resolver_new(asker.loop, &path, 1, &resolver, &error), -1);
    cr_assert_null(resolver);
    cr_assert_str_eq(error.text, "a name server must be an IP address");
}

/* Given up. */

/* Asks for it and for another name; cancels the first, unless one was answered by then.
 * @return how many answers are to come in all */
static unsigned cancel_after(unsigned turns, enum lookup_kind kind, const char *name)
{
    unsigned before = asker.answers;
    struct lookup *lookup = start(&asker, kind, name);

    start(&asker, LOOKUP_ADDRESSES, "app.test");
    for (unsigned turn = 0; turn < turns && asker.answers == before; turn++)
        run_a_little(asker.loop);
    if (asker.answers != before)
        return 2;
    lookup_cancel(lookup);
    return 1;
}

Test(resolver_faults, cancelled_in_every_state_and_others_go_on)
{
    static const char *const NAMES[] = {"app.test",    "localhost", "10.1.1.1",
                                        "nobody.test", "slow.test", "_x._tcp.test"};
    unsigned expected = 0;

    dns_server_add(asker.server, "_x._tcp.test", DNS_TYPE_SRV, 60, "1 1 80 slow.test");
    dns_server_add(asker.server, "slow.test", DNS_TYPE_A, 60, "10.0.0.3");
    dns_server_delay(asker.server, "app.test", DNS_ANY_TYPE, 20);
    dns_server_delay(asker.server, "slow.test", DNS_ANY_TYPE, 100);
    for (unsigned turns = 0; turns < 12; turns++) {
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
            enum lookup_kind kind = turns % 2 ? LOOKUP_ADDRESSES : LOOKUP_SERVICE;

            expected += cancel_after(turns, kind, NAMES[i]);
            RUN_UNTIL(asker.loop, asker.answers >= expected);
        }
    }
    settle(asker.loop);
    cr_assert_eq(asker.answers, expected);
}

static void cancel_other(struct asker *self)
{
    if (self->other)
        lookup_cancel(TAKE(self->other));
}

Test(resolver_faults, cancelled_by_another_answer)
{
    asker.on_answer = cancel_other;
    start(&asker, LOOKUP_ADDRESSES, "app.test");
    asker.other = start(&asker, LOOKUP_ADDRESSES, "app.test");
    RUN_UNTIL(asker.loop, asker.answers == 1);
    settle(asker.loop);
    asker.on_answer = NULL;
    expect_all_well();
    cr_assert_eq(asker.answers, 2);
}

static void free_resolver(struct asker *self)
{
    resolver_free(TAKE(self->resolver));
}

Test(resolver_faults, freed_inside_an_answer)
{
    asker.on_answer = free_resolver;
    start(&asker, LOOKUP_ADDRESSES, "app.test");
    start(&asker, LOOKUP_ADDRESSES, "app.test");
    start(&asker, LOOKUP_SERVICE, "_http._tcp.app.test");
    start(&asker, LOOKUP_ADDRESSES, "localhost");
    RUN_UNTIL(asker.loop, asker.answers == 1);
    settle(asker.loop);
    cr_assert_eq(asker.answers, 1, "the others went with the resolver");
}

Test(resolver_faults, freed_under_way_tells_nothing)
{
    for (unsigned turns = 0; turns < 8; turns++) {
        asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
        dns_server_behave(asker.server, NULL, DNS_ANY_TYPE, turns % 2 ? DNS_TRUNCATES : DNS_IS_SILENT);
        start(&asker, LOOKUP_ADDRESSES, "app.test");
        start(&asker, LOOKUP_SERVICE, "_http._tcp.app.test");
        for (unsigned turn = 0; turn < turns && asker.answers == 0; turn++)
            loop_run_once(asker.loop);
        resolver_free(TAKE(asker.resolver));
        asker.answers = 0;
        settle(asker.loop);
        cr_assert_eq(asker.answers, 0);
    }
}

Test(resolver_faults, thousand_cancelled_questions_keep_nobody_waiting)
{
    struct lookup *lookups[1000];

    dns_server_add(asker.server, "well.test", DNS_TYPE_A, 60, "10.9.9.9");
    dns_server_behave(asker.server, "app.test", DNS_ANY_TYPE, DNS_IS_SILENT);
    for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
        lookups[i] = start(&asker, LOOKUP_ADDRESSES, "app.test");
    settle(asker.loop);
    for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
        lookup_cancel(lookups[i]);
    ask(&asker, "well.test");
    expect_found(&asker, "10.9.9.9:0", 60000);
    cr_assert_eq(asker.answers, 1);
}
