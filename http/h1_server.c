#include "http/h1_server.h"

#include "base/flow.h"
#include "base/macro.h"
#include "base/mem.h"
#include "http/h1_sender.h"
#include "net/loop.h"

/* Happy path:  IDLE ──first byte──► HEAD ──head──► BUSY ──answer's last──► IDLE … (a head that comes whole
 * skips HEAD); BUSY ──101──► TUNNEL ──both directions ended──► ENDED On failure:  IDLE, HEAD ──invalid──►
 * REFUSED ──answered──► ENDED; in BUSY the exchange gets reset() first On close:    ENDED tells closed() at
 * the end of the turn and retires the server.
 *
 * While BUSY with the request complete, reading goes on only to see the client leave: the first bytes of a
 * next request stop it until the answer is out, so nothing piles up. */
enum phase { IDLE, HEAD, BUSY, TUNNEL, REFUSED, ENDED };

enum { H1_SERVER_MAGIC = 0x41a1005e };

struct h1_server {
    unsigned magic;
    uint8_t phase;
    uint8_t minor;      /* version of the request under way */
    bool is_head;       /* its method */
    bool request_ended; /* its content came whole, or the tunnel's way in is shut */
    bool answer_ended;  /* of a tunnel: the way out is shut */
    bool has_answer;    /* the final head was written */
    bool asks_upgrade;  /* the request may become a tunnel */
    bool closes;        /* no further request after this answer */
    bool is_draining;
    bool awaits_next;    /* bytes of a further request wait in the stream */
    bool awaits_drained; /* the last answer waits in the stream */
    uint32_t served;
    enum fault fault; /* for closed() */
    struct h1_progress progress;
    struct h1_body body;
    struct flow flow;        /* request content given to the exchange */
    struct h1_sender sender; /* the answer; holds the stream */
    struct http_end end;
    const struct h1_server_limits *limits;
    const struct h1_server_events *on;
    void *owner;
    struct timer timer; /* IDLE and HEAD */
    struct pending ending;
};

_Static_assert(sizeof(struct h1_server) <= 272, "an idle connection must stay small");

static struct h1_server *server_of(struct http_end *end)
{
    struct h1_server *server = CONTAINER_OF(end, struct h1_server, end);

    return CAST(h1_server, H1_SERVER, server);
}

static struct loop *loop_of(const struct h1_server *server)
{
    return server->sender.stream->loop;
}

static struct h1_parse_limits parse_limits(const struct h1_server *server)
{
    return (struct h1_parse_limits){.head_bytes = server->limits->head_bytes,
                                    .fields = server->limits->fields,
                                    .target_bytes = server->limits->target_bytes};
}

/* ---- ending ---- */

static void end_now(struct pending *pending)
{
    struct h1_server *server = CONTAINER_OF(pending, struct h1_server, ending);

    server->on->closed(server->owner, server->fault);
    loop_retire(loop_of(server), server, mem_free);
}

/* The stream is closed, or goes its way without us. */
static void enter_ended(struct h1_server *server, enum fault fault)
{
    if (server->phase == ENDED)
        return;
    server->phase = ENDED;
    server->fault = fault;
    server->end.on = NULL;
    loop_cancel(loop_of(server), &server->timer);
    loop_defer(loop_of(server), &server->ending);
}

static void end_gently(struct h1_server *server, enum fault fault, bool linger)
{
    if (server->phase == ENDED)
        return;
    stream_end(server->sender.stream, linger);
    enter_ended(server, fault);
}

static void cut(struct h1_server *server, enum fault fault)
{
    if (server->phase == ENDED)
        return;
    stream_close(server->sender.stream);
    enter_ended(server, fault);
}

/* The exchange learns it, and is detached. */
static void reset_exchange(struct h1_server *server, enum fault fault, int error_number)
{
    const struct http_end_events *on = TAKE(server->end.on);

    if (on)
        on->reset(server->end.owner, fault, error_number);
}

/* ---- between requests ---- */

static void want_more(struct h1_server *server)
{
    if (!server->flow.is_paused && !server->awaits_next && !server->awaits_drained)
        stream_want(server->sender.stream, true);
}

static void enter_idle(struct h1_server *server)
{
    server->phase = IDLE;
    server->progress = (struct h1_progress){0};
    server->flow = (struct flow){0};
    server->awaits_next = false;
    /* A client that sends requests but takes no answers must not fill our memory. */
    server->awaits_drained = stream_queued(server->sender.stream) > 0;
    loop_arm(loop_of(server), &server->timer, server->limits->idle_ms);
    if (server->awaits_drained)
        stream_want(server->sender.stream, false);
    else
        want_more(server);
}

