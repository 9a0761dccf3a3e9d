#include "backends/shared_conns_parts.h"
#include "base/mem.h"
#include "http/h2_client.h"

/* Happy path:  shared_conns_use(), or shared_conns_ask() → (a connection is made, a request ends) → given().
 * On failure:  a connection cannot be made → failed() to all who wait, unless another one is there or under way;
 *              no room in time → failed(BACK_BUSY).
 * On close:    a connection: conns → (GOAWAY, 30 s idle, drained) → leaving → its last request ends → gone.
 *              shared_ask_leave() ends the asking; what is under way goes on, for who comes next. */

/* ---- connections ---- */

static void conn_end(struct shared_conn *conn)
{
    struct shared_conns *conns = conn->home;

    list_remove(&conn->link);
    conns->conns_count -= !conn->is_leaving;
    conns->leaving_count -= conn->is_leaving;
    loop_cancel(conns->loop, &conn->expiry);
    loop_retire(conns->loop, conn, mem_free);
}

static void conn_leaves(struct shared_conn *conn)
{
    struct shared_conns *conns = conn->home;

    if (conn->is_leaving)
        return;
    conn->is_leaving = true;
    list_remove(&conn->link);
    list_push_back(&conns->leaving, &conn->link);
    conns->conns_count--;
    conns->leaving_count++;
    loop_cancel(conns->loop, &conn->expiry);
}

void shared_conn_drain(struct shared_conn *conn)
{
    conn_leaves(conn);
    h2_client_drain(conn->client);
}

static void on_expired(struct timer *timer)
{
    struct shared_conn *conn = CONTAINER_OF(timer, struct shared_conn, expiry);

    if (h2_client_in_use(conn->client))
        loop_arm(conn->home->loop, &conn->expiry, SHARED_CONNS_KEEP_MS);
    else
        shared_conn_drain(conn);
}

/* Before its SETTINGS have come a server is taken at the recommended minimum (RFC 9113 §6.5.2), or at what it said last
 * on another connection: what is begun past its limit is refused, and costs a try. */
static void learn(struct shared_conn *conn, unsigned total)
{
    conn->is_settled |= total != SHARED_CONNS_ROOM_UNTOLD;
    if (conn->is_settled)
        conn->home->known_room = total;
}

static unsigned room_of(const struct shared_conn *conn)
{
    unsigned room = h2_client_room(conn->client), in_use = h2_client_in_use(conn->client);
    unsigned known = conn->home->known_room;

    if (h2_client_is_doubtful(conn->client))
        return 0;
    if (conn->is_settled || !known)
        return room;
    return known > in_use ? MIN(room, known - in_use) : 0;
}

static void on_room(void *owner)
{
    struct shared_conn *conn = CAST(shared_conn, SHARED_CONN, owner);

    conn->is_settled = true; /* what ended, or was allowed, lies behind the server's SETTINGS */
    if (h2_client_room(conn->client))
        learn(conn, h2_client_room(conn->client) + h2_client_in_use(conn->client));
    if (!h2_client_in_use(conn->client) && conn->home->is_closed)
        shared_conn_drain(conn);
    else if (!conn->is_leaving)
        loop_arm(conn->home->loop, &conn->expiry, SHARED_CONNS_KEEP_MS);
    shared_conns_serve_soon(conn->home);
}

static void on_leaving(void *owner)
{
    struct shared_conn *conn = CAST(shared_conn, SHARED_CONN, owner);

    conn_leaves(conn);
    shared_conns_serve_soon(conn->home);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct shared_conn *conn = CAST(shared_conn, SHARED_CONN, owner);

    conn_end(conn);
    shared_conns_serve_soon(conn->home);
}

static const struct h2_client_events CLIENT_EVENTS = {
    .room = on_room, .leaving = on_leaving, .closed = on_closed};

struct shared_conn *shared_conn_new(struct shared_conns *conns, struct stream *stream, bool is_secure)
{
    const struct h2_client_limits limits = {.head_bytes = 64 * 1024, .fields = 256, .is_secure = is_secure};
    struct shared_conn *conn = mem_new(struct shared_conn);

