/* The commands that talk to a running Portico. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(admin);

static bool says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

static const char *admin_line(void)
{
    return scene_text("admin: unix:%s\n", scene_path("run/admin.sock"));
}

/** Writes the file anew, with the socket and the state that portico_start() gave it. */
static void route_to(int port, struct backend *backend, const char *more)
{
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\n%s%sstate: %s\n", port, backend->port,
               more, admin_line(), scene_path("state"));
}

static bool is_served_by(int port, const char *body)
{
    return strcmp(get(port, "a.test", "/").body, body) == 0;
}

/* ---- reload ---- */

Test(admin, reload_prints_what_changes_and_applies)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);
    struct run run;

    route_to(port, after, "");
    run = portico_cli("reload");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, "applied: version 2"), "%s", run.all);
    cr_expect(strchr(run.out, '\n') != strrchr(run.out, '\n'), "and lines of what changes: %s", run.out);
    cr_expect(is_served_by(port, "after"), "applied when the command ends");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, a_bad_file_is_shown_and_changes_nothing)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);
    struct run run;

    route_to(port, after, "wrokers: 2\n");
    for (int i = 0; i < 2; i++) {
        run = portico_cli(i ? "reload --dry-run" : "reload");
        cr_expect_eq(run.status, 1, "%s", run.all);
        cr_expect(
            says(run,
                 "portico.yaml:2:1: error: unknown key \"wrokers\"\n 2 | wrokers: 2\n   | ^^^^^^^ did you "
                 "mean \"workers\"?\n"),
            "%s", run.all);
        cr_expect(says(run, "nothing was changed"), "%s", run.all);
    }
    cr_expect(is_served_by(port, "before"));
    run = portico_cli("status");
    cr_expect(says(run, "version 1,"), "%s", run.all);
    cr_expect(says(run, "refused: the configuration has errors"), "%s", run.all);
    route_to(port, after, "");
    cr_expect_eq(portico_cli("reload").status, 0);
    cr_expect(is_served_by(port, "after"));
    run = portico_cli("status");
    cr_expect(says(run, "version 2,") && says(run, "Z applied"), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

static const char *own_program(void)
{
    const char *name = file_read("/proc/self/comm");

    return scene_text("%.*s", (int)strcspn(name, "\n"), name);
}

/* The confined process itself may not look for it. */
Test(admin, a_port_that_is_held_refuses_the_reload_and_names_the_holder)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct run run;

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\nlisten: {%d: {bind: [127.0.0.1]}}\n%s",
               backend->port, backend->port, backend->port, admin_line());
    run = portico_cli("reload");
    cr_expect_eq(run.status, 1, "%s", run.all);
    cr_expect(says(run, scene_text("port %d of 127.0.0.1 is held by %s (pid %d): stop it", backend->port,
                                   own_program(), (int)getpid())),
              "%s", run.all);
    cr_expect(is_served_by(port, "ok"));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, a_dry_run_changes_nothing)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);
    struct run run;

    route_to(port, after, "");
    run = portico_cli("reload --dry-run");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, "dry run: nothing was changed"), "%s", run.all);
    cr_expect(is_served_by(port, "before"));
    run = portico_cli("status");
    cr_expect(says(run, "version 1,"), "%s", run.all);
    cr_expect(says(run, "last reload    none"), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, reloads_at_once_come_one_after_the_other)
{
    enum { RELOADS = 8 };
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct run run = sh("for i in $(seq %d); do %s reload & done; wait", RELOADS, portico_binary());

    for (int i = 0; i < RELOADS; i++)
        cr_expect(says(run, scene_text("applied: version %d\n", i + 2)), "%s", run.all);
    cr_expect(is_served_by(port, "ok"));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, a_signal_does_the_same_and_status_tells)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);

    route_to(port, after, "");
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect(WAIT_FOR(says(portico_cli("status"), "Z applied"), PATIENCE_MS));
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- status ---- */

Test(admin, status_shows_which_endpoint_is_down)
{
    struct backend *alive = backend_saying("ok"), *dead = backend_saying("never");
    int port = scene_port();
    struct process *portico;
    struct run run = {0};

    backend_deafen(dead);
    portico = portico_start("routes: {\"http://a.test:%d\": \"@shop\"}\n"
                            "backends: {shop: {to: [%d, %d], health: {interval: 100ms, fall: 1}}}\n",
                            port, alive->port, dead->port);
    cr_expect(WAIT_FOR(says(run = portico_cli("status"), scene_text("127.0.0.1:%d  down\n", dead->port)),
                       PATIENCE_MS),
              "%s", run.all);
    cr_expect(says(run, "pool @shop\n"), "%s", run.all);
    cr_expect(says(run, scene_text("127.0.0.1:%d  up\n", alive->port)), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, status_counts_connections_and_what_drains)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"tcp://:%d\": %d}\n", port, backend->port);
    struct wire *wire = wire_connect(port);
    struct run run;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    run = portico_cli("status");
    cr_expect(says(run, "connections    1\n"), "%s", run.all);
    cr_expect(says(run, "draining       nothing\n"), "%s", run.all);
    cr_expect_eq(portico_cli("reload").status, 0);
    run = portico_cli("status");
    cr_expect(says(run, "draining       version 1: 0 requests, 1 tunnel\n"), "%s", run.all);
    process_signal(portico, SIGTERM);
    cr_expect(WAIT_FOR(says(run = portico_cli("status"), "the process stops: 0 requests, 1 tunnel; cut in "),
                       PATIENCE_MS),
              "%s", run.all);
    run = portico_cli("reload");
    cr_expect(run.status == 1 && says(run, "this Portico is stopping"), "%s", run.all);
    wire_close(wire);
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

