/* max_connections and queue: two workers, one roster. What never happens is counted at the servers, from the first SYN
 * of a connection to its close. */
#include "base/random.h"
#include "sim/seed.h"
#include "sim_pools/farm.h"

enum { QUEUE_MS = 5000 };

static struct pool limited(uint64_t max)
{
    return (struct pool){.retry = {.tries = 2, .budget_percent = 20},
                         .max_connections = max,
                         .queue_ms = QUEUE_MS,
                         .drain_ms = 60000,
                         .drain_tunnels_ms = 60000};
}

static struct farm *farm_of_two(const char *moods, uint64_t max)
{
    const struct pool rules = limited(max);

    return farm_new(moods, &rules, 2);
}

static uint32_t in_use(struct farm *farm, char letter)
{
    return atomic_load(&farm_server(farm, letter)->standing->in_use);
}

Test(places, are_as_many_as_were_written)
{
    struct farm *farm = farm_of_two("uu", 3);
    struct client *clients[7];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = client_comes(farm, i % 2, true);
    farm_settle(farm);
    cr_assert_eq(in_use(farm, 'a') + in_use(farm, 'b'), 6);
    cr_assert(!client_is_told(clients[6]));
    client_leaves(clients[0]);
    farm_settle(farm);
    cr_assert(client_has_conn(clients[6]), "the place that was given back wakes it at once");
    for (size_t i = 1; i < ARRAY_LEN(clients); i++)
        client_leaves(clients[i]);
    cr_assert_eq(farm_server(farm, 'a')->most, 3);
    cr_assert_eq(farm_server(farm, 'b')->most, 3);
    farm_free(farm);
}

Test(places, of_another_worker_are_waited_for)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *first = client_comes(farm, 0, true), *second = client_comes(farm, 1, true);

    farm_settle(farm);
    cr_assert(client_has_conn(first) && !client_is_told(second));
    client_leaves(first);
    farm_settle(farm);
    cr_assert(client_has_conn(second));
    client_leaves(second);
    farm_free(farm);
}

Test(places, go_first_come_first_served)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *clients[20];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_comes(farm, 0, true);
        farm_settle(farm);
    }
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        cr_assert(client_has_conn(clients[i]), "%zu", i);
        cr_assert_eq(in_use(farm, 'a'), 1);
        client_leaves(clients[i]);
        farm_settle(farm);
    }
    farm_free(farm);
}

/* One worker's clients must not starve the other's. */
Test(places, go_round_the_workers)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *first = client_comes(farm, 0, true), *here[10], *there;

    for (size_t i = 0; i < ARRAY_LEN(here); i++)
        here[i] = client_comes(farm, 0, true);
    there = client_comes(farm, 1, true);
    farm_settle(farm);
    client_leaves(first);
    farm_settle(farm);
    cr_assert(client_has_conn(here[0]));
    client_leaves(here[0]);
    farm_settle(farm);
    cr_assert(client_has_conn(there));
    client_leaves(there);
    for (size_t i = 1; i < ARRAY_LEN(here); i++)
        client_leaves(here[i]);
    farm_free(farm);
}

/* The worker that is woken has nobody left who waits. */
Test(places, that_nobody_wants_here_are_offered_elsewhere)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *first = client_comes(farm, 0, true), *here = client_comes(farm, 0, true),
                  *there = client_comes(farm, 1, true);

    farm_settle(farm);
    client_leaves(here);
    client_leaves(first);
    farm_settle(farm);
    cr_assert(client_has_conn(there));
    client_leaves(there);
    farm_free(farm);
}

Test(places, are_waited_for_to_the_tick)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *first = client_comes(farm, 0, true), *second;

    farm_wait(farm, 1000);
    second = client_comes(farm, 1, true);
    farm_wait(farm, QUEUE_MS + 2 * WHEEL_TICK_MS);
    cr_assert_eq(second->fault, FAULT_BACK_BUSY);
    cr_assert(second->told_ms >= 1000 + QUEUE_MS && second->told_ms <= 1000 + QUEUE_MS + WHEEL_TICK_MS);
    cr_assert_str_eq(second->detail.data,
                     "waited in vain for a place below max_connections 1 (queue: 5000 ms)");
    client_leaves(second);
    client_leaves(first);
    farm_free(farm);
}

Test(places, without_a_queue_are_there_or_not)
{
    struct pool rules = limited(1);
    struct client *first, *second;
    struct farm *farm;

    rules.queue_ms = 0;
    farm = farm_new("u", &rules, 1);
    first = client_comes(farm, 0, true);
    second = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert_eq(second->fault, FAULT_BACK_BUSY);
    cr_assert_eq(second->told_ms, 0);
    client_leaves(second);
    client_leaves(first);
    farm_free(farm);
}

/* A connection that is idle has its place still: it is used again, and else makes room. */
Test(places, of_idle_connections_are_used_again)
{
    struct farm *farm = farm_of_two("u", 1);

    for (size_t i = 0; i < 5; i++) {
        struct client *client = client_comes(farm, 0, false);

        farm_settle(farm);
        client_is_served(client);
        client_leaves(client);
        cr_assert_eq(in_use(farm, 'a'), 1);
    }
    cr_assert_eq(farm_server(farm, 'a')->dials, 1);
    farm_free(farm);
}

