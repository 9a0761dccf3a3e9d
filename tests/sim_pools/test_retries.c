/* Who is tried when, and what comes of it: the table of `retry`. */
#include <errno.h>

#include "base/random.h"
#include "sim/seed.h"
#include "sim_pools/farm.h"

/* Each client would like 'a'; in which turn the others follow is left to chance where they are alike. */
static const struct row {
    const char *name, *moods, *stands; /* stands: 'u' up, 'd' down, 'e' ejected; NULL: all are up */
    unsigned tries, percent;
    const char *dialled; /* a '.' is any that was not tried before */
    enum fault fault;    /* NONE: it is connected */
    int error_number;
    uint64_t lasts_ms;
    const char *trail; /* NULL: not looked at */
} ROWS[] = {
    {"one that is up", "u", NULL, 2, 20, "a", FAULT_NONE, 0, 0, ""},
    {"one that refuses is tried once", "r", NULL, 2, 20, "a", FAULT_BACK_REFUSED, ECONNREFUSED, 0,
     "1: 10.0.0.1:1 0 ms a refuses"},
    {"one that hangs is waited for once", "h", NULL, 2, 20, "a", FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT,
     CONNECT_MS, "1: 10.0.0.1:1 5000 ms a hangs"},
    {"the second is up", "ru", NULL, 2, 20, "ab", FAULT_NONE, 0, 0, "1: 10.0.0.1:1 0 ms a refuses"},
    {"the first hangs", "hu", NULL, 2, 20, "ab", FAULT_NONE, 0, CONNECT_MS, "1: 10.0.0.1:1 5000 ms a hangs"},
    {"two refuse", "rr", NULL, 2, 20, "ab", FAULT_BACK_REFUSED, ECONNREFUSED, 0,
     "1: 10.0.0.1:1 0 ms a refuses; 2: 10.0.0.1:2 0 ms b refuses"},
    {"the last fault is told", "hr", NULL, 2, 20, "ab", FAULT_BACK_REFUSED, ECONNREFUSED, CONNECT_MS,
     "1: 10.0.0.1:1 5000 ms a hangs; 2: 10.0.0.1:2 0 ms b refuses"},
    {"the last fault is told, again", "rh", NULL, 2, 20, "ab", FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT,
     CONNECT_MS, "1: 10.0.0.1:1 0 ms a refuses; 2: 10.0.0.1:2 5000 ms b hangs"},
    {"two others", "rrr", NULL, 2, 20, "a..", FAULT_BACK_REFUSED, ECONNREFUSED, 0, NULL},
    {"no more than two others", "rrrrr", NULL, 2, 20, "a..", FAULT_BACK_REFUSED, ECONNREFUSED, 0, NULL},
    {"one other", "rrrrr", NULL, 1, 20, "a.", FAULT_BACK_REFUSED, ECONNREFUSED, 0, NULL},
    {"nobody else", "ruuuu", NULL, 0, 20, "a", FAULT_BACK_REFUSED, ECONNREFUSED, 0, NULL},
    {"no budget", "ruuuu", NULL, 2, 0, "a", FAULT_BACK_REFUSED, ECONNREFUSED, 0, NULL},
    {"all that there are, each once", "rrrrrrrrrrrr", NULL, 16, 20, "a...........", FAULT_BACK_REFUSED,
     ECONNREFUSED, 0, NULL},
    {"the one that is down comes last", "rrr", "udu", 2, 20, "acb", FAULT_BACK_REFUSED, ECONNREFUSED, 0,
     NULL},
    {"the one that is down is the last hope", "ruu", "udd", 2, 20, "ab", FAULT_NONE, 0, 0, NULL},
    {"who likes one that is down does not get it", "uuu", "ddu", 2, 20, "c", FAULT_NONE, 0, 0, NULL},
    {"who likes one that was ejected does not get it", "uuu", "edu", 2, 20, "c", FAULT_NONE, 0, 0, NULL},
    {"ejected goes before down", "uuu", "ded", 2, 20, "b", FAULT_NONE, 0, 0, NULL},
    {"all are down and used all the same", "rrr", "ddd", 2, 20, "a..", FAULT_BACK_REFUSED, ECONNREFUSED, 0,
     NULL},
};

