/* The process: start, ports, users, signals, logs, demo. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(life);

static bool says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

/* ---- start ---- */

Test(life, routes_on_the_command_line_need_no_file)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        process_start("exec %s run http://a.test:%d=%d", portico_binary(), port, backend->port);

    cr_assert(transcript_says(&portico->err, " ready", PATIENCE_MS), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, a_held_port_names_its_holder)
{
    struct backend *holder = backend_saying("mine"); /* this test's process */
    const char *name = file_read("/proc/self/comm");
    struct run run = portico_does("run -c portico.yaml",
                                  "routes: {\"http://a.test:%d\": 1}\nlisten: {%d: {bind: [127.0.0.1]}}\n",
                                  holder->port, holder->port);

    cr_expect_eq(run.status, 4, "exit %d: %s", run.status, run.all);
    cr_expect(says(run, scene_text("port %d of 127.0.0.1 is held by %.*s (pid %d): ", holder->port,
                                   (int)strcspn(name, "\n"), name, (int)getpid())),
              "%s", run.all);
}

Test(life, a_privileged_port_says_which_privilege_is_missing)
{
    struct run run;

    scene_alone();
    scene_needs_root();
    scene_file("portico.yaml", "routes: {\"http://a.test:80\": 1}\n");
    run = sh(
        "exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all %s run -c portico.yaml",
        portico_binary());
    cr_expect_eq(run.status, 4, "exit %d: %s", run.status, run.all);
    cr_expect(says(run, "port 80 needs a privilege"), "%s", run.all);
    cr_expect(says(run, "setcap"), "%s", run.all);
    cr_expect(says(run, "ip_unprivileged_port_start"), "%s", run.all);
}

Test(life, user_gives_up_root)
{
    struct backend *backend;
    struct process *portico;

    scene_needs_root();
    scene_alone();
    backend = backend_saying("ok");
    portico = portico_start("routes: {\"http://a.test:80\": %d}\nuser: nobody\n", backend->port);
    assert_honest(80, "a.test", "ok");
    cr_expect_str_eq(proc_status(portico->pid, "Uid"), "65534\t65534\t65534\t65534");
    cr_expect_str_eq(proc_status(portico->pid, "Gid"), "65534\t65534\t65534\t65534");
    cr_expect_null(strstr(scene_text(" %s ", proc_status(portico->pid, "Groups")), " 0 "),
                   "not in root's group");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, user_may_reload_with_the_local_authority)
{
    struct backend *backend;
    struct process *portico;

    scene_needs_root();
    scene_alone();
    backend = backend_saying("ok");
    portico = portico_start("routes: {\"https://a.localhost:443\": %d}\nlocal_ca: true\nuser: nobody\n",
                            backend->port);
    cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml").status, 0);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(portico_stop(portico), 0);
}

/* The default directory is that of who it was at its start. */
Test(life, user_finds_at_a_reload_what_root_keeps)
{
    struct process *portico;

    scene_needs_root();
    scene_alone();
    scene_file("portico.yaml", "routes: {\"https://a.localhost:443\": {respond: 201}}\nuser: nobody\n");
    cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml").status, 0);
    portico = portico_serve("exec");
    cr_expect_eq(access("/var/lib/portico/ca/ca.crt", F_OK), 0);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(portico_stop(portico), 0);
}

/* The first need of the default directory may come when the process is not root any more. */
Test(life, user_keeps_at_a_reload_what_the_start_did_not_need)
{
    const char *const needs[] = {"routes: {\"https://a.localhost:443\": {respond: 201}}\nuser: nobody\n",
                                 "routes: {\"http://a.test:80\": \"@a\"}\nbackends: {a: {to: 1, sticky: "
                                 "{cookie: A}}}\nuser: nobody\n"};

    scene_needs_root();
    scene_alone();
    for (int i = 0; i < 2; i++) {
        struct process *portico;

        scene_file("portico.yaml", "routes: {\"http://a.test:80\": {respond: 201}}\nuser: nobody\n");
        cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml").status, 0);
        portico = portico_serve("exec");
        scene_file("portico.yaml", "%s", needs[i]);
        process_signal(portico, SIGHUP);
        cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
        cr_expect_eq(portico_stop(portico), 0);
        sh("rm -rf /var/lib/portico");
    }
}

