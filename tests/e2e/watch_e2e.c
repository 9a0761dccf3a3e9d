/* `watch: true`: files that change on disk are served without being asked to, in all the ways that editors, certbot and
 * Kubernetes change files. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(watch);

enum { GATHERED_MS = 300, SECOND_MS = 1000 };

/* ---- the configuration ---- */

/** One that answers with that status. */
static const char *answering(int port, int status)
{
    return scene_text("watch: true\nworkers: 2\nstate: %s\nroutes: {\"http://a.test:%d\": {respond: %d}}\n",
                      scene_path("state"), port, status);
}

static bool answers(int port, int status)
{
    return WAIT_FOR(get(port, "a.test", "/").status == status, PATIENCE_MS);
}

static int count_of(struct process *portico, const char *text)
{
    int count = 0;

    for (char *at = transcript_copy(&portico->err); (at = strstr(at, text)); at++)
        count++;
    return count;
}

static void does(const char *command)
{
    struct run run = sh("%s", command);

    cr_assert_eq(run.status, 0, "%s: %s", command, run.all);
}

Test(watch, file_written_in_place_is_served_and_keeps_connections)
{
    int port = scene_port();
    struct process *portico = portico_start("%s", answering(port, 201));
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 201);
    scene_file("portico.yaml", "%s", answering(port, 202));
    cr_expect(answers(port, 202));
    cr_expect(portico_logs(portico, "files_changed first=\"./portico.yaml\""), "%s",
              transcript_copy(&portico->err));
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 202, "the connection of before goes on");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, file_that_another_is_renamed_over_is_served_each_time)
{
    int port = scene_port();
    struct process *portico = portico_start("%s", answering(port, 201));

    for (int status = 202; status < 205; status++) {
        scene_file("portico.yaml~", "%s", answering(port, status));
        does("mv portico.yaml~ portico.yaml");
        cr_expect(answers(port, status), "%d", status);
    }
    cr_expect_eq(portico_stop(portico), 0);
}

/* As kubelet does: a new directory, a symlink to it beside the old one, a rename. */
static void kubernetes_put(const char *volume, const char *version, const char *name, const char *content)
{
    does(scene_text("mkdir -p %s/..%s", volume, version));
    scene_file(scene_text("%s/..%s/%s", volume, version, name), "%s", content);
    does(scene_text("cd %s && ln -s ..%s ..data_tmp && mv -T ..data_tmp ..data", volume, version));
}

