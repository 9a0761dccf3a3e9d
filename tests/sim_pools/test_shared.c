/* HTTP/2: requests share connections. How many are made, who waits for what, and what a server may say without harm. */
#include <errno.h>

#include "base/random.h"
#include "sim/seed.h"
#include "sim_pools/farm.h"

enum { CROWD = 120 };

static const struct pool RULES = {
    .retry = {.tries = 2, .budget_percent = 20},
    .outlier = {.connect_failures = 3, .eject_ms = 10000, .eject_max_ms = 60000},
    .drain_ms = 60000,
    .drain_tunnels_ms = 60000};

struct crowd {
    struct farm *farm;
    struct client *clients[500];
    size_t count;
};

static void crowd_comes(struct crowd *crowd, struct farm *farm, size_t count)
{
    crowd->farm = farm;
    for (size_t i = 0; i < count; i++)
        crowd->clients[crowd->count++] = client_comes(farm, 0, false);
    farm_settle(farm);
}

static size_t crowd_has(const struct crowd *crowd)
{
    size_t has = 0;

    for (size_t i = 0; i < crowd->count; i++)
        has += client_has_conn(crowd->clients[i]);
    return has;
}

/* Until nobody of them is there any more. */
static size_t crowd_is_served(struct crowd *crowd)
{
    size_t served = 0;

    for (size_t round = 0; round < crowd->count && crowd_has(crowd); round++) {
        for (size_t i = 0; i < crowd->count; i++) {
            if (client_has_conn(crowd->clients[i]) && !crowd->clients[i]->was_reset) {
                client_is_served(crowd->clients[i]);
                served++;
            }
        }
    }
    for (size_t i = 0; i < crowd->count; i++)
        client_leaves(crowd->clients[i]);
    crowd->count = 0;
    return served;
}

static struct client *settled(struct farm *farm)
{
    struct client *client = client_comes(farm, 0, false);

    farm_settle(farm);
    return client;
}

Test(shared, a_hundred_cold_requests_make_one_connection)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 100);
    cr_assert_eq(crowd_has(&crowd), 100);
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    cr_assert_eq(crowd_is_served(&crowd), 100);
    crowd_comes(&crowd, farm, 1);
    cr_assert(crowd.clients[0]->attempt.is_reused && crowd.clients[0]->attempt.is_shared);
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, second_connection_is_made_when_the_first_is_full)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 100);
    crowd_comes(&crowd, farm, 1);
    cr_assert_eq(crowd_has(&crowd), 101);
    cr_assert_eq(farm_server(farm, 'a')->dials, 2);
    cr_assert_not(crowd.clients[100]->attempt.is_reused);
    cr_assert_eq(crowd_is_served(&crowd), 101);
    farm_free(farm);
}

