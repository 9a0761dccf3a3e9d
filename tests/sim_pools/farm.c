#include "sim_pools/farm.h"

#include <stdio.h>

#include "base/mem.h"
#include "net/pipe_stream.h"

/* The real clock, which the loop looks at as well, stays behind. */
enum { AHEAD_MS = 100 * 3600 * 1000, TURNS = 12 };

static const char LETTERS[] = "abcdefghijkl";

static struct farm *the_farm; /* Criterion gives each test a process */

struct farm *farm_of(const struct loop *loop)
{
    MUST(the_farm && the_farm->loop == loop, "there is one farm at a time");
    return the_farm;
}

/* --- Servers */

struct server *client_server(const struct client *client)
{
    return &client->farm->servers[client->attempt.endpoint->target - client->farm->targets];
}

struct conn {
    struct link link; /* in server->conns */
    struct server *server;
    struct stream *stream;
    const struct stream *client; /* the other side, to find it by */
};

void server_count(struct server *server)
{
    server->most = MAX(server->most, server->open + server->dialling);
}

static void conn_end(struct conn *conn)
{
    list_remove(&conn->link);
    conn->server->open--;
    loop_retire(conn->server->farm->loop, conn, mem_free);
}

static size_t on_bytes(void *owner, struct slice lent)
{
    return lent.len;
}

static void on_drained(void *owner)
{
}

static void on_eof(void *owner)
{
    struct conn *conn = owner;

    stream_close(conn->stream);
    conn_end(conn);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    conn_end(owner);
}

static const struct stream_events SERVER_EVENTS = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

struct stream *server_connect(struct server *server)
{
    struct conn *conn = mem_new(struct conn);
    struct stream *client;

    conn->server = server;
    pipe_stream_pair(server->farm->loop, &client, &conn->stream);
    conn->client = client;
    list_push_back(&server->conns, &conn->link);
    server->open++;
    server_count(server);
    stream_own(conn->stream, &SERVER_EVENTS, conn);
    stream_want(conn->stream, true);
    return client;
}

struct server *server_of(const struct stream *client_side)
{
    for (size_t i = 0; i < the_farm->pool.count; i++) {
        LIST_EACH(&the_farm->servers[i].conns, link) {
            if (CONTAINER_OF(link, struct conn, link)->client == client_side)
                return &the_farm->servers[i];
        }
    }
    MUST(false, "nobody took that connection");
    return NULL;
}

void server_answers(struct client *client)
{
    const struct slice answer = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct server *server = client_server(client);

    if (client->attempt.is_shared) {
        share_is_answered(client->attempt.end);
        return;
    }
    LIST_EACH(&server->conns, link) {
        struct conn *conn = CONTAINER_OF(link, struct conn, link);

        if (conn->client == client->attempt.stream)
            stream_write(conn->stream, &answer, 1, STREAM_NOW);
    }
}

void server_breaks(struct server *server)
{
    while (!list_is_empty(&server->conns)) {
        struct conn *conn = LIST_FIRST(&server->conns, struct conn, link);

        stream_reset(conn->stream);
        conn_end(conn);
    }
}

static void on_accepts_again(struct timer *timer)
{
    CONTAINER_OF(timer, struct server, accepts_again)->mood = ACCEPTS;
}

void server_accepts_at(struct server *server, uint64_t in_ms)
{
    loop_arm(server->farm->loop, &server->accepts_again, in_ms);
}

static enum mood mood_of(char letter)
{
    char lower = ascii_lower(letter);

    return lower == 'u' ? ACCEPTS : lower == 'r' ? REFUSES : HANGS;
}

static void add_server(struct farm *farm, size_t i, char mood)
{
    struct server *server = &farm->servers[i];
    char name[48];
    struct error error;

    snprintf(name, sizeof(name), "%s10.0.0.1:%zu", ascii_lower(mood) != mood ? "h2c://" : "", i + 1);
    *server =
        (struct server){.farm = farm, .letter = LETTERS[i], .mood = mood_of(mood), .streams_allowed = 100};
    server->standing = standing_new();
    list_init(&server->h2_clients);
    list_init(&server->conns);
    timer_init(&server->accepts_again, on_accepts_again);
    cr_assert_eq(target_parse(slice_str(name), &farm->arena, &farm->targets[i].target, &error), 0, "%s",
                 error.text);
    farm->targets[i].identity = farm->targets[i].target.text;
    farm->targets[i].weight = 1;
}

struct server *farm_server(struct farm *farm, char letter)
{
    cr_assert_lt((size_t)(letter - 'a'), farm->pool.count);
    return &farm->servers[letter - 'a'];
}

/* --- The farm */

static struct roster *make_roster(struct farm *farm, struct slice letters)
{
    struct roster *roster = roster_new();

    for (size_t i = 0; i < letters.len; i++) {
        struct server *server = farm_server(farm, letters.data[i]);
        const struct pool_target *target = &farm->targets[letters.data[i] - 'a'];
        struct address address = address_from_ip(target->target.ip, target->target.port);
        struct endpoint *endpoint = roster_add(roster, target, &address, 1);

        endpoint->standing = standing_ref(server->standing);
        endpoint->tag = slice_of(&server->letter, 1);
        map_put(&roster->by_tag, endpoint->tag, (uint32_t)i);
    }
    roster->is_settled = true;
    if (farm->places) {
        places_ref(farm->places);
        roster->places = farm->places;
    }
    return roster;
}

