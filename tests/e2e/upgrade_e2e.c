/* Another process takes the place of the running one: nobody who is connected, or connects meanwhile, notices. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/clients.h"
#include "e2e/tls_wire.h"
#include "e2e/upgrades.h"

SUITE(upgrade);

static bool says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

static void play_half(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    while (backend->sent == 0 && wire_is_silent(wire, 5)) {
    }
    wire_send(wire, "done");
    wire_read_all(wire);
}

static void play_parrot(struct wire *wire, struct backend *backend)
{
    while (wire_take(wire)) {
        if (wire->length > wire->at) {
            wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
            wire->at = wire->length;
        }
        poll(NULL, 0, 1);
    }
}

static bool echoes(struct wire *wire, const char *text)
{
    wire_send(wire, "%s", text);
    return wire_read_until(wire, text) != NULL;
}

/* ---- who is there ---- */

Test(upgrade, loses_nobody_under_load)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        upgrades_start("routes: {\"http://a.test:%d\": %d}\nworkers: 2\n", port, backend->port);
    struct clients *clients = clients_start((struct clients_terms){.port = port, .count = 16, .pause_ms = 3});
    struct clients *busy = clients_start((struct clients_terms){.port = port, .count = 4, .posts_every = 3});
    struct strangers *strangers = strangers_start(port);

    for (int i = 0; i < 4; i++) {
        const int before = clients->answered, strange = strangers->served;

        upgrade_do();
        cr_assert(
            WAIT_FOR(clients->answered > before + 200 && strangers->served > strange + 20, PATIENCE_MS));
    }
    strangers_stop(strangers);
    clients_stop(clients);
    clients_stop(busy);
    cr_expect_eq(clients_failed(clients, true), 0, "%s", clients_describe(clients));
    cr_expect_eq(clients_failed(busy, true), 0, "%s", clients_describe(busy));
    cr_expect_eq(strangers->lost, 0, "%d of %d", strangers->lost, strangers->served);
    cr_expect_eq(exit_code_of(portico), 0, "%s", transcript_copy(&portico->err));
}

Test(upgrade, lets_a_download_come_to_its_end)
{
    struct backend *backend = backend_playing(play_half);
    int port = scene_port();
    struct process *portico = upgrades_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *wire = wire_connect(port);
    pid_t pid;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    pid = upgrade_do();
    cr_expect(says(portico_cli("status --admin run/admin.sock"),
                   scene_text("process %d, whose place this one took", (int)portico->pid)));
    cr_expect_not(is_gone(portico->pid));
    backend->sent = 1;
    cr_expect_not_null(wire_read_until(wire, "done"));
    cr_expect(wire_sees_end(wire));
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect_eq(upgrade_pid(), pid);
    cr_expect(WAIT_FOR(!says(portico_cli("status --admin run/admin.sock"), "whose place"), PATIENCE_MS));
}

Test(upgrade, keeps_tunnels_in_the_old_process_until_its_limit)
{
    struct backend *backend = backend_playing(play_parrot);
    int port = scene_port();
    struct process *portico = upgrades_start(
        "routes: {\"tcp://:%d\": %d}\ntimeouts: {drain: 1s, drain_tunnels: 5s}\n", port, backend->port);
    struct wire *before = wire_connect(port), *after;

    cr_assert(echoes(before, "hello"));
    upgrade_do();
    after = wire_connect(port);
    cr_expect(echoes(after, "from the new one"));
    cr_expect(echoes(before, "still here"));
    cr_expect(wire_sees_end(before), "at the limit");
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect(echoes(after, "which goes on"));
}

/* Whoever has only just come has asked for nothing yet, and is not turned away for it. */
Test(upgrade, serves_who_has_connected_but_not_asked)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = upgrades_start("routes: {\"http://a.test:%d\": %d, \"tcp://:%d\": %d}\n", port,
                                             backend->port, port, backend->port);
    struct wire *fresh = wire_connect(port), *kept = wire_connect(port);
    struct answer last;

    wire_send(kept, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(kept).status, 200);
    wire_send(fresh, "GET / HT");
    cr_assert(wire_is_silent(fresh, 20));
    upgrade_do();
    wire_send(fresh, "TP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(fresh).status, 200);
    wire_send(kept, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    last = answer_read(kept);
    cr_expect_eq(last.status, 200);
    cr_expect_str_eq(field_of(last.head, "Connection"), "close");
    cr_expect(wire_sees_end(kept));
    cr_expect_eq(exit_code_of(portico), 0);
}

Test(upgrade, resumes_tls_sessions_of_before)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct certificate authority = authority_make("Test"),
                       leaf = certificate_make(&authority, "ec", "DNS:a.test");
    struct run made, again;

    upgrades_start("routes: {\"https://a.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n", port,
                   backend->port, leaf.cert, leaf.key);
    made = tls_get(port, "a.test", "-sess_out session");
    cr_assert(says(made, "New, "), "%s", made.all);
    for (int i = 0; i < 2; i++) {
        upgrade_do();
        again = tls_probe(port, "a.test", "-sess_in session");
        cr_expect(says(again, "Reused, "), "%s", again.all);
    }
}