Test(shared, who_comes_while_a_connection_is_made_waits_for_it)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    farm_server(farm, 'a')->delay_ms = 1000;
    crowd_comes(&crowd, farm, 60);
    farm_wait(farm, 500);
    crowd_comes(&crowd, farm, 40);
    cr_assert_eq(crowd_has(&crowd), 0);
    farm_wait(farm, 600);
    cr_assert_eq(crowd_has(&crowd), 100);
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, room_is_waited_for_when_there_are_four)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 401);
    cr_assert_eq(crowd_has(&crowd), 400);
    cr_assert_eq(farm_server(farm, 'a')->dials, SHARED_CONNS_MAX);
    client_is_served(crowd.clients[7]);
    cr_assert(client_has_conn(crowd.clients[400]), "the first that ends makes room");
    cr_assert_eq(farm_server(farm, 'a')->dials, SHARED_CONNS_MAX);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, nobody_new_joins_a_connection_in_doubt)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 2);
    server_falls_silent(farm_server(farm, 'a'));
    crowd_comes(&crowd, farm, 2);
    cr_assert_eq(crowd_has(&crowd), 4);
    cr_assert_eq(farm_server(farm, 'a')->dials, 2, "another one is made");
    cr_assert_eq(crowd.clients[2]->attempt.shared_number, crowd.clients[3]->attempt.shared_number);
    cr_assert_neq(crowd.clients[0]->attempt.shared_number, crowd.clients[2]->attempt.shared_number);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, connections_in_doubt_count_for_nothing)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 400);
    server_falls_silent(farm_server(farm, 'a'));
    crowd_comes(&crowd, farm, 1);
    cr_assert_eq(crowd_has(&crowd), 401);
    cr_assert_eq(farm_server(farm, 'a')->dials, SHARED_CONNS_MAX + 1);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, who_waits_joins_a_connection_that_speaks_again)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 1);
    server_falls_silent(farm_server(farm, 'a'));
    farm_server(farm, 'a')->delay_ms = 1000;
    crowd_comes(&crowd, farm, 1);
    cr_assert_eq(crowd_has(&crowd), 1);
    server_speaks_again(farm_server(farm, 'a'));
    farm_settle(farm);
    cr_assert_eq(crowd_has(&crowd), 2);
    farm_wait(farm, 1100);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, who_waits_beside_a_connection_in_doubt_hears_that_no_other_can_be_made)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 1);
    server_falls_silent(farm_server(farm, 'a'));
    farm_server(farm, 'a')->mood = REFUSES;
    crowd_comes(&crowd, farm, 1);
    cr_assert_eq(crowd.clients[1]->fault, FAULT_BACK_REFUSED);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, room_that_does_not_come_in_time_is_told_of)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};
    struct client *last;

    crowd_comes(&crowd, farm, 401);
    last = crowd.clients[400];
    farm_wait(farm, CONNECT_MS + 2 * WHEEL_TICK_MS);
    cr_assert_eq(last->fault, FAULT_BACK_BUSY);
    cr_assert_str_eq(last->detail.data,
                     "h2c://10.0.0.1:1 takes no more requests on 4 connections (waited 5000 ms)");
    cr_assert_eq(farm_server(farm, 'a')->reports[OUTLIER_CONNECT], 0);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, limit_of_the_server_is_learned_and_kept)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    farm_server(farm, 'a')->streams_allowed = 3;
    crowd_comes(&crowd, farm, 100); /* ahead of its SETTINGS: 97 are refused */
    cr_assert_eq(crowd_has(&crowd), 12);
    cr_assert_eq(farm_server(farm, 'a')->dials, SHARED_CONNS_MAX);
    cr_assert_eq(crowd_is_served(&crowd), 100, "the others wait for room");
    cr_assert_eq(
        farm_server(farm, 'a')->reports[OUTLIER_CONNECT] + farm_server(farm, 'a')->reports[OUTLIER_RESET], 0);
    crowd_comes(&crowd, farm, 4);
    cr_assert_eq(crowd_has(&crowd), 4);
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, connection_that_fails_is_a_failure_of_all_who_wait_and_counts_once)
{
    struct farm *farm = farm_new("RU", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 20);
    cr_assert_eq(crowd_has(&crowd), 20);
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    cr_assert_eq(farm_server(farm, 'b')->dials, 1);
    cr_assert_eq(farm_server(farm, 'b')->streams, 20);
    cr_assert_eq(farm_server(farm, 'a')->reports[OUTLIER_CONNECT], 0, "three in a row are three connections");
    crowd_is_served(&crowd);
    farm_free(farm);
}

Test(shared, failure_is_told_in_its_own_words)
{
    struct farm *farm = farm_new("R", &RULES, 1);
    struct client *first = client_comes(farm, 0, false), *second = client_comes(farm, 0, false);

    farm_settle(farm);
    cr_assert(first->fault == FAULT_BACK_REFUSED && second->fault == FAULT_BACK_REFUSED);
    cr_assert(first->error_number == ECONNREFUSED && second->error_number == ECONNREFUSED);
    cr_assert_str_eq(second->detail.data, "a refuses");
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    client_leaves(first);
    client_leaves(second);
    farm_free(farm);
}

Test(shared, who_asked_first_may_leave_without_the_others)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *first, *second;

    farm_server(farm, 'a')->delay_ms = 1000;
    first = settled(farm);
    second = settled(farm);
    client_leaves(first);
    farm_wait(farm, 1100);
    cr_assert(client_has_conn(second));
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    client_is_served(second);
    client_leaves(second);
    farm_free(farm);
}

Test(shared, connection_that_nobody_waits_for_any_more_is_the_next_ones)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *client;

    farm_server(farm, 'a')->delay_ms = 1000;
    client_leaves(settled(farm));
    farm_wait(farm, 1100);
    client = settled(farm);
    cr_assert(client_has_conn(client));
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(shared, one_that_hangs_while_another_is_there_harms_nobody)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 100);
    farm_server(farm, 'a')->mood = REFUSES;
    crowd_comes(&crowd, farm, 5);
    cr_assert_eq(farm_server(farm, 'a')->dials, 2);
    cr_assert_eq(crowd_has(&crowd), 100);
    client_is_served(crowd.clients[0]);
    cr_assert_eq(crowd_has(&crowd), 100, "one of those who wait has its place");
    cr_assert_eq(farm_server(farm, 'a')->dials, 2, "no more is tried for a while");
    cr_assert_eq(crowd_is_served(&crowd), 104);
    farm_free(farm);
}

Test(shared, refused_request_is_sent_again_whatever_its_method)
{
    struct farm *farm = farm_new("UU", &RULES, 1);
    struct client *client = client_comes(farm, 0, false);
    struct server *first;

    client->is_post = true;
    farm_settle(farm);
    first = client_server(client);
    share_is_refused(client->attempt.end);
    farm_settle(farm);
    cr_assert(client_has_conn(client) && !client->was_reset);
    cr_assert_neq(client_server(client), first, "it had room: the other one may be better");
    cr_assert_eq(client->attempt.tries, 0);
    cr_assert_eq(first->reports[OUTLIER_RESET], 0);
    client_is_served(client);
    client_leaves(client);
    farm_free(farm);
}

