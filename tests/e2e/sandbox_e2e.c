/* Least privilege: what a running Portico still can do is tried inside the real process, and what it must be able to do
 * is what all other tests do. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "e2e/intruder.h"
#include "e2e/portico.h"

static void scene_with_walls(void)
{
    scene_open();
    scene_needs_plain_build();
}

TestSuite(sandbox, .init = scene_with_walls, .timeout = 60);

static bool says(const char *all, const char *text)
{
    return strstr(all, text) != NULL;
}

static const char *answering(int port, int status)
{
    return scene_text("routes: {\"http://a.test:%d\": {respond: %d}}\nworkers: 2\nstate: %s\n", port, status,
                      scene_path("state"));
}

static struct run ask_status(void)
{
    return portico_cli(scene_text("status --admin %s", scene_path("run/admin.sock")));
}

static struct run ask_reload(void)
{
    return portico_cli(scene_text("reload --admin %s", scene_path("run/admin.sock")));
}

static void expect_status(struct process *portico, const char *key, const char *value)
{
    char *is = proc_status(portico->pid, key);

    cr_expect_str_eq(is, value, "%s is %s", key, is);
}

static const char NONE[] = "0000000000000000", NET_BIND_SERVICE[] = "0000000000000400",
                  DAC_OVERRIDE[] = "0000000000000002";

/* ---- what is left of root ---- */

Test(sandbox, root_keeps_no_capability)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    int port = scene_port();
    struct process *portico;

    scene_needs_root();
    portico = portico_start("%s", answering(port, 201));
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        expect_status(portico, sets[i], NONE);
    expect_status(portico, "NoNewPrivs", "1");
    expect_status(portico, "Seccomp", "2");
    cr_expect(
        portico_logs(portico, " sandboxed uid=0 capabilities=\"none\" bounded=yes seccomp=on landlock="),
        "%s", transcript_copy(&portico->err));
    cr_expect(says(ask_status().all, "on: uid 0, capabilities none, seccomp on, landlock "), "%s",
              ask_status().all);
    cr_expect_eq(get(port, "a.test", "/").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
}

/* Every thread, as the kernel keeps capabilities and filters for each. */
Test(sandbox, holds_for_every_thread)
{
    struct process *portico;
    struct run run;

    scene_needs_root();
    portico = portico_start("%s", answering(scene_port(), 201));
    run = sh("cat /proc/%d/task/*/status | grep -E '^(CapPrm|CapEff|Seccomp|NoNewPrivs):' | sort | uniq -c | "
             "awk '{ print $2 $3 \"x\" ($1 > 3) }'",
             (int)portico->pid);
    cr_expect_str_eq(run.out, "CapEff:0000000000000000x1\nCapPrm:0000000000000000x1\nNoNewPrivs:1x1\n"
                              "Seccomp:2x1\n");
    cr_expect_eq(portico_stop(portico), 0);
}

static const char *of_nobody(const char *routes)
{
    return scene_text("routes: {\"http://a.test:80\": {respond: 201}%s}\nuser: nobody\nadmin: unix:%s\n"
                      "state: %s\n",
                      routes, scene_path("run/admin.sock"), scene_path("state"));
}

Test(sandbox, a_user_keeps_what_opens_ports_and_a_reload_opens_one_more)
{
    struct process *portico;
    struct stat now;

    scene_needs_root();
    scene_alone();
    portico = portico_start("%s", of_nobody(""));
    sh("chmod 755 . && chmod 644 portico.yaml");
    expect_status(portico, "Uid", "65534\t65534\t65534\t65534");
    expect_status(portico, "CapPrm", NET_BIND_SERVICE);
    expect_status(portico, "CapEff", NET_BIND_SERVICE);
    expect_status(portico, "CapBnd", NONE);
    expect_status(portico, "CapAmb", NONE);
    expect_status(portico, "Seccomp", "2");
    cr_expect_eq(stat(scene_path("run/admin.sock"), &now), 0);
    cr_expect_eq(now.st_mode & 0777, 0600);
    cr_expect_eq(now.st_uid, 65534);
    scene_file("portico.yaml", "%s", of_nobody(", \"http://b.test:81\": {respond: 202}"));
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(get(81, "b.test", "/").status, 202);
    cr_expect_eq(portico_stop(portico), 0);
}

