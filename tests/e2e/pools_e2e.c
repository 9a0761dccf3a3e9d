/* Which backend of a pool takes a request: weights, backups, the policies of `balance`. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/portico.h"
#include "e2e/turns.h"

SUITE(pools);

static const char *const names[] = {"one", "two", "three", "four"};

static struct clients *clients_for(int port, int answers)
{
    struct clients *clients = clients_start((struct clients_terms){.port = port, .count = 16});

    cr_assert(WAIT_FOR(clients->answered >= answers, PATIENCE_MS), "%d answers", clients->answered);
    clients_stop(clients);
    cr_assert_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
    return clients;
}

Test(pools, one_of_a_name_is_used_by_several_routes)
{
    struct server *servers[2];
    int port = scene_port();

    servers_start(servers, names, 2);
    portico_start("workers: 1\n"
                  "backends: {shop: {to: %s}}\n"
                  "routes: {\"http://a.test:%d\": \"@shop\", \"http://b.test:%d\": \"@shop\"}\n",
                  servers_list(servers, 2), port, port);
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(get(port, "a.test", "/").status, 200);
        cr_expect_eq(get(port, "b.test", "/").status, 200);
    }
    cr_expect_eq(servers[0]->counts->requests, 10, "one turn for both routes");
    cr_expect_eq(servers[1]->counts->requests, 10);
}

Test(pools, weights_are_shares)
{
    struct server *servers[3];
    int port = scene_port();

    servers_start(servers, names, 3);
    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [{address: %s, weight: 5}, "
                  "{address: %s, weight: 3}, %s]\n",
                  port, servers[0]->address, servers[1]->address, servers[2]->address);
    cr_expect(turns_of(port, 90, "three") > 0);
    cr_expect(abs(servers[0]->counts->requests - 50) <= 2, "%d of 90", servers[0]->counts->requests);
    cr_expect(abs(servers[1]->counts->requests - 30) <= 2, "%d of 90", servers[1]->counts->requests);
    cr_expect(abs(servers[2]->counts->requests - 10) <= 2, "%d of 90", servers[2]->counts->requests);
}

Test(pools, a_backup_works_while_no_other_can)
{
    struct server *servers[2];
    int port = scene_port();

    servers_start(servers, names, 2);
    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%s, {address: %s, backup: true}]\n"
                  "    outlier: {connect_failures: 1, eject: 300ms, eject_max: 300ms}\n",
                  port, servers[0]->address, servers[1]->address);
    cr_expect_eq(turns_of(port, 20, "one"), 20);
    server_kill(servers[0]);
    cr_expect_eq(turns_of(port, 20, "two"), 20);
    server_restart(servers[0]);
    cr_expect(WAIT_FOR(turns_all(port, 10, "one"), PATIENCE_MS), "it comes back");
}

/* ---- the less busy ---- */

/** One of two is slow; clients at once show it. How many times as many the quick one got. */
static double quick_over_slow(const char *balance, int slow_ms)
{
    struct server *servers[2];
    int port = scene_port();

    servers_start(servers, names, 2);
    servers[0]->counts->delay_ms = slow_ms;
    servers[1]->counts->delay_ms = 5;
    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: %s, balance: %s}}\n", port,
                  servers_list(servers, 2), balance);
    clients_for(port, 600);
    return (double)servers[1]->counts->requests / (servers[0]->counts->requests + 1);
}

Test(pools, round_robin_does_not_look_at_who_is_quick)
{
    const double ratio = quick_over_slow("round_robin", 100);

    cr_expect(ratio < 1.3, "%.1f", ratio);
}

Test(pools, least_connections_prefers_the_quick)
{
    const double ratio = quick_over_slow("least_connections", 1000);

    cr_expect(ratio > 3, "%.1f", ratio);
}

Test(pools, two_choices_prefers_the_quick)
{
    const double ratio = quick_over_slow("two_choices", 1000);

    cr_expect(ratio > 1.5, "%.1f", ratio);
}

/* ---- hash ---- */

enum { KEYS = 64 };

/** Who answers each key.  @param field  with one %d for the key */
static void keys_ask(int port, const char *field, char *by_key[KEYS])
{
    for (int i = 0; i < KEYS; i++) {
        struct answer answer =
            ask(port, "GET /%d HTTP/1.1\r\nHost: a.test\r\n%s: %d\r\nCookie: x=1; seat=%d; y=2\r\n\r\n", i,
                field, i, i);

        cr_assert_eq(answer.status, 200, "key %d: %d", i, answer.status);
        by_key[i] = answer.body;
    }
}

