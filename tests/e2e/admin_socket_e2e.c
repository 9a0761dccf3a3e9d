/* The admin socket itself: where it lies, whose it is, and who talks to it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(admin_socket);

static const char DEFAULT[] = "/run/portico/admin.sock";

static bool says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

/** Serves a file of that name, with the default socket. */
static struct process *start_default(const char *file, int port, struct backend *backend)
{
    struct process *portico;

    scene_file(file, "routes: {\"http://a.test:%d\": %d}\nstate: %s\n", port, backend->port,
               scene_path("state"));
    portico = process_start("exec %s run -c %s", portico_binary(), file);
    cr_assert(portico_logs(portico, " ready"), "%s", transcript_copy(&portico->err));
    return portico;
}

/** The permission bits, or -1. */
static int mode_of(const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0 ? (int)(now.st_mode & 0777) : -1;
}

/* ---- which process ---- */

Test(admin_socket, without_a_process_the_exit_code_is_3)
{
    struct run run;

    scene_alone();
    run = portico_cli("status");
    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect(says(run, "no running Portico was found in /run/portico"), "%s", run.all);
    cr_expect_eq(portico_cli("reload").status, 3);
    run = portico_cli("status --admin /nowhere");
    cr_expect_eq(run.status, 3);
    cr_expect(says(run, "/nowhere: No such file"), "%s", run.all);
    cr_expect_eq(portico_cli("status --dry-run").status, 2, "a flag of another command");
    cr_expect_eq(portico_cli("reload now").status, 2);
}

Test(admin_socket, one_that_hangs_is_not_said_to_be_none, .timeout = 40)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct run run;

    process_signal(portico, SIGSTOP);
    run = portico_cli("status");
    process_signal(portico, SIGCONT);
    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect(says(run, scene_text("%s: Timeout was reached;", scene_path("run/admin.sock"))), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin_socket, two_processes_are_told_apart_by_their_files)
{
    struct backend *backend = backend_saying("ok");
    struct process *one, *two;
    struct run run;
    char *second;

    scene_alone();
    one = start_default("one.yaml", scene_port(), backend);
    two = start_default("two.yaml", scene_port(), backend);
    second = scene_text("/run/portico/admin-%d.sock", (int)two->pid);
    cr_expect_eq(mode_of(DEFAULT), 0600);
    cr_expect_eq(mode_of(second), 0600);

    cr_expect(says(portico_cli("status -c one.yaml"), scene_text("pid %d,", (int)one->pid)));
    sh("ln -s two.yaml link.yaml");
    cr_expect(says(portico_cli("status -c link.yaml"), scene_text("pid %d,", (int)two->pid)),
              "the same file");
    cr_expect(
        says(portico_cli(scene_text("status --admin %s", second)), scene_text("pid %d,", (int)two->pid)));
    run = portico_cli("status");
    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect(says(run, scene_text("%s (pid %d, %s)", second, (int)two->pid, scene_path("two.yaml"))), "%s",
              run.all);
    cr_expect(says(run, scene_text("%s (pid %d, ", DEFAULT, (int)one->pid)), "%s", run.all);
    run = portico_cli("reload -c three.yaml");
    cr_expect_eq(run.status, 3, "%s", run.all);

    cr_expect_eq(portico_stop(one), 0);
    cr_expect(says(portico_cli("status"), scene_text("pid %d,", (int)two->pid)), "the only one there is");
    run = portico_cli("reload -c one.yaml");
    cr_expect_eq(run.status, 3, "not the one of another file: %s", run.all);
    cr_expect_eq(portico_stop(two), 0);
    cr_expect(mode_of(DEFAULT) == -1 && mode_of(second) == -1, "their files are gone");
}

Test(admin_socket, two_processes_of_one_file_are_refused)
{
    struct backend *backend = backend_saying("ok");
    struct process *one, *two;
    struct run run;

    scene_alone();
    one = start_default("one.yaml", scene_port(), backend);
    two = start_default("one.yaml", scene_port(), backend);
    run = portico_cli("reload -c one.yaml");
    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect(says(run, "several run this file; name one with --admin PATH"), "%s", run.all);
    cr_expect_eq(portico_stop(one), 0);
    cr_expect_eq(portico_stop(two), 0);
}