static enum standing_state state_of(char letter)
{
    return letter == 'u' ? STANDING_UP : letter == 'd' ? STANDING_DOWN : STANDING_EJECTED;
}

static bool is_as_written(const struct row *row, const struct text *dialled)
{
    if (dialled->len != strlen(row->dialled))
        return false;
    for (size_t i = 0; i < dialled->len; i++) {
        bool is_new = slice_find(slice_head(text_slice(dialled), i), dialled->data[i]) < 0;

        if (!is_new || (row->dialled[i] != '.' && row->dialled[i] != dialled->data[i]))
            return false;
    }
    return true;
}

static void expect_end(const struct row *row, const struct client *client)
{
    const struct acquisition *a = &client->attempt;
    bool is_ready = row->fault == FAULT_NONE;

    cr_expect(is_as_written(row, &client->farm->dialled), "%s: %s", row->name, client->farm->dialled.data);
    cr_expect_eq(client->readies, is_ready, "%s", row->name);
    cr_expect_eq(client->fault, row->fault, "%s: %s", row->name, fault_row(client->fault)->token);
    cr_expect_eq(client->error_number, row->error_number, "%s: %d", row->name, client->error_number);
    cr_expect_eq(a->tries, strlen(row->dialled) - is_ready, "%s: %u", row->name, a->tries);
    cr_expect(client->told_ms >= row->lasts_ms && client->told_ms <= row->lasts_ms + WHEEL_TICK_MS,
              "%s: %llu ms", row->name, (unsigned long long)client->told_ms);
    if (row->trail)
        cr_expect(slice_eq(a->trail, slice_str(row->trail)), "%s: %.*s", row->name, FMT_SLICE(a->trail));
}

static void play(const struct row *row)
{
    const struct pool rules = {.retry = {.tries = row->tries, .budget_percent = row->percent}};
    struct farm *farm = farm_new(row->moods, &rules, 1);
    struct client *client;

    for (size_t i = 0; row->stands && row->stands[i]; i++)
        farm_stand(farm, (char)('a' + i), state_of(row->stands[i]));
    client = client_comes_to(farm, 0, "a");
    cr_expect(!client_is_told(client), "%s: from inside the call", row->name);
    farm_wait(farm, 20 * CONNECT_MS);
    expect_end(row, client);
    client_leaves(client);
    farm_free(farm);
}

Test(retries, go_as_the_table_says, .timeout = 60)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        play(&ROWS[i]);
}

Test(retries, trail_tells_the_first_five_and_counts_all)
{
    struct farm *farm = farm_new("rrrrrrrr", &(struct pool){.retry = {.tries = 16, .budget_percent = 20}}, 1);
    struct client *client = client_comes(farm, 0, true);

    farm_settle(farm);
    cr_assert_eq(client->attempt.tries, 8);
    cr_assert_not_null(memmem(client->attempt.trail.data, client->attempt.trail.len, "; 5: ", 5));
    cr_assert_null(memmem(client->attempt.trail.data, client->attempt.trail.len, "; 6: ", 5));
    client_leaves(client);
    farm_free(farm);
}

/* The old address hangs, and while it does the name gets another one. */
Test(retries, one_whose_address_moved_meanwhile_tries_the_new_one)
{
    struct farm *farm =
        farm_new("hu", &(struct pool){.retry = {.tries = 2, .budget_percent = 20}, .drain_ms = 60000}, 1);
    struct client *client;

    farm_renew(farm, "a");
    client = client_comes(farm, 0, true);
    farm_wait(farm, CONNECT_MS / 2);
    farm_renew(farm, "b");
    farm_wait(farm, CONNECT_MS);
    cr_assert_str_eq(farm->dialled.data, "ab");
    cr_assert_eq(client->readies, 1);
    client_leaves(client);
    farm_free(farm);
}