Test(shared, request_is_refused_three_times_at_most)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *client = settled(farm);

    for (unsigned i = 0; i < RULES.retry.tries + 1; i++) {
        cr_assert(client_has_conn(client) && !client->was_reset, "after %u", i);
        share_is_refused(client->attempt.end);
        farm_settle(farm);
    }
    share_is_refused(client->attempt.end);
    farm_settle(farm);
    cr_assert(client->was_reset);
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    client_leaves(client);
    farm_free(farm);
}

Test(shared, server_that_leaves_loses_nothing)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 20);
    for (size_t i = 0; i < crowd.count; i++)
        crowd.clients[i]->is_post = true;
    server_goes_away(farm_server(farm, 'a'), 8);
    farm_settle(farm);
    cr_assert_eq(crowd_has(&crowd), 20);
    cr_assert_eq(farm_server(farm, 'a')->dials, 2, "12 of them on a new connection");
    crowd_comes(&crowd, farm, 1);
    cr_assert_eq(farm_server(farm, 'a')->dials, 2);
    cr_assert_eq(crowd_is_served(&crowd), 21);
    farm_settle(farm);
    cr_assert_eq(farm_server(farm, 'a')->open, 1, "the old one ended with its requests");
    farm_free(farm);
}

Test(shared, server_that_leaves_again_and_again_is_followed_as_often_as_tries_say)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *client = settled(farm);

    for (unsigned i = 0; i < RULES.retry.tries + 1; i++) {
        server_goes_away(farm_server(farm, 'a'), 0);
        farm_settle(farm);
        cr_assert(client_has_conn(client) && !client->was_reset, "after %u", i);
    }
    cr_assert_eq(farm_server(farm, 'a')->dials, 4);
    client_leaves(client);
    farm_free(farm);
}

Test(shared, connection_that_breaks_is_stale_for_what_is_idempotent)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *get, *post;

    get = settled(farm);
    client_is_served(get);
    client_leaves(get);
    get = settled(farm);
    post = settled(farm);
    post->is_post = true;
    cr_assert(get->attempt.is_reused);
    server_breaks(farm_server(farm, 'a'));
    farm_settle(farm);
    cr_assert(client_has_conn(get) && !get->was_reset);
    cr_assert(post->was_reset, "it may have been processed");
    cr_assert_not(get->attempt.is_reused);
    server_breaks(farm_server(farm, 'a'));
    farm_settle(farm);
    cr_assert(get->was_reset, "once only");
    client_leaves(get);
    client_leaves(post);
    farm_free(farm);
}

Test(shared, connection_that_breaks_counts_once)
{
    struct pool rules = RULES;
    struct farm *farm;
    struct crowd crowd = {0};

    rules.outlier.resets = 3;
    rules.retry.tries = 4;
    rules.retry.resets = true;
    farm = farm_new("U", &rules, 1);
    crowd_comes(&crowd, farm, 20);
    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(farm_server(farm, 'a')->reports[OUTLIER_RESET], 0, "after %u", i - 1);
        server_breaks(farm_server(farm, 'a'));
        farm_settle(farm);
    }
    crowd_is_served(&crowd);
    cr_assert_eq(farm_server(farm, 'a')->reports[OUTLIER_RESET], 1);
    farm_free(farm);
}

/* All four break, and none is used for a replay though three have not said so yet. */
Test(shared, replay_goes_to_a_connection_that_is_newer)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct crowd crowd = {0};

    crowd_comes(&crowd, farm, 400);
    crowd_is_served(&crowd);
    crowd_comes(&crowd, farm, 150);
    for (size_t i = 0; i < crowd.count; i++)
        cr_assert(crowd.clients[i]->attempt.is_reused);
    server_breaks(farm_server(farm, 'a'));
    farm_settle(farm);
    cr_assert_eq(crowd_is_served(&crowd), 150);
    farm_free(farm);
}

Test(shared, idle_connection_is_closed_after_30_seconds)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *client = settled(farm);

    farm_wait(farm, SHARED_CONNS_KEEP_MS * 2);
    cr_assert_eq(farm_server(farm, 'a')->open, 1, "it is not idle");
    client_is_served(client);
    client_leaves(client);
    farm_wait(farm, SHARED_CONNS_KEEP_MS - 1000);
    cr_assert_eq(farm_server(farm, 'a')->open, 1);
    farm_wait(farm, 1000 + 2 * WHEEL_TICK_MS);
    cr_assert_eq(farm_server(farm, 'a')->open, 0);
    farm_free(farm);
}