static void refuse(struct h1_server *server, const struct head *head, enum fault fault, const char *detail)
{
    server->phase = REFUSED;
    server->closes = true;
    server->request_ended = false;
    server->has_answer = false;
    server->is_head = head->method == METHOD_HEAD;
    server->minor = 1;
    loop_cancel(loop_of(server), &server->timer);
    stream_want(server->sender.stream, false);
    server->on->refused(server->owner, &server->end, head, fault, detail);
}

/* A mistake in the content: the exchange learns it first; an answer can only be given when none has begun. */
static void refuse_content(struct h1_server *server, const char *detail)
{
    const struct head unknown = {.method = server->is_head ? METHOD_HEAD : METHOD_OTHER};

    reset_exchange(server, FAULT_BAD_REQUEST, 0);
    if (server->phase != BUSY)
        return;
    if (server->has_answer)
        cut(server, FAULT_BAD_REQUEST);
    else
        refuse(server, &unknown, FAULT_BAD_REQUEST, detail);
}

/* ---- request ---- */

static bool is_last_request(const struct h1_server *server)
{
    return server->is_draining || (server->limits->requests && server->served >= server->limits->requests);
}

static void begin_request(struct h1_server *server, const struct h1_parse *parse)
{
    const struct head *head = &parse->head;
    bool is_empty = head->body == BODY_NONE;

    server->phase = BUSY;
    server->served++;
    server->minor = head->minor;
    server->is_head = head->method == METHOD_HEAD;
    server->closes = head->ends_connection || is_last_request(server);
    server->request_ended = is_empty;
    server->answer_ended = server->has_answer = false;
    server->asks_upgrade = head->protocol.len > 0;
    h1_body_begin(&server->body,
                  parse->is_chunked ? H1_CHUNKED
                  : is_empty        ? H1_EMPTY
                                    : H1_COUNTED,
                  head->length);
    loop_cancel(loop_of(server), &server->timer);
    server->on->request(server->owner, &server->end, head, is_empty && !server->asks_upgrade);
    ASSERT(server->phase != BUSY || server->end.on);
}

static bool is_empty_lines(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != '\r' && bytes.data[i] != '\n')
            return false;
    }
    return true;
}

static void take_head(struct h1_server *server, struct slice *rest)
{
    const struct h1_parse_limits limits = parse_limits(server);
    struct h1_parse parse;

    switch (h1_parse_request(&parse, &server->progress, *rest, &limits)) {
    case H1_HEAD:
        *rest = slice_from(*rest, parse.used);
        begin_request(server, &parse);
        break;
    case H1_REFUSED:
        refuse(server, &parse.head, parse.fault, parse.detail);
        break;
    case H1_MORE:
        if (server->phase == IDLE && !is_empty_lines(*rest)) {
            server->phase = HEAD;
            loop_arm(loop_of(server), &server->timer, server->limits->head_ms);
        }
        break;
    }
}

static void give_data(struct h1_server *server, struct slice bytes, bool last)
{
    server->request_ended = last;
    if (flow_add(&server->flow, bytes.len))
        stream_want(server->sender.stream, false);
    server->end.on->data(server->end.owner, bytes, last);
}

static void take_content(struct h1_server *server, struct slice *rest)
{
    const struct h1_parse_limits limits = parse_limits(server);
    struct h1_piece piece;

    while ((server->phase == BUSY || server->phase == TUNNEL) && !server->request_ended &&
           !server->flow.is_paused) {
        switch (h1_body_next(&server->body, rest, &piece, &limits)) {
        case H1_STEP_DATA:
            give_data(server, piece.data, piece.last);
            break;
        case H1_STEP_END:
            give_data(server, SLICE(""), true);
            break;
        case H1_STEP_TRAILERS:
            server->request_ended = true;
            server->end.on->trailers(server->end.owner, &piece.trailers);
            break;
        case H1_STEP_BROKEN:
            refuse_content(server, piece.detail);
            break;
        case H1_STEP_MORE:
            return;
        }
    }
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);
    struct slice rest = lent;

    if (server->phase == IDLE || server->phase == HEAD)
        take_head(server, &rest);
    if ((server->phase == BUSY || server->phase == TUNNEL) && !server->request_ended)
        take_content(server, &rest);
    if (server->phase == BUSY && server->request_ended && rest.len) {
        server->awaits_next = true;
        stream_want(server->sender.stream, false);
    }
    return lent.len - rest.len;
}

/* ---- answer ---- */

static void give_credit(struct h1_server *server, size_t n)
{
    if (n && server->end.on)
        server->end.on->credit(server->end.owner, n);
}

/* The answer is out; what becomes of the connection? */
static void finish_answer(struct h1_server *server)
{
    server->end.on = NULL;
    if (!h1_sender_is_whole(&server->sender))
        cut(server, FAULT_NONE);
    else if (!server->request_ended || server->closes)
        end_gently(server, FAULT_NONE, !server->request_ended || server->awaits_next);
    else
        enter_idle(server);
}

