/* A reload by SIGHUP: what changes is told in the log, and what may not be is refused. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(changes);

/* All of it stands in the log, in front of "reloaded". */
static void expect_change(struct process *portico, const char *line)
{
    const char *said = transcript_copy(&portico->err), *at = strstr(said, line),
               *reloaded = strstr(said, " reloaded ");

    cr_expect(at && reloaded && at < reloaded, "%s\n%s", line, said);
}

Test(changes, are_logged_before_they_are_done)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), more = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": 1}\n", port);

    scene_file("portico.yaml",
               "routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": 2}\n"
               "timeouts: {answer: 5s}\nworkers: 3\n",
               port, backend->port, more);
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, " reloaded version=2"), "%s", transcript_copy(&portico->err));
    expect_change(portico,
                  scene_text("info change text=\"+ route http://b.test:%d -> 127.0.0.1:2\"\n", more));
    expect_change(
        portico, scene_text("info change text=\"~ route http://a.test:%d: to 127.0.0.1:1 -> 127.0.0.1:%d\"\n",
                            port, backend->port));
    expect_change(portico, scene_text("info change text=\"+ listener 0.0.0.0:%d\"\n", more));
    expect_change(portico, "info change text=\"~ setting timeouts.answer: 1m -> 5s\"\n");
    expect_change(portico, "info change text=\"~ setting workers: auto -> 3; at the next start\"\n");
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(changes, of_nothing_are_said_and_done_all_the_same)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, " reloaded version=2"), "%s", transcript_copy(&portico->err));
    expect_change(portico, "info change text=\"nothing changes\"\n");
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(changes, of_a_certificate_are_seen_in_its_file)
{
    struct certificate ca = authority_make("test authority");
    struct certificate old = certificate_make(&ca, "ec", "DNS:a.test"),
                       new = certificate_make(&ca, "ec", "DNS:a.test,DNS:b.test");
    int port = scene_port();
    struct process *portico = portico_start(
        "routes: {\"https://a.test:%d\": 1}\nlocal_ca: off\ncertificates: [{cert: %s, key: %s}]\n", port,
        old.cert, old.key);

    cr_assert_eq(sh("cp %s %s && cp %s %s", new.cert, old.cert, new.key, old.key).status, 0);
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, " reloaded version=2"), "%s", transcript_copy(&portico->err));
    expect_change(
        portico,
        scene_text("info change text=\"~ certificate %s: renewed; names a.test -> a.test, b.test", old.cert));
    cr_expect_eq(sh("openssl s_client -connect 127.0.0.1:%d -servername b.test </dev/null 2>&1 | "
                    "openssl x509 -noout -checkhost b.test | grep -q 'does match'",
                    port)
                     .status,
                 1, "b.test is in the certificate, but no route takes it");
    cr_expect_eq(sh("openssl s_client -connect 127.0.0.1:%d -servername a.test </dev/null 2>&1 | "
                    "openssl x509 -noout -checkhost b.test | grep -q 'does match'",
                    port)
                     .status,
                 0, "the new certificate is served");
    cr_expect_eq(portico_stop(portico), 0);
}

/* Read, refused, and the file of before serves on. */
static void expect_refusal(struct process *portico, const char *why)
{
    cr_expect(portico_logs(portico, " reload_refused serving=1 "), "%s", transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, why), "%s\n%s", why, transcript_copy(&portico->err));
    cr_expect_null(strstr(transcript_copy(&portico->err), " change "), "%s", transcript_copy(&portico->err));
}

Test(changes, a_bad_file_changes_nothing_and_says_line_and_column)
{
    struct backend *backend = backend_saying("still");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": 1}\nwrokers: 2\n", port);
    process_signal(portico, SIGHUP);
    expect_refusal(portico, "portico.yaml:2:1: error: unknown key \"wrokers\"");
    assert_honest(port, "a.test", "still");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(changes, a_file_that_breaks_an_expectation_changes_nothing_and_says_which)
{
    struct backend *backend = backend_saying("still");
    int port = scene_port();
    const char *expect = scene_text("expect: {\"http://a.test:%d/api\": \"http://a.test:%d\"}\n", port, port);
    struct process *portico =
        portico_start("%sroutes:\n  http://a.test:%d: %d\n", expect, port, backend->port);

    scene_file("portico.yaml", "%sroutes:\n  http://a.test:%d: %d\n  http://a.test:%d/api: 1\n", expect, port,
               backend->port, port);
    process_signal(portico, SIGHUP);
    expect_refusal(portico,
                   scene_text("portico.yaml:1:10: error: expect: http://a.test:%d/api takes the route "
                              "http://a.test:%d/api/ (line 4), not http://a.test:%d",
                              port, port, port));
    cr_expect_str_eq(get(port, "a.test", "/api").body, "still");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(changes, are_not_told_of_a_reload_that_cannot_open_its_port)
{
    struct backend *backend = backend_saying("still"), *holder = backend_saying("mine");
    int port = scene_port();
    const char *routes = scene_text("routes: {\"http://a.test:%d\": %d", port, backend->port);
    struct process *portico = portico_start("%s}\n", routes);

    scene_file("portico.yaml", "%s, \"http://b.test:%d\": 1}\n", routes, holder->port);
    process_signal(portico, SIGHUP);
    expect_refusal(portico, scene_text("port %d is held by ", holder->port));
    assert_honest(port, "a.test", "still");
    cr_expect_eq(portico_stop(portico), 0);
}