/* A dry run counts as well, and what it counts goes on. */
Test(admin, a_reload_says_what_becomes_of_the_tunnels_of_a_route_that_goes)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), other = scene_port();
    const char *stays = scene_text("\"http://a.test:%d\": %d", other, backend->port);
    struct process *portico = portico_start(
        "routes: {%s, \"tcp://:%d\": %d}\ntimeouts: {drain_tunnels: 2s}\n", stays, port, backend->port);
    const char *line =
        scene_text("- route tcp://:%d -> 127.0.0.1:%d; 2 tunnels have 2s to end\n", port, backend->port);
    struct wire *wires[] = {wire_connect(port), wire_connect(port)};
    struct run run;

    for (int i = 0; i < 2; i++) {
        wire_send(wires[i], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        cr_assert_eq(answer_read(wires[i]).status, 200);
    }
    scene_file("portico.yaml", "routes: {%s}\ntimeouts: {drain_tunnels: 2s}\n%sstate: %s\n", stays,
               admin_line(), scene_path("state"));
    run = portico_cli("reload --dry-run");
    cr_expect(says(run, line), "%s", run.all);
    cr_expect(says(portico_cli("status"), "draining       nothing\n"));
    run = portico_cli("reload");
    cr_expect(says(run, line), "%s", run.all);
    run = portico_cli("status");
    cr_expect(says(run,
                   "draining       version 1: 0 requests, 2 tunnels; of these 0 requests and 2 tunnels at "
                   "what is gone, cut in 2s\n"),
              "%s", run.all);
    cr_expect(portico_logs(portico, " old_version_drains version=1 requests=0 tunnels=2 seconds_left=2\n"),
              "%s", transcript_copy(&portico->err));
    for (int i = 0; i < 2; i++)
        cr_expect(wire_sees_end(wires[i]), "though its server stays");
    cr_expect(portico_logs(portico, " old_version_drained version=1 "));
    cr_expect(says(portico_cli("status"), "draining       nothing\n"));
    assert_honest(other, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, status_in_json_has_all_of_it)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\nworkers: 3\n", port, backend->port);
    struct run run;

    run = sh("%s status --json | node -e 'const s = JSON.parse(require(\"fs\").readFileSync(0)); "
             "console.log(s.pid, s.workers, s.routes, s.connections, s.configuration.file, "
             "s.configuration.version, "
             "s.listeners.length, s.last_reload, s.pools[0].endpoints[0].standing, s.draining.stopping)'",
             portico_binary());
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_str_eq(
        run.out, scene_text("%d 3 1 0 %s 1 2 null up false\n", (int)portico->pid, scene_path("portico.yaml")),
        "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- why ---- */

Test(admin, why_says_what_an_error_came_from)
{
    struct backend *dead = backend_saying("never");
    int port = scene_port();
    struct process *portico;
    struct answer answer;
    const char *id;
    struct run run;

    backend_deafen(dead);
    portico = portico_start("routes: {\"http://a.test:%d\": %d}\nworkers: 2\n", port, dead->port);
    answer = get(port, "a.test", "/some?thing=1");
    cr_assert_eq(answer.status, 502);
    id = field_of(answer.head, "X-Portico-Error");
    run = portico_cli(scene_text("why %s", id));
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, scene_text("%s: 502 ", id)), "%s", run.all);
    cr_expect(says(run, scene_text("request   GET /some?thing=1 of a.test, from 127.0.0.1\n"
                                   "route     http://a.test:%d, version 1\nbackend   127.0.0.1:%d\n",
                                   port, dead->port)),
              "%s", run.all);
    cr_expect(says(run, scene_text("nothing listens on 127.0.0.1:%d", dead->port)), "%s", run.all);
    cr_expect(says(run, "tries     1: "), "%s", run.all);
    run = sh("%s why --json %s | node -e 'const s = JSON.parse(require(\"fs\").readFileSync(0)); "
             "console.log(s.id, s.status, s.reason, s.method)'",
             portico_binary(), id);
    cr_expect(says(run, scene_text("%s 502 ", id)), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin, why_keeps_the_last_errors_of_each_worker_and_knows_no_others)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\nworkers: 1\n", port, backend->port);
    const char *first = field_of(get(port, "b.test", "/").head, "X-Portico-Error"), *last = "";
    struct run run = portico_cli(scene_text("why %s", first));

    cr_expect(says(run, "route     none, version 1"), "%s", run.all);
    for (int i = 0; i < 256; i++)
        last = field_of(get(port, "b.test", "/").head, "X-Portico-Error");
    run = portico_cli(scene_text("why %s", first));
    cr_expect_eq(run.status, 1, "%s", run.all);
    cr_expect(says(run, "no worker knows that id"), "%s", run.all);
    cr_expect_eq(portico_cli(scene_text("why %s", last)).status, 0);
    cr_expect_eq(portico_cli("why 0123456789abcde").status, 2);
    cr_expect_eq(portico_cli("why").status, 2);
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect_eq(portico_cli(scene_text("why %s", last)).status, 3);
}

