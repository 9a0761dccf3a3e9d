#include "http/h1_client.h"

#include "base/flow.h"
#include "base/macro.h"
#include "base/mem.h"
#include "http/h1_move.h"
#include "http/h1_sender.h"
#include "net/loop.h"

/* Happy path:  IDLE ──begin──► AWAIT ──final head──► CONTENT ──last──► IDLE …; AWAIT ──101──► TUNNEL.
 *
 * On failure:  any ──reset──► DEAD: the connection is closed, the object waits for h1_client_close().
 *
 * On close:    h1_client_close(), or idle_closed() while IDLE ──► RETIRED, freed at the end of the turn. */
enum phase { IDLE, AWAIT, CONTENT, TUNNEL, DEAD, RETIRED };

/* A backend that sends interim answers without end is broken; none sends more than a few. */
enum { H1_CLIENT_MAGIC = 0x41a1c11e, INTERIM_MAX = 16 };

struct h1_client {
    unsigned magic;
    uint8_t phase;
    uint8_t interims;
    bool is_head;          /* the request's method */
    bool asks_upgrade;     /* for WebSocket */
    bool request_ended;    /* given to the stream as a whole; in a tunnel: shut */
    bool answer_ended;     /* of a tunnel */
    bool closes;           /* not reusable any more */
    bool has_sent;         /* remembered from a closed stream */
    struct stream *stream; /* NULL once closed */
    struct loop *loop;
    struct h1_progress progress;
    struct h1_body body;
    struct flow flow; /* answer content given to the exchange */
    struct h1_sender sender;
    struct http_end end;
    struct h1_client_limits limits;
    const struct h1_client_events *on;
    void *owner;
    uint64_t keep_ms;
    uint64_t bytes_out_before;                /* of the stream, when the request began */
    uint64_t answer_used_bytes, answer_bytes; /* used; and seen */
};

static struct h1_client *client_of(struct http_end *end)
{
    struct h1_client *client = CONTAINER_OF(end, struct h1_client, end);

    return CAST(h1_client, H1_CLIENT, client);
}

static bool is_busy(const struct h1_client *client)
{
    return client->phase == AWAIT || client->phase == CONTENT || client->phase == TUNNEL;
}

static struct h1_parse_limits parse_limits(const struct h1_client *client)
{
    return (struct h1_parse_limits){.head_bytes = client->limits.head_bytes, .fields = client->limits.fields};
}

/* Of the request under way. */
static bool has_sent(const struct h1_client *client)
{
    return client->has_sent || (client->stream && client->stream->bytes_out > client->bytes_out_before);
}

/* ---- ending ---- */

static void forget_stream(struct h1_client *client)
{
    client->has_sent = has_sent(client);
    client->stream = NULL;
}

static void close_stream(struct h1_client *client)
{
    struct stream *stream = client->stream;

    if (!stream)
        return;
    forget_stream(client);
    stream_close(stream);
}

static void retire(struct h1_client *client)
{
    client->phase = RETIRED;
    client->end.on = NULL;
    loop_retire(client->loop, client, mem_free);
}

static void fail(struct h1_client *client, enum fault fault, int error_number)
{
    const struct http_end_events *on = TAKE(client->end.on);

    client->phase = DEAD;
    close_stream(client);
    if (on)
        on->reset(client->end.owner, fault, error_number);
}

static void end_idle(struct h1_client *client)
{
    close_stream(client);
    retire(client);
    client->on->idle_closed(client->owner);
}

/* ---- answer ---- */

static void want_more(struct h1_client *client)
{
    if (client->stream && !client->flow.is_paused)
        stream_want(client->stream, true);
}

/* The answer came whole: the end is detached before the exchange hears of it, and may begin anew at once.
 * Bytes behind the answer belong to nothing. */
static const struct http_end_events *finish_answer(struct h1_client *client, size_t bytes_behind)
{
    client->closes |= !client->request_ended || bytes_behind > 0;
    client->phase = client->closes ? DEAD : IDLE;
    if (client->closes)
        stream_want(client->stream, false);
    else if (client->flow.is_paused)
        stream_want(client->stream, true);
    client->flow = (struct flow){0};
    return TAKE(client->end.on);
}

