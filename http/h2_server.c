#include "http/h2_server.h"

#include "base/macro.h"
#include "base/mem.h"
#include "http/h2_server_parts.h"

/* Happy path:  preface, SETTINGS ⇄ ours → requests (h2_server_request.c) and answers (h2_server_answer.c) → … → idle.
 *
 * On failure:  what ends the connection (lost()) resets all that runs on it.
 *
 * On close:    farewell: NOTICE (GOAWAY with the highest id, and a PING) ──ack or 1 s──► GOODBYE (GOAWAY with the last
 *              id taken) ──last stream──► ended: closed() at the end of the turn.
 *
 * An abandoned request: its exchange is reset, and with it what went to the backend, before the next frame is read. It
 * keeps its place among the H2_STREAMS_MAX to the end of the turn all the same, so that what one read brings can begin
 * no more than that many; and the 101st reset within 10 s ends the connection (http/h2_glitches.h). So a client that only
 * resets can have 200 requests begun, and not one more. */

enum { NOTICE_MS = 1000, REST_MS = 1000 };

static struct h2_server *server_of(struct h2_session *session)
{
    struct h2_server *server = CONTAINER_OF(session, struct h2_server, session);

    return CAST(h2_server, H2_SERVER, server);
}

static struct loop *loop_of(const struct h2_server *server)
{
    return server->session.loop;
}

/* ---- ending ---- */

static void server_free(void *object)
{
    struct h2_server *server = object;

    h2_session_fini(&server->session);
    server->magic = 0;
    mem_free(server);
}

static void end_now(struct pending *pending)
{
    struct h2_server *server = CONTAINER_OF(pending, struct h2_server, ending);

    server->on->closed(server->owner, server->fault);
    loop_retire(loop_of(server), server, server_free);
}

/* The stream below is gone, or goes its way without us. */
static void enter_ended(struct h2_server *server, enum fault fault)
{
    if (server->is_ended)
        return;
    server->is_ended = true;
    server->fault = fault;
    loop_cancel(loop_of(server), &server->idle);
    loop_cancel(loop_of(server), &server->heading);
    loop_cancel(loop_of(server), &server->notice);
    loop_defer(loop_of(server), &server->ending);
}

static void end(struct h2_server *server, enum fault fault)
{
    h2_session_end(&server->session, true);
    enter_ended(server, fault);
}

static void reset_all(struct h2_server *server, enum fault fault, int error_number)
{
    LIST_EACH(&server->session.streams, link)
        h2_stream_tell_reset(CONTAINER_OF(link, struct h2_stream, link), fault, error_number);
    LIST_EACH(&server->session.closed, link)
        h2_stream_tell_reset(CONTAINER_OF(link, struct h2_stream, link), fault, error_number);
}

static void on_lost(struct h2_session *session, enum fault fault, int error_number)
{
    struct h2_server *server = server_of(session);

    reset_all(server, fault == FAULT_NONE ? FAULT_CLIENT_GONE : fault, error_number);
    end(server, fault);
}

/* ---- farewell ---- */

static void say_goodbye(struct h2_server *server)
{
    nghttp2_session *ng = server->session.ng;

    if (server->farewell == H2_GOODBYE)
        return;
    server->farewell = H2_GOODBYE;
    server->session.takes_no_more = true;
    nghttp2_submit_goaway(ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(ng),
                          NGHTTP2_NO_ERROR, NULL, 0);
    h2_session_write_soon(&server->session);
}

/* Requests that are on their way already are still taken: the client must hear first (RFC 9113 §6.8). */
void h2_server_give_notice(struct h2_server *server)
{
    if (server->farewell != H2_STAYS || server->is_ended)
        return;
    server->farewell = H2_NOTICE;
    nghttp2_submit_shutdown_notice(server->session.ng);
    nghttp2_submit_ping(server->session.ng, NGHTTP2_FLAG_NONE, NULL);
    loop_arm(loop_of(server), &server->notice, NOTICE_MS);
    h2_session_write_soon(&server->session);
}

static void on_notice_over(struct timer *timer)
{
    say_goodbye(CONTAINER_OF(timer, struct h2_server, notice));
}

static void on_frame(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_server *server = server_of(session);

    if (frame->hd.type == NGHTTP2_SETTINGS)
        server->has_settings = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) &&
        server->farewell == H2_NOTICE)
        say_goodbye(server);
}

/* ---- the end of a turn ---- */

static void enter_idle(struct h2_server *server)
{
    server->is_idle = true;
    server->is_resting = false;
    loop_arm(loop_of(server), &server->idle, MIN(server->limits->idle_ms, REST_MS));
}

static bool is_heading(const struct h2_server *server)
{
    return server->session.scan.is_in_block || (!server->has_settings && server->session.last_bytes_ms);
}

static void watch_heading(struct h2_server *server)
{
    uint32_t block = server->session.scan.blocks;

    if (!is_heading(server)) {
        loop_cancel(loop_of(server), &server->heading);
    } else if (!timer_is_armed(&server->heading) || server->heading_block != block) {
        server->heading_block = block;
        loop_arm(loop_of(server), &server->heading, server->limits->head_ms);
    }
}

static bool has_live_streams(const struct h2_server *server)
{
    LIST_EACH(&server->session.streams, link)
        if (CONTAINER_OF(link, struct h2_stream, link)->end.on)
            return true;
    return false;
}

