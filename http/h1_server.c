#include "http/h1_server.h"

#include "base/mem.h"
#include "http/h1_move.h"
#include "http/h1_server_parts.h"

/* Happy path:  IDLE ──first byte──► HEAD ──head──► BUSY ──answer's last──► IDLE …
 *              A head that comes whole skips HEAD. BUSY ──101──► TUNNEL ──both ways ended──► ENDED.
 *
 * On failure:  IDLE, HEAD ──invalid──► REFUSED ──answered──► ENDED.
 *              In BUSY the exchange gets its reset() first.
 *
 * On close:    ENDED tells closed() at the end of the turn and retires the server.
 *              IDLE, HEAD ──HTTP/2's preface──► the stream goes to the owner, and the server with the turn.
 *
 * While BUSY with the request complete, reading goes on only to see the client leave: the first bytes of a
 * next request stop it until the answer is out, so nothing piles up. */

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
    struct h1_server *server = CONTAINER_OF(pending, struct h1_server, due);

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
    h1_sender_drop(&server->sender);
    loop_cancel(loop_of(server), &server->timer);
    loop_undefer(&server->due);
    server->due.run = end_now;
    loop_defer(loop_of(server), &server->due);
}

void h1_server_end(struct h1_server *server, enum fault fault, bool linger)
{
    if (server->phase == ENDED)
        return;
    stream_end(server->sender.stream, linger);
    enter_ended(server, fault);
}

/* Content that runs until close would look complete with a plain FIN behind it (RFC 9112 §8); and one in place of an
 * answer that is held would look like the end of an idle connection. */
static bool looks_complete(const struct h1_server *server)
{
    return (server->phase == BUSY && server->has_answer && server->sender.framing == H1_OPEN) ||
           h1_sender_holds(&server->sender);
}

void h1_server_cut(struct h1_server *server, enum fault fault)
{
    if (server->phase == ENDED)
        return;
    if (looks_complete(server))
        stream_reset(server->sender.stream);
    else
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

void h1_server_want_more(struct h1_server *server)
{
    if (!server->flow.is_paused && !server->awaits_next && !server->awaits_drained)
        stream_want(server->sender.stream, true);
}

void h1_server_enter_idle(struct h1_server *server)
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
        h1_server_want_more(server);
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
        h1_server_cut(server, FAULT_BAD_REQUEST);
    else
        refuse(server, &unknown, FAULT_BAD_REQUEST, detail);
}

/* ---- request ---- */

bool h1_server_is_at_last_request(const struct h1_server *server)
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
    server->closes = head->ends_connection || h1_server_is_at_last_request(server);
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

/* Its time runs from its first byte. */
static void expect_head(struct h1_server *server)
{
    if (server->phase != IDLE)
        return;
    server->phase = HEAD;
    loop_arm(loop_of(server), &server->timer, server->limits->head_ms);
}

/* The first bytes of the connection are, or may become, those of HTTP/2. */
static bool may_be_preface(const struct h1_server *server, struct slice bytes)
{
    return server->on->preface && !server->served &&
           slice_eq(slice_head(bytes, HTTP2_PREFACE.len), slice_head(HTTP2_PREFACE, bytes.len));
}

static void take_preface(struct h1_server *server, struct slice bytes)
{
    if (bytes.len < HTTP2_PREFACE.len) {
        expect_head(server);
        return;
    }
    server->phase = ENDED;
    loop_cancel(loop_of(server), &server->timer);
    loop_retire(loop_of(server), server, mem_free);
    server->on->preface(server->owner);
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
        if (!is_empty_lines(*rest))
            expect_head(server);
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

    if (server->phase == IDLE || server->phase == HEAD) {
        if (may_be_preface(server, lent))
            take_preface(server, lent);
        else
            take_head(server, &rest);
    }
    if ((server->phase == BUSY || server->phase == TUNNEL) && !server->request_ended)
        take_content(server, &rest);
    if (server->phase == BUSY && server->request_ended && rest.len) {
        server->awaits_next = true;
        stream_want(server->sender.stream, false);
    }
    return lent.len - rest.len;
}

