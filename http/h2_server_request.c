#include "base/macro.h"
#include "http/h2_server_parts.h"

/* Happy path:  a stream begins → its header block → request() → content, trailers; h2_server_answer.c has the answer.
 *
 * On failure:  a malformed request is refused and logged; its stream is reset by nghttp2, or answered where only we saw it.
 *              Malformed content resets the stream, and the exchange.
 *
 * On close:    the stream is gone: an exchange that still has it is reset. */

static struct h2_server *server_of(struct h2_session *session)
{
    struct h2_server *server = CONTAINER_OF(session, struct h2_server, session);

    return CAST(h2_server, H2_SERVER, server);
}

static struct loop *loop_of(const struct h2_server *server)
{
    return server->session.loop;
}

static unsigned abandoned_now(const struct h2_server *server)
{
    return server->abandoned_turn == loop_turn(loop_of(server)) ? server->abandoned : 0;
}

bool h2_server_takes_stream(struct h2_session *session)
{
    struct h2_server *server = server_of(session);

    if (server->is_idle) {
        server->is_idle = server->was_waiting = false;
        loop_arm(loop_of(server), &server->idle, server->limits->idle_ms);
    }
    return !server->is_closing && session->count - session->answered + abandoned_now(server) < H2_STREAMS_MAX;
}

static void count_request(struct h2_server *server)
{
    server->served++;
    if (server->limits->requests && server->served >= server->limits->requests)
        h2_server_give_notice(server);
}

static void refuse(struct h2_server *server, struct h2_stream *stream, const struct h2_reading *reading)
{
    stream->is_head = reading->head.method == METHOD_HEAD;
    server->on->refused(server->owner, &stream->end, &reading->head, reading->fault, reading->detail);
}

static void take_request(struct h2_server *server, struct h2_stream *stream, bool last)
{
    struct h2_reading reading;

    stream->end.ops = &h2_server_ops;
    stream->has_head = true;
    count_request(server);
    if (!h2_read_request(&reading, server->session.block, server->limits->target_bytes, last)) {
        refuse(server, stream, &reading);
        return;
    }
    stream->is_head = reading.head.method == METHOD_HEAD;
    stream->asks_upgrade = reading.head.protocol.len > 0;
    server->on->request(server->owner, &stream->end, &reading.head, last);
}

static void take_trailers(struct h2_server *server, struct h2_stream *stream)
{
    struct h2_reading reading;

    if (!stream->end.on || stream->is_declined)
        return;
    if (stream->is_tunnel || stream->asks_upgrade ||
        !h2_read_trailers(&reading, server->session.block, FAULT_BAD_REQUEST)) {
        h2_stream_reset(stream, NGHTTP2_PROTOCOL_ERROR);
        h2_session_glitch(&server->session, H2_GLITCH_PROVOKED);
        h2_stream_tell_reset(stream, FAULT_BAD_REQUEST, 0);
        return;
    }
    stream->end.on->trailers(stream->end.owner, &reading.trailers);
}

void h2_server_take_block(struct h2_session *session, struct h2_stream *stream, bool last)
{
    if (stream->has_head)
        take_trailers(server_of(session), stream);
    else
        take_request(server_of(session), stream, last);
}

/* nghttp2 resets the stream; the request is logged as what it was, and its answer goes nowhere. */
void h2_server_take_malformed(struct h2_session *session, struct h2_stream *stream)
{
    struct h2_server *server = server_of(session);
    struct h2_reading reading;

    if (stream->has_head) {
        h2_stream_tell_reset(stream, FAULT_BAD_REQUEST, 0);
        return;
    }
    stream->end.ops = &h2_server_ops;
    stream->has_head = true;
    count_request(server);
    if (h2_read_request(&reading, session->block, 0, true)) {
        reading.fault = FAULT_BAD_REQUEST;
        reading.detail = "malformed head (RFC 9113 section 8)";
    }
    refuse(server, stream, &reading);
}

/* Where nobody waits for it any more it is dropped, and the stream's window stays shut. */
static void drop_content(struct h2_session *session, struct h2_stream *stream, size_t n)
{
    stream->uncredited -= (uint32_t)n;
    nghttp2_session_consume_connection(session->ng, n);
}

static void give_data(struct h2_stream *stream, struct slice bytes, bool last)
{
    const struct http_end_events *on = stream->end.on;

    stream->in_told = last;
    if (last && stream->is_tunnel && stream->out_ended)
        stream->end.on = NULL;
    on->data(stream->end.owner, bytes, last);
}

void h2_server_take_data(struct h2_session *session, struct h2_stream *stream, struct slice bytes, bool last)
{
    if (!stream->end.on || stream->is_declined) {
        drop_content(session, stream, bytes.len);
    } else if (stream->asks_upgrade && !stream->is_tunnel) {
        queue_add(&stream->early, bytes);
        stream->early_ended = last;
    } else if (stream->is_tunnel && queue_len(&stream->early)) {
        queue_add(&stream->early, bytes);
        stream->early_ended |= last;
    } else {
        give_data(stream, bytes, last);
    }
}

/* ---- what came before the tunnel ---- */

static void tell_early(struct h2_stream *stream)
{
    struct queue early = stream->early;
    bool last = stream->early_ended;

    if (!stream->is_tunnel || !stream->end.on || (!queue_len(&early) && !last))
        return;
    stream->early = (struct queue){0};
    stream->early_ended = false;
    give_data(stream, queue_peek(&early), last);
    queue_fini(&early);
}

void h2_server_tell_early(struct h2_server *server)
{
    server->has_early = false;
    LIST_EACH(&server->session.streams, link)
        tell_early(CONTAINER_OF(link, struct h2_stream, link));
}

/* ---- the stream's end ---- */

void h2_server_take_end(struct h2_session *session, struct h2_stream *stream, uint32_t error_code,
                        bool by_peer)
{
    struct h2_server *server = server_of(session);
    unsigned turn = loop_turn(loop_of(server));

    tell_early(stream); /* both directions may have ended within the turn that agreed to it */
    if (!stream->end.on)
        return;
    if (by_peer) {
        server->abandoned = abandoned_now(server) + 1;
        server->abandoned_turn = turn;
        h2_session_glitch(session, H2_GLITCH_RESET);
    }
    h2_stream_tell_reset(stream, by_peer ? FAULT_CLIENT_GONE : FAULT_BAD_REQUEST, 0);
}
