/* Waiting for a backend to come back, in the order of arrival; and for names to be looked up. */
#include <errno.h>

#include "base/mem.h"
#include "sim_pools/farm.h"

enum { HOLD_MS = 10000, TICK_MS = 100 };

static const struct pool HOLD = {
    .retry = {.tries = 2, .budget_percent = 20}, .hold_ms = HOLD_MS, .drain_ms = 60000};

/* Clients that came one by one. */
struct crowd {
    struct client **clients;
    size_t count;
};

static struct crowd crowd_comes(struct farm *farm, size_t count, uint64_t apart_ms)
{
    struct crowd crowd = {mem_new_n(struct client *, count), count};

    for (size_t i = 0; i < count; i++) {
        crowd.clients[i] = client_comes(farm, 0, true);
        farm_wait(farm, apart_ms);
    }
    return crowd;
}

static size_t crowd_has_conns(const struct crowd *crowd)
{
    size_t count = 0;

    for (size_t i = 0; i < crowd->count; i++)
        count += client_has_conn(crowd->clients[i]);
    return count;
}

static void crowd_leaves(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        client_leaves(crowd->clients[i]);
    mem_free(crowd->clients);
}

/* The numbers in the order in which they got connections, from the first on. */
static void expect_in_order(const struct farm *farm, size_t count)
{
    struct text wanted = {0};

    for (size_t i = 1; i <= count; i++)
        text_printf(&wanted, "%zu ", i);
    cr_expect_str_eq(farm->readied.data ? farm->readied.data : "", wanted.data, "%s", farm->readied.data);
    text_fini(&wanted);
}

Test(hold, one_that_comes_back_is_found)
{
    struct farm *farm = farm_new("r", &HOLD, 1);
    struct client *client = client_comes(farm, 0, true);

    server_accepts_at(farm_server(farm, 'a'), 5000);
    farm_wait(farm, 5000 - 2 * TICK_MS);
    cr_assert(!client_is_told(client));
    farm_wait(farm, 4 * TICK_MS);
    cr_assert_eq(client->readies, 1);
    cr_assert_leq(client->told_ms, 5000 + TICK_MS + 2 * WHEEL_TICK_MS);
    client_leaves(client);
    farm_free(farm);
}

Test(hold, everyone_goes_in_the_order_of_arrival)
{
    struct farm *farm = farm_new("rrr", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, 300, 0);

    server_accepts_at(farm_server(farm, 'a'), 3000);
    server_accepts_at(farm_server(farm, 'b'), 3000);
    server_accepts_at(farm_server(farm, 'c'), 3000);
    farm_wait(farm, 3000 + 2 * TICK_MS);
    cr_assert_eq(crowd_has_conns(&crowd), 300);
    expect_in_order(farm, 300);
    crowd_leaves(&crowd);
    farm_free(farm);
}

/* Who comes while others wait goes behind them, though a server would take it. */
Test(hold, nobody_overtakes)
{
    struct farm *farm = farm_new("r", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, 5, 0);
    struct client *late;

    farm_wait(farm, TICK_MS / 2);
    farm_server(farm, 'a')->mood = ACCEPTS;
    late = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert(!client_is_told(late));
    farm_wait(farm, TICK_MS);
    expect_in_order(farm, 6);
    client_leaves(late);
    crowd_leaves(&crowd);
    farm_free(farm);
}

/* One that is let go in vain is as long in the queue as before. */
Test(hold, expires_to_the_tick)
{
    struct farm *farm = farm_new("rr", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, 7, 400);

    farm_wait(farm, HOLD_MS);
    for (size_t i = 0; i < crowd.count; i++) {
        const struct client *client = crowd.clients[i];
        uint64_t due_ms = 400 * i + HOLD_MS;

        cr_expect_eq(client->faileds, 1);
        cr_expect_eq(client->fault, FAULT_BACK_HELD);
        cr_expect(client->told_ms >= due_ms && client->told_ms <= due_ms + WHEEL_TICK_MS,
                  "%zu: %llu, not %llu", i, (unsigned long long)client->told_ms, (unsigned long long)due_ms);
    }
    cr_expect_eq(strncmp(crowd.clients[0]->detail.data,
                         "waited in vain for a backend to come back (hold: 10000 ms); last: ", 66),
                 0, "%s", crowd.clients[0]->detail.data);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, each_time_that_one_goes_it_may_try_as_many_as_at_first)
{
    struct farm *farm =
        farm_new("rr", &(struct pool){.hold_ms = HOLD_MS, .retry = {.tries = 1, .budget_percent = 20}}, 1);
    struct client *client = client_comes(farm, 0, true);

    farm_wait(farm, 10 * TICK_MS + TICK_MS / 2);
    cr_assert_eq(farm_server(farm, 'a')->dials, farm_server(farm, 'b')->dials);
    cr_assert_geq(farm_server(farm, 'a')->dials, 9);
    client_leaves(client);
    farm_free(farm);
}