/* ---- one after the other ---- */

Test(upgrade, by_signal_and_again)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = upgrades_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    pid_t second, third;

    process_signal(portico, SIGUSR2);
    cr_assert_eq(exit_code_of(portico), 0, "%s", transcript_copy(&portico->err));
    second = upgrade_pid();
    cr_assert(second != 0 && second != portico->pid);
    cr_expect(portico_logs(portico, scene_text("upgraded from=%d to=%d", (int)portico->pid, (int)second)));
    cr_expect(portico_logs(portico, scene_text("took_over from=%d", (int)portico->pid)));
    cr_assert_eq(kill(second, SIGUSR2), 0);
    cr_assert(WAIT_FOR(is_gone(second), PATIENCE_MS));
    third = upgrade_pid();
    cr_assert(third != 0 && third != second);
    assert_honest(port, "a.test", "ok");
    upgrade_end(third);
    cr_expect(WAIT_FOR(!wire_can_connect(port), PATIENCE_MS));
    cr_expect_eq(access("run/admin.sock", F_OK), -1, "the last one takes its socket away");
}

/* ---- the program ---- */

Test(upgrade, runs_what_lies_in_the_programs_place_now)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = upgrades_start_by("mkdir elsewhere && exec",
                                                "routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    upgrades_script("echo \"new program $*\" >&2; exec $REAL \"$@\"");
    upgrade_do();
    cr_expect(portico_logs(portico, "new program run -c portico.yaml"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
}

Test(upgrade, follows_a_link_to_where_it_leads_now)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico;

    cr_assert_eq(sh("cp %s one && ln -s one portico", portico_binary()).status, 0);
    portico = upgrades_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    scene_file("two", "#!/bin/sh\necho the other one >&2; exec %s \"$@\"\n", portico_binary());
    cr_assert_eq(sh("chmod 755 two && ln -sfn two portico").status, 0);
    upgrade_do();
    cr_expect(portico_logs(portico, "the other one"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "a.test", "ok");
}

static void expect_failure(struct process *portico, int port, const char *why)
{
    struct run run = upgrade_run();

    cr_expect_eq(run.status, 1, "%d: %s", run.status, run.all);
    cr_expect(says(run, why), "%s", run.all);
    cr_expect(portico_logs(portico, "upgrade_failed"));
    cr_expect_eq(upgrade_pid(), portico->pid);
    assert_honest(port, "a.test", "ok");
}

Test(upgrade, that_cannot_start_changes_nothing_and_says_why)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), held = backend->port;
    const char *routes = scene_text("\"http://a.test:%d\": %d", port, backend->port);
    struct process *portico = upgrades_start("routes: {%s}\n", routes);
    struct strangers *strangers = strangers_start(port);

    upgrades_write("routes: {%s}\nwrokers: 3\n", routes);
    expect_failure(portico, port, "did you mean \"workers\"?");
    upgrades_write("routes: {%s, \"http://b.test:%d\": 1}\n", routes, held);
    expect_failure(portico, port, scene_text("port %d is held by", held));
    upgrades_write("routes: {%s}\nuser: nobody-of-that-name\n", routes);
    expect_failure(portico, port, "there is no user \"nobody-of-that-name\"");
    upgrades_write("routes: {%s}\n", routes);
    upgrades_script("exit 1");
    expect_failure(portico, port, "ended with exit code 1");
    cr_assert_eq(unlink("portico"), 0);
    expect_failure(portico, port, "portico cannot be executed: No such file");
    upgrades_program();
    cr_expect_neq(upgrade_do(), portico->pid, "and then it can");
    strangers_stop(strangers);
    cr_expect_eq(strangers->lost, 0, "%d of %d", strangers->lost, strangers->served);
    cr_expect_eq(exit_code_of(portico), 0);
}

