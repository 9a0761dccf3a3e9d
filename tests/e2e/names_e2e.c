/* Backends behind names: addresses that change, name servers that fail, names that come later, services. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/dns_server.h"
#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(names);

enum { TTL_S = 1, SERVERS = 3, CHANGE_MS = 2000 };

static const char *const names[] = {"two", "three", "four"};
static const char *const hosts[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4"};

/** All on one port, each on an address of its own. */
static int servers_beside(struct server **servers, int count)
{
    const int port = scene_port();

    for (int i = 0; i < count; i++)
        servers[i] = server_start_at(hosts[i], port, names[i], SERVER_ANSWERS);
    return port;
}

static void name_is(struct dns_server *dns, int count, const char *const *addresses)
{
    dns_server_clear(dns);
    for (int i = 0; i < count; i++)
        dns_server_add(dns, "app.test", DNS_TYPE_A, TTL_S, addresses[i]);
}

/** @param rest  of the route, behind its target */
static struct process *names_start(int port, int dns_port, const char *target, const char *rest)
{
    return portico_start(
        "workers: 2\nresolvers: [127.0.0.1:%d]\nroutes: {\"http://a.test:%d\": {to: [\"%s\"]%s}}\n", dns_port,
        port, target, rest);
}

static char *app_at(int port)
{
    return scene_text("app.test:%d", port);
}

