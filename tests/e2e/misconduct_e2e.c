/* Backends that take a connection and do no good with it: each costs its own requests, never those to others. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/portico.h"
#include "e2e/turns.h"

SUITE(misconduct);

enum { BAD_SHARE = 2 }; /* two backends in turn */

static struct answer one_get(int port)
{
    return get(port, "a.test", "/");
}

/* ---- alone: what a client is told ---- */

Test(misconduct, silence_and_dripping_are_504_by_answer)
{
    struct server *silent = server_start("silent", SERVER_SILENT),
                  *drips = server_start("drips", SERVER_DRIPS);
    int port = scene_port(), other = scene_port();
    struct process *portico = portico_start("timeouts: {answer: 300ms}\nroutes:\n"
                                            "  http://a.test:%d: %d\n  http://a.test:%d: %d\n",
                                            port, silent->port, other, drips->port);

    cr_expect_eq(one_get(port).status, 504);
    cr_expect_eq(one_get(other).status, 504, "a byte a second is no beginning of an answer");
    cr_expect(portico_logs(portico, "timeouts.answer"));
    cr_expect(WAIT_FOR(silent->counts->open == 0 && drips->counts->open == 0, PATIENCE_MS),
              "both are let go");
}

/* The bytes of our own answer leave at once there, while the backend's end is still held. */
Test(misconduct, silence_behind_a_client_of_h2_is_504_by_answer)
{
    struct server *silent = server_start("silent", SERVER_SILENT);
    int port = scene_port();
    struct run run;

    portico_start("timeouts: {answer: 300ms}\nroutes:\n  http://127.0.0.1:%d: %d\n", port, silent->port);
    for (int i = 0; i < 2; i++) {
        run =
            sh("curl -sS -m 10 --http2-prior-knowledge -o /dev/null -w '%%{http_code}' http://127.0.0.1:%d/",
               port);
        cr_expect_str_eq(run.out, "504", "%s", run.all);
    }
}

Test(misconduct, resets_are_502_or_a_cut_answer)
{
    struct server *at_once = server_start("at once", SERVER_RESETS_AT_ONCE);
    struct server *after = server_start("after", SERVER_RESETS_AFTER_REQUEST);
    struct server *midway = server_start("midway", SERVER_RESETS_IN_ANSWER);
    int ports[] = {scene_port(), scene_port(), scene_port()};
    struct answer cut;

    portico_start("routes:\n  http://a.test:%d: %d\n  http://a.test:%d: %d\n  http://a.test:%d: %d\n",
                  ports[0], at_once->port, ports[1], after->port, ports[2], midway->port);
    cr_expect_eq(one_get(ports[0]).status, 502);
    cr_expect_eq(one_get(ports[1]).status, 502);
    cut = one_get(ports[2]);
    cr_expect(cut.status == 502 || !cut.complete, "%d", cut.status);
}

/* ---- beside a good one ---- */

static int good_of(int port, int requests)
{
    int good = 0;

    for (int i = 0; i < requests; i++)
        good += one_get(port).status == 200;
    return good;
}

/** As soon as all threads know, which may take a few requests. */
static void expect_out(int port, const struct server *bad)
{
    int connections;

    cr_expect(WAIT_FOR(good_of(port, 20) == 20, PATIENCE_MS), "it has none any more");
    connections = bad->counts->connections;
    cr_expect_eq(good_of(port, 20), 20);
    cr_expect_eq(bad->counts->connections, connections);
}

/** Until it is out, every other request goes wrong; then none.
 *  @param outlier  what throws it out, after so many failures */
static void expect_thrown_out(enum server_conduct conduct, const char *outlier, int failures)
{
    struct server *bad = server_start("bad", conduct), *good = server_start("good", SERVER_ANSWERS);
    int port = scene_port();

    portico_start("workers: 1\ntimeouts: {answer: 1s}\nroutes:\n  http://a.test:%d:\n    to: [%s, %s]\n"
                  "    retry: 0\n    outlier: {%s, eject: 30s}\n",
                  port, bad->address, good->address, outlier);
    cr_expect_eq(good_of(port, BAD_SHARE * failures), failures, "its turns go wrong before it is thrown out");
    expect_out(port, bad);
}

Test(misconduct, refused_connections_throw_out)
{
    expect_thrown_out(SERVER_REFUSES, "connect_failures: 3", 3);
}