Test(upgrade, command_needs_a_process)
{
    struct run run = portico_cli("upgrade --admin run/none.sock");

    cr_expect_eq(run.status, 3, "%s", run.all);
    cr_expect_eq(portico_cli("upgrade now").status, 2);
}

/* ---- what else is asked for meanwhile ---- */

Test(upgrade, has_reloads_wait_for_it)
{
    struct backend *before = backend_saying("before"), *after = backend_saying("after");
    int port = scene_port();
    struct process *portico = upgrades_start("routes: {\"http://a.test:%d\": %d}\n", port, before->port);
    struct process *slow;

    upgrades_script("cp portico.yaml read.yaml; until [ -e go ]; do sleep 0.01; done\n"
                    "exec $REAL run -c portico.yaml");
    slow = process_start("exec %s upgrade --admin run/admin.sock", portico_binary());
    cr_assert(portico_logs(portico, "upgrade_begun"));
    cr_expect_eq(upgrade_run().status, 1, "one at a time");
    process_signal(portico, SIGHUP);
    cr_expect_neq(sh_within(300, "exec %s reload --admin run/admin.sock", portico_binary()).status, 0);
    assert_honest(port, "a.test", "before");
    scene_file("go", "%s", "");
    cr_expect_eq(process_wait(slow, PATIENCE_MS), 0);
    upgrades_write("routes: {\"http://a.test:%d\": %d}\n", port, after->port);
    cr_expect(portico_logs(portico, "reloaded version=2"), "the new one's: %s",
              transcript_copy(&portico->err));
    cr_expect_eq(exit_code_of(portico), 0);
}

Test(upgrade, ends_when_the_old_process_is_told_to_stop)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = upgrades_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);

    upgrades_script("echo $$ >pid; exec sleep 60");
    process_signal(portico, SIGUSR2);
    cr_assert(WAIT_FOR(strlen(file_read("pid")) > 1, PATIENCE_MS));
    process_signal(portico, SIGTERM);
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect(WAIT_FOR(is_gone((pid_t)atoi(file_read("pid"))), PATIENCE_MS));
    cr_expect(portico_logs(portico, "upgrade_failed"));
    cr_expect(WAIT_FOR(!wire_can_connect(port), PATIENCE_MS));
}

/* ---- what changes with it ---- */

Test(upgrade, serves_every_queue_however_many_workers_there_are)
{
    static const int workers[] = {1, 5, 2, 3};
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct strangers *strangers;

    upgrades_start("routes: {\"http://a.test:%d\": %d}\nworkers: 3\n", port, backend->port);
    strangers = strangers_start(port);
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        upgrades_write("routes: {\"http://a.test:%d\": %d}\nworkers: %d\n", port, backend->port, workers[i]);
        upgrade_do();
        for (int k = 0; k < 60; k++)
            assert_honest(port, "a.test", "ok");
        cr_expect(says(
            portico_cli("status --admin run/admin.sock"),
            scene_text("listeners      0.0.0.0:%d, [::]:%d\nworkers        %d\n", port, port, workers[i])));
    }
    strangers_stop(strangers);
    cr_expect_eq(strangers->lost, 0, "%d of %d", strangers->lost, strangers->served);
    upgrade_end(upgrade_pid());
    cr_expect(WAIT_FOR(!wire_can_connect(port), PATIENCE_MS));
}

Test(upgrade, opens_and_closes_ports_as_the_file_says_now)
{
    struct backend *backend = backend_saying("ok"), *parrot = backend_playing(play_parrot);
    int kept = scene_port(), old = scene_port(), new = scene_port(), raw = scene_port();
    const char *routes =
        scene_text("routes: {\"http://a.test:%d\": %d, \"tcp://:%d\": %d, \"http://a.test:", kept,
                   backend->port, raw, parrot->port);
    struct process *portico =
        upgrades_start("%s%d\": %d}\nlisten: {%d: {bind: [127.0.0.1]}}\n", routes, old, backend->port, kept);
    struct wire *tunnel = wire_connect(raw);

    cr_assert(echoes(tunnel, "hello"));
    upgrades_write("%s%d\": %d}\n", routes, new, backend->port);
    upgrade_do();
    assert_honest(kept, "a.test", "ok");
    assert_honest(new, "a.test", "ok");
    cr_expect(WAIT_FOR(!wire_can_connect(old), PATIENCE_MS));
    cr_expect(echoes(tunnel, "the old process drains, and holds none of its ports"));
    cr_expect_not(is_gone(portico->pid));
    wire_close(tunnel);
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect(says(portico_cli("status --admin run/admin.sock"), scene_text("0.0.0.0:%d", kept)));
}

