/* Everything at once: clients come and go, servers and rosters change, and time passes, as the dice fall. What must hold
 * however it goes is checked after each step, and when all have left (farm_free()). PORTICO_TEST_SEED repeats a run. */
#include "base/random.h"
#include "sim/seed.h"
#include "sim_pools/farm.h"

enum { WALKS = 60, STEPS = 3000, CLIENTS_MAX = 60, SERVERS = 4, DRAIN_MS = 3000 };

static struct random dice;

static size_t below(size_t n)
{
    return random_below(&dice, (uint32_t)n);
}

static bool one_in(size_t n)
{
    return below(n) == 0;
}

static struct server *any_server(struct farm *farm)
{
    return &farm->servers[below(farm->pool.count)];
}

/* NULL: nobody is there */
static struct client *any_client(struct farm *farm)
{
    size_t count = 0, at;

    LIST_EACH(&farm->clients, link)
        count++;
    at = below(count);
    LIST_EACH(&farm->clients, link) {
        if (at-- == 0)
            return CONTAINER_OF(link, struct client, link);
    }
    return NULL;
}

/* --- What may happen */

static void one_comes(struct farm *farm)
{
    struct client *client = client_comes(farm, below(2), one_in(2));

    client->goes_when_taken_out = true;
}

static void one_would_like_a_server(struct farm *farm)
{
    const char letter[] = {any_server(farm)->letter, '\0'};

    client_comes_to(farm, below(2), letter)->goes_when_taken_out = true;
}

static void one_leaves(struct farm *farm)
{
    struct client *client = any_client(farm);

    if (client)
        client_leaves(client);
}

static void one_is_served(struct farm *farm)
{
    struct client *client = any_client(farm);

    if (!client || client->attempt.is_raw || !client_has_conn(client) || client->was_reset)
        return;
    client_is_served(client);
    if (client->was_reset)
        return;
    client_leaves(client);
}

static void one_tries_again(struct farm *farm)
{
    struct client *client = any_client(farm);

    if (client && client_has_conn(client) && client->was_reset)
        (void)!client_tries_again(client);
}

static void a_server_changes(struct farm *farm)
{
    any_server(farm)->mood = (enum mood)below(3);
}

static void all_servers_refuse(struct farm *farm)
{
    for (size_t i = 0; one_in(8) && i < farm->pool.count; i++) {
        farm->servers[i].mood = REFUSES;
        server_accepts_at(&farm->servers[i], 1 + below(2000));
    }
}

static void a_server_is_slow(struct farm *farm)
{
    any_server(farm)->delay_ms = one_in(2) ? 0 : below(300);
}

static void a_server_breaks(struct farm *farm)
{
    server_breaks(any_server(farm));
}

static void a_standing_changes(struct farm *farm)
{
    struct server *server = any_server(farm);

    atomic_store(&server->standing->up_since_ms, loop_now_ms(farm->loop));
    farm_stand(farm, server->letter, (enum standing_state)below(3));
}

static void the_roster_changes(struct farm *farm)
{
    char letters[SERVERS + 1] = "";
    size_t count = 0;

    for (size_t i = 0; i < farm->pool.count; i++) {
        if (!one_in(3))
            letters[count++] = farm->servers[i].letter;
    }
    farm_renew(farm, letters);
}

static void time_passes(struct farm *farm)
{
    farm_wait(farm, one_in(20) ? below(2 * CONNECT_MS) : below(150));
}

/* The more often a step stands here, the more often it is taken. */
static void (*const ACTS[])(struct farm *farm) = {
    one_comes,       one_comes,          one_comes,          one_comes,          one_would_like_a_server,
    one_leaves,      one_leaves,         one_is_served,      one_is_served,      one_is_served,
    one_tries_again, one_tries_again,    a_server_changes,   all_servers_refuse, a_server_is_slow,
    a_server_breaks, a_standing_changes, the_roster_changes, time_passes,        time_passes,
};

/* --- What must hold */

/* With all trials that it made meanwhile. */
static uint64_t longest_wait_ms(const struct pool *pool)
{
    return pool->hold_ms + pool->queue_ms + CONNECT_MS + (1 + pool->retry.tries) * CONNECT_MS +
           2 * WHEEL_TICK_MS;
}

static void check_desk(struct farm *farm, size_t worker)
{
    const struct desk *desk = farm_desk(farm, worker);
    uint64_t number = 0;
    size_t count = 0;

    LIST_EACH(&desk->waiting, link) {
        const struct waiter *waiter = CONTAINER_OF(link, struct waiter, link);

        MUST(waiter->number > number, "%llu stands behind %llu", (unsigned long long)waiter->number,
             (unsigned long long)number);
        MUST(timer_is_armed(&waiter->deadline) && !waiter->is_on_trial, "it waits for ever");
        number = waiter->number;
        count++;
    }
    MUST(count == desk->waiting_count, "%zu wait, not %zu", count, desk->waiting_count);
    MUST(!count || timer_is_armed(&desk->tick), "nobody lets them go");
}

