/* In place of backends/connect.c: defining all of its functions here keeps its object out of the program. What comes of
 * a connection is the server's mood when its delay is over. */
#include "backends/connect.h"

#include <errno.h>

#include "base/mem.h"
#include "sim_pools/farm.h"

struct dial {
    struct connect *connect;
    struct server *server;
    struct pending arrival; /* a turn later: behind the end of a connection that made room for it */
    bool has_arrived;
};

static struct connect *end_dial(struct dial *dial)
{
    struct connect *c = dial->connect;

    loop_undefer(&dial->arrival);
    loop_cancel(c->loop, &c->deadline);
    dial->server->dialling -= dial->has_arrived;
    c->dial = NULL;
    loop_retire(c->loop, dial, mem_free);
    return c;
}

static void fail(struct dial *dial, enum fault fault, int error_number, const char *what)
{
    char letter = dial->server->letter;
    struct connect *c = end_dial(dial);

    c->on->failed(c->owner, fault, error_number, arena_printf(c->arena, "%c %s", letter, what));
}

static void on_deadline(struct timer *timer)
{
    fail(CONTAINER_OF(timer, struct connect, deadline)->dial, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT, "hangs");
}

static void decide(struct dial *dial)
{
    struct server *server = dial->server;
    struct connect *c = dial->connect;

    if (server->mood == ACCEPTS) {
        end_dial(dial);
        c->on->connected(c->owner, server_connect(server));
    } else if (server->mood == REFUSES) {
        fail(dial, FAULT_BACK_REFUSED, ECONNREFUSED, "refuses");
    } else {
        timer_init(&c->deadline, on_deadline);
        loop_arm(c->loop, &c->deadline, c->timeout_ms - MIN(server->delay_ms, c->timeout_ms));
    }
}

static void on_delay(struct timer *timer)
{
    decide(CONTAINER_OF(timer, struct connect, deadline)->dial);
}

static void on_arrival(struct pending *pending)
{
    struct dial *dial = CONTAINER_OF(pending, struct dial, arrival);
    struct server *server = dial->server;

    dial->has_arrived = true;
    server->dialling++;
    server_count(server);
    timer_init(&dial->connect->deadline, on_delay);
    if (server->delay_ms)
        loop_arm(dial->connect->loop, &dial->connect->deadline, server->delay_ms);
    else
        decide(dial);
}

/* That of a shared connection is a copy. */
static struct server *find_server(struct farm *farm, const struct pool_target *target)
{
    for (size_t i = 0; i < farm->pool.count; i++) {
        if (slice_eq(farm->targets[i].target.text, target->target.text))
            return &farm->servers[i];
    }
    MUST(false, "the farm has no such server");
    return NULL;
}

void connect_start(struct connect *c)
{
    struct farm *farm = farm_of(c->loop);
    struct dial *dial = mem_new(struct dial);

    MUST(!c->dial && !c->stream, "a second one beside the first");
    dial->connect = c;
    dial->server = find_server(farm, c->endpoint->target);
    dial->arrival.run = on_arrival;
    dial->server->dials++;
    text_add_char(&farm->dialled, dial->server->letter);
    c->dial = dial;
    loop_defer_next(c->loop, &dial->arrival);
}

void connect_cancel(struct connect *c)
{
    if (c->dial)
        end_dial(c->dial);
}