Test(hold, no_more_than_a_thousand_wait)
{
    struct farm *farm = farm_new("r", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, DESK_WAITING_MAX, 0);
    struct client *refused = client_comes(farm, 0, true);

    farm_settle(farm);
    cr_assert_eq(refused->faileds, 1);
    cr_assert_eq(refused->fault, FAULT_BACK_HELD);
    cr_assert_str_eq(refused->detail.data, "too many wait for a backend to come back (hold: 10000 ms)");
    client_leaves(refused);
    client_leaves(crowd.clients[--crowd.count]);
    refused = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert(!client_is_told(refused), "there is room for one again");
    client_leaves(refused);
    farm_server(farm, 'a')->mood = ACCEPTS;
    farm_wait(farm, 2 * TICK_MS);
    cr_assert_eq(crowd_has_conns(&crowd), crowd.count);
    expect_in_order(farm, crowd.count);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, who_leaves_while_waiting_keeps_nobody)
{
    struct farm *farm = farm_new("r", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, 6, 0);

    client_leaves(crowd.clients[0]); /* the first, which tries */
    client_leaves(crowd.clients[3]);
    crowd.clients[0] = crowd.clients[4];
    crowd.clients[3] = crowd.clients[5];
    crowd.count = 4;
    farm_server(farm, 'a')->mood = ACCEPTS;
    farm_wait(farm, TICK_MS + WHEEL_TICK_MS);
    cr_assert_str_eq(farm->readied.data, "2 3 5 6 ");
    crowd_leaves(&crowd);
    farm_free(farm);
}

/* The one that tries holds up the others until it is known what comes of it; it must not matter that it goes. */
Test(hold, who_leaves_while_trying_keeps_nobody)
{
    struct farm *farm = farm_new("h", &HOLD, 1);
    struct crowd crowd = crowd_comes(farm, 3, 0);

    farm_wait(farm, CONNECT_MS + TICK_MS / 2); /* all failed, and the first tries again */
    cr_assert_eq(farm_desk(farm, 0)->on_trial, 1);
    farm_server(farm, 'a')->mood = ACCEPTS;
    client_leaves(crowd.clients[0]);
    crowd.clients[0] = crowd.clients[--crowd.count];
    farm_settle(farm);
    cr_assert_eq(crowd_has_conns(&crowd), 2);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, while_all_are_down_nobody_is_asked_but_by_the_first)
{
    struct farm *farm = farm_new("u", &HOLD, 1);
    struct crowd crowd;

    farm_stand(farm, 'a', STANDING_DOWN);
    crowd = crowd_comes(farm, 5, 0);
    cr_assert_eq(farm->dialled.len, 0, "it is down");
    farm_wait(farm, TICK_MS + WHEEL_TICK_MS);
    cr_assert_gt(farm->dialled.len, 0, "a check may be wrong");
    cr_assert_eq(crowd_has_conns(&crowd), 5);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, a_standing_that_goes_up_wakes_at_once)
{
    struct farm *farm = farm_new("r", &HOLD, 1);
    struct crowd crowd;

    farm_stand(farm, 'a', STANDING_DOWN);
    crowd = crowd_comes(farm, 50, 0);
    farm_server(farm, 'a')->mood = ACCEPTS;
    farm_stand(farm, 'a', STANDING_UP);
    farm_settle(farm);
    cr_assert_eq(crowd_has_conns(&crowd), 50, "%zu", crowd_has_conns(&crowd));
    cr_assert_eq(farm_age_ms(farm), 0);
    expect_in_order(farm, 50);
    crowd_leaves(&crowd);
    farm_free(farm);
}