static void on_turn(struct h2_session *session)
{
    struct h2_server *server = server_of(session);

    if (server->has_early)
        h2_server_tell_early(server);
    if (server->is_ended)
        return;
    if (server->is_closing && !has_live_streams(server))
        end(server, FAULT_DRAINED);
    else if (session->count == 0 && server->farewell == H2_GOODBYE)
        end(server, server->fault);
    else if (session->count == 0 && !nghttp2_session_want_read(session->ng))
        end(server, FAULT_NONE); /* the client's own GOAWAY */
    else if (session->count == 0 && !server->is_idle)
        enter_idle(server);
    if (!server->is_ended)
        watch_heading(server);
}

/* ---- timers ---- */

/* Streams whose exchange has ended wait for the client alone, and nobody but us sees when it takes nothing. */
static bool is_stalled(struct h2_server *server)
{
    uint64_t before = server->moved_before;
    bool was_waiting = server->was_waiting;

    server->moved_before = server->session.moved_bytes;
    if (server->session.is_blocked)
        server->moved_before += stream_taken(server->session.stream);
    server->was_waiting = !has_live_streams(server);
    return was_waiting && server->was_waiting && before == server->moved_before;
}

/* Not at once: it costs a system call, and a page fault at the next request. */
static void enter_rest(struct h2_server *server)
{
    const uint64_t idle_ms = server->limits->idle_ms;

    server->is_resting = true;
    h2_memory_rest(&server->session.memory);
    loop_arm(loop_of(server), &server->idle, idle_ms == TIMER_NEVER ? TIMER_NEVER : idle_ms - REST_MS);
}

static void on_idle_expired(struct timer *timer)
{
    struct h2_server *server = CONTAINER_OF(timer, struct h2_server, idle);

    if (!server->is_idle && is_stalled(server)) {
        h2_session_cut(&server->session);
        enter_ended(server, FAULT_CLIENT_STALLED);
    } else if (!server->is_idle) {
        loop_arm(loop_of(server), &server->idle, server->limits->idle_ms);
    } else if (!server->is_resting && server->limits->idle_ms > REST_MS) {
        enter_rest(server);
    } else {
        say_goodbye(server);
        end(server, FAULT_CLIENT_IDLE);
    }
}

static void on_heading_expired(struct timer *timer)
{
    struct h2_server *server = CONTAINER_OF(timer, struct h2_server, heading);

    say_goodbye(server);
    on_lost(&server->session, FAULT_CLIENT_HEAD_TIMEOUT, 0);
}

/* ---- life ---- */

static struct h2_server *h2_of(struct http_server *http)
{
    struct h2_server *server = CONTAINER_OF(http, struct h2_server, server);

    return CAST(h2_server, H2_SERVER, server);
}

/* Also of an idle one: a busy client's is idle for a moment between its answers and its next requests. */
static void drain(struct http_server *http, bool gently)
{
    h2_server_give_notice(h2_of(http));
}

static void close_now(struct http_server *http, bool tunnels_too)
{
    struct h2_server *server = h2_of(http);

    if (server->is_ended)
        return;
    server->is_closing = true;
    LIST_EACH(&server->session.streams, link) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);

        if (stream->is_tunnel && stream->end.on && !tunnels_too)
            continue;
        h2_stream_reset(stream, NGHTTP2_CANCEL);
        h2_stream_tell_reset(stream, FAULT_DRAINED, 0);
    }
    say_goodbye(server);
}

static struct http_server_load load(const struct http_server *http)
{
    const struct h2_server *server = CONTAINER_OF(http, const struct h2_server, server);
    struct http_server_load load = {.is_fresh = !server->has_settings};

    LIST_EACH(&server->session.streams, link) {
        const struct h2_stream *stream = CONTAINER_OF(link, const struct h2_stream, link);

        load.requests += stream->end.on && !stream->is_tunnel;
        load.tunnels += stream->end.on && stream->is_tunnel;
    }
    return load;
}

static const struct http_server_ops OPS = {.drain = drain, .close = close_now, .load = load};

static const struct h2_side SIDE = {.is_server = true,
                                    .begins = h2_server_takes_stream,
                                    .block = h2_server_take_block,
                                    .malformed = h2_server_take_malformed,
                                    .data = h2_server_take_data,
                                    .gone = h2_server_take_end,
                                    .frame = on_frame,
                                    .turn = on_turn,
                                    .lost = on_lost};

static void submit_settings(struct h2_server *server)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)server->limits->head_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    nghttp2_submit_settings(server->session.ng, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries));
    nghttp2_session_set_local_window_size(server->session.ng, NGHTTP2_FLAG_NONE, 0, H2_WINDOW_MAX);
    h2_session_write_soon(&server->session);
}

struct http_server *h2_server_new(struct stream *stream, const struct http_server_limits *limits,
                                  const struct http_server_events *on, void *owner)
{
    struct h2_server *server = mem_new(struct h2_server);

    MAGIC_SET(server, H2_SERVER);
    server->server.ops = &OPS;
    server->limits = limits;
    server->on = on;
    server->owner = owner;
    server->ending.run = end_now;
    timer_init(&server->idle, on_idle_expired);
    timer_init(&server->heading, on_heading_expired);
    timer_init(&server->notice, on_notice_over);
    h2_session_init(&server->session, &SIDE, stream, limits->head_bytes, limits->fields);
    submit_settings(server);
    return &server->server;
}