static void give_head(struct h1_client *client, const struct h1_parse *parse, size_t bytes_behind)
{
    const struct head *head = &parse->head;
    const bool last = head->body == BODY_NONE;
    const struct http_end_events *on = client->end.on;

    client->closes |= !client->request_ended;
    client->keep_ms = parse->keep_ms ? parse->keep_ms : client->keep_ms;
    client->phase = CONTENT;
    if (last)
        on = finish_answer(client, bytes_behind);
    else if (head->body == BODY_LENGTH)
        h1_body_begin(&client->body, H1_COUNTED, head->length);
    else
        h1_body_begin(&client->body, parse->is_chunked ? H1_CHUNKED : H1_OPEN, 0);
    on->head(client->end.owner, head, last);
}

static void enter_tunnel(struct h1_client *client, const struct head *head)
{
    client->phase = TUNNEL;
    client->closes = true;
    client->request_ended = false;
    h1_body_begin(&client->body, H1_OPEN, 0);
    h1_sender_begin(&client->sender, H1_OPEN, 0);
    client->end.on->head(client->end.owner, head, false);
}

static void give_interim(struct h1_client *client, const struct head *head)
{
    client->progress = (struct h1_progress){0};
    if (++client->interims > INTERIM_MAX)
        fail(client, FAULT_BACK_BAD_ANSWER, 0);
    else
        client->end.on->head(client->end.owner, head, false);
}

/* Of this hop alone: the front end's connection is none of the backend's business. */
static void take_persistence(struct h1_client *client, struct head *head)
{
    client->closes |= head->ends_connection || head->minor == 0;
    head->ends_connection = false;
}

/* @return false when there is nothing more to do with these bytes */
static bool take_head(struct h1_client *client, struct slice *rest)
{
    const struct h1_parse_limits limits = parse_limits(client);
    const struct h1_question question = {.is_head = client->is_head,
                                         .protocol = client->asks_upgrade ? SLICE("websocket") : SLICE("")};
    struct h1_parse parse;
    enum h1_outcome outcome = h1_parse_answer(&parse, &client->progress, *rest, &limits, &question);

    if (outcome == H1_MORE)
        return false;
    if (outcome == H1_REFUSED) {
        fail(client, parse.fault, 0);
        return false;
    }
    *rest = slice_from(*rest, parse.used);
    client->answer_used_bytes += parse.used;
    take_persistence(client, &parse.head);
    if (parse.head.status == 101)
        enter_tunnel(client, &parse.head);
    else if (parse.head.status < 200)
        give_interim(client, &parse.head);
    else
        give_head(client, &parse, rest->len);
    return is_busy(client);
}

static void give_data(struct h1_client *client, struct slice bytes, bool last, size_t bytes_behind)
{
    const struct http_end_events *on = client->end.on;

    if (last)
        on = finish_answer(client, bytes_behind);
    else if (flow_add(&client->flow, bytes.len))
        stream_want(client->stream, false);
    on->data(client->end.owner, bytes, last);
}

static bool take_piece(struct h1_client *client, struct slice *rest)
{
    const struct h1_parse_limits limits = parse_limits(client);
    const size_t before = rest->len;
    struct h1_piece piece;
    enum h1_step step = h1_body_next(&client->body, rest, &piece, &limits);

    client->answer_used_bytes += before - rest->len;
    switch (step) {
    case H1_STEP_DATA:
        give_data(client, piece.data, piece.last, rest->len);
        return !piece.last && !client->flow.is_paused;
    case H1_STEP_END:
        give_data(client, SLICE(""), true, rest->len);
        return false;
    case H1_STEP_TRAILERS:
        finish_answer(client, rest->len)->trailers(client->end.owner, &piece.trailers);
        return false;
    case H1_STEP_BROKEN:
        fail(client, FAULT_BACK_BAD_ANSWER, 0);
        return false;
    default:
        return false;
    }
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct h1_client *client = CAST(h1_client, H1_CLIENT, owner);
    struct slice rest = lent;
    bool goes_on = is_busy(client);

    if (client->phase == IDLE) {
        end_idle(client);
        return lent.len;
    }
    if (goes_on)
        client->answer_bytes = client->answer_used_bytes + lent.len;
    while (goes_on && rest.len && is_busy(client))
        goes_on = client->phase == AWAIT ? take_head(client, &rest) : take_piece(client, &rest);
    return lent.len - rest.len;
}