Test(watch, symlinks_on_the_way_are_swapped_as_kubernetes_does)
{
    int port = scene_port();
    struct process *portico;

    kubernetes_put("volume", "one", "portico.yaml", answering(port, 201));
    does("ln -s ..data/portico.yaml volume/portico.yaml && ln -s volume/portico.yaml portico.yaml");
    portico = portico_serve("exec");
    cr_expect(answers(port, 201));
    kubernetes_put("volume", "two", "portico.yaml", answering(port, 202));
    cr_expect(answers(port, 202));
    does("rm -r volume/..one");
    kubernetes_put("volume", "three", "portico.yaml", answering(port, 203));
    cr_expect(answers(port, 203));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, file_that_is_removed_changes_nothing_until_it_is_made_again)
{
    int port = scene_port();
    struct process *portico;

    does("mkdir inner");
    scene_file("inner/portico.yaml", "%s", answering(port, 201));
    does("ln -s inner/portico.yaml portico.yaml");
    portico = portico_serve("exec");
    does("rm -r inner");
    cr_expect(portico_logs(portico, "reload_refused"), "%s", transcript_copy(&portico->err));
    cr_expect(answers(port, 201));
    does("mkdir inner");
    cr_expect(WAIT_FOR(count_of(portico, "files_changed") == 2, PATIENCE_MS), "the directory was noticed");
    scene_file("inner/portico.yaml", "%s", answering(port, 202));
    cr_expect(answers(port, 202));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, burst_of_writes_is_one_or_two_reloads)
{
    int port = scene_port(), most;
    struct process *portico = portico_start("%s", answering(port, 201));
    struct wire *wire = wire_connect(port);
    const int64_t began_ms = now_ms();

    for (int i = 0; i < 20; i++) {
        scene_file("portico.yaml", "%s# %d\n", answering(port, i < 19 ? 202 : 203), i);
        cr_expect(wire_is_silent(wire, 10));
    }
    most = 2 + (int)(now_ms() - began_ms) / GATHERED_MS; /* a busy machine may take its time */
    cr_expect(answers(port, 203));
    scene_file("portico.yaml", "%s",
               answering(port, 204)); /* what would still come of the burst comes before it */
    cr_expect(answers(port, 204));
    cr_expect_leq(count_of(portico, "reloaded"), most + 1, "%s", transcript_copy(&portico->err));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, bad_file_changes_nothing_says_why_and_is_tried_again)
{
    int port = scene_port();
    struct process *portico = portico_start("%s", answering(port, 201));

    scene_file("portico.yaml", "%swrokers: 1\n", answering(port, 202));
    cr_expect(portico_logs(portico, "wrokers"));
    cr_expect(portico_logs(portico, "reload_refused"));
    cr_expect(answers(port, 201));
    scene_file("portico.yaml", "%s", "");
    cr_expect(WAIT_FOR(count_of(portico, "reload_refused") == 2, PATIENCE_MS),
              "it does not say `watch: true` now");
    scene_file("portico.yaml", "%s", answering(port, 202));
    cr_expect(answers(port, 202));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, off_by_default_and_switched_by_a_reload)
{
    int port = scene_port(), other = scene_port();
    const char *off = strstr(answering(port, 201), "workers");
    struct process *portico = portico_start("%s", off), *clock;

    /* Another one that watches the same file tells when there was time enough. */
    scene_file("clock.yaml", "%s", answering(other, 201));
    does("rm portico.yaml && ln -s clock.yaml portico.yaml");
    clock = portico_serve("exec");
    scene_file("clock.yaml", "%s", answering(port, 202));
    cr_assert(transcript_says(&clock->err, "files_changed", PATIENCE_MS));
    cr_expect_eq(count_of(portico, "files_changed"), 0);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"));
    process_kill(clock);

    scene_file("clock.yaml", "%s", strstr(answering(port, 203), "workers"));
    cr_expect(answers(port, 203), "switched on by SIGHUP, and off by what was noticed then");
    scene_file("clock.yaml", "%s", answering(port, 204));
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=4"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(count_of(portico, "files_changed"), 1);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- certificates ---- */

static const char *certificates(int port, const char *list)
{
    return scene_text(
        "watch: true\nworkers: 2\nlocal_ca: false\nstate: %s\ncertificates: [%s]\n"
        "routes: {\"https://a.test:%d\": {respond: 200}, \"https://b.test:%d\": {respond: 200}}\n",
        scene_path("state"), list, port, port);
}

/** The serial number of the certificate that is shown, which the leaf's file has as well. */
static char *serial_shown(int port, const char *name)
{
    return sh("openssl s_client -connect 127.0.0.1:%d -servername %s </dev/null 2>/dev/null | openssl x509 "
              "-noout -serial",
              port, name)
        .out;
}

static char *serial_of(const char *file)
{
    return sh("openssl x509 -noout -serial -in %s", file).out;
}

static bool shows(int port, const char *name, const char *file)
{
    const char *serial = serial_of(file);

    cr_assert_neq(*serial, '\0');
    return WAIT_FOR(strcmp(serial_shown(port, name), serial) == 0, PATIENCE_MS);
}

/** Makes PATH.pem and PATH.key. */
static void leaf_make(const struct certificate *authority, const char *path, const char *name)
{
    struct certificate leaf = certificate_make(authority, "ec", scene_text("DNS:%s", name));

    does(scene_text("mv %s %s.key && mv %s %s.pem", leaf.key, path, leaf.cert, path));
}

/** Puts another pair in the place of a.pem and a.key.  @return milliseconds until that version was served */
static int64_t renew(struct process *portico, const struct certificate *authority, int version)
{
    int64_t changed_ms;

    leaf_make(authority, "new", "a.test");
    changed_ms = now_ms();
    cr_assert(rename("new.key", "a.key") == 0 && rename("new.pem", "a.pem") == 0);
    cr_assert(portico_logs(portico, scene_text("version=%d", version)), "%s", transcript_copy(&portico->err));
    return now_ms() - changed_ms;
}

/* The machine may be busy at one time, not at all of them. */
Test(watch, renewed_pair_is_served_within_a_second)
{
    enum { RENEWALS = 3 };
    struct certificate authority = authority_make("test");
    int port = scene_port(), version = 1;
    int64_t took_ms;
    struct process *portico;

    leaf_make(&authority, "a", "a.test");
    portico = portico_start("%s", certificates(port, "{cert: a.pem, key: a.key}"));
    cr_expect(shows(port, "a.test", "a.pem"));
    do {
        took_ms = renew(portico, &authority, ++version);
        cr_expect(shows(port, "a.test", "a.pem"), "version %d", version);
    } while (took_ms >= SECOND_MS && version <= RENEWALS && !scene_has_sanitizers());
    if (!scene_has_sanitizers())
        cr_expect_lt(took_ms, SECOND_MS);
    cr_expect_eq(count_of(portico, "reload_refused"), 0);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, half_of_a_pair_is_refused_and_the_other_half_mends_it)
{
    struct certificate authority = authority_make("test");
    int port = scene_port();
    struct process *portico;

    leaf_make(&authority, "a", "a.test");
    leaf_make(&authority, "new", "a.test");
    does("cp a.pem old.pem");
    portico = portico_start("%s", certificates(port, "{cert: a.pem, key: a.key}"));
    does("cp new.key a.key");
    cr_expect(portico_logs(portico, "does not belong to this certificate"), "%s",
              transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "reload_refused"));
    cr_expect(shows(port, "a.test", "old.pem"));
    does("cp new.pem a.pem");
    cr_expect(shows(port, "a.test", "new.pem"));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, symlinks_are_swapped_as_certbot_does)
{
    struct certificate authority = authority_make("test");
    int port = scene_port();
    struct process *portico;

    does("mkdir -p le/live/a le/archive/a");
    for (int i = 1; i <= 3; i++)
        leaf_make(&authority, scene_text("le/archive/a/%d", i), "a.test");
    does("ln -s ../../archive/a/1.pem le/live/a/fullchain.pem && ln -s ../../archive/a/1.key "
         "le/live/a/privkey.pem");
    portico = portico_start(
        "%s", certificates(port, "{cert: le/live/a/fullchain.pem, key: le/live/a/privkey.pem}"));
    cr_expect(shows(port, "a.test", "le/archive/a/1.pem"));
    for (int i = 2; i <= 3; i++) {
        does(scene_text("cd le/live/a && rm privkey.pem && ln -s ../../archive/a/%d.key privkey.pem && "
                        "rm fullchain.pem && ln -s ../../archive/a/%d.pem fullchain.pem",
                        i, i));
        cr_expect(shows(port, "a.test", scene_text("le/archive/a/%d.pem", i)), "%d", i);
    }
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, directory_of_certificates_takes_new_ones_and_may_be_made_anew)
{
    struct certificate authority = authority_make("test");
    int port = scene_port();
    struct process *portico;

    does("mkdir certs next");
    leaf_make(&authority, "certs/a", "a.test");
    leaf_make(&authority, "b", "b.test");
    leaf_make(&authority, "next/a", "a.test");
    portico = portico_start("%s", certificates(port, "certs"));
    does("cp b.key b.pem certs/");
    cr_expect(shows(port, "b.test", "b.pem"));
    does("touch certs/notes certs/.hidden.pem");
    does("mv certs old && mv next certs");
    cr_expect(shows(port, "a.test", "certs/a.pem"));
    does("cp b.key b.pem certs/");
    cr_expect(shows(port, "b.test", "b.pem"));
    cr_expect_eq(count_of(portico, "certs/notes") + count_of(portico, "hidden"), 0, "%s",
                 transcript_copy(&portico->err));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, directory_of_symlinks_is_swapped_as_kubernetes_does)
{
    struct certificate authority = authority_make("test");
    int port = scene_port();
    struct process *portico;

    for (int i = 1; i <= 2; i++) {
        does(scene_text("mkdir -p volume/..%d", i));
        leaf_make(&authority, scene_text("volume/..%d/tls", i), "a.test");
    }
    does("cd volume && ln -s ..1 ..data && ln -s ..data/tls.pem tls.pem && ln -s ..data/tls.key tls.key");
    portico = portico_start("%s", certificates(port, "volume/"));
    cr_expect(shows(port, "a.test", "volume/..1/tls.pem"));
    does("cd volume && ln -s ..2 ..data_tmp && mv -T ..data_tmp ..data");
    cr_expect(shows(port, "a.test", "volume/..2/tls.pem"));
    cr_expect_eq(count_of(portico, "reload_refused"), 0);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(watch, certificate_that_a_refused_file_names_is_waited_for)
{
    struct certificate authority = authority_make("test");
    int port = scene_port();
    struct process *portico;

    leaf_make(&authority, "a", "a.test");
    leaf_make(&authority, "b", "b.test");
    portico = portico_start("%s", certificates(port, "{cert: a.pem, key: a.key}"));
    scene_file("portico.yaml", "%s",
               certificates(port, "{cert: a.pem, key: a.key}, {cert: deep/b.pem, key: b.key}"));
    cr_expect(portico_logs(portico, "reload_refused"));
    does("mkdir deep && cp b.pem deep/");
    cr_expect(shows(port, "b.test", "b.pem"));
    cr_expect_eq(portico_stop(portico), 0);
}