/* The first privileged port after a start without one. */
Test(sandbox, what_was_given_up_is_named_when_a_reload_wants_it)
{
    const char *rest =
        scene_text("state: %s\nadmin: unix:%s\n", scene_path("state"), scene_path("run/admin.sock"));
    struct process *portico;
    struct run run;

    scene_needs_root();
    scene_alone();
    portico = portico_start("routes: {\"http://a.test:8080\": {respond: 201}}\n%s", rest);
    scene_file("portico.yaml", "routes: {\"http://a.test:80\": {respond: 202}}\n%s", rest);
    run = ask_reload();
    cr_expect_eq(run.status, 1);
    cr_expect(says(run.all, "CAP_NET_BIND_SERVICE"), "%s", run.all);
    cr_expect_eq(get(8080, "a.test", "/").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(sandbox, root_reaches_unix_targets_of_others)
{
    struct backend *backend = backend_on_unix(scene_path("app.sock"), "of another");
    int port = scene_port();
    struct process *portico;

    scene_needs_root();
    sh("chown nobody app.sock; chmod 0600 app.sock");
    portico = portico_start("routes: {\"http://a.test:%d\": \"unix:%s\"}\n", port, scene_path("app.sock"));
    expect_status(portico, "CapPrm", DAC_OVERRIDE);
    assert_honest(port, "a.test", "of another");
    cr_expect(backend_sees(backend, "GET /"));
    cr_expect_eq(portico_stop(portico), 0);
}

Test(sandbox, without_root_it_holds_too)
{
    int port = scene_port();
    struct process *portico;

    scene_needs_root(); /* to become another */
    sh("mkdir run state; chown nobody . run state");
    portico = portico_start_by("exec setpriv --reuid 65534 --regid 65534 --clear-groups", "%s",
                               answering(port, 201));
    expect_status(portico, "CapPrm", NONE);
    expect_status(portico, "Seccomp", "2");
    cr_expect_eq(get(port, "a.test", "/").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- an intruder ---- */

static long opens(pid_t inside, const char *path, int flags)
{
    return intruder_calls(inside, SYS_openat, path, 1, AT_FDCWD, 0, flags);
}

/** 0: no thread has that name yet. */
static pid_t thread_of(struct process *portico, const char *name)
{
    struct run run =
        sh("grep -l '^%s$' /proc/%d/task/*/comm | head -n 1 | cut -d/ -f5", name, (int)portico->pid);

    return atoi(run.out);
}

static void expect_walls(pid_t inside)
{
    scene_file("outside", "x");
    intruder_enter(inside);
    cr_expect_eq(intruder_calls(inside, SYS_execve, "/bin/true", 0, 0, 0, 0), -EPERM, "execve");
    cr_expect_eq(opens(inside, "/etc/shadow", O_RDONLY), -EACCES, "/etc/shadow");
    cr_expect_eq(opens(inside, "/proc/self/mem", O_RDWR), -EACCES, "/proc/self/mem");
    cr_expect_eq(opens(inside, "/tmp/portico-was-here", O_WRONLY | O_CREAT), -EACCES, "/tmp");
    cr_expect_eq(opens(inside, scene_path("portico.yaml"), O_WRONLY), -EACCES, "the configuration");
    cr_expect_eq(opens(inside, scene_path("new.yaml"), O_WRONLY | O_CREAT), -EACCES, "beside it");
    cr_expect_eq(intruder_calls(inside, SYS_socket, NULL, 0, AF_PACKET, SOCK_RAW, 0), -EPERM, "AF_PACKET");
    cr_expect_eq(intruder_calls(inside, SYS_clone, NULL, 0, SIGCHLD, 0, 0), -EPERM, "fork");
    cr_expect_eq(intruder_calls(inside, SYS_ptrace, NULL, 0, 0, 0, 0), -EPERM, "ptrace");
    cr_expect_eq(intruder_calls(inside, SYS_mmap, NULL, 0, 0, 4096, 4), -EPERM, "mmap PROT_EXEC");
    cr_expect_eq(intruder_calls(inside, SYS_setuid, NULL, 0, 0, 0, 0), -EPERM, "setuid");
    cr_expect_eq(intruder_calls(inside, SYS_kill, NULL, 0, getpid(), 0, 0), -EPERM, "kill");
    cr_expect_eq(intruder_calls(inside, SYS_prctl, NULL, 0, PR_SET_DUMPABLE, 1, 0), -EPERM, "dumpable");
    cr_expect_geq(opens(inside, scene_path("portico.yaml"), O_RDONLY), 0, "what it needs it can read");
    intruder_leave(inside);
}

Test(sandbox, an_intruder_finds_the_walls_in_every_thread)
{
    static const char *const names[] = {"worker-0", "log"};
    int port = scene_port();
    struct process *portico;

    scene_needs_root();
    portico = portico_start("%s", answering(port, 201));
    expect_walls(portico->pid);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pid_t thread = 0;

        cr_assert(WAIT_FOR((thread = thread_of(portico, names[i])) > 0, PATIENCE_MS), "%s", names[i]);
        expect_walls(thread);
    }
    cr_expect_eq(get(port, "a.test", "/").status, 201, "and an honest request still works");
    cr_expect_eq(portico_stop(portico), 0);
}

/** That the tries above would be let without the walls. */
Test(sandbox, off_is_said_aloud_and_has_no_walls)
{
    int port = scene_port();
    struct process *portico;

    scene_needs_root();
    portico = portico_start("sandbox: off\n%s", answering(port, 201));
    cr_expect(portico_logs(portico, "warn sandbox_off"), "%s", transcript_copy(&portico->err));
    cr_expect(says(ask_status().all, "off: this process can do what its user can"), "%s", ask_status().all);
    expect_status(portico, "Seccomp", "0");
    intruder_enter(portico->pid);
    cr_expect_geq(opens(portico->pid, "/etc/shadow", O_RDONLY), 0);
    cr_expect_geq(opens(portico->pid, scene_path("new.yaml"), O_WRONLY | O_CREAT), 0);
    intruder_leave(portico->pid);
    cr_expect_eq(get(port, "a.test", "/").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- keys stay inside ---- */

static int count_cores(void)
{
    struct run run = sh("find . -name 'core*' | wc -l");

    return atoi(run.out);
}

static void abort_it(const char *key, int port)
{
    struct process *portico =
        portico_start_by("ulimit -c unlimited; exec", "%s%s", key, answering(port, 201));

    process_signal(portico, SIGABRT);
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 128 + SIGABRT);
}

Test(sandbox, there_is_no_core_dump)
{
    scene_needs_root();
    if (strncmp(file_read("/proc/sys/kernel/core_pattern"), "core", 4) != 0)
        cr_skip_test("this system has its core dumps elsewhere");
    abort_it("", scene_port());
    cr_expect_eq(count_cores(), 0);
    abort_it("sandbox: off\n", scene_port());
    cr_expect_eq(count_cores(), 1, "without the sandbox there is one");
}
