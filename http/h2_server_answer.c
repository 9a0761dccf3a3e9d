#include "base/macro.h"
#include "http/h2_server_parts.h"

/* Happy path:  interim heads → the final head, held → content → last; or 101 → a tunnel both ways.
 *
 * On failure:  recall() while the head is held, then another answer. Else RST_STREAM: the client must see.
 *
 * On close:    calls for a stream that nghttp2 does not know any more, or that is reset, are ignored. */

static struct h2_server *server_of(const struct h2_stream *stream)
{
    struct h2_server *server = CONTAINER_OF(stream->session, struct h2_server, session);

    return CAST(h2_server, H2_SERVER, server);
}

static bool is_over(const struct h2_stream *stream)
{
    return stream->is_closed || stream->is_reset || !stream->session->stream;
}

/* A tunnel ends with both its directions. */
static void detach(struct h2_stream *stream)
{
    if (!stream->is_tunnel || stream->in_told)
        stream->end.on = NULL;
}

static struct h2_lines write_answer(struct h2_stream *stream, const struct head *head,
                                    struct h2_length length)
{
    struct h2_server *server = server_of(stream);
    const uint32_t now_s = (uint32_t)(loop_now_ms(stream->session->loop) / 1000);
    bool repeats_date = server->answered_s == now_s;

    server->answered_s = now_s;
    return h2_write_answer(head, length, repeats_date, &stream->arena);
}

static void send_interim(struct h2_stream *stream, const struct head *head)
{
    struct h2_lines lines = h2_write_answer(head, (struct h2_length){0}, false, &stream->arena);

    nghttp2_submit_headers(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id, NULL, lines.items, lines.count,
                           NULL);
    h2_session_write_soon(stream->session);
}

/* What came before may be told now, but not from inside this op. */
static void enter_tunnel(struct h2_stream *stream, const struct head *head)
{
    stream->is_tunnel = stream->has_answer = true;
    server_of(stream)->has_early = true;
    h2_stream_hold_head(stream, write_answer(stream, head, (struct h2_length){0}));
}

/* What the head says of the content (RFC 9110 §8.6), and whether any may follow. END_STREAM tells that there is none:
 * a length is told where the other side told it. */
static struct h2_length set_content(struct h2_stream *stream, const struct head *head, bool last)
{
    struct h2_length length = {.is_told = head->has_length || head->body == BODY_LENGTH,
                               .bytes = head->length};

    stream->drops_content = stream->is_head || head->status == 204 || head->status == 304;
    if (head->status == 204)
        length.is_told = false;
    if (stream->drops_content)
        return length;
    if (head->body == BODY_NONE || last)
        length.bytes = 0;
    else
        length.is_told = stream->is_counted = head->body == BODY_LENGTH;
    stream->left = head->length;
    return length;
}

static void give_head(struct h2_stream *stream, const struct head *head, bool last)
{
    struct h2_length length = set_content(stream, head, last);

    stream->has_answer = true;
    stream->is_declined |= stream->asks_upgrade;
    stream->asks_upgrade = false;
    stream->out_ended = last;
    h2_stream_hold_head(stream, write_answer(stream, head, length));
    if (last)
        detach(stream);
}

static void op_head(struct http_end *end, const struct head *head, bool last)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (is_over(stream)) {
        if (last)
            end->on = NULL;
        return;
    }
    if (stream->has_answer)
        return;
    if (head->status == 101)
        enter_tunnel(stream, head);
    else if (head->status < 200)
        send_interim(stream, head);
    else
        give_head(stream, head, last);
}

static void op_data(struct http_end *end, struct slice bytes, bool last)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (!is_over(stream) && stream->has_answer && !stream->out_ended)
        h2_stream_send(stream, bytes, last);
    if (last)
        detach(stream);
}

static void op_trailers(struct http_end *end, const struct fields *trailers)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (!is_over(stream) && stream->has_answer && !stream->out_ended)
        h2_stream_send_trailers(stream, trailers);
    detach(stream);
}

static void op_credit(struct http_end *end, size_t n)
{
    h2_stream_credit(h2_stream_of(end), n);
}

static void op_reset(struct http_end *end, enum fault fault)
{
    struct h2_stream *stream = h2_stream_of(end);
    bool is_ours = fault_row(fault)->blame == BLAME_BACKEND || fault == FAULT_REQUEST_UNFORWARDABLE;

    end->on = NULL;
    h2_stream_reset(stream, is_ours ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
}

static uint64_t op_taken(const struct http_end *end)
{
    return h2_stream_taken(CONTAINER_OF(end, const struct h2_stream, end));
}

static bool op_recall(struct http_end *end)
{
    struct h2_stream *stream = h2_stream_of(end);

    if (!stream->is_held || stream->is_tunnel)
        return false;
    list_remove(&stream->held_link);
    stream->is_held = stream->has_answer = stream->out_ended = false;
    stream->is_counted = stream->drops_content = false;
    return true;
}

const struct http_end_ops h2_server_ops = {.head = op_head,
                                           .data = op_data,
                                           .trailers = op_trailers,
                                           .credit = op_credit,
                                           .reset = op_reset,
                                           .taken = op_taken,
                                           .recall = op_recall};