/* What becomes of it where the first configuration named one: the default is still that of the start. */
Test(life, user_has_at_a_reload_the_directory_of_who_it_was)
{
    struct process *portico;

    scene_needs_root();
    scene_alone();
    scene_file("portico.yaml",
               "routes: {\"http://a.test:80\": {respond: 201}}\nuser: nobody\nsandbox: off\nstate: %s\n",
               scene_path("kept"));
    cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml && install -d -o nobody /var/lib/portico").status,
                 0);
    portico = portico_serve("exec");
    scene_file("portico.yaml",
               "routes: {\"https://a.localhost:8443\": {respond: 201}}\nuser: nobody\nsandbox: off\n");
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(access("/var/lib/portico/ca/ca.crt", F_OK), 0);
    cr_expect_eq(portico_stop(portico), 0);
}

/* A hard link in a directory of its own is how a user would have root give it another's file. */
Test(life, user_is_not_given_a_file_that_is_elsewhere_too)
{
    const char *text = "routes: {\"https://a.localhost:443\": {respond: 201}}\nuser: nobody\n";
    struct run run;

    scene_needs_root();
    scene_alone();
    scene_file("portico.yaml", "%s", text);
    cr_assert_eq(portico_stop(portico_serve("exec")), 0);
    cr_assert_eq(sh("touch /var/lib/secret && ln /var/lib/secret /var/lib/portico/ca/link").status, 0);
    run = portico_cli("run");
    cr_expect_eq(run.status, 1, "%d", run.status);
    cr_expect(says(run, "/var/lib/portico/ca cannot be given to \"nobody\": link has another name elsewhere"),
              "%s", run.all);
    cr_expect_str_eq(sh("stat -c %%U /var/lib/secret").out, "root\n");
    cr_assert_eq(sh("rm /var/lib/portico/ca/link").status, 0);
    cr_expect_eq(portico_stop(portico_serve("exec")), 0, "given before, and given again");
}

Test(life, health_asks_every_port)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    cr_expect_eq(portico_cli("health -c portico.yaml").status, 0);
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect_eq(portico_cli("health -c portico.yaml").status, 3);
}

/* ---- reload ---- */