static int keys_moved(char *const before[KEYS], char *const after[KEYS], const char *not_of)
{
    int moved = 0;

    for (int i = 0; i < KEYS; i++)
        moved += strcmp(before[i], after[i]) != 0 && strcmp(before[i], not_of) != 0;
    return moved;
}

static int keys_of(char *const by_key[KEYS], const char *name)
{
    int count = 0;

    for (int i = 0; i < KEYS; i++)
        count += strcmp(by_key[i], name) == 0;
    return count;
}

enum { MOVED_LIMIT = KEYS / 10 }; /* of the others, when one goes */

Test(pools, a_hash_keeps_keys_where_they_are)
{
    static const char *const by[] = {"{header: X-User}", "{cookie: seat}", "path"};
    struct server *servers[4];
    char *first[KEYS], *again[KEYS];
    int ports[] = {scene_port(), scene_port(), scene_port()};
    const char *to;

    servers_start(servers, names, 4);
    to = servers_list(servers, 4);
    portico_start("workers: 2\nroutes:\n"
                  "  http://a.test:%d: {to: %s, balance: {hash: %s}}\n"
                  "  http://a.test:%d: {to: %s, balance: {hash: %s}}\n"
                  "  http://a.test:%d: {to: %s, balance: {hash: %s}}\n",
                  ports[0], to, by[0], ports[1], to, by[1], ports[2], to, by[2]);
    for (int i = 0; i < 3; i++) {
        keys_ask(ports[i], "X-User", first);
        keys_ask(ports[i], "X-User", again);
        cr_expect_eq(keys_moved(first, again, ""), 0, "%s", by[i]);
        for (int j = 0; j < 4; j++)
            cr_expect_gt(keys_of(first, names[j]), 0, "%s: %s has its share", by[i], names[j]);
    }
}

Test(pools, a_hash_of_the_client_keeps_it_where_it_is)
{
    struct server *servers[4];
    int port = scene_port();

    servers_start(servers, names, 4);
    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %s, balance: {hash: client}}}\n", port,
                  servers_list(servers, 4));
    cr_expect(turns_all(port, 20, turn_with(port, "")), "its port changes, its address does not");
}

Test(pools, a_hash_moves_little_when_one_goes_and_all_back_when_it_returns)
{
    struct server *servers[4];
    char *first[KEYS], *without[KEYS], *again[KEYS];
    int port = scene_port();

    servers_start(servers, names, 4);
    portico_start(
        "workers: 2\nroutes:\n  http://a.test:%d:\n    to: %s\n    balance: {hash: {header: X-User}}\n"
        "    outlier: {connect_failures: 1, eject: 300ms, eject_max: 300ms}\n",
        port, servers_list(servers, 4));
    keys_ask(port, "X-User", first);
    server_kill(servers[2]);
    keys_ask(port, "X-User", without);
    keys_ask(port, "X-User", without);
    cr_expect_eq(keys_of(without, "three"), 0);
    cr_expect_leq(keys_moved(first, without, "three"), MOVED_LIMIT);
    server_restart(servers[2]);
    cr_expect(WAIT_FOR((keys_ask(port, "X-User", again), keys_moved(first, again, "") == 0), PATIENCE_MS),
              "%d of %d are elsewhere", keys_moved(first, again, ""), KEYS);
}

Test(pools, a_hash_moves_little_when_a_reload_takes_one_away)
{
    struct server *servers[4];
    char *first[KEYS], *after[KEYS];
    int port = scene_port();
    const char *rest = scene_text("balance: {hash: {header: X-User}}");
    struct process *portico;

    servers_start(servers, names, 4);
    portico = portico_start("workers: 2\nroutes: {\"http://a.test:%d\": {to: %s, %s}}\n", port,
                            servers_list(servers, 4), rest);
    keys_ask(port, "X-User", first);
    scene_file("portico.yaml", "workers: 2\nroutes: {\"http://a.test:%d\": {to: %s, %s}}\n", port,
               servers_list(servers, 3), rest);
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    keys_ask(port, "X-User", after);
    cr_expect_eq(keys_of(after, "four"), 0);
    cr_expect_leq(keys_moved(first, after, "four"), MOVED_LIMIT);
}
