/* Backends that are killed while they work: what a client may notice, and what it must not. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/portico.h"
#include "e2e/turns.h"

TestSuite(failover, .init = scene_open, .timeout = 120); /* the long run takes a minute */

static const char *const names[] = {"one", "two", "three", "four"};

enum { SERVERS = 4, EVERY_MS = 1000, DOWN_MS = 400, ROUNDS_LIMIT = 64 };

/** When one was killed, and when it was gone for certain. */
struct kill {
    int64_t began_ms, gone_ms;
};

struct kills {
    struct kill all[ROUNDS_LIMIT];
    int count;
};

/** A minute with PORTICO_LONG=1, else as long as it must be for three turns of each. */
static int rounds(void)
{
    const char *is_long = getenv("PORTICO_LONG");

    return is_long && strcmp(is_long, "1") == 0 ? 60 : 3 * SERVERS;
}

/** Kills one after the other, each for a while, at a pace that is the test's. */
static struct kills kill_in_turn(struct server **servers)
{
    struct kills kills = {0};

    for (; kills.count < rounds(); kills.count++) {
        struct server *server = servers[kills.count % SERVERS];
        struct kill *kill = &kills.all[kills.count];

        kill->began_ms = now_ms();
        server_kill(server);
        kill->gone_ms = now_ms();
        poll(NULL, 0, DOWN_MS);
        server_restart(server);
        poll(NULL, 0, EVERY_MS - DOWN_MS);
    }
    return kills;
}

static void servers_hurry_not(struct server **servers)
{
    servers_start(servers, names, SERVERS);
    for (int i = 0; i < SERVERS; i++)
        servers[i]->counts->delay_ms = 10; /* so that some are always under way */
}

static struct clients *clients_all(int port)
{
    struct clients *clients =
        clients_start((struct clients_terms){.port = port, .pause_ms = 20, .posts_every = 5});

    cr_assert(WAIT_FOR(clients->answered > 500, PATIENCE_MS));
    return clients;
}

/** Each had its part between two of its deaths. */
static void expect_all_served(const struct clients *clients)
{
    for (int i = 0; i < SERVERS; i++)
        cr_expect_gt(clients_served_by(clients, names[i], 0), 0, "%s", names[i]);
}

Test(failover, no_get_fails_while_backends_are_killed_in_turn)
{
    struct server *servers[SERVERS];
    struct clients *clients;
    int port = scene_port();

    servers_hurry_not(servers);
    portico_start("workers: 2\nroutes:\n  http://a.test:%d:\n    to: %s\n"
                  "    health: {path: /up, interval: 200ms, timeout: 200ms}\n    retry: {resets: true}\n",
                  port, servers_list(servers, SERVERS));
    clients = clients_all(port);
    kill_in_turn(servers);
    clients_stop(clients);
    cr_expect_eq(clients_failed(clients, false), 0, "%s", clients_describe(clients));
    expect_all_served(clients);
}

/** It was under way when one was killed. */
static bool was_cut_by(const struct ask *ask, const struct kill *kill)
{
    enum { SLACK_MS = 400 }; /* until Portico has seen the end of a kept connection */

    return ask->began_ms <= kill->gone_ms + SLACK_MS && ask->ended_ms >= kill->began_ms;
}

static int cut_by(const struct clients *clients, const struct kill *kill)
{
    int cut = 0;

    for (size_t i = 0; i < clients->count; i++)
        cut += clients->asks[i].status == 502 && was_cut_by(&clients->asks[i], kill);
    return cut;
}

Test(failover, only_what_was_under_way_at_the_killed_one_may_fail)
{
    enum { UNDER_WAY_LIMIT = 64 }; /* of 64 clients, with one request each, should all be at that one */
    struct server *servers[SERVERS];
    struct clients *clients;
    struct kills kills;
    int port = scene_port(), near = 0;

    servers_hurry_not(servers);
    portico_start("workers: 2\nroutes: {\"http://a.test:%d\": %s}\n", port, servers_list(servers, SERVERS));
    clients = clients_all(port);
    kills = kill_in_turn(servers);
    clients_stop(clients);
    for (int i = 0; i < kills.count; i++) {
        const int cut = cut_by(clients, &kills.all[i]);

        cr_expect_leq(cut, UNDER_WAY_LIMIT, "kill %d: %s", i, clients_describe(clients));
        near += cut;
    }
    cr_expect_eq(near, clients->failed, "%d of %s", near, clients_describe(clients));
}

/* ---- one request ---- */