/* ---- somebody else at the socket ---- */

/* Whatever a key's type should be, and what a terminal would obey in every text. */
#define EVIL "\"\\u001b]0;evil\\u0007\\u009b2J\""
static const char EVERYTHING[] =
    "{\"changes\": [" EVIL ", 5, null, {}], \"diagnostics\": " EVIL ", \"error\": " EVIL
    ", \"version\": " EVIL ", \"version_before\": " EVIL ", \"configuration\": {\"file\": " EVIL
    ", \"arguments\": [1, " EVIL "], \"loaded_at\": " EVIL "}, \"last_reload\": {\"at\": " EVIL
    ", \"outcome\": " EVIL ", \"reason\": " EVIL "}, \"sandbox\": {\"on\": true, \"missing\": " EVIL
    ", \"capabilities\": " EVIL "}, \"listeners\": [" EVIL ", 1], \"pools\": [{\"pool\": " EVIL
    ", \"endpoints\": [{\"endpoint\": " EVIL ", \"standing\": " EVIL "}]}, {\"reason\": " EVIL
    "}], \"id\": " EVIL ", \"detail\": " EVIL ", \"tries\": " EVIL ", \"route\": " EVIL "}";

static void expect_harmless(const char *command, int status)
{
    struct run run = portico_cli(scene_text("%s --admin fake.sock", command));

    cr_expect_eq(run.status, status, "%s: %d, %s", command, run.status, run.all);
    cr_expect(says(run, "\\u001B]0;evil\\u0007\\u009B2J"), "%s: shown, not done: %s", command, run.all);
    for (const char *at = run.all; *at; at++)
        cr_assert(*at == '\n' || (unsigned char)*at >= ' ', "%s: byte %d", command, *at);
    cr_expect_null(strstr(run.all, "\xc2\x9b"), "%s", command);
}

Test(admin, what_a_false_portico_says_is_printed_without_what_a_terminal_obeys)
{
    static const char *const COMMANDS[] = {"reload",
                                           "reload --dry-run",
                                           "upgrade",
                                           "status",
                                           "status --json",
                                           "why 0123456789abcdef",
                                           "why 0123456789abcdef --json"};
    struct backend *fake = backend_on_unix("fake.sock", EVERYTHING);

    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        expect_harmless(COMMANDS[i], 0);
    fake->answer =
        scene_text("HTTP/1.1 422 No\r\nContent-Length: %zu\r\n\r\n%s", strlen(EVERYTHING), EVERYTHING);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        expect_harmless(COMMANDS[i], 1);
}

/* As in containers that share a directory. */
Test(admin, two_processes_of_one_number_are_two_and_one_at_two_places_is_one)
{
    struct run run;

    scene_alone();
    cr_assert_eq(sh("mkdir -p /run/portico && ln -s portico /run/elsewhere").status, 0);
    backend_on_unix("/run/portico/admin.sock", "{\"pid\": 1, \"version\": \"first\"}");
    scene_file("portico.yaml", "routes: {\"http://a.test\": 1}\nadmin: unix:/run/elsewhere/admin.sock\n");
    run = portico_cli("status");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, "Portico first"), "%s", run.all);
    backend_on_unix("/run/portico/admin-2.sock", "{\"pid\": 1, \"version\": \"second\"}");
    run = portico_cli("status");
    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect(says(run, "several run"), "%s", run.all);
}

Test(admin, where_false_ones_are_found_their_files_are_named_without_what_a_terminal_obeys)
{
    struct run run;

    scene_alone();
    cr_assert_eq(sh("mkdir -p /run/portico").status, 0);
    backend_on_unix("/run/portico/admin.sock", "{\"pid\": 1, \"configuration\": {\"file\": " EVIL "}}");
    backend_on_unix("/run/portico/admin-2.sock", "{\"pid\": 2, \"configuration\": {\"file\": " EVIL "}}");
    run = portico_cli("status");
    cr_expect(says(run, "several run"), "%s", run.all);
    cr_expect(says(run, "\\u001B]0;evil"), "%s", run.all);
    cr_expect_null(strchr(run.all, '\033'), "%s", run.all);
}