Test(misconduct, resets_throw_out)
{
    expect_thrown_out(SERVER_RESETS_AFTER_REQUEST, "resets: 3", 3);
}

Test(misconduct, resets_of_a_connection_throw_out)
{
    /* Each may be seen while it connects or after. */
    expect_thrown_out(SERVER_RESETS_AT_ONCE, "connect_failures: 1, resets: 1", 1);
}

Test(misconduct, silence_throws_out)
{
    expect_thrown_out(SERVER_SILENT, "resets: 3, errors: 3", 3);
}

Test(misconduct, errors_throw_out)
{
    struct server *bad = server_start("bad", SERVER_ANSWERS), *good = server_start("good", SERVER_ANSWERS);
    int port = scene_port();

    bad->counts->status = 500;
    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%s, %s]\n"
                  "    outlier: {errors: 3, eject: 30s}\n",
                  port, bad->address, good->address);
    cr_expect_eq(good_of(port, BAD_SHARE * 3), 3);
    expect_out(port, bad);
}

Test(misconduct, who_was_thrown_out_is_tried_again)
{
    struct server *bad = server_start("bad", SERVER_ANSWERS), *good = server_start("good", SERVER_ANSWERS);
    int port = scene_port();

    bad->counts->status = 500;
    portico_start("workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%s, %s]\n"
                  "    outlier: {errors: 2, eject: 300ms, eject_max: 300ms}\n",
                  port, bad->address, good->address);
    cr_assert(WAIT_FOR(one_get(port).status == 500 && bad->counts->requests >= 2, PATIENCE_MS));
    bad->counts->status = 200;
    cr_expect(WAIT_FOR(strcmp(one_get(port).body, "bad") == 0, PATIENCE_MS));
}

Test(misconduct, nobody_is_thrown_out_when_told_so)
{
    struct server *bad = server_start("bad", SERVER_REFUSES), *good = server_start("good", SERVER_ANSWERS);
    int port = scene_port();

    portico_start(
        "workers: 1\nroutes:\n  http://a.test:%d:\n    to: [%s, %s]\n    retry: 0\n    outlier: off\n", port,
        bad->address, good->address);
    cr_expect_eq(good_of(port, 40), 20);
}

static int longer_than(const struct clients *clients, int ms)
{
    int count = 0;

    for (size_t i = 0; i < clients->count; i++)
        count += clients->asks[i].ended_ms - clients->asks[i].began_ms > ms;
    return count;
}

/** 32 clients of the good pool go on as if nothing were; 32 others wait at the bad one, in the same process. */
static void expect_no_harm(enum server_conduct conduct)
{
    enum { ANSWER_MS = 2000 };
    struct server *bad = server_start("bad", conduct), *good = server_start("good", SERVER_ANSWERS);
    struct clients *sufferers, *lucky;
    int port = scene_port();

    portico_start(
        "workers: 2\ntimeouts: {answer: %dms}\nroutes:\n  http://bad.test:%d: {to: [%s], outlier: off}\n"
        "  http://a.test:%d: %s\n",
        ANSWER_MS, port, bad->address, port, good->address);
    sufferers = clients_start((struct clients_terms){.port = port, .host = "bad.test", .count = 32});
    lucky = clients_start((struct clients_terms){.port = port, .count = 32, .pause_ms = 5});
    cr_assert(WAIT_FOR(sufferers->failed >= 32 && lucky->answered >= 500, 2 * PATIENCE_MS));
    clients_stop(sufferers);
    clients_stop(lucky);
    cr_expect_eq(sufferers->answered, 0);
    cr_expect_eq(clients_failed(lucky, true), 0, "%s", clients_describe(lucky));
    cr_expect_lt(longer_than(lucky, ANSWER_MS), (int)lucky->count / 10, "%d of %zu waited as the others do",
                 longer_than(lucky, ANSWER_MS), lucky->count);
}

Test(misconduct, silence_harms_no_others)
{
    expect_no_harm(SERVER_SILENT);
}

Test(misconduct, resets_harm_no_others)
{
    expect_no_harm(SERVER_RESETS_AFTER_REQUEST);
}

Test(misconduct, dripping_harms_no_others)
{
    expect_no_harm(SERVER_DRIPS);
}

Test(misconduct, refusing_harms_no_others)
{
    expect_no_harm(SERVER_REFUSES);
}