/* Whoever connects and says nothing is held back by the kernel for a second, at a socket that the new process has not. And
 * the next upgrade is as welcome as the first, while the first process still waits for those. */
Test(upgrade, resets_nobody_where_the_new_one_listens_elsewhere)
{
    enum { SILENT = 8 };
    static const char *const binds[] = {"127.0.0.1", "127.0.0.1, \"::1\"", "0.0.0.0", "127.0.0.1, \"::1\""};
    struct backend *backend = backend_saying("ok");
    const int port = scene_port();
    const char *routes =
        scene_text("routes: {\"http://a.test:%d\": %d}\nlisten: {%d: {bind: [", port, backend->port, port);
    struct process *portico = upgrades_start("%s%s]}}\n", routes, binds[0]);

    for (int i = 1; i < 4; i++) {
        struct wire *silent[SILENT];

        for (int k = 0; k < SILENT; k++)
            silent[k] = wire_connect(port);
        upgrades_write("%s%s]}}\n", routes, binds[i]);
        upgrade_do();
        for (int k = 0; k < SILENT; k++) {
            wire_send(silent[k], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            cr_expect_eq(answer_read(silent[k]).status, 200, "upgrade %d, client %d", i, k);
            wire_close(silent[k]);
        }
        assert_honest(port, "a.test", "ok");
    }
    cr_expect_eq(exit_code_of(portico), 0);
    upgrade_end(upgrade_pid());
}

/* More sockets than one message takes. */
Test(upgrade, hands_over_hundreds_of_sockets)
{
    enum { PORTS = 80, WORKERS = 4 };
    struct backend *backend = backend_saying("ok");
    int ports[PORTS];
    const char *routes = "";
    struct process *portico;

    for (int i = 0; i < PORTS; i++) {
        ports[i] = scene_port();
        routes = scene_text("%s  http://a.test:%d: %d\n", routes, ports[i], backend->port);
    }
    portico = upgrades_start("workers: %d\nroutes:\n%s", WORKERS, routes);
    upgrade_do();
    cr_expect(portico_logs(portico, scene_text("sockets=%d\n", 2 * PORTS * WORKERS)), "%s",
              transcript_copy(&portico->err));
    for (int i = 0; i < PORTS; i++)
        assert_honest(ports[i], "a.test", "ok");
    cr_expect_eq(exit_code_of(portico), 0);
}

Test(upgrade, of_process_1_is_refused)
{
    int port = scene_port();
    struct run run;

    scene_needs_root();
    upgrades_start_by("exec unshare --pid --fork --kill-child", "routes: {\"http://a.test:%d\": 1}\n", port);
    run = upgrade_run();
    cr_expect_eq(run.status, 1, "%s", run.all);
    cr_expect(says(run, "process 1 of a container"), "%s", run.all);
}

Test(upgrade, moves_the_admin_socket_where_the_file_says_now)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *routes = scene_text("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct process *portico = upgrades_start("%s", routes);

    upgrades_write("%sadmin: unix:run/other.sock\n", routes);
    upgrade_do();
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect_eq(access("run/admin.sock", F_OK), -1);
    cr_expect_eq(portico_cli("status --admin run/other.sock").status, 0);
}

Test(upgrade, of_one_that_gave_up_root_has_roots_privileges_again)
{
    struct backend *backend;
    struct process *portico;
    pid_t pid = 0;

    scene_needs_root();
    scene_alone();
    backend = backend_saying("ok");
    cr_assert_eq(sh("chmod 755 .").status, 0);
    portico = upgrades_start("routes: {\"http://a.test:80\": %d}\nuser: nobody\n", backend->port);
    upgrades_write("routes: {\"http://a.test:80\": %d, \"http://a.test:81\": %d}\nuser: nobody\n",
                   backend->port, backend->port);
    for (int i = 0; i < 2; i++) {
        pid = upgrade_do();
        cr_expect_str_eq(proc_status(pid, "Uid"), "65534\t65534\t65534\t65534");
        cr_expect_str_eq(proc_status(pid, "CapPrm"),
                         "0000000000000400"); /* CAP_NET_BIND_SERVICE, for port 80 */
        cr_expect_str_eq(proc_status(child_of(pid), "Uid"), "0\t0\t0\t0");
        assert_honest(80, "a.test", "ok");
        assert_honest(81, "a.test", "ok");
    }
    cr_expect_eq(exit_code_of(portico), 0);
    upgrade_end(pid);
}
