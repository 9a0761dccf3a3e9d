#include "backends/idle_conns.h"

#include "base/mem.h"
#include "http/h1_client.h"

static void leave(struct back_conn *conn)
{
    list_remove(&conn->link);
    conn->home->count--;
}

static void forget(struct back_conn *conn)
{
    loop_cancel(conn->home->loop, &conn->expiry);
    place_give_back(&conn->place);
    loop_retire(conn->home->loop, conn, mem_free);
}

static void close_conn(struct back_conn *conn)
{
    h1_client_close(conn->client);
    forget(conn);
}

static void close_idle(struct back_conn *conn)
{
    leave(conn);
    close_conn(conn);
}

/* It goes on while the connection is in use: coming back moves it further out, which costs two stores, and taking it out of
 * the wheel would touch its neighbours there. */
static void on_expired(struct timer *timer)
{
    struct back_conn *conn = CONTAINER_OF(timer, struct back_conn, expiry);

    if (link_is_in_list(&conn->link))
        close_idle(conn);
}

/* The backend closed it, or sent what nobody asked for: the client ends itself. */
static void on_idle_closed(void *owner)
{
    struct back_conn *conn = CAST(back_conn, BACK_CONN, owner);

    leave(conn);
    forget(conn);
}

static const struct h1_client_events EVENTS = {.idle_closed = on_idle_closed};

void idle_conns_init(struct idle_conns *idle, struct loop *loop)
{
    *idle = (struct idle_conns){.loop = loop};
    list_init(&idle->newest_first);
}

struct back_conn *idle_conns_open(struct idle_conns *idle, struct stream *stream,
                                  const struct h1_client_limits *limits)
{
    struct back_conn *conn = mem_new(struct back_conn);

    MAGIC_SET(conn, BACK_CONN);
    conn->home = idle;
    timer_init(&conn->expiry, on_expired);
    conn->client = h1_client_new(stream, limits, &EVENTS, conn);
    return conn;
}

struct back_conn *idle_conns_take(struct idle_conns *idle)
{
    struct back_conn *conn;

    if (list_is_empty(&idle->newest_first))
        return NULL;
    conn = LIST_FIRST(&idle->newest_first, struct back_conn, link);
    leave(conn);
    return conn;
}

void idle_conns_put(struct back_conn *conn)
{
    struct idle_conns *idle = conn->home;
    uint64_t told_ms;

    if (idle->is_closed || conn->is_private || !h1_client_is_reusable(conn->client)) {
        close_conn(conn);
        return;
    }
    told_ms = h1_client_keep_ms(conn->client);
    list_push_front(&idle->newest_first, &conn->link);
    idle->count++;
    loop_arm(idle->loop, &conn->expiry,
             told_ms ? MIN(told_ms, (uint64_t)IDLE_CONNS_KEEP_MS) : IDLE_CONNS_KEEP_MS);
    if (idle->count > IDLE_CONNS_MAX)
        close_idle(CONTAINER_OF(idle->newest_first.prev, struct back_conn, link));
}

void idle_conns_drop(struct idle_conns *idle)
{
    while (!list_is_empty(&idle->newest_first))
        close_idle(LIST_FIRST(&idle->newest_first, struct back_conn, link));
}

void idle_conns_close(struct idle_conns *idle)
{
    idle->is_closed = true;
    idle_conns_drop(idle);
}