static void finish_tunnel(struct h1_server *server)
{
    if (server->phase == TUNNEL && server->request_ended && server->answer_ended)
        end_gently(server, FAULT_NONE, false);
}

static unsigned end_flags(const struct h1_server *server)
{
    return server->closes || !server->request_ended ? STREAM_LATER : STREAM_NOW;
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
    want_more(server);
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
    server->closes |= is_last_request(server) || (last && !server->request_ended);
    if (server->closes)
        fields.connection = H1_SAYS_CLOSE;
    else if (server->minor == 0)
        fields.connection = H1_SAYS_KEEP_ALIVE;
    server->has_answer = true;
    h1_sender_begin(&server->sender, framing, head->length);
    send_head(server, head, &fields, last ? end_flags(server) : STREAM_LATER);
    if (last)
        finish_answer(server);
}

static void tunnel_data(struct h1_server *server, struct slice bytes, bool last)
{
    size_t credit = h1_sender_data(&server->sender, bytes, last, STREAM_NOW);

    if (last) {
        server->answer_ended = true;
        stream_shut(server->sender.stream);
        finish_tunnel(server);
    }
    give_credit(server, credit);
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
        give_credit(server, credit);
}

static void op_trailers(struct http_end *end, const struct fields *trailers)
{
    struct h1_server *server = server_of(end);

    if ((server->phase != BUSY && server->phase != REFUSED) || !server->has_answer)
        return;
    h1_sender_trailers(&server->sender, trailers, end_flags(server));
    finish_answer(server);
}

static void op_credit(struct http_end *end, size_t n)
{
    struct h1_server *server = server_of(end);

    if ((server->phase == BUSY || server->phase == TUNNEL) && flow_credit(&server->flow, n))
        want_more(server);
}

static void op_reset(struct http_end *end, enum fault fault)
{
    cut(server_of(end), fault);
}

static const struct http_end_ops end_ops = {
    .head = op_head, .data = op_data, .trailers = op_trailers, .credit = op_credit, .reset = op_reset};

/* ---- the stream ---- */

static void on_drained(void *owner)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    if (server->awaits_drained) {
        server->awaits_drained = false;
        want_more(server);
    }
    give_credit(server, h1_sender_drained(&server->sender));
}

/* The client ends its direction; it may still be there for the answer (RFC 9112 §9.6), but an upgrade makes
 * no sense any more. */
static void on_eof(void *owner)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    server->closes = true;
    switch (server->phase) {
    case IDLE:
        end_gently(server, FAULT_NONE, false);
        break;
    case HEAD:
        cut(server, FAULT_CLIENT_GONE);
        break;
    case BUSY:
        if (!server->request_ended || server->asks_upgrade) {
            reset_exchange(server, FAULT_CLIENT_GONE, 0);
            cut(server, FAULT_CLIENT_GONE);
        }
        break;
    case TUNNEL:
        give_data(server, SLICE(""), true);
        finish_tunnel(server);
        break;
    default:
        break;
    }
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    reset_exchange(server, fault, error_number);
    enter_ended(server, fault);
}

static const struct stream_events stream_on = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

static void on_expired(struct timer *timer)
{
    struct h1_server *server = CONTAINER_OF(timer, struct h1_server, timer);
    const struct head unknown = {0};

    if (server->phase == IDLE)
        cut(server, FAULT_CLIENT_IDLE);
    else if (server->phase == HEAD)
        refuse(server, &unknown, FAULT_CLIENT_HEAD_TIMEOUT, "the head is not complete");
}

/* ---- life ---- */

struct h1_server *h1_server_new(struct stream *stream, const struct h1_server_limits *limits,
                                const struct h1_server_events *on, void *owner)
{
    struct h1_server *server = mem_new(struct h1_server);

    MAGIC_SET(server, H1_SERVER);
    server->sender.stream = stream;
    server->end.ops = &end_ops;
    server->limits = limits;
    server->on = on;
    server->owner = owner;
    server->ending.run = end_now;
    timer_init(&server->timer, on_expired);
    stream_own(stream, &stream_on, server);
    enter_idle(server);
    return server;
}

void h1_server_drain(struct h1_server *server)
{
    server->is_draining = server->closes = true;
    if (server->phase == IDLE)
        end_gently(server, FAULT_NONE, true);
}

void h1_server_close(struct h1_server *server)
{
    if (server->phase == ENDED)
        return;
    reset_exchange(server, FAULT_DRAINED, 0);
    cut(server, FAULT_DRAINED);
}

struct stream *h1_server_stream(struct h1_server *server)
{
    return server->sender.stream;
}
