/* An upgrade whose processes are killed at any moment: afterwards one Portico serves. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/upgrades.h"

SUITE(upgrade_kills);

/** One that has not come to life yet: a script that waits for a file, and says who it is. */
static const char waiting[] =
    "echo $$ >pid.new && mv pid.new pid; until [ -e go ]; do sleep 0.01; done; exec $REAL \"$@\"";

struct play {
    struct backend *backend;
    int port;
    struct process *portico;
    pid_t launcher;
};

static struct play play_open(void)
{
    struct play play = {.backend = backend_saying("ok"), .port = scene_port()};

    play.portico =
        upgrades_start("routes: {\"http://a.test:%d\": %d}\nworkers: 2\n", play.port, play.backend->port);
    play.launcher = child_of(play.portico->pid);
    cr_assert_neq(play.launcher, 0);
    return play;
}

/** Begins an upgrade to one that waits. @return the new process */
static pid_t begin(struct play *play)
{
    upgrades_script(waiting);
    process_signal(play->portico, SIGUSR2);
    cr_assert(WAIT_FOR(strlen(file_read("pid")) > 1, PATIENCE_MS));
    return (pid_t)atoi(file_read("pid"));
}

/** On one connection: who listens may be gone before a second. */
static bool is_served(const struct play *play)
{
    struct wire *wire = wire_try(play->port);
    bool is;

    if (!wire)
        return false;
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is = answer_read(wire).status == 200;
    wire_close(wire);
    return is;
}

Test(upgrade_kills, of_the_old_one_leave_the_new_one_alone)
{
    struct play play = play_open();
    const pid_t pid = begin(&play);

    process_signal(play.portico, SIGKILL);
    scene_file("go", "%s", "");
    cr_expect(portico_logs(play.portico, "takeover_alone"), "%s", transcript_copy(&play.portico->err));
    cr_expect(WAIT_FOR(is_served(&play), PATIENCE_MS));
    cr_expect_eq(upgrade_pid(), pid, "at the same socket");
    upgrades_program();
    cr_expect_neq(upgrade_do(), pid, "and it can be upgraded");
    assert_honest(play.port, "a.test", "ok");
}

Test(upgrade_kills, of_the_new_one_leave_the_old_one_as_it_was)
{
    struct play play = play_open();

    cr_assert_eq(kill(begin(&play), SIGKILL), 0);
    cr_expect(portico_logs(play.portico, "upgrade_failed"));
    cr_expect(portico_logs(play.portico, "killed by signal 9"), "%s", transcript_copy(&play.portico->err));
    cr_expect_eq(upgrade_pid(), play.portico->pid);
    assert_honest(play.port, "a.test", "ok");
    upgrades_program();
    upgrade_do();
    assert_honest(play.port, "a.test", "ok");
}

Test(upgrade_kills, of_the_launcher_do_not_stop_what_is_under_way)
{
    struct play play = play_open();
    const pid_t pid = begin(&play);

    cr_assert_eq(kill(play.launcher, SIGKILL), 0);
    scene_file("go", "%s", "");
    cr_expect_eq(exit_code_of(play.portico), 0, "%s", transcript_copy(&play.portico->err));
    cr_expect_eq(upgrade_pid(), pid);
    assert_honest(play.port, "a.test", "ok");
}

Test(upgrade_kills, of_the_launcher_and_the_new_one_leave_the_old_one)
{
    struct play play = play_open();
    const pid_t pid = begin(&play);

    cr_assert_eq(kill(play.launcher, SIGKILL), 0);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_expect(portico_logs(play.portico, "upgrade_failed"));
    cr_expect_eq(upgrade_pid(), play.portico->pid);
    assert_honest(play.port, "a.test", "ok");
}

