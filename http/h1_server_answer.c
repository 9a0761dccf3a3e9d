#include "http/h1_server_parts.h"

/* Happy path:  interim heads → the final head → content → finish_answer(); or 101 → a tunnel both ways.
 *              The final head is held until content or the end of the turn takes it along.
 *
 * On failure:  recall() while nothing has left, then another answer. Else reset(), or content that is not as long as
 *              declared, cuts the connection: the client must see.
 *
 * On close:    calls that come for an answer that is over are ignored. */

static struct h1_server *server_of(struct http_end *end)
{
    struct h1_server *server = CONTAINER_OF(end, struct h1_server, end);

    return CAST(h1_server, H1_SERVER, server);
}

void h1_server_give_credit(struct h1_server *server, size_t n)
{
    if (n && server->end.on)
        server->end.on->credit(server->end.owner, n);
}

/* The client may be sending still: the rest of its content, a further request, or the CR LF that some send behind
 * content (RFC 9112 §2.2, §9.6). */
static bool may_be_sending(const struct h1_server *server)
{
    return !server->request_ended || server->awaits_next || server->body.framing != H1_EMPTY;
}

static unsigned end_flags(const struct h1_server *server)
{
    return server->closes || !server->request_ended ? STREAM_LATER : STREAM_NOW;
}

/* The answer is out; what becomes of the connection? */
static void finish_answer(struct h1_server *server)
{
    server->end.on = NULL;
    if (!h1_sender_is_whole(&server->sender)) {
        h1_server_cut(server, FAULT_NONE);
        return;
    }
    h1_sender_release(&server->sender, end_flags(server));
    if (!server->request_ended || server->closes)
        h1_server_end(server, FAULT_NONE, may_be_sending(server));
    else
        h1_server_enter_idle(server);
}

void h1_server_finish_tunnel(struct h1_server *server)
{
    if (server->phase == TUNNEL && server->request_ended && server->answer_ended)
        h1_server_end(server, FAULT_NONE, false);
}

static void send_head(struct h1_server *server, const struct head *head,
                      const struct h1_framing_fields *framing, unsigned flags)
{
    struct h1_out out;

    h1_out_init(&out);
    h1_write_answer(&out, head, framing);
    h1_sender_head(&server->sender, &out, flags);
    h1_out_fini(&out);
}

static void on_turn_end(struct pending *pending)
{
    struct h1_server *server = CONTAINER_OF(pending, struct h1_server, due);

    h1_server_give_credit(server, h1_sender_release(&server->sender, STREAM_NOW));
}

/* Interim heads are unknown to HTTP/1.0 (RFC 9110 §15.2). */
static void send_interim(struct h1_server *server, const struct head *head)
{
    if (server->minor > 0 && !server->has_answer)
        send_head(server, head, &(struct h1_framing_fields){0}, STREAM_NOW);
}

static void enter_tunnel(struct h1_server *server, const struct head *head)
{
    server->phase = TUNNEL;
    server->has_answer = true;
    server->request_ended = false;
    server->awaits_next = false;
    h1_body_begin(&server->body, H1_OPEN, 0);
    h1_sender_begin(&server->sender, H1_OPEN, 0);
    send_head(server, head, &(struct h1_framing_fields){.connection = H1_SAYS_UPGRADE}, STREAM_NOW);
    h1_server_want_more(server);
}

/* How the content is framed towards this client (RFC 9112 §6.3). */
static enum h1_framing choose_framing(struct h1_server *server, const struct head *head, bool last,
                                      struct h1_framing_fields *fields)
{
    if (head->status == 204)
        return H1_EMPTY;
    fields->has_length = head->has_length || head->body == BODY_LENGTH;
    fields->length = head->length;
    if (server->is_head || head->status == 304)
        return H1_EMPTY;
    if (head->body == BODY_LENGTH)
        return H1_COUNTED;
    if (head->body == BODY_NONE || last) {
        fields->has_length = true;
        fields->length = 0;
        return H1_EMPTY;
    }
    fields->has_length = false;
    fields->is_chunked = server->minor > 0;
    if (fields->is_chunked)
        return H1_CHUNKED;
    server->closes = true;
    return H1_OPEN;
}