Test(names, an_address_that_changes_costs_no_request)
{
    struct server *servers[SERVERS];
    struct dns_server *dns = dns_server_new();
    struct clients *clients;
    int port = scene_port(), to = servers_beside(servers, SERVERS), had;

    name_is(dns, 1, &hosts[0]);
    names_start(port, dns_server_port(dns), app_at(to), "");
    cr_assert(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
    clients = clients_start((struct clients_terms){.port = port, .pause_ms = 20, .posts_every = 5});
    for (int i = 1; i < SERVERS; i++) {
        poll(NULL, 0, CHANGE_MS);
        name_is(dns, 1, &hosts[i]);
        cr_expect(WAIT_FOR(servers[i]->counts->requests > 0, PATIENCE_MS), "%s has its turn", names[i]);
    }
    cr_expect(WAIT_FOR(turns_all(port, 20, "four"), PATIENCE_MS), "the old one has none any more");
    had = servers[1]->counts->requests;
    cr_expect(turns_all(port, 20, "four"));
    cr_expect_eq(servers[1]->counts->requests, had);
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
}

Test(names, all_addresses_of_a_name_are_used)
{
    struct server *servers[SERVERS];
    struct dns_server *dns = dns_server_new();
    int port = scene_port(), to = servers_beside(servers, SERVERS);

    name_is(dns, SERVERS, hosts);
    names_start(port, dns_server_port(dns), app_at(to), "");
    for (int i = 0; i < SERVERS; i++)
        cr_expect_gt(turns_of(port, 12, names[i]), 0, "%s", names[i]);
}

Test(names, one_lookup_serves_all_workers)
{
    enum { WATCHED_MS = 3000 };
    struct server *servers[1];
    struct dns_server *dns = dns_server_new();
    int port = scene_port(), to = servers_beside(servers, 1);

    name_is(dns, 1, hosts);
    names_start(port, dns_server_port(dns), app_at(to), "");
    for (const int64_t end_ms = now_ms() + WATCHED_MS; now_ms() < end_ms;)
        cr_assert(turns_all(port, 10, "two"));
    cr_expect_leq(dns_server_asked(dns, "app.test", DNS_TYPE_A), 2 * WATCHED_MS / 1000 + 2, "%u questions",
                  dns_server_asked(dns, "app.test", DNS_TYPE_A));
}

Test(names, the_last_addresses_serve_while_name_servers_say_nothing)
{
    static const enum dns_manner manners[] = {DNS_FAILS, DNS_IS_SILENT};
    struct server *servers[2];
    struct dns_server *dns = dns_server_new();
    struct clients *clients;
    int port = scene_port(), to = servers_beside(servers, 2);

    name_is(dns, 1, hosts);
    names_start(port, dns_server_port(dns), app_at(to), "");
    cr_assert(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
    clients = clients_start((struct clients_terms){.port = port, .pause_ms = 20});
    for (size_t i = 0; i < COUNT(manners); i++) {
        const unsigned asked = dns_server_asked(dns, "app.test", DNS_TYPE_A);

        dns_server_behave(dns, NULL, DNS_ANY_TYPE, manners[i]);
        cr_expect(WAIT_FOR(dns_server_asked(dns, "app.test", DNS_TYPE_A) >= asked + 2, 2 * PATIENCE_MS),
                  "it goes on asking");
    }
    name_is(dns, 1, &hosts[1]);
    cr_expect(WAIT_FOR(turns_all(port, 10, "three"), 2 * PATIENCE_MS), "and hears of what is new");
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
}

/* A name server that never has a good answer to AAAA is nothing rare. */
Test(names, an_address_that_went_leaves_while_the_other_family_fails)
{
    struct server *servers[2];
    struct dns_server *dns = dns_server_new();
    int port = scene_port(), to = servers_beside(servers, 2);

    dns_server_behave(dns, NULL, DNS_TYPE_AAAA, DNS_FAILS);
    dns_server_add(dns, "app.test", DNS_TYPE_A, TTL_S, hosts[0]);
    names_start(port, dns_server_port(dns), app_at(to), "");
    cr_assert(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
    name_is(dns, 1, &hosts[1]);
    dns_server_behave(dns, NULL, DNS_TYPE_AAAA, DNS_FAILS);
    cr_expect(WAIT_FOR(turns_all(port, 10, "three"), 2 * PATIENCE_MS), "the old one has none any more");
}

Test(names, a_refused_reload_leaves_the_name_servers_as_they_were)
{
    struct server *servers[1];
    struct dns_server *dns = dns_server_new(), *other = dns_server_new();
    int port = scene_port(), to = servers_beside(servers, 1);
    struct process *portico;
    unsigned asked;

    name_is(dns, 1, hosts);
    portico = names_start(port, dns_server_port(dns), app_at(to), "");
    cr_assert(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
    scene_file("portico.yaml",
               "resolvers: [127.0.0.1:%d]\nroutes: {\"http://a.test:%d\": \"%s\"}\n"
               "log: {access: {to: %s}}\nadmin: unix:%s\n",
               dns_server_port(other), port, app_at(to), scene_path("nowhere/access.log"),
               scene_path("run/admin.sock"));
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, "reload_refused"), "%s", transcript_copy(&portico->err));
    asked = dns_server_asked(dns, "app.test", DNS_TYPE_A);
    cr_expect(WAIT_FOR(dns_server_asked(dns, "app.test", DNS_TYPE_A) > asked + 1, 2 * PATIENCE_MS));
    cr_expect_eq(dns_server_asked(other, NULL, DNS_ANY_TYPE), 0);
    cr_expect(turns_all(port, 1, "two"));
}

Test(names, one_that_comes_later_works_as_soon_as_it_is_there)
{
    struct server *servers[1];
    struct dns_server *dns = dns_server_new();
    int port = scene_port(), to = servers_beside(servers, 1);
    struct process *portico = names_start(port, dns_server_port(dns), app_at(to), "");
    struct answer answer = get(port, "a.test", "/");

    cr_expect_eq(answer.status, 502);
    cr_expect(portico_logs(portico, field_of(answer.head, "X-Portico-Error")));
    cr_expect(portico_logs(portico, "reason=unresolved"), "%s", transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "no such name"), "what the name server said: %s",
              transcript_copy(&portico->err));
    name_is(dns, 1, hosts);
    cr_expect(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
}

Test(names, a_silent_name_server_never_stops_the_start)
{
    struct backend *alive = backend_saying("alive");
    struct dns_server *dns = dns_server_new();
    int port = scene_port();
    struct process *portico;
    struct wire *wire;

    dns_server_behave(dns, NULL, DNS_ANY_TYPE, DNS_IS_SILENT);
    portico =
        portico_start("workers: 2\nresolvers: [127.0.0.1:%d]\nroutes:\n  http://a.test:%d: app.test:80\n"
                      "  http://b.test:%d: %d\n",
                      dns_server_port(dns), port, port, alive->port);
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    for (int i = 0; i < 10; i++)
        assert_honest(port, "b.test", "alive");
    cr_expect_not_null(wire_read_until_within(wire, "HTTP/1.1 50", 2 * PATIENCE_MS));
    cr_expect(portico_logs(portico, "did not answer"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "b.test", "alive");
}

Test(names, hold_waits_for_a_name_that_is_not_there_yet)
{
    struct server *servers[1];
    struct dns_server *dns = dns_server_new();
    struct wire *wire = NULL;
    int port = scene_port(), to = servers_beside(servers, 1);

    names_start(port, dns_server_port(dns), app_at(to), ", hold: 15s");
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(wire_is_silent(wire, 200));
    name_is(dns, 1, hosts);
    cr_expect_str_eq(answer_read(wire).body, "two");
}

Test(names, a_tunnel_to_an_address_that_goes_is_closed_at_its_time)
{
    struct dns_server *dns = dns_server_new();
    struct server *servers[2];
    struct wire *wire;
    int port = scene_port(), to = servers_beside(servers, 2);

    name_is(dns, 1, hosts);
    portico_start("workers: 1\nresolvers: [127.0.0.1:%d]\ntimeouts: {drain_tunnels: 1s}\n"
                  "routes: {\"tcp://:%d\": [\"app.test:%d\"]}\n",
                  dns_server_port(dns), port, to);
    cr_assert(WAIT_FOR(turns_all(port, 1, "two"), PATIENCE_MS));
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect_str_eq(answer_read(wire).body, "two");
    name_is(dns, 1, &hosts[1]);
    cr_expect(WAIT_FOR(turns_all(port, 5, "three"), PATIENCE_MS));
    cr_expect(wire_sees_end(wire));
}

/* ---- services ---- */

Test(names, a_service_says_where_and_how_much)
{
    struct server *servers[SERVERS];
    struct dns_server *dns = dns_server_new();
    int port = scene_port(), shares[SERVERS];

    for (int i = 0; i < SERVERS; i++) {
        servers[i] = server_start_at(hosts[i], scene_port(), names[i], SERVER_ANSWERS);
        dns_server_add(dns, scene_text("%s.app.test", names[i]), DNS_TYPE_A, TTL_S, hosts[i]);
        dns_server_add(
            dns, "_http._tcp.app.test", DNS_TYPE_SRV, TTL_S,
            scene_text("%d %d %d %s.app.test", i < 2 ? 10 : 20, i == 0 ? 3 : 1, servers[i]->port, names[i]));
    }
    portico_start("workers: 1\nresolvers: [127.0.0.1:%d]\nroutes: {\"http://a.test:%d\": "
                  "[\"srv:_http._tcp.app.test\"]}\n",
                  dns_server_port(dns), port);
    turns_of(port, 40, "two");
    for (int i = 0; i < SERVERS; i++)
        shares[i] = servers[i]->counts->requests;
    cr_expect(shares[0] >= 28 && shares[0] <= 32, "weight 3 of 4: %d of 40", shares[0]);
    cr_expect(shares[1] >= 8 && shares[1] <= 12, "weight 1 of 4: %d of 40", shares[1]);
    cr_expect_eq(shares[2], 0, "the second choice is not needed");
    server_kill(servers[0]);
    server_kill(servers[1]);
    cr_expect_eq(turns_of(port, 10, "four"), 10, "the second choice, while the first cannot");
}