Test(upgrade_kills, of_the_launcher_have_upgrades_refused_and_nothing_else)
{
    struct play play = play_open();
    struct run run;

    cr_assert_eq(kill(play.launcher, SIGKILL), 0);
    cr_expect(WAIT_FOR(child_of(play.portico->pid) == 0, PATIENCE_MS), "it is buried");
    run = upgrade_run();
    cr_expect_eq(run.status, 1);
    cr_expect_not_null(strstr(run.all, "restart Portico instead"), "%s", run.all);
    process_signal(play.portico, SIGHUP);
    cr_expect(portico_logs(play.portico, "version=2"));
    assert_honest(play.port, "a.test", "ok");
    cr_expect_eq(portico_stop(play.portico), 0);
}

/* The launcher has no end of its own: it goes with its process, however that goes. */
Test(upgrade_kills, of_a_process_take_its_launcher_with_it)
{
    struct play play = play_open();

    process_signal(play.portico, SIGKILL);
    cr_expect(WAIT_FOR(is_gone(play.launcher), PATIENCE_MS));
}

/* ---- at any moment ---- */

/** Fewer, and further apart, where everything takes its time. */
static int moments(void)
{
    return scene_has_sanitizers() ? 8 : 24;
}

static int step_us(void)
{
    return scene_has_sanitizers() ? 9000 : 1500;
}

/** Who serves, told by the log: the last that was ready and is not gone. */
static bool is_settled(const struct play *play)
{
    return is_served(play) && upgrade_pid() != 0;
}

Test(upgrade_kills, of_the_old_one_at_any_moment_leave_one)
{
    for (int i = 0; i < moments(); i++) {
        struct play play = play_open();
        const int lost_at = i * step_us();

        process_signal(play.portico, SIGUSR2);
        usleep((useconds_t)lost_at);
        if (!is_gone(play.portico->pid))
            process_signal(play.portico, SIGKILL);
        /* Before it has told its launcher there is no new one to go on. */
        if (strstr(transcript_copy(&play.portico->err), "upgrade_begun"))
            cr_expect(WAIT_FOR(is_settled(&play), PATIENCE_MS), "killed after %d us: %s", lost_at,
                      transcript_copy(&play.portico->err));
        process_kill(play.portico);
    }
}

static int failures_of(const struct play *play)
{
    int count = 0;

    for (char *at = transcript_copy(&play->portico->err); (at = strstr(at, "upgrade_failed")); at++)
        count++;
    return count;
}

/** The new process, as soon as it is there; 0: the upgrade was over before. */
static pid_t begin_at_once(const struct play *play)
{
    pid_t pid = 0;

    process_signal(play->portico, SIGUSR2);
    WAIT_FOR(is_gone(play->portico->pid) || ((pid = child_of(play->launcher)) != 0 && !is_gone(pid)),
             PATIENCE_MS);
    return is_gone(play->portico->pid) ? 0 : pid;
}

/* The first ones wait before they do anything, so that they are surely killed in time; a later one may have served. */
Test(upgrade_kills, of_the_new_one_at_any_moment_before_it_serves_leave_the_old_one)
{
    enum { SURE = 3 };
    struct play play = play_open();
    int failures = 0;

    for (int i = 0; i < moments(); i++) {
        const int before = failures_of(&play);
        pid_t pid;

        unlink("pid");
        if (i == SURE)
            upgrades_program();
        pid = i < SURE ? begin(&play) : begin_at_once(&play);
        if (i >= SURE)
            usleep((useconds_t)((i - SURE) * step_us() / 2));
        if (pid == 0 || strstr(transcript_copy(&play.portico->err), " upgraded "))
            break;
        kill(pid, SIGKILL);
        cr_assert(WAIT_FOR(failures_of(&play) > before || is_gone(play.portico->pid), PATIENCE_MS), "%s",
                  transcript_copy(&play.portico->err));
        if (failures_of(&play) == before)
            break; /* it had just been told that it serves alone */
        cr_assert(is_settled(&play), "%s", transcript_copy(&play.portico->err));
        cr_assert_eq(upgrade_pid(), play.portico->pid);
        failures++;
    }
    cr_expect_geq(failures, SURE);
}