Test(life, sighup_applies_a_changed_file_and_keeps_connections)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port(), more = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_str_eq(answer_read(wire).body, "before");
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n", port,
               after->port, more, after->port);
    process_signal(portico, SIGHUP);
    cr_expect(WAIT_FOR(wire_can_connect(more), PATIENCE_MS), "the new port opens");
    cr_expect(WAIT_FOR(strcmp(get(port, "a.test", "/").body, "after") == 0, PATIENCE_MS));
    wire_send(wire, "GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200, "the connection of before goes on");

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\n", port, after->port);
    process_signal(portico, SIGHUP);
    cr_expect(WAIT_FOR(!wire_can_connect(more), PATIENCE_MS), "and closes again");
    assert_honest(port, "a.test", "after");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, a_bad_file_changes_nothing_and_says_why)
{
    struct backend *backend = backend_saying("still");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": 1}\nwrokers: 2\n", port);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "wrokers"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "still");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, sighup_moves_a_port_to_other_addresses_and_back)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *routes = scene_text("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct process *portico = portico_start("%slisten: {%d: {bind: [127.0.0.1]}}\n", routes, port);

    scene_file("portico.yaml", "%slisten: {%d: {bind: [0.0.0.0]}}\n", routes, port);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
    scene_file("portico.yaml", "%slisten: {%d: {bind: [127.0.0.1]}}\n", routes, port);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=3"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, sighup_with_more_connections_accepts_those_that_wait)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *rest = scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 1\n", port, backend->port);
    struct process *portico = portico_start("%slimits: {connections: 1}\n", rest);
    struct wire *first = wire_connect(port), *second;

    wire_send(first, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(first).status, 200);
    second = wire_connect(port);
    wire_send(second, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(portico_logs(portico, "accept_paused"));
    cr_expect(wire_is_silent(second, 50));
    scene_file("portico.yaml", "%slimits: {connections: 3}\n", rest);
    process_signal(portico, SIGHUP);
    cr_expect_eq(answer_read(second).status, 200);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- stop ---- */

static void play_wait_for_go(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    while (backend->sent == 0 && wire_is_silent(wire, 5)) {
    }
    wire_send(wire, "done");
    wire_read_all(wire);
}

Test(life, sigterm_lets_requests_finish_and_refuses_new_connections)
{
    struct backend *backend = backend_playing(play_wait_for_go);
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    process_signal(portico, SIGTERM);
    cr_expect(WAIT_FOR(!wire_can_connect(port), PATIENCE_MS), "nothing new");
    backend->sent = 1;
    cr_expect_str_eq(wire_read_until(wire, "done"), "done");
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

static void play_late_head(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    while (backend->sent == 0 && wire_is_silent(wire, 5)) {
    }
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    wire_read_all(wire);
}

Test(life, a_stop_says_each_second_what_it_waits_for)
{
    struct backend *backend = backend_playing(play_late_head);
    int port = scene_port(), raw = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d, \"tcp://:%d\": %d}\ntimeouts: {drain: 10s, "
                      "drain_tunnels: 20s}\n",
                      port, backend->port, raw, backend->port);
    struct wire *request = wire_connect(port), *tunnel = wire_connect(raw);
    struct answer answer;

    wire_send(request, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    wire_send(tunnel, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(WAIT_FOR(backend->requests == 2 || backend->open == 2, PATIENCE_MS));
    cr_assert(backend_sees(backend, "GET / HTTP/1.1"));
    process_signal(portico, SIGTERM);
    cr_expect(portico_logs(portico, " draining left_requests=1 left_tunnels=1 seconds_left=20\n"), "%s",
              transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, " draining left_requests=1 left_tunnels=1 seconds_left=19\n"), "%s",
              transcript_copy(&portico->err));
    wire_close(tunnel);
    cr_expect(portico_logs(portico, " draining left_requests=1 left_tunnels=0 seconds_left="), "%s",
              transcript_copy(&portico->err));
    backend->sent = 1;
    answer = answer_read(request);
    cr_expect_str_eq(answer.body, "done");
    cr_expect_str_eq(field_of(answer.head, "Connection"), "close");
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

Test(life, a_stop_without_a_limit_says_what_ends_it)
{
    struct backend *backend = backend_playing(play_late_head);
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {drain: none}\n", port, backend->port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(backend_sees(backend, "GET / HTTP/1.1"));
    process_signal(portico, SIGTERM);
    cr_expect(portico_logs(portico, "left_requests=1 left_tunnels=0 seconds_left=none "
                                    "hint=\"a second signal ends it\""),
              "%s", transcript_copy(&portico->err));
    process_signal(portico, SIGTERM);
    cr_expect_neq(process_wait(portico, PATIENCE_MS), -1);
}

Test(life, idle_connections_do_not_hold_up_the_stop)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    process_signal(portico, SIGTERM);
    cr_expect(wire_sees_end(wire));
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

Test(life, a_second_sigterm_ends_now)
{
    struct backend *backend = backend_playing(play_wait_for_go);
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {drain: 60s}\n", port, backend->port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    process_signal(portico, SIGTERM);
    cr_expect(WAIT_FOR(!wire_can_connect(port), PATIENCE_MS));
    cr_expect_not(portico->has_ended);
    process_signal(portico, SIGTERM);
    cr_expect_neq(process_wait(portico, PATIENCE_MS), -1);
}

/* ---- logs ---- */

Test(life, the_combined_access_log_has_its_usual_form)
{
    struct backend *backend = backend_saying("12345");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    ask(port,
        "GET /x?y=\"z HTTP/1.1\r\nHost: a.test\r\nUser-Agent: a\"b\r\nReferer: http://from.test/\r\n\r\n");
    ask(port, "GET /good HTTP/1.1\r\nHost: a.test\r\nUser-Agent: a\"b\r\nReferer: http://from.test/\r\n\r\n");
    cr_expect(portico_access_logs(portico, "\"GET /good HTTP/1.1\" 200 5 \"http://from.test/\" \"a"));
    cr_expect(portico_access_logs(portico, "127.0.0.1 - - ["));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, the_json_access_log_is_json_with_all_that_one_asks_for)
{
    struct backend *backend = backend_saying("12345");
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\nlog: {access: {to: access.json, format: json}}\n",
                      port, backend->port);
    struct run run;

    ask(port, "GET /good HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"\\\x01\xff\r\nX: 1\r\n\r\n");
    ask(port, "GET /good HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"\\\xc3\xa9\xff\r\n\r\n");
    cr_expect(file_says("access.json", "/good", PATIENCE_MS));
    cr_expect_eq(portico_stop(portico), 0);
    run = sh(
        "node -e 'for (const line of require(\"fs\").readFileSync(\"access.json\", "
        "\"utf8\").trim().split(\"\\n\"))"
        " { const o = JSON.parse(line); console.log(JSON.stringify(Object.values(o).flatMap(v => typeof v ==="
        " \"object\" ? Object.values(v ?? {}) : v))) }'");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, scene_text("127.0.0.1:%d", backend->port)), "the backend: %s", run.all);
    cr_expect(says(run, "http://a.test"), "the route: %s", run.all);
    cr_expect(says(run, "200"), "%s", run.all);
    cr_expect(says(run, "\"ok\""), "the way it ended: %s", run.all);
}

Test(life, sigusr1_opens_the_access_log_anew)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://a.test:%d\": %d}\nlog: {access: access.log}\n", port, backend->port);

    get(port, "a.test", "/before");
    cr_expect(file_says("access.log", "/before", PATIENCE_MS));
    sh("mv access.log access.old");
    process_signal(portico, SIGUSR1);
    cr_expect(WAIT_FOR(access("access.log", F_OK) == 0, PATIENCE_MS));
    get(port, "a.test", "/after");
    cr_expect(file_says("access.log", "/after", PATIENCE_MS));
    cr_expect_null(strstr(file_read("access.old"), "/after"));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(life, an_access_log_that_nobody_reads_blocks_no_request)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    sh("mkfifo nobody-reads");
    portico_start_by("exec 7<>nobody-reads; exec",
                     "routes: {\"http://a.test:%d\": %d}\nlog: {access: nobody-reads}\n", port,
                     backend->port);
    for (int i = 0; i < 1500; i++) { /* more lines than a pipe holds */
        struct answer answer =
            get(port, "a.test", "/a/path/that/makes/the/line/a/little/longer/than/it/would/be");

        cr_assert_eq(answer.status, 200, "request %d", i);
    }
}

/* ---- demo ---- */

/** The first word of a line that is to be pasted, or NULL. */
static bool is_command(const char *line)
{
    static const char *const programs[] = {"curl ", "openssl ", "ssh ",  "printf ",
                                           "echo ", "nc ",      "node ", "wget "};

    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (strncmp(line, programs[i], strlen(programs[i])) == 0)
            return true;
    }
    return false;
}

