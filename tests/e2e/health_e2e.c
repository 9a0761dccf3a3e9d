/* Checks that Portico makes by itself, and what they change. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(health);

/* Quick, and yet a server that the machine has no time for answers in time. */
#define QUICK "interval: 500ms, timeout: 500ms, rise: 2, fall: 2"

static const char *const names[] = {"one", "two"};

static struct process *health_start(int port, struct server **servers, const char *more)
{
    servers_start(servers, names, 2);
    return portico_start(
        "workers: 2\nroutes:\n  http://a.test:%d:\n    to: %s\n    health: {path: /up, " QUICK "}\n%s", port,
        servers_list(servers, 2), more);
}

/** Both have turns: with the default balance, of a few requests on two workers. */
static bool both_serve(int port)
{
    const int ones = turns_of(port, 8, "one");

    return ones > 0 && ones < 8;
}

Test(health, who_says_503_has_no_requests_until_it_is_well)
{
    struct server *servers[2];
    int port = scene_port(), had;

    health_start(port, servers, "");
    cr_expect(both_serve(port));
    servers[1]->counts->up_status = 503;
    cr_expect(WAIT_FOR(turns_all(port, 20, "one"), PATIENCE_MS));
    had = servers[1]->counts->requests;
    cr_expect(turns_all(port, 20, "one"));
    cr_expect_eq(servers[1]->counts->requests, had);
    servers[1]->counts->up_status = 200;
    cr_expect(WAIT_FOR(both_serve(port), PATIENCE_MS));
}

Test(health, who_does_not_answer_checks_has_no_requests)
{
    struct server *good = server_start("one", SERVER_ANSWERS), *silent = server_start("two", SERVER_SILENT);
    int port = scene_port();

    portico_start(
        "workers: 1\ntimeouts: {answer: 300ms}\nroutes: {\"http://a.test:%d\": {to: [%s, %s], health: "
        "{path: /up, " QUICK "}}}\n",
        port, silent->address, good->address);
    cr_expect(WAIT_FOR(turns_all(port, 10, "one"), PATIENCE_MS));
}

static int degraded(int port)
{
    struct answer answer = get(port, "a.test", "/");

    return answer.status == 200 ? field_count(answer.head, "X-Portico-Degraded") : -1;
}

Test(health, when_none_is_healthy_one_is_tried_and_the_answer_says_so)
{
    struct server *servers[2];
    int port = scene_port();

    health_start(port, servers, "");
    cr_expect_eq(degraded(port), 0);
    servers[0]->counts->up_status = servers[1]->counts->up_status = 503;
    cr_expect(WAIT_FOR(degraded(port) == 1, PATIENCE_MS));
    cr_expect_eq(degraded(port), 1);
    servers[0]->counts->up_status = 200;
    cr_expect(WAIT_FOR(degraded(port) == 0, PATIENCE_MS));
    cr_expect(turns_all(port, 10, "one"));
}

Test(health, the_status_and_host_of_a_check_can_be_said)
{
    struct backend *strict = backend_answering("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    struct server *good = server_start("one", SERVER_ANSWERS);
    int port = scene_port(), other = scene_port();

    portico_start(
        "workers: 1\nroutes:\n"
        "  http://a.test:%d: {to: [%d, %s], health: {path: /up/deep, host: up.test, status: 401, " QUICK
        "}}\n"
        "  http://b.test:%d: {to: [%d, %s], health: {path: /up, status: 200-299, " QUICK "}}\n",
        port, strict->port, good->address, other, strict->port, good->address);
    cr_expect(backend_sees(strict, "GET /up/deep HTTP/1.1\r\n"));
    cr_expect(backend_sees(strict, "\r\nHost: up.test\r\n"));
    cr_expect(WAIT_FOR(get(port, "a.test", "/").status == 401 && get(port, "a.test", "/").status == 401,
                       PATIENCE_MS),
              "401 is well there");
    cr_expect(WAIT_FOR(get(other, "b.test", "/").status == 200 && get(other, "b.test", "/").status == 200,
                       PATIENCE_MS),
              "and ill here");
}

Test(health, checks_of_raw_routes_are_connections)
{
    struct server *bad = server_start("two", SERVER_REFUSES), *good = server_start("one", SERVER_ANSWERS);
    int port = scene_port();

    /* Nothing else than the checks can help: no other one is tried, none is ejected. */
    portico_start("workers: 1\nroutes:\n  tcp://:%d:\n    to: [%s, %s]\n    retry: 0\n    outlier: off\n"
                  "    health: {" QUICK "}\n",
                  port, bad->address, good->address);
    cr_expect(WAIT_FOR(good->counts->connections >= 3, PATIENCE_MS), "checks come without clients");
    cr_expect(WAIT_FOR(turns_all(port, 10, "one"), PATIENCE_MS));
    server_kill(bad);
    bad->conduct = SERVER_ANSWERS;
    server_restart(bad);
    cr_expect(WAIT_FOR(both_serve(port), PATIENCE_MS));
}

Test(health, connect_is_enough_where_the_pool_says_so)
{
    struct server *bad = server_start("two", SERVER_REFUSES), *good = server_start("one", SERVER_ANSWERS);
    int port = scene_port();

    good->counts->up_status = 503;
    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: [%s, %s], retry: 0, outlier: off, health: "
                  "connect}}\n",
                  port, bad->address, good->address);
    cr_expect(WAIT_FOR(turns_all(port, 10, "one"), PATIENCE_MS));
    cr_expect_eq(good->counts->checks, 0, "nothing is asked");
}

Test(health, one_process_makes_one_check_an_interval)
{
    enum { INTERVAL_MS = 200, WATCHED_MS = 3000, DUE = WATCHED_MS / INTERVAL_MS };
    struct server *server = server_start("one", SERVER_ANSWERS);
    int port = scene_port(), before, checks;

    portico_start("workers: 4\nroutes: {\"http://a.test:%d\": {to: [%s], health: {path: /up, interval: "
                  "200ms, timeout: 200ms}}}\n",
                  port, server->address);
    cr_assert(WAIT_FOR(server->counts->checks >= 1, PATIENCE_MS));
    before = server->counts->checks;
    poll(NULL, 0, WATCHED_MS);
    checks = server->counts->checks - before;
    cr_expect_leq(checks, DUE * 3 / 2, "%d checks; each of four workers would make it %d", checks, 4 * DUE);
    cr_expect_geq(checks, DUE / 3, "%d checks", checks);
}

Test(health, checks_go_on_over_a_reload_with_what_they_know)
{
    struct server *servers[2];
    int port = scene_port();
    struct process *portico = health_start(port, servers, "");

    servers[1]->counts->up_status = 503;
    cr_assert(WAIT_FOR(turns_all(port, 20, "one"), PATIENCE_MS));
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect(turns_all(port, 20, "one"));
}

Test(health, who_comes_back_starts_slowly)
{
    enum { REQUESTS = 200 };
    struct server *servers[2];
    int port = scene_port(), had;

    health_start(port, servers, "    slow_start: 60s\n");
    servers[1]->counts->up_status = 503;
    cr_assert(WAIT_FOR(turns_all(port, 20, "one"), PATIENCE_MS));
    servers[1]->counts->up_status = 200;
    cr_assert(WAIT_FOR(turns_of(port, 20, "two") > 0, PATIENCE_MS));
    had = servers[1]->counts->requests;
    turns_of(port, REQUESTS, "two");
    cr_expect_lt(servers[1]->counts->requests - had, REQUESTS / 3, "half of them without it");
    cr_expect_gt(servers[1]->counts->requests - had, 0);
}