/* Half of the trials meet the server that hangs. The others get through, and not one by one. */
Test(hold, a_trial_that_hangs_does_not_block_the_others)
{
    struct farm *farm = farm_new("hr", &(struct pool){.hold_ms = 60000, .drain_ms = 60000}, 1);
    struct crowd crowd = crowd_comes(farm, 400, 0);

    farm_wait(farm, CONNECT_MS + TICK_MS);
    farm_server(farm, 'b')->mood = ACCEPTS;
    farm_wait(farm, 2000);
    cr_assert_geq(crowd_has_conns(&crowd), 150, "%zu", crowd_has_conns(&crowd));
    farm_wait(farm, 10 * CONNECT_MS);
    cr_assert_eq(crowd_has_conns(&crowd), 400, "%zu", crowd_has_conns(&crowd));
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, another_roster_is_tried_at_once)
{
    struct farm *farm = farm_new("ru", &HOLD, 1);
    struct crowd crowd;

    farm_renew(farm, "a");
    crowd = crowd_comes(farm, 20, 0);
    cr_assert_eq(crowd_has_conns(&crowd), 0);
    farm_renew(farm, "b");
    farm_settle(farm);
    cr_assert_eq(crowd_has_conns(&crowd), 20);
    expect_in_order(farm, 20);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(hold, waits_for_a_name_that_has_no_address_any_more)
{
    struct farm *farm = farm_new("u", &HOLD, 1);
    struct crowd crowd;

    farm_renew(farm, "");
    crowd = crowd_comes(farm, 20, 0);
    farm_wait(farm, 5000);
    cr_assert_eq(crowd_has_conns(&crowd), 0);
    farm_renew(farm, "a");
    farm_settle(farm);
    cr_assert_eq(crowd_has_conns(&crowd), 20);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(names, without_hold_nobody_waits_for_one_that_has_no_address)
{
    struct farm *farm = farm_new("u", &(struct pool){.retry = {.tries = 2}}, 1);
    struct client *client;

    farm_renew(farm, "");
    client = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert_eq(client->fault, FAULT_BACK_UNRESOLVED);
    client_leaves(client);
    farm_free(farm);
}

Test(names, that_are_not_looked_up_yet_are_waited_for)
{
    struct farm *farm = farm_new("u", &(struct pool){.retry = {.tries = 2}}, 1);
    struct crowd crowd;

    farm_renew(farm, "");
    farm->roster->is_settled = false;
    crowd = crowd_comes(farm, 30, 10);
    farm_renew(farm, "a");
    farm_settle(farm);
    cr_assert_eq(crowd_has_conns(&crowd), 30);
    expect_in_order(farm, 30);
    crowd_leaves(&crowd);
    farm_free(farm);
}

Test(names, that_do_not_come_are_waited_for_as_long_as_a_connection)
{
    struct farm *farm =
        farm_new("u", &(struct pool){.retry = {.tries = 2}, .max_connections = 1, .queue_ms = 100}, 1);
    struct client *first, *second;

    farm_renew(farm, "");
    farm->roster->is_settled = false;
    first = client_comes(farm, 0, true);
    second = client_comes(farm, 0, true);
    farm_wait(farm, CONNECT_MS - 2 * WHEEL_TICK_MS);
    cr_assert(!client_is_told(first) && !client_is_told(second));
    farm_wait(farm, 4 * WHEEL_TICK_MS);
    cr_assert_eq(first->fault, FAULT_BACK_UNRESOLVED);
    cr_assert_eq(second->fault, FAULT_BACK_UNRESOLVED, "it waited for the same: %s", second->detail.data);
    client_leaves(first);
    client_leaves(second);
    farm_free(farm);
}

/* hold is for the one, queue for the other. */
Test(hold, who_waits_behind_others_waits_for_the_same_as_they)
{
    struct farm *farm = farm_new(
        "r", &(struct pool){.hold_ms = HOLD_MS, .max_connections = 10, .queue_ms = 0, .drain_ms = 60000}, 1);
    struct crowd crowd = crowd_comes(farm, 5, 0);

    farm_wait(farm, 1000);
    farm_server(farm, 'a')->mood = ACCEPTS;
    farm_wait(farm, 2 * TICK_MS);
    cr_assert_eq(crowd_has_conns(&crowd), 5, "%s", crowd.clients[4]->detail.data);
    crowd_leaves(&crowd);
    farm_free(farm);
}

/* It comes back, and takes some of those that waited; the time in the queue begins with that. */
Test(hold, who_was_held_may_wait_for_a_place_as_well)
{
    struct farm *farm = farm_new(
        "r", &(struct pool){.hold_ms = HOLD_MS, .max_connections = 2, .queue_ms = 1000, .drain_ms = 60000},
        1);
    struct crowd crowd = crowd_comes(farm, 3, 0);

    farm_wait(farm, 5000);
    farm_server(farm, 'a')->mood = ACCEPTS;
    farm_wait(farm, 2 * TICK_MS);
    cr_assert_eq(crowd_has_conns(&crowd), 2);
    cr_assert(!client_is_told(crowd.clients[2]), "%s", crowd.clients[2]->detail.data);
    farm_wait(farm, 1000);
    cr_assert_eq(crowd.clients[2]->fault, FAULT_BACK_BUSY);
    crowd_leaves(&crowd);
    farm_free(farm);
}