Test(places, of_idle_connections_are_given_up_for_another_worker)
{
    struct farm *farm = farm_of_two("uu", 2);
    struct client *clients[4], *other;

    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = client_comes(farm, 0, false);
    farm_settle(farm);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        client_is_served(clients[i]);
    cr_assert_eq(back_office_idle(farm->workers[0].back), 4);
    other = client_comes(farm, 1, false);
    farm_settle(farm);
    cr_assert(client_has_conn(other));
    cr_assert_leq(farm_server(farm, 'a')->most, 2);
    cr_assert_leq(farm_server(farm, 'b')->most, 2);
    client_is_served(other);
    client_leaves(other);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        client_leaves(clients[i]);
    farm_free(farm);
}

/* Raw bytes cannot go on a connection that spoke HTTP. */
Test(places, of_idle_connections_are_given_up_for_one_that_cannot_use_them)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *first = client_comes(farm, 0, false), *raw;

    farm_settle(farm);
    client_is_served(first);
    client_leaves(first);
    raw = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert(client_has_conn(raw));
    cr_assert_eq(farm_server(farm, 'a')->most, 1);
    client_leaves(raw);
    farm_free(farm);
}

Test(places, are_not_lost_by_connections_that_fail_or_end)
{
    struct farm *farm = farm_of_two("rh", 2);
    struct client *clients[12];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = client_comes(farm, i % 2, i % 3 == 0);
    farm_wait(farm, 1000);
    for (size_t i = 0; i < 4; i++)
        client_leaves(clients[i]);
    farm_wait(farm, 2 * QUEUE_MS);
    farm_server(farm, 'a')->mood = farm_server(farm, 'b')->mood = ACCEPTS;
    for (size_t i = 4; i < ARRAY_LEN(clients); i++)
        client_leaves(clients[i]);
    farm_settle(farm);
    cr_assert_eq(in_use(farm, 'a') + in_use(farm, 'b'), 0);
    clients[0] = client_comes(farm, 0, false);
    farm_settle(farm);
    server_breaks(client_server(clients[0]));
    farm_settle(farm);
    cr_assert(clients[0]->was_reset);
    client_leaves(clients[0]);
    farm_settle(farm);
    cr_assert_eq(in_use(farm, 'a') + in_use(farm, 'b'), 0);
    farm_free(farm);
}

/* While it waits all addresses go, and who comes then waits behind it. */
Test(places, of_nobody_are_waited_for_in_vain)
{
    struct farm *farm = farm_of_two("u", 1);
    struct client *clients[3];

    clients[0] = client_comes(farm, 0, true);
    clients[1] = client_comes(farm, 0, true);
    farm_settle(farm);
    farm_renew(farm, "");
    clients[2] = client_comes(farm, 0, true);
    farm_settle(farm);
    cr_assert_eq(clients[1]->fault, FAULT_BACK_UNRESOLVED);
    cr_assert_eq(clients[2]->fault, FAULT_BACK_UNRESOLVED);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        client_leaves(clients[i]);
    farm_free(farm);
}

/* --- Random traffic: clients come to either worker, stay for some time, and all are served in the end */

enum { CLIENTS = 4000, SIDE_BY_SIDE = 40 };

struct guest {
    struct client *client;
    uint64_t leaves_ms;
};

static void check_servers(struct farm *farm)
{
    for (size_t i = 0; i < farm->pool.count; i++) {
        const struct server *server = &farm->servers[i];

        MUST(server->most <= farm->pool.max_connections, "%c had %zu connections", server->letter,
             server->most);
        MUST(atomic_load(&server->standing->in_use) <= farm->pool.max_connections, "%c", server->letter);
    }
}

/* @return whether it is gone */
static bool ends(struct guest *guest)
{
    struct client *client = guest->client;

    MUST(!client->faileds, "%s", client->detail.data);
    if (!client_has_conn(client))
        return false;
    if (guest->leaves_ms == 0)
        guest->leaves_ms = client->told_ms + client->number * 2654435761U % 97;
    if (farm_age_ms(client->farm) < guest->leaves_ms)
        return false;
    if (!client->attempt.is_raw)
        client_is_served(client);
    client_leaves(client);
    return true;
}

static void play(struct farm *farm, struct random *random)
{
    struct guest guests[SIDE_BY_SIDE] = {0};
    size_t here = 0;

    while (farm->numbers < CLIENTS || here) {
        struct guest *guest = &guests[random_below(random, SIDE_BY_SIDE)];

        if (!guest->client && farm->numbers < CLIENTS) {
            bool is_raw = random_below(random, 3) == 0;

            *guest = (struct guest){client_comes(farm, random_below(random, 2), is_raw), 0};
            here++;
        } else if (guest->client && ends(guest)) {
            guest->client = NULL;
            here--;
        } else {
            farm_wait(farm, random_below(random, 8));
        }
        loop_run_once(farm->loop);
        check_servers(farm);
    }
}

Test(places, under_random_traffic_are_never_too_many_and_everyone_is_served, .timeout = 120)
{
    struct random random = random_of(seed_roll());

    for (uint64_t max = 1; max <= 9; max += 4) {
        struct pool rules = limited(max);
        struct farm *farm;

        rules.queue_ms = 10 * 60 * 1000;
        farm = farm_new("uuu", &rules, 2);
        for (size_t i = 0; i < farm->pool.count; i++)
            farm->servers[i].delay_ms = 8 * i;
        play(farm, &random);
        farm_free(farm);
    }
}