/* What was tried of the old roster says nothing about the new one. */
Test(retries, of_another_roster_all_may_be_tried)
{
    struct farm *farm =
        farm_new("hrru", &(struct pool){.retry = {.tries = 3, .budget_percent = 20}, .drain_ms = 60000}, 1);
    struct client *client;

    farm_renew(farm, "a");
    client = client_comes_to(farm, 0, "b");
    farm_settle(farm);
    farm_renew(farm, "db");
    farm_wait(farm, CONNECT_MS + WHEEL_TICK_MS);
    cr_assert_str_eq(farm->dialled.data, "abd");
    cr_assert_eq(client->readies, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(retries, every_third_failure_in_a_row_is_reported)
{
    struct farm *farm = farm_new("ru", &(struct pool){.outlier = {.connect_failures = 3}}, 1);
    const unsigned reports[] = {0, 0, 1, 1, 1, 2};

    for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
        struct client *client = client_comes_to(farm, 0, "a");

        farm_settle(farm);
        cr_expect_eq(farm_server(farm, 'a')->reports[OUTLIER_CONNECT], reports[i], "%zu", i);
        client_leaves(client);
    }
    farm_free(farm);
}

/* --- The budget */

enum { MANY = 100000, FLOOR = 100, MOST = 1000, A_SECOND = 10 };

/* So many come, so many of them in a millisecond. @return the connections that were begun beyond the first each */
static uint64_t retries_of(struct farm *farm, uint64_t requests, unsigned in_a_ms)
{
    size_t dialled = farm->dialled.len;

    for (uint64_t i = 0; i < requests; i++) {
        struct client *client = client_comes(farm, 0, true);

        while (!client_is_told(client))
            loop_run_once(farm->loop);
        client_leaves(client);
        if (in_a_ms && i % in_a_ms == 0)
            timer_wheel_advance(loop_timers(farm->loop), loop_now_ms(farm->loop) + 1);
    }
    farm_settle(farm);
    return farm->dialled.len - dialled - requests;
}

Test(retry_budget, of_a_burst_is_what_was_there_at_first_and_the_percentage, .timeout = 60)
{
    struct farm *farm = farm_new("rrr", &(struct pool){.retry = {.tries = 2, .budget_percent = 20}}, 1);

    cr_assert_eq(retries_of(farm, MANY, 0), FLOOR + MANY / 5);
    farm_free(farm);
}

Test(retry_budget, bounds_what_all_but_one_failing_makes, .timeout = 60)
{
    struct farm *farm = farm_new("rrrrrru", &(struct pool){.retry = {.tries = 6, .budget_percent = 20}}, 1);
    uint64_t retries = retries_of(farm, MANY, 10), ms = farm_age_ms(farm);

    cr_assert_leq(retries, FLOOR + MANY / 5 + ms * A_SECOND / 1000);
    cr_assert_geq(retries, MANY / 5, "what is allowed is used");
    farm_free(farm);
}

Test(retry_budget, of_few_requests_is_ten_a_second, .timeout = 60)
{
    struct farm *farm = farm_new("rrr", &(struct pool){.retry = {.tries = 2, .budget_percent = 1}}, 1);
    uint64_t retries, seconds = 100;

    retries_of(farm, FLOOR, 0);
    retries = 0;
    for (uint64_t i = 0; i < seconds; i++) {
        retries += retries_of(farm, 20, 0);
        farm_wait(farm, 1000);
    }
    cr_assert_geq(retries, (seconds - 1) * A_SECOND);
    cr_assert_leq(retries, seconds * (A_SECOND + 1) + FLOOR);
    farm_free(farm);
}

/* What was earned while all was well is kept up to a bound. */
Test(retry_budget, saves_up_no_more_than_a_thousand, .timeout = 60)
{
    struct farm *farm = farm_new("uu", &(struct pool){.retry = {.tries = 1, .budget_percent = 20}}, 1);
    uint64_t retries;

    retries_of(farm, MANY, 0);
    for (size_t i = 0; i < farm->pool.count; i++)
        farm->servers[i].mood = REFUSES;
    retries = retries_of(farm, 10000, 0);
    cr_assert_leq(retries, MOST + 10000 / 5);
    cr_assert_geq(retries, MOST + 10000 / 5 - 1);
    farm_free(farm);
}