/* ---- the stream ---- */

static bool on_pass(void *owner)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    return server->phase == BUSY && !server->request_ended &&
           h1_move_content(server->sender.stream, &server->body, &server->flow, &server->end) > 0;
}

static void on_drained(void *owner)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    if (server->awaits_drained) {
        server->awaits_drained = false;
        h1_server_want_more(server);
    }
    h1_server_give_credit(server, h1_sender_drained(&server->sender));
}

/* The client ends its direction; it may still be there for the answer (RFC 9112 §9.6), but an upgrade makes
 * no sense any more. */
static void on_eof(void *owner)
{
    struct h1_server *server = CAST(h1_server, H1_SERVER, owner);

    server->closes = true;
    switch (server->phase) {
    case IDLE:
        h1_server_end(server, FAULT_NONE, false);
        break;
    case HEAD:
        h1_server_cut(server, FAULT_CLIENT_GONE);
        break;
    case BUSY:
        if (!server->request_ended || server->asks_upgrade) {
            reset_exchange(server, FAULT_CLIENT_GONE, 0);
            h1_server_cut(server, FAULT_CLIENT_GONE);
        }
        break;
    case TUNNEL:
        give_data(server, SLICE(""), true);
        h1_server_finish_tunnel(server);
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
    .bytes = on_bytes, .pass = on_pass, .drained = on_drained, .eof = on_eof, .closed = on_closed};

static void on_expired(struct timer *timer)
{
    struct h1_server *server = CONTAINER_OF(timer, struct h1_server, timer);
    const struct head unknown = {0};

    if (server->phase == IDLE)
        h1_server_cut(server, FAULT_CLIENT_IDLE);
    else if (server->phase == HEAD)
        refuse(server, &unknown, FAULT_CLIENT_HEAD_TIMEOUT, "the head is not complete");
}

/* ---- life ---- */

static struct h1_server *server_of(struct http_server *server)
{
    struct h1_server *h1 = CONTAINER_OF(server, struct h1_server, server);

    return CAST(h1_server, H1_SERVER, h1);
}

static void drain(struct http_server *http, bool gently)
{
    struct h1_server *server = server_of(http);

    server->is_draining = true; /* the next head of an answer says it */
    if (gently)
        return;
    server->closes = true;
    if (server->phase == IDLE)
        h1_server_end(server, FAULT_NONE, true);
}

static void close_now(struct http_server *http, bool tunnels_too)
{
    struct h1_server *server = server_of(http);

    if (server->phase == ENDED || (server->phase == TUNNEL && !tunnels_too))
        return;
    reset_exchange(server, FAULT_DRAINED, 0);
    h1_server_cut(server, FAULT_DRAINED);
}

static struct http_server_load load(const struct http_server *http)
{
    const struct h1_server *server = CONTAINER_OF(http, const struct h1_server, server);

    return (struct http_server_load){.requests = server->phase != IDLE && server->phase != TUNNEL &&
                                                 server->phase != ENDED,
                                     .tunnels = server->phase == TUNNEL,
                                     .is_fresh = server->phase == IDLE && server->served == 0};
}

static const struct http_server_ops OPS = {.drain = drain, .close = close_now, .load = load};

struct http_server *h1_server_new(struct stream *stream, const struct http_server_limits *limits,
                                  const struct http_server_events *on, void *owner)
{
    struct h1_server *server = mem_new(struct h1_server);

    MAGIC_SET(server, H1_SERVER);
    server->server.ops = &OPS;
    server->sender.stream = stream;
    server->end.ops = &h1_server_ops;
    server->limits = limits;
    server->on = on;
    server->owner = owner;
    timer_init(&server->timer, on_expired);
    stream_own(stream, &stream_on, server);
    h1_server_enter_idle(server);
    return &server->server;
}

void h1_server_refuse(struct http_server *http, enum fault fault, const char *detail)
{
    struct h1_server *server = server_of(http);
    const struct head unknown = {0};

    ASSERT(server->phase == IDLE);
    refuse(server, &unknown, fault, detail);
}