static bool on_pass(void *owner)
{
    struct h1_client *client = CAST(h1_client, H1_CLIENT, owner);
    size_t moved = 0;

    if (client->phase == CONTENT)
        moved = h1_move_content(client->stream, &client->body, &client->flow, &client->end);
    client->answer_used_bytes += moved;
    return moved > 0;
}

static void on_drained(void *owner)
{
    struct h1_client *client = CAST(h1_client, H1_CLIENT, owner);
    size_t owed = h1_sender_drained(&client->sender);

    if (owed && client->end.on)
        client->end.on->credit(client->end.owner, owed);
}

static enum fault fault_of_loss(const struct h1_client *client)
{
    return client->answer_bytes ? FAULT_BACK_TRUNCATED : FAULT_BACK_RESET;
}

static void finish_tunnel(struct h1_client *client)
{
    if (client->phase == TUNNEL && client->request_ended && client->answer_ended) {
        struct stream *stream = client->stream;

        client->phase = DEAD;
        client->end.on = NULL;
        forget_stream(client);
        stream_end(stream, false);
    }
}

/* The stream first: who hears of a tunnel's last gives the client back at once, and what waits must go out.
 */
static void end_tunnels_answer(struct h1_client *client)
{
    const struct http_end_events *on = client->end.on;

    client->answer_ended = true;
    finish_tunnel(client);
    on->data(client->end.owner, SLICE(""), true);
}

static void on_eof(void *owner)
{
    struct h1_client *client = CAST(h1_client, H1_CLIENT, owner);

    client->closes = true;
    if (client->phase == IDLE) {
        end_idle(client);
    } else if (client->phase == TUNNEL) {
        end_tunnels_answer(client);
    } else if (client->phase == CONTENT && client->body.framing == H1_OPEN) {
        give_data(client, SLICE(""), true, 0);
    } else if (is_busy(client)) {
        fail(client, fault_of_loss(client), 0);
    }
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct h1_client *client = CAST(h1_client, H1_CLIENT, owner);
    const bool was_idle = client->phase == IDLE;

    client->closes = true;
    forget_stream(client);
    if (was_idle)
        end_idle(client);
    else if (is_busy(client))
        fail(client, fault_of_loss(client), error_number);
}

static const struct stream_events stream_on = {
    .bytes = on_bytes, .pass = on_pass, .drained = on_drained, .eof = on_eof, .closed = on_closed};

/* ---- request ---- */

static bool declares_empty(const struct head *head)
{
    return head->has_length || head->method == METHOD_POST || head->method == METHOD_PUT ||
           head->method == METHOD_PATCH;
}

static enum h1_framing choose_framing(const struct head *head, bool last, struct h1_framing_fields *fields)
{
    if (head->body == BODY_LENGTH) {
        *fields = (struct h1_framing_fields){.has_length = true, .length = head->length};
        return H1_COUNTED;
    }
    if (head->body == BODY_UNKNOWN && !last) {
        fields->is_chunked = true;
        return H1_CHUNKED;
    }
    fields->has_length = declares_empty(head); /* RFC 9110 §8.6 */
    return H1_EMPTY;
}

static void end_request(struct h1_client *client)
{
    client->request_ended = true;
    if (!h1_sender_is_whole(&client->sender))
        close_stream(client);
}

static void op_head(struct http_end *end, const struct head *head, bool last)
{
    struct h1_client *client = client_of(end);
    struct h1_framing_fields fields = {0};
    enum h1_framing framing;
    struct h1_out out;

    if (client->phase != AWAIT || !client->stream)
        return;
    client->is_head = head->method == METHOD_HEAD;
    client->asks_upgrade = slice_eq_nocase(head->protocol, SLICE("websocket"));
    framing = choose_framing(head, last, &fields);
    if (client->asks_upgrade)
        fields.connection = H1_SAYS_UPGRADE;
    h1_sender_begin(&client->sender, framing, head->length);
    h1_out_init(&out);
    h1_write_request(&out, head, &fields);
    h1_sender_head(&client->sender, &out,
                   last || client->asks_upgrade || head->expects_continue ? STREAM_NOW : STREAM_LATER);
    h1_out_fini(&out);
    if (last || client->asks_upgrade)
        end_request(client);
}

