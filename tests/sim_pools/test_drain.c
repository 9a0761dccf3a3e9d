/* Endpoints that leave the pool: what goes on there may end, within the limits of requests and of tunnels. */
#include "sim_pools/farm.h"

enum { DRAIN_MS = 2000, DRAIN_TUNNELS_MS = 6000 };

static const struct pool RULES = {
    .retry = {.tries = 2, .budget_percent = 20}, .drain_ms = DRAIN_MS, .drain_tunnels_ms = DRAIN_TUNNELS_MS};

static struct client *comes_and_stays(struct farm *farm)
{
    struct client *client = client_comes_to(farm, 0, "a");

    farm_settle(farm);
    cr_assert(client_has_conn(client));
    return client;
}

static void expect_told(const struct client *client, unsigned of_requests, unsigned of_tunnels)
{
    cr_expect_eq(client->out_requests, of_requests, "%u", client->out_requests);
    cr_expect_eq(client->out_tunnels, of_tunnels, "%u", client->out_tunnels);
}

Test(drain, requests_and_tunnels_have_a_time_each)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *client = comes_and_stays(farm);

    farm_renew(farm, "b");
    farm_wait(farm, DRAIN_MS - 2 * WHEEL_TICK_MS);
    expect_told(client, 0, 0);
    farm_wait(farm, 3 * WHEEL_TICK_MS);
    expect_told(client, 1, 0);
    farm_wait(farm, DRAIN_TUNNELS_MS - DRAIN_MS - 2 * WHEEL_TICK_MS);
    expect_told(client, 1, 0);
    farm_wait(farm, 3 * WHEEL_TICK_MS);
    expect_told(client, 1, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(drain, tunnels_may_have_less_time_than_requests)
{
    struct pool rules = RULES;
    struct client *client;
    struct farm *farm;

    rules.drain_ms = TIMER_NEVER;
    farm = farm_new("uu", &rules, 1);
    client = comes_and_stays(farm);
    farm_renew(farm, "b");
    farm_wait(farm, 10 * DRAIN_TUNNELS_MS);
    expect_told(client, 0, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(drain, who_leaves_from_inside_takes_nobody_along)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *clients[6];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = comes_and_stays(farm);
        clients[i]->goes_when_taken_out = true;
    }
    farm_renew(farm, "b");
    farm_wait(farm, DRAIN_TUNNELS_MS + WHEEL_TICK_MS);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        expect_told(clients[i], 1, 1);
        cr_expect(!client_has_conn(clients[i]));
        client_leaves(clients[i]);
    }
    farm_free(farm);
}

Test(drain, one_that_comes_back_in_time_keeps_its_requests)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *client = comes_and_stays(farm);

    farm_renew(farm, "b");
    farm_wait(farm, DRAIN_MS / 2);
    farm_renew(farm, "ab");
    farm_wait(farm, 2 * DRAIN_TUNNELS_MS);
    expect_told(client, 0, 0);
    farm_renew(farm, "b");
    farm_wait(farm, DRAIN_MS + WHEEL_TICK_MS);
    expect_told(client, 1, 0);
    client_leaves(client);
    farm_free(farm);
}

Test(drain, is_not_put_off_by_other_rosters)
{
    struct farm *farm = farm_new("uuu", &RULES, 1);
    struct client *client = comes_and_stays(farm);

    farm_renew(farm, "bc");
    for (size_t i = 0; i < 2 * DRAIN_MS / 100; i++) {
        farm_renew(farm, i % 2 ? "bc" : "b");
        farm_wait(farm, 100);
    }
    expect_told(client, 1, 0);
    client_leaves(client);
    farm_free(farm);
}

/* The time is over, but its timer's tick is still to come. */
Test(drain, another_roster_at_the_last_moment_does_not_call_it_off)
{
    struct farm *farm = farm_new("uuu", &RULES, 1);
    struct client *client;

    farm_wait(farm, WHEEL_TICK_MS / 2);
    client = comes_and_stays(farm);
    farm_renew(farm, "bc");
    timer_wheel_advance(loop_timers(farm->loop), loop_now_ms(farm->loop) + DRAIN_MS);
    farm_renew(farm, "b");
    farm_wait(farm, 2 * WHEEL_TICK_MS);
    expect_told(client, 1, 0);
    client_leaves(client);
    farm_free(farm);
}

/* Its connection is made when all the time is over. */
Test(drain, who_is_connected_later_is_told_all_the_same)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *client;

    farm_server(farm, 'a')->delay_ms = DRAIN_TUNNELS_MS + 1000;
    client = client_comes_to(farm, 0, "a");
    farm_settle(farm);
    farm_renew(farm, "b");
    farm_wait(farm, DRAIN_TUNNELS_MS + 1000 + 2 * WHEEL_TICK_MS);
    cr_assert_eq(client->readies, 1);
    expect_told(client, 1, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(drain, idle_connections_go_at_once_and_none_is_kept_there)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *idle, *client;

    farm_renew(farm, "a");
    idle = client_comes(farm, 0, false);
    client = client_comes(farm, 0, false);
    farm_settle(farm);
    client_is_served(idle);
    cr_assert_eq(back_office_idle(farm->workers[0].back), 1);
    farm_renew(farm, "b");
    cr_assert_eq(back_office_idle(farm->workers[0].back), 0);
    client_is_served(client);
    cr_assert_eq(back_office_idle(farm->workers[0].back), 0);
    client_leaves(idle);
    client_leaves(client);
    farm_free(farm);
}

/* A reload: the desk goes on until its requests have ended, and drains what its successor has not. */
Test(drain, of_a_desk_is_of_what_its_successor_has_not)
{
    struct farm *farm = farm_new("uu", &RULES, 1);
    struct client *stays, *goes = comes_and_stays(farm);
    struct roster *before;

    stays = client_comes_to(farm, 0, "b");
    farm_settle(farm);
    before = farm->roster;
    roster_ref(before);
    farm_renew(farm, "b");
    desk_retire(farm_desk(farm, 0), &(struct succession){.roster = farm->roster});
    farm_wait(farm, DRAIN_MS + WHEEL_TICK_MS);
    expect_told(goes, 1, 0);
    expect_told(stays, 0, 0);
    desk_retire(farm_desk(farm, 0), &(struct succession){.roster = NULL});
    farm_wait(farm, DRAIN_MS + WHEEL_TICK_MS);
    expect_told(stays, 1, 0);
    client_leaves(stays);
    client_leaves(goes);
    roster_unref(before);
    farm_free(farm);
}
