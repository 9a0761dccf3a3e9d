#include "http/h2_client.h"

#include <errno.h>

#include "base/macro.h"
#include "base/mem.h"
#include "http/h2_client_parts.h"

/* Happy path:  preface, SETTINGS and the first requests in one write → answers (h2_client_request.c) → … → idle, for its
 *              owner to keep or to drain.
 *
 * On failure:  lost(): every request is reset, then closed(). Silence for 10 s while requests are under way is asked
 *              about by a PING; 5 s more, and the connection is dead.
 *
 * On close:    leaving (GOAWAY from either side, ids used up) ──last request──► ended ──from the loop──► closed().
 *              h2_client_close(): ended; its ends are reset from the loop. */

enum {
    ROOM_MAX = 1000,       /* whatever the server allows */
    LAST_IDS = 0x7fffff00, /* from here on: ids must not run out under way */
    SILENCE_MS = 10000,
    PING_MS = 5000,
    /* Servers of gRPC end a connection on the third PING within 5 minutes in which they sent nothing but answers to them. */
    LONG_SILENCE_MS = 310 * 1000,
};

static struct h2_client *client_of(struct h2_session *session)
{
    struct h2_client *client = CONTAINER_OF(session, struct h2_client, session);

    return CAST(h2_client, H2_CLIENT, client);
}

static struct loop *loop_of(const struct h2_client *client)
{
    return client->session.loop;
}

/* ---- ending ---- */

static void client_free(void *object)
{
    struct h2_client *client = object;

    h2_session_fini(&client->session);
    client->magic = 0;
    mem_free(client);
}

static void lose_all(struct link *streams, enum fault fault, int error_number)
{
    LIST_EACH(streams, link)
        h2_client_lose_request(CONTAINER_OF(link, struct h2_stream, link), fault, error_number);
}

static void end_now(struct pending *pending)
{
    struct h2_client *client = CONTAINER_OF(pending, struct h2_client, ending);
    enum fault fault = client->fault == FAULT_NONE ? FAULT_BACK_RESET : client->fault;

    lose_all(&client->session.streams, fault, client->error_number);
    lose_all(&client->session.closed, fault, client->error_number);
    if (!client->is_closed && !client->leaving_is_told)
        client->on->leaving(client->owner);
    if (!client->is_closed)
        client->on->closed(client->owner, client->fault, client->error_number);
    loop_retire(loop_of(client), client, client_free);
}

static void end(struct h2_client *client, enum fault fault, int error_number)
{
    if (client->is_ended)
        return;
    client->is_ended = client->is_leaving = true;
    client->fault = fault;
    client->error_number = error_number;
    h2_session_end(&client->session, false);
    loop_cancel(loop_of(client), &client->silence);
    loop_defer(loop_of(client), &client->ending);
}

/* What the stream and the session say of a peer, said of a backend. */
static enum fault translated(enum fault fault)
{
    switch (fault) {
    case FAULT_H2_BROKEN:
    case FAULT_CLIENT_FLOODS:
        return FAULT_BACK_BAD_ANSWER;
    case FAULT_CLIENT_GONE:
        return FAULT_BACK_RESET;
    case FAULT_TLS_BROKEN: /* also an alert behind the handshake: in TLS 1.3 that is how our certificate is refused */
        return FAULT_BACK_TLS;
    default:
        return fault;
    }
}

static void on_lost(struct h2_session *session, enum fault fault, int error_number)
{
    end(client_of(session), translated(fault), error_number);
}

/* ---- what the server says of itself ---- */

static void on_frame(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_client *client = client_of(session);
    bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;

    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        client->has_settings |= !is_ack;
        break;
    case NGHTTP2_GOAWAY:
        client->is_leaving = true;
        break;
    default:
        break;
    }
}

static void tell_leaving(struct h2_client *client)
{
    if (!client->is_leaving || client->leaving_is_told)
        return;
    client->leaving_is_told = true;
    client->on->leaving(client->owner);
}

/* While nobody knows whether it lives there is none for the owner; any byte that comes ends that. */
static void tell_room(struct h2_client *client)
{
    unsigned before = client->room_before;

    client->room_before = h2_client_is_doubtful(client) ? 0 : h2_client_room(client);
    if (client->room_before > before)
        client->on->room(client->owner);
}

static void on_turn(struct h2_session *session)
{
    struct h2_client *client = client_of(session);

    if (client->has_settings)
        h2_client_ask_for_tunnels(client);
    if (nghttp2_session_get_next_stream_id(session->ng) >= LAST_IDS)
        client->is_leaving = true;
    if (!client->is_ended)
        tell_leaving(client);
    if (!client->is_ended)
        tell_room(client);
    if (client->is_ended || session->count)
        return;
    loop_cancel(loop_of(client), &client->silence);
    if (client->is_leaving) {
        nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
        end(client, FAULT_NONE, 0);
    }
}

