#include <stdio.h>

#include "unit/backends/asking.h"

/* Services (SRV), with the addresses of the hosts that they name. */

#define SERVICE "_http._tcp.app.test"

static struct asker asker;

static void begin(void)
{
    asker_init(&asker);
    asker.setup.try_ms = 300;
    asker.setup.total_ms = 1000;
    asker.setup.grace_ms = 400;
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
}

static void finish(void)
{
    asker_fini(&asker);
}

TestSuite(resolver_service, .init = begin, .fini = finish);

static void add(const char *data)
{
    dns_server_add(asker.server, SERVICE, DNS_TYPE_SRV, 60, data);
}

static void add_host(const char *name, uint32_t ttl_s, const char *ip)
{
    dns_server_add(asker.server, name, strchr(ip, ':') ? DNS_TYPE_AAAA : DNS_TYPE_A, ttl_s, ip);
}

Test(resolver_service, hosts_in_order_of_priority_with_ports_and_weights)
{
    add("20 1 8003 c.test");
    add("10 5 8001 a.test");
    add("10 0 8002 B.test");
    add_host("a.test", 300, "10.0.0.1");
    add_host("a.test", 300, "::1");
    add_host("b.test", 90, "10.0.0.2");
    add_host("c.test", 90, "10.0.0.3");
    ask_service(&asker, SERVICE);
    expect_found(&asker, "10.0.0.1:8001/10/5 [::1]:8001/10/5 10.0.0.2:8002/10/0 10.0.0.3:8003/20/1", 60000);
}

Test(resolver_service, shortest_ttl_may_be_of_an_address)
{
    add("1 1 80 a.test");
    add_host("a.test", 5, "10.0.0.1");
    ask_service(&asker, SERVICE);
    expect_found(&asker, "10.0.0.1:80/1/1", 5000);
}

Test(resolver_service, host_on_two_ports_is_asked_for_once)
{
    add("1 1 80 a.test");
    add("1 1 81 a.test");
    add("1 2 80 a.test");
    add_host("a.test", 60, "10.0.0.1");
    ask_service(&asker, SERVICE);
    expect_found(&asker, "10.0.0.1:80/1/1 10.0.0.1:81/1/1", 60000);
    cr_assert_eq(dns_server_asked(asker.server, "a.test", DNS_TYPE_A), 1);
}

Test(resolver_service, alias_of_a_service)
{
    dns_server_add(asker.server, "_http._tcp.www.test", DNS_TYPE_CNAME, 9, SERVICE);
    add("1 1 80 a.test");
    add_host("a.test", 60, "10.0.0.1");
    ask_service(&asker, "_http._tcp.www.test");
    expect_found(&asker, "10.0.0.1:80/1/1", 9000);
}

Test(resolver_service, decidedly_not_offered)
{
    add("0 0 0 .");
    ask_service(&asker, SERVICE);
    expect_none(&asker, "its SRV record says that there is no such service (target \".\")", true);
}

Test(resolver_service, host_without_address_is_left_out)
{
    add("1 1 80 nobody.test");
    add("2 1 80 a.test");
    add_host("a.test", 60, "10.0.0.1");
    ask_service(&asker, SERVICE);
    expect_found(&asker, "10.0.0.1:80/2/1", 60000);
    cr_expect_not(asker.lacks_ipv4 || asker.lacks_ipv6, "there is no more");
}

Test(resolver_service, no_host_has_an_address)
{
    add("1 1 80 nobody.test");
    ask_service(&asker, SERVICE);
    expect_none(&asker, "its SRV records name 1 host without an address: no such name (NXDOMAIN)", true);
    add("1 1 80 failing.test");
    dns_server_behave(asker.server, "failing.test", DNS_ANY_TYPE, DNS_FAILS);
    ask_service(&asker, SERVICE);
    expect_none(&asker, "its SRV records name 2 hosts without an address: the name servers failed (SERVFAIL)",
                false);
}

Test(resolver_service, silent_host_does_not_hide_the_others)
{
    add("1 1 80 silent.test");
    add("2 1 80 a.test");
    add_host("a.test", 60, "10.0.0.1");
    dns_server_behave(asker.server, "silent.test", DNS_ANY_TYPE, DNS_IS_SILENT);
    ask_service(&asker, SERVICE);
    expect_found(&asker, "10.0.0.1:80/2/1", 60000);
    cr_expect(asker.lacks_ipv4 && asker.lacks_ipv6);
}

Test(resolver_service, none_of_that_name)
{
    ask_service(&asker, SERVICE);
    expect_none(&asker, "no such name (NXDOMAIN)", true);
    add_host(SERVICE, 60, "10.0.0.1");
    ask_service(&asker, SERVICE);
    expect_none(&asker, "there are no SRV records of this name (no data)", true);
}

Test(resolver_service, port_zero_is_nobody)
{
    add("1 1 0 a.test");
    add_host("a.test", 60, "10.0.0.1");
    ask_service(&asker, SERVICE);
    expect_none(&asker, "its SRV records name no host and port that can be reached", false);
}

Test(resolver_service, name_is_searched_for_but_hosts_are_full_names)
{
    asker_write_resolv_conf(&asker, "search app.test\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    add("1 1 80 a");
    add_host("a.app.test", 60, "10.0.0.1");
    ask_service(&asker, "_http._tcp");
    expect_none(&asker, "its SRV records name 1 host without an address: no such name (NXDOMAIN)", true);
    add("1 1 80 a.app.test");
    ask_service(&asker, "_http._tcp");
    expect_found(&asker, "10.0.0.1:80/1/1", 60000);
}

Test(resolver_service, a_full_name_is_not_searched_for)
{
    asker_write_resolv_conf(&asker, "search app.test\n");
    asker_renew(&asker, (struct address[]){server_address(asker.server)}, 1);
    add("1 1 80 a.app.test");
    add_host("a.app.test", 60, "10.0.0.1");
    ask_service(&asker, "_http._tcp.");
    expect_none(&asker, "no such name (NXDOMAIN)", true);
    ask_service(&asker, "_http._tcp.app.test.");
    expect_found(&asker, "10.0.0.1:80/1/1", 60000);
}

Test(resolver_service, hosts_and_addresses_are_bounded_and_the_first_priorities_stay)
{
    char data[64], name[32], ip[32];

    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "h%u.test", i);
        snprintf(data, sizeof(data), "%u 1 80 %s", 100 - i, name);
        add(data);
        for (unsigned k = 0; k < 9; k++) {
            snprintf(ip, sizeof(ip), "10.0.%u.%u", i, k);
            add_host(name, 60, ip);
        }
    }
    ask_service(&asker, SERVICE);
    cr_assert_eq(asker.count, 512);
    cr_assert(slice_starts(text_slice(&asker.found), SLICE("10.0.99.0:80/1/1 ")), "%.40s", asker.found.data);
    cr_assert_eq(dns_server_asked(asker.server, "h36.test", DNS_TYPE_A), 1);
    cr_assert_eq(dns_server_asked(asker.server, "h35.test", DNS_TYPE_A), 0);
    cr_assert_geq(dns_server_asked_by_tcp(asker.server), 1);
}