Test(failover, a_connect_failure_tries_two_others_whatever_the_method)
{
    struct server *servers[SERVERS];
    int port = scene_port(), dead_port = scene_port();

    servers_start(servers, names, SERVERS);
    for (int i = 1; i < SERVERS; i++)
        server_kill(servers[i]);
    portico_start(
        "workers: 1\nroutes:\n"
        "  http://a.test:%d: {to: %s, outlier: off, retry: {budget: 100}}\n" /* three */
        "  http://a.test:%d: {to: %s, outlier: off, retry: {budget: 100}}\n", /* all four: may end at the third that is dead */
        port, servers_list(servers, 3), dead_port, servers_list(servers, SERVERS));
    for (int i = 0; i < 9; i++)
        cr_expect_eq(ask(port, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\npost").status,
                     200, "request %d", i);
    cr_expect_eq(servers[0]->counts->requests, 9);
    server_kill(servers[0]);
    cr_expect_eq(get(dead_port, "a.test", "/").status, 502);
}

static void play_reset_at_request(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    atomic_fetch_add(&backend->requests, 1);
    wire_reset(wire);
}

/** Its content comes back, for those who want to know that it came whole. */
static void play_echo_content(struct wire *wire, struct backend *backend)
{
    const char *head = request_read(wire);
    size_t count;

    if (!head)
        return;
    count = strtoul(field_of(head, "Content-Length"), NULL, 10);
    atomic_fetch_add(&backend->requests, 1);
    wire_send(wire, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", count);
    wire_send_bytes(wire, wire->bytes + wire->at - count, count);
}

static struct answer put(int port, const char *method, const char *content)
{
    return ask(port, "%s / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %zu\r\n\r\n%s", method,
               strlen(content), content);
}

static char *content_of(size_t count)
{
    char *text = scene_alloc(count + 1);

    for (size_t i = 0; i < count; i++)
        text[i] = (char)('a' + i % 23);
    return text;
}

Test(failover, an_idempotent_request_that_was_reset_goes_elsewhere_whole)
{
    struct backend *resetting = backend_playing(play_reset_at_request);
    struct backend *good = backend_playing(play_echo_content);
    const char *content = content_of(64 * 1024);
    int port = scene_port();

    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%d, %d]\n    outlier: off\n"
                  "    retry: {resets: true, budget: 100}\n",
                  port, resetting->port, good->port);
    for (int i = 0; i < 6; i++) {
        struct answer answer = put(port, "PUT", content);

        cr_assert_eq(answer.status, 200, "request %d got %d", i, answer.status);
        cr_assert_str_eq(answer.body, content);
    }
    cr_expect_eq(good->requests, 6);
    cr_expect_gt(resetting->requests, 1, "it had its turns");
}

Test(failover, a_post_that_was_reset_is_never_sent_again)
{
    struct backend *resetting = backend_playing(play_reset_at_request);
    struct backend *good = backend_playing(play_echo_content);
    int port = scene_port(), failed = 0;

    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%d, %d]\n    outlier: off\n"
                  "    retry: {resets: true}\n",
                  port, resetting->port, good->port);
    for (int i = 0; i < 6; i++)
        failed += put(port, "POST", "money").status == 502;
    cr_expect_eq(failed, resetting->requests);
    cr_expect_eq(good->requests, 6 - failed);
    cr_expect_gt(failed, 0);
}

Test(failover, a_reset_without_leave_to_retry_is_502)
{
    struct backend *resetting = backend_playing(play_reset_at_request);
    struct backend *good = backend_saying("good");
    int port = scene_port(), failed = 0;

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: [%d, %d], outlier: off}}\n", port,
                  resetting->port, good->port);
    for (int i = 0; i < 6; i++)
        failed += get(port, "a.test", "/").status == 502;
    cr_expect_eq(failed, 3, "%d", failed);
    cr_expect_eq(resetting->requests, 3, "each once");
}

Test(failover, content_over_what_is_kept_is_not_sent_again)
{
    struct backend *resetting = backend_playing(play_reset_at_request);
    const char *content = content_of(300 * 1024);
    int port = scene_port();

    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%d, %d]\n    outlier: off\n"
                  "    retry: {resets: true, budget: 100}\n",
                  port, resetting->port, resetting->port);
    cr_expect_eq(put(port, "PUT", content).status, 502);
    cr_expect_eq(resetting->requests, 1);
}

Test(failover, retries_stay_within_their_budget)
{
    enum { REQUESTS = 400, AT_FIRST = 100, A_SECOND = 10 };
    struct backend *resetting = backend_playing(play_reset_at_request);
    struct backend *good = backend_saying("good");
    int port = scene_port(), failed = 0, retries;
    int64_t began_ms, took_ms;

    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%d, %d]\n    outlier: off\n"
                  "    retry: {resets: true, budget: 10}\n",
                  port, resetting->port, good->port);
    began_ms = now_ms();
    for (int i = 0; i < REQUESTS; i++)
        failed += get(port, "a.test", "/").status == 502;
    took_ms = now_ms() - began_ms;
    /* Half of all go wrong at first; one in ten of all may be tried again, some to begin with, and some each second. */
    retries = resetting->requests - failed;
    cr_expect_lt(failed, REQUESTS / 2, "%d", failed);
    cr_expect_geq(retries, AT_FIRST, "%d", retries);
    cr_expect_leq(retries, AT_FIRST + REQUESTS / 10 + (int)(took_ms * A_SECOND / 1000) + 1,
                  "%d of %d failed, %d were tried again, in %d ms", failed, REQUESTS, retries, (int)took_ms);
}