Test(shared, endpoint_that_left_the_pool_ends_what_it_has)
{
    struct farm *farm = farm_new("UU", &RULES, 1);
    struct client *first, *second;

    farm_renew(farm, "a");
    first = settled(farm);
    farm_renew(farm, "b");
    second = settled(farm);
    cr_assert(client_has_conn(first) && client_has_conn(second));
    cr_assert_eq(client_server(second)->letter, 'b');
    client_is_served(first);
    farm_settle(farm);
    cr_assert_eq(farm_server(farm, 'a')->open, 0);
    client_leaves(first);
    client_leaves(second);
    farm_free(farm);
}

Test(shared, office_that_closes_lets_requests_end)
{
    struct farm *farm = farm_new("U", &RULES, 1);
    struct client *client = settled(farm);

    back_office_close(farm->workers[0].back);
    farm_settle(farm);
    cr_assert(client_has_conn(client) && !client->was_reset);
    client_is_served(client);
    farm_settle(farm);
    cr_assert_eq(farm_server(farm, 'a')->open, 0);
    client_leaves(client);
    client = settled(farm); /* of a connection to us that goes on */
    client_is_served(client);
    farm_settle(farm);
    cr_assert_eq(farm_server(farm, 'a')->open, 0, "nothing is kept");
    client_leaves(client);
    farm_free(farm);
}

Test(shared, place_below_max_connections_is_a_requests)
{
    struct pool rules = RULES;
    struct farm *farm;
    struct client *first, *second, *third;

    rules.max_connections = 2;
    rules.queue_ms = 5000;
    farm = farm_new("U", &rules, 2);
    first = client_comes(farm, 0, false);
    second = client_comes(farm, 1, false);
    farm_settle(farm);
    third = settled(farm);
    cr_assert(client_has_conn(first) && client_has_conn(second) && !client_is_told(third));
    client_is_served(second);
    farm_settle(farm);
    cr_assert(client_has_conn(third), "another worker's request gave its place back");
    cr_assert_eq(atomic_load(&farm_server(farm, 'a')->standing->in_use), 2);
    client_leaves(first);
    client_leaves(second);
    client_leaves(third);
    farm_free(farm);
}

/* --- At random */

struct soak {
    struct random random;
    struct farm *farm;
    struct client *clients[CROWD];
};

static void soak_one(struct soak *soak, struct client **client)
{
    if (!*client) {
        *client = client_comes(soak->farm, 0, false);
        (*client)->is_post = random_below(&soak->random, 2);
        return;
    }
    if (client_has_conn(*client) && !(*client)->was_reset && random_below(&soak->random, 4)) {
        if (random_below(&soak->random, 8))
            client_is_served(*client);
        else
            share_is_refused((*client)->attempt.end);
        return;
    }
    client_leaves(*client);
    *client = NULL;
}

static void soak_server(struct soak *soak)
{
    struct server *server = &soak->farm->servers[random_below(&soak->random, 3)];

    server->mood = random_below(&soak->random, 4) ? ACCEPTS : (enum mood)random_below(&soak->random, 3);
    server->delay_ms = random_below(&soak->random, 2) * random_below(&soak->random, 3000);
    server->streams_allowed = 1 + random_below(&soak->random, 20);
    switch (random_below(&soak->random, 8)) {
    case 0:
        server_breaks(server);
        break;
    case 1:
    case 2:
        server_goes_away(server, random_below(&soak->random, 10));
        break;
    default:
        break;
    }
}

Test(shared, nobody_is_forgotten_at_random, .timeout = 120)
{
    uint64_t seed = seed_roll();

    for (unsigned run = 0; run < 30; run++) {
        struct soak soak = {.farm = farm_new("UUU", &RULES, 1)};

        soak.random = random_of(seed + run);
        for (unsigned i = 0; i < 1500; i++) {
            soak_one(&soak, &soak.clients[random_below(&soak.random, CROWD)]);
            if (random_below(&soak.random, 20) == 0)
                soak_server(&soak);
            if (random_below(&soak.random, 10) == 0)
                farm_wait(soak.farm, random_below(&soak.random, 2000));
            farm_settle(soak.farm);
            for (size_t s = 0; s < 3; s++)
                cr_assert_leq(soak.farm->servers[s].streams, CROWD, "seed %llu",
                              (unsigned long long)(seed + run));
        }
        farm_wait(soak.farm, 2 * CONNECT_MS * 3 + 1000);
        for (size_t i = 0; i < CROWD; i++) {
            struct client *client = soak.clients[i];

            cr_assert(!client || client_is_told(client), "seed %llu: %llu waits for ever",
                      (unsigned long long)(seed + run), (unsigned long long)client->number);
            if (client)
                client_leaves(client);
        }
        farm_free(soak.farm);
    }
}