    MAGIC_SET(conn, SHARED_CONN);
    conn->home = conns;
    conn->number = conns->made++;
    timer_init(&conn->expiry, on_expired);
    loop_arm(conns->loop, &conn->expiry, SHARED_CONNS_KEEP_MS);
    list_push_back(&conns->conns, &conn->link);
    conns->conns_count++;
    conn->client = h2_client_new(stream, &limits, &CLIENT_EVENTS, conn);
    return conn;
}

/* ---- requests ---- */

void shared_conns_learn(struct shared_conns *conns)
{
    LIST_EACH(&conns->conns, link) {
        struct shared_conn *conn = CONTAINER_OF(link, struct shared_conn, link);

        learn(conn, h2_client_room(conn->client) + h2_client_in_use(conn->client));
    }
}

struct shared_conn *shared_conns_find_room(const struct shared_conns *conns, uint64_t after)
{
    LIST_EACH(&conns->conns, link) {
        struct shared_conn *conn = CONTAINER_OF(link, struct shared_conn, link);

        if (room_of(conn) && conn->number >= after)
            return conn;
    }
    return NULL;
}

size_t shared_conns_sound_count(const struct shared_conns *conns)
{
    size_t count = 0;

    LIST_EACH(&conns->conns, link)
        count += !h2_client_is_doubtful(CONTAINER_OF(link, struct shared_conn, link)->client);
    return count;
}

struct shared_use shared_conn_use(struct shared_conn *conn)
{
    bool has_served = conn->begun++ > h2_client_in_use(conn->client);

    return (struct shared_use){
        .end = h2_client_begin(conn->client),
        .stream = h2_client_stream(conn->client),
        .number = conn->number,
        .is_reused = has_served,
    };
}

bool shared_conns_use(struct shared_conns *conns, uint64_t after, struct shared_use *out)
{
    struct shared_conn *conn = conns->waiting_count ? NULL : shared_conns_find_room(conns, after);

    if (!conn)
        return false;
    *out = shared_conn_use(conn);
    return true;
}

static const struct shared_conn *find(const struct shared_conns *conns, uint64_t number)
{
    LIST_EACH(&conns->conns, link) {
        const struct shared_conn *conn = CONTAINER_OF(link, const struct shared_conn, link);

        if (conn->number == number)
            return conn;
    }
    return NULL;
}

bool shared_conns_is_there(const struct shared_conns *conns, uint64_t number)
{
    return find(conns, number) != NULL;
}

bool shared_conns_has_room(const struct shared_conns *conns, uint64_t number)
{
    const struct shared_conn *conn = find(conns, number);

    return conn && room_of(conn) > 0;
}

bool shared_conns_note_break(struct shared_conns *conns, uint64_t number)
{
    unsigned turn = loop_turn(conns->loop);
    bool is_news = conns->broken != number || conns->broken_turn != turn;

    conns->broken = number;
    conns->broken_turn = turn;
    return is_news;
}

/* ---- beginning and end ---- */

void shared_conns_init(struct shared_conns *conns, struct loop *loop)
{
    *conns = (struct shared_conns){.loop = loop, .serve.run = shared_conns_serve};
    list_init(&conns->conns);
    list_init(&conns->leaving);
    list_init(&conns->dials);
    list_init(&conns->waiting);
}

bool shared_conns_is_empty(const struct shared_conns *conns)
{
    return conns->conns_count + conns->leaving_count + conns->dials_count == 0;
}

void shared_conns_drain(struct shared_conns *conns)
{
    LIST_EACH(&conns->conns, link)
        shared_conn_drain(CONTAINER_OF(link, struct shared_conn, link));
}

void shared_conns_close(struct shared_conns *conns)
{
    conns->is_closed = true;
    shared_conns_drain(conns);
    if (!conns->waiting_count)
        shared_conns_end_dials(conns);
}

static void close_all(struct link *list)
{
    while (!list_is_empty(list)) {
        struct shared_conn *conn = LIST_FIRST(list, struct shared_conn, link);

        h2_client_close(conn->client);
        conn_end(conn);
    }
}

void shared_conns_fini(struct shared_conns *conns)
{
    ASSERT(conns->waiting_count == 0);
    loop_undefer(&conns->serve);
    shared_conns_end_dials(conns);
    close_all(&conns->conns);
    close_all(&conns->leaving);
}