static void op_data(struct http_end *end, struct slice bytes, bool last)
{
    struct h1_client *client = client_of(end);
    size_t credit;

    if (!is_busy(client) || !client->stream || client->request_ended)
        return;
    credit = h1_sender_data(&client->sender, bytes, last, STREAM_NOW);
    if (last && client->phase == TUNNEL) {
        client->request_ended = true;
        stream_shut(client->stream);
        finish_tunnel(client);
    } else if (last) {
        end_request(client);
    }
    if (credit && client->end.on)
        client->end.on->credit(client->end.owner, credit);
}

static void op_trailers(struct http_end *end, const struct fields *trailers)
{
    struct h1_client *client = client_of(end);

    if (!is_busy(client) || !client->stream || client->request_ended)
        return;
    h1_sender_trailers(&client->sender, trailers, STREAM_NOW);
    end_request(client);
}

static struct spliced op_move(struct http_end *end, struct stream *from, size_t max)
{
    struct h1_client *client = client_of(end);

    if (!is_busy(client) || !client->stream || client->request_ended)
        return (struct spliced){0};
    return h1_sender_move(&client->sender, from, max);
}

static void op_credit(struct http_end *end, size_t n)
{
    struct h1_client *client = client_of(end);

    if (is_busy(client) && flow_credit(&client->flow, n))
        want_more(client);
}

static void op_reset(struct http_end *end, enum fault fault)
{
    struct h1_client *client = client_of(end);

    client->end.on = NULL;
    client->closes = true;
    if (client->phase != RETIRED)
        client->phase = DEAD;
    close_stream(client);
}

static uint64_t op_taken(const struct http_end *end)
{
    const struct h1_client *client = CONTAINER_OF(end, const struct h1_client, end);

    return client->stream ? stream_taken(client->stream) : 0;
}

static enum http_progress op_progress(const struct http_end *end)
{
    const struct h1_client *client = CONTAINER_OF(end, const struct h1_client, end);

    if (client->answer_bytes)
        return HTTP_ANSWERED;
    return has_sent(client) ? HTTP_UNANSWERED : HTTP_UNPROCESSED;
}

static const struct http_end_ops end_ops = {.head = op_head,
                                            .data = op_data,
                                            .trailers = op_trailers,
                                            .move = op_move,
                                            .credit = op_credit,
                                            .reset = op_reset,
                                            .taken = op_taken,
                                            .progress = op_progress};

/* ---- life ---- */

struct h1_client *h1_client_new(struct stream *stream, const struct h1_client_limits *limits,
                                const struct h1_client_events *on, void *owner)
{
    struct h1_client *client = mem_new(struct h1_client);

    MAGIC_SET(client, H1_CLIENT);
    client->stream = client->sender.stream = stream;
    client->loop = stream->loop;
    client->end.ops = &end_ops;
    client->limits = *limits;
    client->on = on;
    client->owner = owner;
    stream_own(stream, &stream_on, client);
    stream_want(stream, true);
    return client;
}

struct http_end *h1_client_begin(struct h1_client *client)
{
    ASSERT(client->phase == IDLE && client->stream);
    client->phase = AWAIT;
    client->interims = 0;
    client->request_ended = client->answer_ended = client->has_sent = false;
    client->progress = (struct h1_progress){0};
    client->flow = (struct flow){0};
    client->bytes_out_before = client->stream->bytes_out;
    client->answer_used_bytes = client->answer_bytes = 0;
    return &client->end;
}

bool h1_client_is_reusable(const struct h1_client *client)
{
    return client->phase == IDLE && !client->closes && client->stream;
}

uint64_t h1_client_keep_ms(const struct h1_client *client)
{
    return client->keep_ms ? client->keep_ms - 1000 : 0; /* less than 2 s are not kept (http/h1_rules) */
}

struct stream *h1_client_stream(struct h1_client *client)
{
    return client->stream;
}

void h1_client_close(struct h1_client *client)
{
    if (client->phase == RETIRED)
        return;
    client->phase = DEAD;
    close_stream(client);
    retire(client);
}