Test(admin_socket, those_that_start_at_once_all_have_a_socket)
{
    enum { STARTS = 6 };
    struct backend *backend = backend_saying("ok");
    struct process *all[STARTS];

    scene_alone();
    for (int i = 0; i < STARTS; i++) {
        const char *file = scene_text("%d.yaml", i);

        scene_file(file, "routes: {\"http://a.test:%d\": %d}\nworkers: 1\n", scene_port(), backend->port);
        all[i] = process_start("exec %s run -c %s", portico_binary(), file);
    }
    for (int i = 0; i < STARTS; i++)
        cr_assert(portico_logs(all[i], " ready"), "%s", transcript_copy(&all[i]->err));
    for (int i = 0; i < STARTS; i++)
        cr_expect(
            says(portico_cli(scene_text("status -c %d.yaml", i)), scene_text("pid %d,", (int)all[i]->pid)));
    for (int i = 0; i < STARTS; i++)
        cr_expect_eq(portico_stop(all[i]), 0);
}

/* ---- the socket ---- */

Test(admin_socket, a_dead_socket_file_is_replaced)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *first, *beside, *second;
    char *stray;

    scene_alone();
    first = start_default("one.yaml", port, backend);
    beside = start_default("two.yaml", scene_port(), backend);
    stray = scene_text("/run/portico/admin-%d.sock", (int)beside->pid);
    process_kill(beside);
    process_kill(first);
    cr_expect(mode_of(DEFAULT) == 0600 && mode_of(stray) == 0600, "they had no time to remove them");
    second = start_default("one.yaml", port, backend);
    cr_expect(says(portico_cli("status"), scene_text("pid %d,", (int)second->pid)));
    cr_expect_eq(mode_of(DEFAULT), 0600);
    cr_expect_eq(mode_of("/run/portico"), 0755);
    cr_expect_eq(mode_of(stray), -1);
    cr_expect_eq(portico_stop(second), 0);
}

Test(admin_socket, a_named_socket_that_is_held_ends_the_start)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct run run;

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\nadmin: unix:%s\n", scene_port(),
               backend->port, scene_path("run/admin.sock"));
    run = portico_cli("run -c portico.yaml");
    cr_expect_eq(run.status, 4, "%s", run.all);
    cr_expect(says(run, "run/admin.sock: a living process listens there"), "%s", run.all);
    cr_expect_eq(mode_of(scene_path("run/admin.sock")), 0600, "the living one's file stays");
    cr_expect_eq(portico_stop(portico), 0);
    run = portico_does("check", "routes: {\"http://a.test:%d\": 1}\nadmin: {listen: 127.0.0.1:9901}\n", port);
    cr_expect_eq(run.status, 1);
    cr_expect(says(run, "portico.yaml:2:17: error: ") && says(run, "not built yet"), "%s", run.all);
}