static void op_head(struct http_end *end, const struct head *head, bool last)
{
    struct h1_server *server = server_of(end);
    struct h1_framing_fields fields = {0};
    enum h1_framing framing;

    if ((server->phase != BUSY && server->phase != REFUSED) || server->has_answer)
        return;
    if (head->status == 101) {
        enter_tunnel(server, head);
        return;
    }
    if (head->status < 200) {
        send_interim(server, head);
        return;
    }
    framing = choose_framing(server, head, last, &fields);
    server->closes |= head->ends_connection || h1_server_is_at_last_request(server) ||
                      ((last || head->comes_whole) && !server->request_ended);
    if (server->closes)
        fields.connection = H1_SAYS_CLOSE;
    else if (server->minor == 0)
        fields.connection = H1_SAYS_KEEP_ALIVE;
    server->has_answer = true;
    h1_sender_begin(&server->sender, framing, head->length);
    send_head(server, head, &fields, last ? end_flags(server) : H1_SENDER_HOLDS);
    if (last) {
        finish_answer(server);
    } else {
        server->due.run = on_turn_end;
        loop_defer_last(server->sender.stream->loop, &server->due);
    }
}

static void tunnel_data(struct h1_server *server, struct slice bytes, bool last)
{
    size_t credit = h1_sender_data(&server->sender, bytes, last, STREAM_NOW);

    if (last) {
        server->answer_ended = true;
        stream_shut(server->sender.stream);
        h1_server_finish_tunnel(server);
    }
    h1_server_give_credit(server, credit);
}

static void op_data(struct http_end *end, struct slice bytes, bool last)
{
    struct h1_server *server = server_of(end);
    size_t credit;

    if (server->phase == TUNNEL && !server->answer_ended)
        tunnel_data(server, bytes, last);
    if ((server->phase != BUSY && server->phase != REFUSED) || !server->has_answer)
        return;
    credit = h1_sender_data(&server->sender, bytes, last, end_flags(server));
    if (last)
        finish_answer(server);
    else
        h1_server_give_credit(server, credit);
}

static void op_trailers(struct http_end *end, const struct fields *trailers)
{
    struct h1_server *server = server_of(end);

    if ((server->phase != BUSY && server->phase != REFUSED) || !server->has_answer)
        return;
    h1_sender_trailers(&server->sender, trailers, end_flags(server));
    finish_answer(server);
}

static struct spliced op_move(struct http_end *end, struct stream *from, size_t max)
{
    struct h1_server *server = server_of(end);

    if (server->phase != BUSY || !server->has_answer)
        return (struct spliced){0};
    return h1_sender_move(&server->sender, from, max);
}

static void op_credit(struct http_end *end, size_t n)
{
    struct h1_server *server = server_of(end);

    if ((server->phase == BUSY || server->phase == TUNNEL) && flow_credit(&server->flow, n))
        h1_server_want_more(server);
}

static void op_reset(struct http_end *end, enum fault fault)
{
    h1_server_cut(server_of(end), fault);
}

static uint64_t op_taken(const struct http_end *end)
{
    return stream_taken(CONTAINER_OF(end, const struct h1_server, end)->sender.stream);
}

static bool op_recall(struct http_end *end)
{
    struct h1_server *server = server_of(end);

    if (!h1_sender_holds(&server->sender))
        return false;
    h1_sender_drop(&server->sender);
    server->has_answer = false;
    return true;
}

const struct http_end_ops h1_server_ops = {.head = op_head,
                                           .data = op_data,
                                           .trailers = op_trailers,
                                           .move = op_move,
                                           .credit = op_credit,
                                           .reset = op_reset,
                                           .taken = op_taken,
                                           .recall = op_recall};
