#include "base/macro.h"
#include "http/h2_client_parts.h"

/* Happy path:  begin → head (held, then sent) → content → last; interim heads, the final head, content, last ─► detached.
 *              A tunnel is detached when both its directions have ended.
 *
 * On failure:  the answer breaks a rule, the server resets the stream, or the connection goes: reset(), with
 *              progress() for who may want to send the request again.
 *
 * On close:    op reset: RST_STREAM, or nothing where nothing has left. */

/* A backend that sends interim answers without end is broken; none sends more than a few. */
enum { INTERIM_MAX = 16 };

static struct h2_client *client_of(const struct h2_session *session)
{
    struct h2_client *client = CONTAINER_OF(session, struct h2_client, session);

    return CAST(h2_client, H2_CLIENT, client);
}

static bool is_over(const struct h2_stream *stream)
{
    return stream->is_closed || stream->is_reset || !stream->session->stream;
}

/* ---- answers ---- */

static void fail(struct h2_stream *stream, uint32_t error_code)
{
    h2_stream_reset(stream, error_code);
    h2_stream_tell_reset(stream, FAULT_BACK_BAD_ANSWER, 0);
}

/* The answer came whole; the end is detached before the exchange hears of it. What of the request has not left is not
 * wanted any more (RFC 9113 §8.1). */
static const struct http_end_events *finish_answer(struct h2_stream *stream)
{
    if (!stream->out_left)
        h2_stream_reset(stream, NGHTTP2_CANCEL);
    return TAKE(stream->end.on);
}

static void give_interim(struct h2_stream *stream, const struct head *head)
{
    if (++stream->interims > INTERIM_MAX)
        fail(stream, NGHTTP2_ENHANCE_YOUR_CALM);
    else
        stream->end.on->head(stream->end.owner, head, false);
}

static void give_head(struct h2_stream *stream, const struct head *head, bool last)
{
    const struct http_end_events *on = stream->end.on;
    bool ends = last && head->status != 101;

    stream->has_head = true;
    stream->is_tunnel = head->status == 101;
    if (ends)
        on = finish_answer(stream);
    on->head(stream->end.owner, head, ends);
}

static void take_head(struct h2_session *session, struct h2_stream *stream, bool last)
{
    struct slice protocol = stream->asks_upgrade ? SLICE("websocket") : SLICE("");
    struct h2_reading reading;

    if (!h2_read_answer(&reading, session->block, stream->is_head, protocol, last))
        fail(stream, NGHTTP2_PROTOCOL_ERROR);
    else if (reading.head.status < 200 && reading.head.status != 101)
        give_interim(stream, &reading.head);
    else
        give_head(stream, &reading.head, last);
}

static void take_trailers(struct h2_session *session, struct h2_stream *stream)
{
    struct h2_reading reading;

    if (stream->is_tunnel || !h2_read_trailers(&reading, session->block, FAULT_BACK_BAD_ANSWER))
        fail(stream, NGHTTP2_PROTOCOL_ERROR);
    else
        finish_answer(stream)->trailers(stream->end.owner, &reading.trailers);
}

static void give_tunnel_data(struct h2_stream *stream, struct slice bytes, bool last)
{
    const struct http_end_events *on = stream->end.on;

    stream->in_told = last;
    if (last && stream->out_ended)
        stream->end.on = NULL;
    on->data(stream->end.owner, bytes, last);
}

void h2_client_take_block(struct h2_session *session, struct h2_stream *stream, bool last)
{
    client_of(session)->useful_ms = loop_now_ms(session->loop);
    if (!stream->end.on)
        return;
    if (!stream->has_head)
        take_head(session, stream, last);
    else
        take_trailers(session, stream);
    /* A tunnel that is accepted and ended at once. */
    if (last && stream->is_tunnel && stream->end.on && !stream->in_told)
        give_tunnel_data(stream, SLICE(""), true);
}

void h2_client_take_malformed(struct h2_session *session, struct h2_stream *stream)
{
    h2_stream_tell_reset(stream, FAULT_BACK_BAD_ANSWER, 0);
}

void h2_client_take_data(struct h2_session *session, struct h2_stream *stream, struct slice bytes, bool last)
{
    client_of(session)->useful_ms = loop_now_ms(session->loop);
    if (!stream->end.on) {
        stream->uncredited -= (uint32_t)bytes.len;
        nghttp2_session_consume_connection(session->ng, bytes.len);
    } else if (stream->is_tunnel) {
        give_tunnel_data(stream, bytes, last);
    } else if (last) {
        finish_answer(stream)->data(stream->end.owner, bytes, true);
    } else {
        stream->end.on->data(stream->end.owner, bytes, false);
    }
}

void h2_client_lose_request(struct h2_stream *stream, enum fault fault, int error_number)
{
    if (fault == FAULT_BACK_RESET && stream->has_head)
        fault = FAULT_BACK_TRUNCATED;
    h2_stream_tell_reset(stream, fault, error_number);
}