static void open_worker(struct farm *farm)
{
    struct farm_worker *worker = &farm->workers[farm->workers_count++];

    worker->farm = farm;
    worker->back = back_office_new(farm->loop, farm->warden);
    worker->begun_with = farm->roster;
    roster_ref(farm->roster);
    worker->desks = desks_new(worker->back, &worker->begun_with, 1);
}

struct farm *farm_new(const char *moods, const struct pool *rules, size_t workers)
{
    struct farm *farm = mem_new(struct farm);
    struct error error;

    cr_assert_eq(loop_new(&farm->loop, &error), 0, "%s", error.text);
    timer_wheel_advance(loop_timers(farm->loop),
                        (loop_now_ms(farm->loop) + AHEAD_MS) / WHEEL_TICK_MS * WHEEL_TICK_MS);
    farm->began_ms = loop_now_ms(farm->loop);
    the_farm = farm;
    list_init(&farm->clients);
    farm->pool = *rules;
    farm->pool.key = SLICE("@farm");
    farm->pool.targets = farm->targets;
    farm->pool.count = strlen(moods);
    for (size_t i = 0; i < farm->pool.count; i++)
        add_server(farm, i, moods[i]);
    farm->places = rules->max_connections ? places_new(rules->max_connections) : NULL;
    farm->warden = fake_warden_new(farm);
    farm->roster = make_roster(farm, slice_head(slice_str(LETTERS), farm->pool.count));
    while (farm->workers_count < workers)
        open_worker(farm);
    return farm;
}

struct desk *farm_desk(struct farm *farm, size_t worker)
{
    return desks_find(farm->workers[worker].desks, &farm->pool);
}

uint64_t farm_age_ms(const struct farm *farm)
{
    return loop_now_ms(farm->loop) - farm->began_ms;
}

void farm_settle(struct farm *farm)
{
    for (unsigned i = 0; i < TURNS; i++)
        loop_run_once(farm->loop);
}

void farm_wait(struct farm *farm, uint64_t ms)
{
    struct timer_wheel *wheel = loop_timers(farm->loop);

    farm_settle(farm);
    while (ms) {
        uint64_t step_ms = MIN(ms, MAX(timer_wheel_wait_ms(wheel), (uint64_t)1));

        timer_wheel_advance(wheel, wheel->now_ms + step_ms);
        farm_settle(farm);
        ms -= step_ms;
    }
}

static void renew(struct farm *farm)
{
    for (size_t i = 0; i < farm->workers_count; i++)
        desk_renew(farm_desk(farm, i), farm->roster);
}

void farm_renew(struct farm *farm, const char *letters)
{
    struct roster *before = farm->roster;

    farm->roster = make_roster(farm, slice_str(letters));
    renew(farm);
    roster_unref(before);
}

void farm_stand(struct farm *farm, char letter, enum standing_state state)
{
    atomic_store(&farm_server(farm, letter)->standing->state, (unsigned char)state);
    renew(farm);
}

/* --- End */

static void close_worker(struct farm_worker *worker)
{
    struct desk *desk = farm_desk(worker->farm, (size_t)(worker - worker->farm->workers));

    cr_assert_eq(desk->waiting_count, 0);
    cr_assert_eq(desk->on_trial, 0);
    cr_assert(list_is_empty(&desk->waiting));
    cr_assert(list_is_empty(&desk->old_views), "a roster that is gone is kept, though nobody uses it");
    desks_free(worker->desks);
    back_office_free(worker->back);
    roster_unref(worker->begun_with);
}

static void close_server(struct server *server)
{
    cr_assert_eq(server->open, 0, "%c: %zu connections are left", server->letter, server->open);
    cr_assert_eq(server->dialling, 0);
    cr_assert_eq(atomic_load(&server->standing->in_use), 0, "%c has lost places", server->letter);
    cr_assert_eq(atomic_load(&server->standing->refs), 1, "somebody holds %c's standing", server->letter);
    standing_unref(server->standing);
}

void farm_free(struct farm *farm)
{
    cr_assert(list_is_empty(&farm->clients));
    for (size_t i = 0; i < farm->workers_count; i++)
        close_worker(&farm->workers[i]);
    cr_assert_eq(atomic_load(&farm->roster->refs), 1, "somebody holds the roster");
    roster_unref(farm->roster);
    farm_settle(farm);
    for (size_t i = 0; i < farm->pool.count; i++)
        loop_cancel(farm->loop, &farm->servers[i].accepts_again);
    cr_assert_eq(loop_timers(farm->loop)->queued, 0, "a timer is armed");
    for (size_t i = 0; i < farm->pool.count; i++)
        close_server(&farm->servers[i]);
    places_unref(farm->places);
    fake_warden_free(farm->warden);
    loop_free(farm->loop);
    text_fini(&farm->dialled);
    text_fini(&farm->readied);
    arena_fini(&farm->arena);
    mem_free(farm);
}
