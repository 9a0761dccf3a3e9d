/* An upgrade costs nobody a request, whether it succeeds or not. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/ground.h"
#include "e2e/upgrades.h"

TestSuite(upgrades_under_load, .init = scene_open, .timeout = 240);

enum {
    UPGRADES = 8,
    UPGRADES_LONG = 25,
    EACH_MS = 1000,
    FAILS_EVERY = 5,
    SWAP_EVERY = 3,
    PIDS_MOST = UPGRADES_LONG + 1
};

/** All that served, in their order. */
struct line {
    pid_t pids[PIDS_MOST];
    int count;
};

/** A file that is wrong when the new process reads it: the old one serves on. */
static void fail(struct ground *ground, const struct line *line, int number)
{
    const enum variant_fault fault = (enum variant_fault)(number / FAILS_EVERY % FAULT_KINDS);
    struct run run;

    if (fault == FAULT_KEY_OF_ANOTHER && ground->issue == 0)
        ground_swap_certificate(ground);
    variant_write_wrong(&ground->terms, (uint64_t)number, fault);
    run = upgrade_run();
    cr_expect_eq(run.status, 1, "fault %d: %s", fault, run.all);
    cr_expect_eq(upgrade_pid(), line->pids[line->count - 1]);
}

static void upgrade(struct ground *ground, struct line *line, int number)
{
    if (number % FAILS_EVERY == 0) {
        fail(ground, line, number);
        return;
    }
    if (number % SWAP_EVERY == 0)
        ground_swap_certificate(ground);
    variant_write(&ground->terms, (uint64_t)number);
    line->pids[line->count++] = upgrade_do();
}

Test(upgrades_under_load, good_and_failing_cost_no_client_anything)
{
    const int upgrades = ground_is_long() ? UPGRADES_LONG : UPGRADES;
    struct ground ground = ground_make();
    struct mixed_load *load;
    struct line line = {.count = 1};

    ground.portico = upgrades_start("%s", file_read(scene_path("portico.yaml")));
    line.pids[0] = ground.portico->pid;
    load = ground_load(&ground, upgrades * EACH_MS, false);
    for (int number = 1; number <= upgrades; number++) {
        const int before = load->accounts[LOAD_UPLOAD].done;

        upgrade(&ground, &line, number);
        WAIT_FOR(load->accounts[LOAD_UPLOAD].done > before + 1,
                 PATIENCE_MS); /* clients come to the new one */
    }
    ground_end_load(load);
    ground_expect_resumption(load);
    for (int i = 0; i < line.count - 1; i++)
        cr_expect(WAIT_FOR(is_gone(line.pids[i]), PATIENCE_MS), "number %d of %d is still there", i + 1,
                  line.count);
    cr_expect_eq(exit_code_of(ground.portico), 0, "%s", transcript_copy(&ground.portico->err));
    cr_expect_eq(upgrade_pid(), line.pids[line.count - 1]);
    upgrade_end(line.pids[line.count - 1]);
}