/* nghttp2 closes those above a GOAWAY's last id with REFUSED_STREAM (RFC 9113 §6.8, §8.7). */
void h2_client_take_end(struct h2_session *session, struct h2_stream *stream, uint32_t error_code,
                        bool by_peer)
{
    bool is_our_reset = !by_peer && error_code != NGHTTP2_REFUSED_STREAM;

    stream->is_refused = error_code == NGHTTP2_REFUSED_STREAM && !stream->has_head;
    h2_client_lose_request(stream, is_our_reset ? FAULT_BACK_BAD_ANSWER : FAULT_BACK_RESET, 0);
}

/* ---- requests ---- */

static bool declares_empty(const struct head *head)
{
    return head->has_length || head->method == METHOD_POST || head->method == METHOD_PUT ||
           head->method == METHOD_PATCH; /* RFC 9110 §8.6 */
}

static struct h2_length set_content(struct h2_stream *stream, const struct head *head, bool last)
{
    stream->out_ended = last && !stream->asks_upgrade;
    stream->is_counted = head->body == BODY_LENGTH && !stream->asks_upgrade;
    stream->left = head->length;
    if (stream->is_counted)
        return (struct h2_length){.is_told = true, .bytes = head->length};
    return (struct h2_length){.is_told = stream->out_ended && declares_empty(head)};
}

static bool can_tunnel(const struct h2_client *client)
{
    return nghttp2_session_get_remote_settings(client->session.ng,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

/* SETTINGS_MAX_HEADER_LIST_SIZE counts like this (RFC 9113 §6.5.2). */
static bool is_too_large(const struct h2_client *client, const struct h2_lines *lines)
{
    uint32_t most =
        nghttp2_session_get_remote_settings(client->session.ng, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    uint64_t bytes = 0;

    for (size_t i = 0; i < lines->count; i++)
        bytes += lines->items[i].namelen + lines->items[i].valuelen + 32;
    return bytes > most;
}

static void op_head(struct http_end *end, const struct head *head, bool last)
{
    struct h2_stream *stream = h2_stream_of(end);
    struct h2_client *client = client_of(stream->session);
    struct slice scheme = client->limits.is_secure ? SLICE("https") : SLICE("http");
    struct h2_length length;
    struct h2_lines lines;

    if (is_over(stream) || stream->has_answer)
        return;
    stream->has_answer = true;
    stream->is_head = head->method == METHOD_HEAD;
    stream->asks_upgrade = head->protocol.len > 0;
    length = set_content(stream, head, last);
    lines = h2_write_request(head, scheme, length, &stream->arena);
    stream->is_too_large = is_too_large(client, &lines);
    if (!stream->is_too_large && (!stream->asks_upgrade || can_tunnel(client))) {
        h2_stream_hold_head(stream, lines);
        return;
    }
    stream->head = lines;
    stream->awaits_settings = true; /* or the end of the turn, to be told */
    h2_session_write_soon(stream->session);
}

static void ask_for_tunnel(struct h2_client *client, struct h2_stream *stream)
{
    if (!stream->awaits_settings)
        return;
    stream->awaits_settings = false;
    if (!stream->is_too_large && can_tunnel(client)) {
        h2_stream_hold_head(stream, stream->head);
        return;
    }
    h2_stream_tell_reset(stream, stream->is_too_large ? FAULT_HEAD_TOO_LARGE : FAULT_UPGRADE_REFUSED, 0);
    h2_stream_retire(stream);
}

void h2_client_ask_for_tunnels(struct h2_client *client)
{
    LIST_EACH(&client->session.streams, link)
        ask_for_tunnel(client, CONTAINER_OF(link, struct h2_stream, link));
}

static void op_data(struct http_end *end, struct slice bytes, bool last)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (is_over(stream) || !stream->has_answer || stream->out_ended)
        return;
    h2_stream_send(stream, bytes, last);
    if (last && stream->is_tunnel && stream->in_told)
        end->on = NULL;
    else if (last && stream->is_reset) /* it was not as long as declared */
        end->on = NULL;
}

static void op_trailers(struct http_end *end, const struct fields *trailers)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (!is_over(stream) && stream->has_answer && !stream->out_ended)
        h2_stream_send_trailers(stream, trailers);
}

static void op_credit(struct http_end *end, size_t n)
{
    h2_stream_credit(h2_stream_of(end), n);
}

static void op_reset(struct http_end *end, enum fault fault)
{
    struct h2_stream *stream = h2_stream_of(end);

    end->on = NULL;
    if (stream->is_closed)
        return;
    if (stream->id > 0)
        h2_stream_reset(stream, NGHTTP2_CANCEL);
    else
        h2_stream_retire(stream);
}

static uint64_t op_taken(const struct http_end *end)
{
    return h2_stream_taken(CONTAINER_OF(end, const struct h2_stream, end));
}

static enum http_progress op_progress(const struct http_end *end)
{
    const struct h2_stream *stream = CONTAINER_OF(end, const struct h2_stream, end);

    if (stream->has_head || stream->interims)
        return HTTP_ANSWERED;
    return stream->was_processed && !stream->is_refused ? HTTP_UNANSWERED : HTTP_UNPROCESSED;
}

const struct http_end_ops h2_client_ops = {.head = op_head,
                                           .data = op_data,
                                           .trailers = op_trailers,
                                           .credit = op_credit,
                                           .reset = op_reset,
                                           .taken = op_taken,
                                           .progress = op_progress};
