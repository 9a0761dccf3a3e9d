#include "backends/shared_conns_parts.h"
#include "base/mem.h"
#include "base/text.h"

/* Who waits for a share of a connection, and the connections that are made for them. */

/* Between failures to have more connections than there are. */
enum { REST_MS = 1000 };

/* ---- connections on their way ---- */

static const struct connect_events CONNECT_EVENTS;

/* Those whom connections under way will carry, as far as can be foretold. */
static size_t room_to_come(const struct shared_conns *conns)
{
    return conns->dials_count * (conns->known_room ? conns->known_room : SHARED_CONNS_ROOM_UNTOLD);
}

static bool may_dial(const struct shared_conns *conns)
{
    size_t there = shared_conns_sound_count(conns) + conns->dials_count;

    return there < SHARED_CONNS_MAX && (!there || loop_now_ms(conns->loop) >= conns->rest_until_ms);
}

static void dial_for_those_who_wait(struct shared_conns *conns)
{
    while (conns->waiting_count > room_to_come(conns) && may_dial(conns)) {
        struct shared_ask *first = LIST_FIRST(&conns->waiting, struct shared_ask, link);
        struct shared_dial *dial = shared_dial_start(conns->loop, &first->way, &CONNECT_EVENTS, conns);

        list_push_back(&conns->dials, &dial->link);
        conns->dials_count++;
    }
}

static struct shared_conns *end_dial(struct shared_dial *dial)
{
    struct shared_conns *conns = dial->owner;

    shared_dial_end(dial);
    conns->dials_count--;
    return conns;
}

void shared_conns_end_dials(struct shared_conns *conns)
{
    while (!list_is_empty(&conns->dials))
        end_dial(LIST_FIRST(&conns->dials, struct shared_dial, link));
}

/* ---- who waits ---- */

void shared_ask_leave(struct shared_ask *ask)
{
    struct shared_conns *conns = TAKE(ask->conns);

    if (!conns)
        return;
    list_remove(&ask->link);
    conns->waiting_count--;
    loop_cancel(conns->loop, &ask->deadline);
}

/* The first in line, unless it wants a newer connection than there is, and one may be made.
 * @return false: there is no room for anybody */
static bool serve_one(struct shared_conns *conns)
{
    bool may_be_older = shared_conns_sound_count(conns) >= SHARED_CONNS_MAX;

    LIST_EACH(&conns->waiting, link) {
        struct shared_ask *ask = CONTAINER_OF(link, struct shared_ask, link);
        uint64_t after = may_be_older ? 0 : ask->after;
        struct shared_conn *conn = shared_conns_find_room(conns, after);
        struct shared_use given;

        if (!conn && !after)
            return false;
        if (!conn)
            continue;
        shared_ask_leave(ask);
        given = shared_conn_use(conn);
        ask->on->given(ask->owner, &given);
        return true;
    }
    return false;
}

void shared_conns_serve(struct pending *pending)
{
    struct shared_conns *conns = CONTAINER_OF(pending, struct shared_conns, serve);

    shared_conns_learn(conns);
    while (serve_one(conns))
        ;
    dial_for_those_who_wait(conns);
}

void shared_conns_serve_soon(struct shared_conns *conns)
{
    if (conns->waiting_count)
        loop_defer(conns->loop, &conns->serve);
}

/* They may ask anew from inside, and are behind the last one then. */
static void fail_all(struct shared_conns *conns, enum fault fault, int error_number, struct slice detail)
{
    const uint64_t last = conns->asked;
    bool is_news = true;

    while (!list_is_empty(&conns->waiting)) {
        struct shared_ask *ask = LIST_FIRST(&conns->waiting, struct shared_ask, link);

        if (ask->number > last)
            break;
        shared_ask_leave(ask);
        ask->on->failed(ask->owner, fault, error_number, detail, is_news);
        is_news = false;
    }
}

static void on_connected(void *owner, struct stream *stream)
{
    struct shared_dial *dial = CAST(shared_dial, SHARED_DIAL, owner);
    struct shared_conns *conns = end_dial(dial); /* which is there to the end of the turn */
    struct shared_conn *conn = shared_conn_new(conns, stream, dial->target.target.is_tls);

    conns->rest_until_ms = 0;
    if (conns->is_closed && !conns->waiting_count)
        shared_conn_drain(conn);
    shared_conns_serve_soon(conns);
}

/* Who waits goes on waiting where that is not in vain. */
static void on_connect_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct shared_conns *conns = end_dial(CAST(shared_dial, SHARED_DIAL, owner));

    conns->rest_until_ms = loop_now_ms(conns->loop) + REST_MS;
    if (shared_conns_sound_count(conns) + conns->dials_count == 0)
        fail_all(conns, fault, error_number, detail);
}

static const struct connect_events CONNECT_EVENTS = {on_connected, on_connect_failed};

static void on_deadline(struct timer *timer)
{
    struct shared_ask *ask = CONTAINER_OF(timer, struct shared_ask, deadline);
    struct shared_conns *conns = ask->conns;
    unsigned long long waited_ms = ask->way.timeout_ms;
    struct slice where = ask->way.endpoint->text;
    struct text detail = {0};
    size_t count = shared_conns_sound_count(conns);
    bool is_full = count > 0;

    if (is_full)
        text_printf(&detail, "%.*s takes no more requests on %zu connection%s (waited %llu ms)",
                    FMT_SLICE(where), count, count > 1 ? "s" : "", waited_ms);
    else
        text_printf(&detail, "%.*s could not be connected to within %llu ms", FMT_SLICE(where), waited_ms);
    shared_ask_leave(ask);
    ask->on->failed(ask->owner, is_full ? FAULT_BACK_BUSY : FAULT_BACK_CONNECT_TIMEOUT, 0,
                    text_slice(&detail), false);
    text_fini(&detail);
}

bool shared_conns_ask(struct shared_conns *conns, struct shared_ask *ask)
{
    if (conns->waiting_count >= SHARED_CONNS_WAITING_MAX + room_to_come(conns) && !may_dial(conns))
        return false;
    ask->conns = conns;
    ask->number = ++conns->asked;
    list_push_back(&conns->waiting, &ask->link);
    conns->waiting_count++;
    if (shared_conns_find_room(conns, ask->after)) /* behind one that wants a newer connection */
        shared_conns_serve_soon(conns);
    else
        dial_for_those_who_wait(conns);
    timer_init(&ask->deadline,
               on_deadline); /* behind that of a connection that is begun for it: whose words say more */
    loop_arm(conns->loop, &ask->deadline, ask->way.timeout_ms);
    return true;
}