Test(admin_socket, the_user_can_use_it_after_root_is_gone)
{
    struct backend *backend;
    struct process *portico;
    struct run run;
    struct stat now;
    int port = scene_port();

    scene_needs_root();
    scene_alone();
    backend = backend_saying("ok");
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\nuser: nobody\n", port, backend->port);
    cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml").status, 0);
    portico = portico_serve("exec");
    cr_assert_eq(lstat(DEFAULT, &now), 0);
    cr_expect_eq(now.st_uid, 65534);
    cr_expect_eq(now.st_mode & 0777, 0600);
    run = sh("exec setpriv --reuid 65534 --regid 65534 --clear-groups %s reload --admin %s", portico_binary(),
             DEFAULT);
    cr_expect_eq(run.status, 0, "its own user: %s", run.all);
    cr_expect_eq(portico_cli("status").status, 0, "root");
    run = sh("exec setpriv --reuid 65533 --regid 65533 --clear-groups %s status --admin %s", portico_binary(),
             DEFAULT);
    cr_expect_eq(run.status, 3, "another: %s", run.all);
    cr_expect(says(run, "Permission denied"), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect_eq(mode_of(DEFAULT), -1, "and it could remove it");
}

Test(admin_socket, others_than_root_have_it_in_their_runtime_directory)
{
    struct backend *backend = backend_saying("ok");
    const char *as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    int port = scene_port();
    struct process *portico;
    char *directory = scene_path("xdg-run/portico");
    struct run run;

    scene_needs_root();
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_assert_eq(sh("chmod 644 portico.yaml; mkdir xdg-run; chown 65534 xdg-run").status, 0);
    portico = portico_serve(scene_text("exec %s", as_nobody));
    cr_expect_eq(mode_of(directory), 0700);
    cr_expect_eq(mode_of(scene_text("%s/admin.sock", directory)), 0600);
    run = sh("exec %s %s status", as_nobody, portico_binary());
    cr_expect(says(run, scene_text("pid %d,", (int)portico->pid)), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin_socket, without_a_place_for_it_portico_serves_all_the_same)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico;

    scene_needs_root();
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_assert_eq(sh("chmod 644 portico.yaml").status, 0);
    portico = portico_serve("exec setpriv --reuid 65534 --regid 65534 --clear-groups");
    cr_expect(portico_logs(portico, "warn admin_unavailable reason="), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- its clients ---- */

Test(admin_socket, what_is_wrong_is_answered_in_json)
{
    static const struct {
        const char *request, *status, *sentence;
    } cases[] = {
        {"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "404 ", "no such path"},
        {"DELETE /status HTTP/1.1\r\nHost: x\r\n\r\n", "405 ", "another method"},
        {"POST /reload?dry-runn HTTP/1.1\r\nHost: x\r\n\r\n", "400 ", "?dry-run"},
        {"GET /status HTTP/1.1\r\n\r\n", "400 ", "Host"},
    };
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire *wire = wire_connect_unix(scene_path("run/admin.sock"));
        const char *got;

        wire_send(wire, "%s", cases[i].request);
        got = wire_read_all(wire);
        cr_assert_not_null(got);
        cr_expect(strstr(got, scene_text("HTTP/1.1 %s", cases[i].status)), "%s", got);
        cr_expect(strstr(got, "Content-Type: application/json") && strstr(got, "{\"error\":\""), "%s", got);
        cr_expect(strstr(got, cases[i].sentence), "%s", got);
    }
    cr_expect(says(portico_cli("status"), "version 1,"), "none of it reloaded anything");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin_socket, content_is_dropped_and_bounded)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    const char *path = scene_path("run/admin.sock");
    struct wire *some = wire_connect_unix(path), *much = wire_connect_unix(path),
                *cut = wire_connect_unix(path);

    wire_send(cut, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    wire_close(cut);
    wire_send(some,
              "POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    cr_expect_eq(answer_read(some).status, 200);
    wire_send(much, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n%05000d", 0);
    cr_expect_eq(answer_read(much).status, 413);
    cr_expect(says(portico_cli("status"), "version 2,"), "only the whole one counted");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin_socket, more_connections_than_it_holds_wait)
{
    enum { HELD = 16 };
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    const char *path = scene_path("run/admin.sock");
    struct wire *held[HELD], *late;

    for (int i = 0; i < HELD; i++)
        held[i] = wire_connect_unix(path);
    late = wire_connect_unix(path);
    wire_send(late, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect(wire_is_silent(late, 50));
    assert_honest(port, "a.test", "ok");
    wire_close(held[0]);
    cr_expect_eq(answer_read(late).status, 200);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(admin_socket, silence_has_an_end, .timeout = 40)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *silent = wire_connect_unix(scene_path("run/admin.sock"));
    struct wire *slow = wire_connect_unix(scene_path("run/admin.sock"));
    const int64_t begin = now_ms();
    const char *got;

    wire_send(slow, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    got = wire_read_until_within(slow, "within ten seconds", 20000);
    cr_expect(got && strstr(got, "HTTP/1.1 408 "), "%s", got ? got : "nothing");
    cr_expect(wire_sees_end(silent));
    cr_expect_geq(now_ms() - begin, 9000);
    cr_expect(says(portico_cli("status"), "version 1,"));
    cr_expect_eq(portico_stop(portico), 0);
}