Test(life, what_demo_prints_works_as_pasted)
{
    enum { CURL_TIMED_OUT = 28 }; /* of a connection that stays open until then */
    struct process *demo;
    char *printed, *rest, *line;
    int pasted = 0;

    scene_alone();
    demo = process_start("exec %s demo", portico_binary());
    cr_assert(transcript_says(&demo->err, " ready", PATIENCE_MS), "%s", transcript_copy(&demo->err));
    cr_assert(transcript_says(&demo->out, "Stop with", PATIENCE_MS), "the last line of the page");
    printed = transcript_copy(&demo->out);
    for (line = strtok_r(printed, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct run run;

        line += strspn(line, " $");
        if (!is_command(line))
            continue;
        run = sh("%s", line);
        cr_expect(run.status == 0 || (run.status == CURL_TIMED_OUT && strstr(line, "--max-time")), "%s\n%s",
                  line, run.all);
        cr_expect_gt(strlen(run.out), 0, "%s printed nothing", line);
        pasted++;
    }
    cr_expect_geq(pasted, 4, "only %d lines to paste in:\n%s", pasted, transcript_copy(&demo->out));
    cr_expect_eq(portico_stop(demo), 0);
}

Test(life, demo_survives_a_websocket_that_closes_as_browsers_do)
{
    static const char upgrade[] = "GET %s HTTP/1.1\r\nHost: app.localhost:8000\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct process *demo;
    struct wire *wire;

    scene_alone();
    demo = process_start("exec %s demo", portico_binary());
    cr_assert(transcript_says(&demo->err, " ready", PATIENCE_MS), "%s", transcript_copy(&demo->err));
    wire = wire_connect(8000);
    wire_send(wire, upgrade, "/ws");
    cr_expect_not_null(wire_read_until(wire, "hello over WebSocket"));
    wire_send_bytes(wire, "\x88\x80\0\0\0\0", 6);
    cr_expect_not_null(wire_read_bytes(wire, 2), "a close frame for a close frame");
    wire_send_bytes(wire, "\x88\x80\0\0\0\0", 6);
    wire_close(wire);
    wire = wire_connect(8000);
    wire_send(wire, upgrade, "/elsewhere");
    cr_expect_eq(answer_read(wire).status, 200, "declined");
    wire_close(wire);
    cr_expect_eq(portico_stop(demo), 0);
}