static size_t sum_in_use(struct farm *farm, size_t worker)
{
    const uint32_t *in_use = back_office_in_use(farm->workers[worker].back);
    size_t sum = 0;

    for (size_t i = 0; i < back_office_endpoints(farm->workers[worker].back); i++)
        sum += in_use[i];
    return sum;
}

static void check_client(struct farm *farm, const struct client *client)
{
    const struct acquisition *a = &client->attempt;

    MUST(a->state != ACQUIRE_NONE || client_is_told(client), "%llu is forgotten",
         (unsigned long long)client->number);
    MUST((a->state == ACQUIRE_WAIT) == link_is_in_list(&a->waiter.link), "state and list differ");
    MUST((a->view != NULL) == (a->state == ACQUIRE_CONNECT || a->state == ACQUIRE_READY),
         "it holds an endpoint");
    MUST(a->state != ACQUIRE_WAIT ||
             loop_now_ms(farm->loop) - a->waits_since_ms <= longest_wait_ms(&farm->pool),
         "%llu waits for ever", (unsigned long long)client->number);
}

static void check_clients(struct farm *farm)
{
    size_t using[WORKERS_MAX] = {0}, on_trial[WORKERS_MAX] = {0}, waiting[WORKERS_MAX] = {0};

    LIST_EACH(&farm->clients, link) {
        const struct client *client = CONTAINER_OF(link, struct client, link);

        check_client(farm, client);
        using[client->worker] += client->attempt.view != NULL;
        on_trial[client->worker] += client->attempt.waiter.is_on_trial;
        waiting[client->worker] += client->attempt.state == ACQUIRE_WAIT;
    }
    for (size_t i = 0; i < farm->workers_count; i++) {
        MUST(using[i] == sum_in_use(farm, i), "%zu endpoints are used, not %zu", using[i],
             sum_in_use(farm, i));
        MUST(on_trial[i] == farm_desk(farm, i)->on_trial, "%zu are on trial", on_trial[i]);
        MUST(waiting[i] == farm_desk(farm, i)->waiting_count, "%zu wait", waiting[i]);
    }
}

static void check_servers(struct farm *farm)
{
    for (size_t i = 0; farm->places && i < farm->pool.count; i++)
        MUST(farm->servers[i].most <= farm->pool.max_connections, "%c had %zu connections",
             farm->servers[i].letter, farm->servers[i].most);
}

static void check(struct farm *farm)
{
    for (size_t i = 0; i < farm->workers_count; i++)
        check_desk(farm, i);
    check_clients(farm);
    check_servers(farm);
}

/* --- The whole */

static struct pool any_rules(void)
{
    return (struct pool){
        .balance = (enum balance_kind)below(4),
        .outlier = {.connect_failures = 3, .resets = 2, .errors = 1},
        .retry = {.tries = (unsigned)below(4), .resets = one_in(2), .budget_percent = one_in(4) ? 0 : 20},
        .slow_start_ms = one_in(2) ? 0 : 1000,
        .hold_ms = one_in(2) ? 0 : 3000,
        .max_connections = one_in(2) ? 0 : 1 + below(3),
        .queue_ms = one_in(4) ? 0 : 2000,
        .drain_ms = DRAIN_MS,
        .drain_tunnels_ms = 2 * DRAIN_MS,
    };
}

static size_t count_clients(const struct farm *farm)
{
    size_t count = 0;

    LIST_EACH(&farm->clients, link)
        count++;
    return count;
}

static void walk(void)
{
    const struct pool rules = any_rules();
    struct farm *farm = farm_new("uuuu", &rules, 2);

    for (size_t i = 0; i < STEPS; i++) {
        ACTS[below(ARRAY_LEN(ACTS))](farm);
        if (count_clients(farm) > CLIENTS_MAX)
            one_leaves(farm);
        if (one_in(2))
            loop_run_once(farm->loop);
        check(farm);
    }
    while (!list_is_empty(&farm->clients))
        client_leaves(LIST_FIRST(&farm->clients, struct client, link));
    farm_settle(farm);
    check(farm);
    farm_free(farm);
}

Test(random, whatever_happens_the_promises_are_kept, .timeout = 300)
{
    dice = random_of(seed_roll());
    for (size_t i = 0; i < WALKS; i++)
        walk();
}
