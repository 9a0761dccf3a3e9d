/* The old process's side, with real programs in the place of a new Portico, and a limit that fits into a test. */
#include "control/upgrade.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/launcher.h"
#include "net/loop.h"
#include "proxy/listen_set.h"
#include "tls/ticket_keys.h"

struct rig {
    struct loop *loop;
    struct upgrade *upgrade;
    struct upgrade_goods goods;
    struct listen_set *listens;
    unsigned failed, served;
    char reason[256];
};

static void on_served(void *owner, pid_t pid, const char *version, bool has_admin)
{
    struct rig *rig = owner;

    rig->served++;
}

static void on_failed(void *owner, const char *reason)
{
    struct rig *rig = owner;

    rig->failed++;
    snprintf(rig->reason, sizeof(rig->reason), "%s", reason);
}

static bool wants_reload(void *owner)
{
    return false;
}

static const struct upgrade_events EVENTS = {on_served, on_failed, wants_reload};

static struct rig *rig_new(const char *program, const char *script, uint64_t limit_ms)
{
    static struct rig rig;
    const char *const argv[] = {program, "-c", script, NULL};
    struct error error = {0};
    struct launcher *launcher = launcher_new(program, (char *const *)argv, &error);

    cr_assert_not_null(launcher, "%s", error.text);
    rig = (struct rig){.listens = listen_set_none(1)};
    rig.goods = (struct upgrade_goods){.listens = rig.listens, .keys = ticket_keys_new()};
    cr_assert_eq(loop_new(&rig.loop, &error), 0);
    rig.upgrade = upgrade_new(rig.loop, launcher, NULL, limit_ms, &EVENTS, &rig);
    return &rig;
}

static void rig_free(struct rig *rig)
{
    upgrade_free(rig->upgrade);
    loop_free(rig->loop);
    listen_set_close(rig->listens, NULL);
    ticket_keys_free(rig->goods.keys);
}

static void begin(struct rig *rig)
{
    struct error error = {0};

    cr_assert_eq(upgrade_begin(rig->upgrade, &rig->goods, &error), 0, "%s", error.text);
    cr_expect(upgrade_is_under_way(rig->upgrade));
}

static bool run_until_failed(struct rig *rig, unsigned failed)
{
    const uint64_t end_us = loop_now_us() + UINT64_C(8000000);

    while (rig->failed < failed && loop_now_us() < end_us) {
        loop_run_once(rig->loop);
        poll(NULL, 0, 1);
    }
    return rig->failed == failed && !upgrade_is_under_way(rig->upgrade);
}

static void expect_failure(const char *program, const char *script, const char *why)
{
    struct rig *rig = rig_new(program, script, 60000);

    for (unsigned i = 1; i <= 2; i++) { /* the second as the first */
        begin(rig);
        cr_expect(run_until_failed(rig, i), "%s", script);
        cr_expect_not_null(strstr(rig->reason, why), "%s", rig->reason);
    }
    cr_expect_eq(rig->served, 0);
    rig_free(rig);
}

Test(upgrade, of_a_program_that_ends_tells_its_exit_code)
{
    expect_failure("/bin/sh", "exit 7", "ended with exit code 7");
}

Test(upgrade, of_a_program_that_dies_tells_the_signal)
{
    expect_failure("/bin/sh", "kill -9 $$", "killed by signal 9");
}

Test(upgrade, of_a_program_that_is_not_there_says_so)
{
    expect_failure("/nowhere/portico", "", "/nowhere/portico cannot be executed: No such file");
}

/* What it started lives on, and has the channel still. */
Test(upgrade, of_a_program_that_leaves_another_behind_fails_with_it)
{
    expect_failure("/bin/sh", "sleep 9 & exit 3", "exit code 3");
}

Test(upgrade, of_a_program_that_hangs_is_given_up_and_killed)
{
    struct rig *rig;
    char path[] = "/tmp/portico-unit-XXXXXX", text[32] = "";
    const int fd = mkstemp(path);
    pid_t pid;

    cr_assert_geq(fd, 0);
    setenv("PID_FILE", path, 1); /* the launcher keeps what was there when it was forked */
    rig = rig_new("/bin/sh", "echo $$ >$PID_FILE; exec sleep 60", 2000);
    begin(rig);
    cr_expect(run_until_failed(rig, 1));
    cr_expect_not_null(strstr(rig->reason, "did not serve within 2 s"), "%s", rig->reason);
    cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
    pid = (pid_t)strtol(text, NULL, 10);
    for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
        poll(NULL, 0, 1);
    cr_expect_eq(kill(pid, 0), -1, "it is gone, and was buried");
    rig_free(rig);
    close(fd);
    unlink(path);
}

Test(upgrade, of_a_program_that_speaks_another_protocol_is_given_up)
{
    /* A hello of number 2; the channel's descriptor is the variable's. */
    expect_failure("/usr/bin/python3",
                   "import os, socket, struct\n"
                   "s = socket.socket(fileno=int(os.environ['PORTICO_TAKES_OVER']))\n"
                   "s.send(struct.pack('=III', 1, 2, 0) + b'9.9')\n"
                   "s.recv(100)\n",
                   "cannot take over from this version");
}

Test(upgrade, is_one_at_a_time)
{
    struct rig *rig = rig_new("/bin/sh", "exec sleep 60", 60000);
    struct error error = {0};

    begin(rig);
    cr_expect_eq(upgrade_begin(rig->upgrade, &rig->goods, &error), -1);
    cr_expect_not_null(strstr(error.text, "under way"), "%s", error.text);
    upgrade_cancel(rig->upgrade, "enough");
    cr_expect_eq(rig->failed, 1);
    cr_expect_str_eq(rig->reason, "enough");
    begin(rig);
    upgrade_cancel(rig->upgrade, "enough");
    cr_expect_eq(rig->failed, 2);
    rig_free(rig);
}

Test(upgrade, without_a_launcher_is_refused)
{
    struct loop *loop = NULL;
    struct error error = {0};
    struct upgrade *upgrade;
    const struct upgrade_goods goods = {0};

    cr_assert_eq(loop_new(&loop, &error), 0);
    upgrade = upgrade_new(loop, NULL, "there is none", 1000, &EVENTS, NULL);
    cr_expect_eq(upgrade_begin(upgrade, &goods, &error), -1);
    cr_expect_str_eq(error.text, "there is none");
    upgrade_free(upgrade);
    loop_free(loop);
}
