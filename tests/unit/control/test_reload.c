#include <criterion/criterion.h>
#include <stdio.h>

#include "control/reload.h"

/** Who asks, and what came of it. */
struct asker {
    struct reload reload;
    unsigned told;
    enum reload_result result;
    char text[64];
};

static void on_done(struct reload *reload, const struct reload_outcome *outcome)
{
    struct asker *asker = CONTAINER_OF(reload, struct asker, reload);

    asker->told++;
    asker->result = outcome->result;
    snprintf(asker->text, sizeof(asker->text), "%llu %.*s", (unsigned long long)outcome->version,
             (int)outcome->reason.len, outcome->reason.len ? outcome->reason.data : "");
}

static void ask(struct reloads *reloads, struct asker *asker, bool is_dry)
{
    *asker = (struct asker){.reload = {.is_dry = is_dry, .done = on_done}};
    reloads_ask(reloads, &asker->reload);
}

Test(reload, those_that_wait_come_in_order)
{
    struct reloads reloads;
    struct asker one, two;

    reloads_init(&reloads);
    cr_expect_not(reloads_next(&reloads));
    ask(&reloads, &one, false);
    ask(&reloads, &two, true);
    cr_assert(reloads_next(&reloads));
    cr_expect_not(reloads.is_dry);
    reloads_end(&reloads, RELOAD_APPLIED, 2, NULL);
    cr_expect_eq(one.told, 1);
    cr_expect_eq(two.told, 0);
    cr_assert(reloads_next(&reloads));
    cr_expect(reloads.is_dry);
    reloads_end(&reloads, RELOAD_LOOKED_AT, 2, NULL);
    cr_expect_eq(two.told, 1);
    cr_expect_eq(two.result, RELOAD_LOOKED_AT);
    cr_expect_not(reloads_next(&reloads));
    reloads_fini(&reloads);
}

Test(reload, signals_that_come_together_are_one_and_go_before)
{
    struct reloads reloads;
    struct asker asker;

    reloads_init(&reloads);
    ask(&reloads, &asker, false);
    reloads.is_signalled = true;
    reloads.is_signalled = true;
    cr_assert(reloads_next(&reloads));
    reloads_end(&reloads, RELOAD_APPLIED, 2, NULL);
    cr_expect_eq(asker.told, 0, "that one was the signal's");
    cr_assert(reloads_next(&reloads));
    reloads_end(&reloads, RELOAD_APPLIED, 3, NULL);
    cr_expect_str_eq(asker.text, "3 ");
    cr_expect_not(reloads_next(&reloads));
    reloads_fini(&reloads);
}

Test(reload, one_that_went_away_is_not_told)
{
    struct reloads reloads;
    struct asker begun, waits;

    reloads_init(&reloads);
    ask(&reloads, &begun, false);
    ask(&reloads, &waits, false);
    cr_assert(reloads_next(&reloads));
    reloads_forget(&reloads, &begun.reload);
    reloads_forget(&reloads, &waits.reload);
    reloads_end(&reloads, RELOAD_APPLIED, 2, NULL);
    cr_expect_eq(begun.told, 0);
    cr_expect_not(reloads_next(&reloads), "and who waited is not begun");
    reloads_fini(&reloads);
}

Test(reload, the_last_refusal_is_remembered_until_one_is_applied)
{
    struct reloads reloads;
    struct asker asker;

    reloads_init(&reloads);
    ask(&reloads, &asker, false);
    cr_assert(reloads_next(&reloads));
    text_add_literal(&reloads.said, "t.yaml:1:1: error: no\n");
    reloads_end(&reloads, RELOAD_REFUSED, 1, "it has errors");
    cr_expect_str_eq(asker.text, "1 it has errors");
    cr_expect_str_eq(reloads.refusal.data, "it has errors\nt.yaml:1:1: error: no\n");
    ask(&reloads, &asker, true);
    cr_assert(reloads_next(&reloads));
    reloads_end(&reloads, RELOAD_LOOKED_AT, 1, NULL);
    cr_expect_gt(reloads.refusal.len, 0, "a dry run is no reload");
    reloads.is_signalled = true;
    cr_assert(reloads_next(&reloads));
    cr_expect_eq(reloads.said.len, 0);
    reloads_end(&reloads, RELOAD_APPLIED, 2, NULL);
    cr_expect_eq(reloads.refusal.len, 0);
    cr_expect_gt(reloads.last_at, 0);
    reloads_fini(&reloads);
}