/* ---- silence ---- */

static void ask_whether_alive(struct h2_client *client)
{
    client->is_pinged = true;
    client->pinged_bytes = client->session.stream->bytes_in;
    client->asked_ms = loop_now_ms(loop_of(client));
    nghttp2_submit_ping(client->session.ng, NGHTTP2_FLAG_NONE, NULL);
    h2_session_write_soon(&client->session);
    loop_arm(loop_of(client), &client->silence, client->limits.ping_ms);
}

static void on_silence(struct timer *timer)
{
    struct h2_client *client = CONTAINER_OF(timer, struct h2_client, silence);
    uint64_t heard_ms = MAX(client->session.last_bytes_ms, client->busy_since_ms);
    uint64_t silent_ms = loop_now_ms(loop_of(client)) - heard_ms;
    uint64_t limit_ms = client->asked_ms > client->useful_ms ? LONG_SILENCE_MS : client->limits.silence_ms;

    if (h2_client_is_doubtful(client)) {
        end(client, FAULT_BACK_RESET, ETIMEDOUT);
        return;
    }
    client->is_pinged = false;
    if (silent_ms >= limit_ms)
        ask_whether_alive(client);
    else
        loop_arm(loop_of(client), &client->silence, MIN(limit_ms - silent_ms, client->limits.silence_ms));
}

/* ---- life ---- */

static const struct h2_side SIDE = {.block = h2_client_take_block,
                                    .malformed = h2_client_take_malformed,
                                    .data = h2_client_take_data,
                                    .gone = h2_client_take_end,
                                    .frame = on_frame,
                                    .turn = on_turn,
                                    .lost = on_lost};

static void submit_settings(struct h2_client *client)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)client->limits.head_bytes},
    };

    nghttp2_submit_settings(client->session.ng, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries));
    nghttp2_session_set_local_window_size(client->session.ng, NGHTTP2_FLAG_NONE, 0, H2_WINDOW_OPEN);
    h2_session_write_soon(&client->session);
}

struct h2_client *h2_client_new(struct stream *stream, const struct h2_client_limits *limits,
                                const struct h2_client_events *on, void *owner)
{
    struct h2_client *client = mem_new(struct h2_client);

    MAGIC_SET(client, H2_CLIENT);
    client->limits = *limits;
    client->limits.silence_ms = limits->silence_ms ? limits->silence_ms : SILENCE_MS;
    client->limits.ping_ms = limits->ping_ms ? limits->ping_ms : PING_MS;
    client->on = on;
    client->owner = owner;
    client->ending.run = end_now;
    timer_init(&client->silence, on_silence);
    h2_session_init(&client->session, &SIDE, stream, limits->head_bytes, limits->fields);
    submit_settings(client);
    client->room_before = h2_client_room(client);
    return client;
}

unsigned h2_client_room(const struct h2_client *client)
{
    uint32_t most =
        nghttp2_session_get_remote_settings(client->session.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    if (client->is_leaving || client->is_ended)
        return 0;
    most = MIN(most, (uint32_t)(client->has_settings ? ROOM_MAX : H2_STREAMS_MAX));
    return most > client->session.count ? most - client->session.count : 0;
}

bool h2_client_is_doubtful(const struct h2_client *client)
{
    return client->is_pinged && !client->is_ended && client->session.stream->bytes_in == client->pinged_bytes;
}

unsigned h2_client_in_use(const struct h2_client *client)
{
    return client->session.count;
}

struct http_end *h2_client_begin(struct h2_client *client)
{
    struct h2_stream *stream;

    ASSERT(h2_client_room(client) > 0);
    stream = h2_stream_new(&client->session, &h2_client_ops);
    client->room_before = h2_client_room(client);
    if (client->session.count == 1) {
        client->busy_since_ms = loop_now_ms(loop_of(client));
        client->is_pinged = false;
        loop_arm(loop_of(client), &client->silence, client->limits.silence_ms);
    }
    return &stream->end;
}

struct stream *h2_client_stream(struct h2_client *client)
{
    return client->session.stream;
}

void h2_client_drain(struct h2_client *client)
{
    client->is_leaving = true;
    h2_session_write_soon(&client->session);
}

void h2_client_close(struct h2_client *client)
{
    client->is_closed = true;
    if (client->is_ended)
        return;
    nghttp2_submit_goaway(client->session.ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    end(client, FAULT_BACK_RESET, 0);
}
