/* What a client of HTTP/2 sends behind its preface: whatever it is, the owner of each request is told what http/end.h
 * promises and nothing else, every request ends, and what the server writes is whole frames. */
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "base/mem.h"
#include "fuzz/far_end.h"
#include "fuzz/prefix.h"
#include "http/h2_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16384, HOUR_MS = 3600 * 1000, FRAME_HEAD_BYTES = 9, FRAME_BYTES_MAX = 16384 };

static const struct http_server_limits limits = {.head_bytes = 2048,
                                                 .target_bytes = 512,
                                                 .fields = 24,
                                                 .requests = 20,
                                                 .head_ms = HOUR_MS,
                                                 .idle_ms = HOUR_MS};

struct connection {
    struct far_end far;
    struct http_server *server; /* NULL once it is closed */
    struct link exchanges;      /* under way */
    struct pending work;        /* answers, and credit */
    bool answers_later, upgrades;
    unsigned requests;
};

struct exchange {
    struct link link;
    struct connection *connection;
    struct http_end *front; /* NULL: detached */
    size_t owed_credit;
    bool has_all, is_tunnel, is_answered, was_refused, is_head;
    int refusal;
};

static void detach(struct exchange *exchange)
{
    exchange->front = NULL;
    list_remove(&exchange->link);
    mem_free(exchange);
}

/* ---- answers ---- */

static void give_head(struct exchange *exchange, struct head head, bool last)
{
    head.major = 2;
    exchange->front->ops->head(exchange->front, &head, last);
}

static void give_trailers(struct exchange *exchange)
{
    struct field field = {.name = SLICE("X-Sum"), .value = SLICE("1")};
    struct fields trailers = {.items = &field, .count = 1, .cap = 1};

    give_head(exchange, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    exchange->front->ops->data(exchange->front, SLICE("hello"), false);
    exchange->front->ops->trailers(exchange->front, &trailers);
}

static void give_length(struct exchange *exchange, int status)
{
    struct head head = {.status = status, .body = BODY_LENGTH, .length = 5, .has_length = true};

    if (exchange->is_head) {
        head.body = BODY_NONE;
        give_head(exchange, head, true);
        return;
    }
    give_head(exchange, head, false);
    exchange->front->ops->data(exchange->front, SLICE("hel"), false);
    exchange->front->ops->data(exchange->front, SLICE("lo"), true);
}

/** @return false: it goes on, as a tunnel */
static bool answer(struct exchange *exchange)
{
    const unsigned kind = exchange->connection->requests % 3;

    exchange->is_answered = true;
    if (exchange->is_tunnel && exchange->connection->upgrades) {
        give_head(exchange, (struct head){.status = 101, .protocol = SLICE("websocket")}, false);
        exchange->front->ops->data(exchange->front, SLICE("welcome"), false);
        return false;
    }
    if (exchange->was_refused)
        give_length(exchange, exchange->refusal);
    else if (kind == 1 && !exchange->is_head)
        give_trailers(exchange);
    else if (kind == 2)
        give_head(exchange, (struct head){.status = 204}, true);
    else
        give_length(exchange, 200);
    return true;
}

static void move_on(struct exchange *exchange)
{
    const size_t credit = exchange->owed_credit;

    exchange->owed_credit = 0;
    if (credit)
        exchange->front->ops->credit(exchange->front, credit);
    if (exchange->has_all && exchange->is_tunnel && exchange->is_answered) {
        exchange->front->ops->data(exchange->front, SLICE("bye"), true);
        detach(exchange);
    } else if (!exchange->is_answered && (exchange->has_all || exchange->is_tunnel) && answer(exchange)) {
        detach(exchange);
    }
}

static void on_work(struct pending *pending)
{
    struct connection *connection = CONTAINER_OF(pending, struct connection, work);

    for (struct link *at = connection->exchanges.next, *next; at != &connection->exchanges; at = next) {
        next = at->next;
        move_on(CONTAINER_OF(at, struct exchange, link));
    }
}

static void move_on_in_time(struct exchange *exchange)
{
    if (exchange->connection->answers_later)
        loop_defer(exchange->connection->far.loop, &exchange->connection->work);
    else
        move_on(exchange);
}

/* ---- what the exchange is told ---- */

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->front && !exchange->has_all && !exchange->was_refused);
    ASSERT(!exchange->is_tunnel ||
           exchange->is_answered); /* before it was agreed to, nothing is the tunnel's */
    exchange->owed_credit += bytes.len;
    exchange->has_all = last;
    move_on_in_time(exchange);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->front && !exchange->has_all);
    exchange->has_all = true;
    move_on_in_time(exchange);
}

static void on_credit(void *owner, size_t n)
{
    const struct exchange *exchange = owner;

    ASSERT(exchange->front);
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->front && fault != FAULT_NONE);
    detach(exchange);
}

static const struct http_end_events exchange_on = {
    .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};

/* ---- what the connection's owner is told ---- */

static struct exchange *own(struct connection *connection, struct http_end *front)
{
    struct exchange *exchange = mem_new(struct exchange);

    ASSERT(connection->server);
    exchange->connection = connection;
    exchange->front = front;
    list_push_back(&connection->exchanges, &exchange->link);
    http_end_own(front, &exchange_on, exchange);
    connection->requests++;
    return exchange;
}

static void on_request(void *owner, struct http_end *front, const struct head *head, bool last)
{
    struct exchange *exchange = own(owner, front);

    ASSERT(head->target.len > 0 && head->authority.len > 0 && head->major == 2);
    ASSERT(!last || head->body == BODY_NONE);
    exchange->is_head = head->method == METHOD_HEAD;
    exchange->is_tunnel = head->protocol.len > 0;
    exchange->has_all = last && !exchange->is_tunnel;
    move_on_in_time(exchange);
}

static void on_refused(void *owner, struct http_end *front, const struct head *head, enum fault fault,
                       const char *detail)
{
    struct exchange *exchange = own(owner, front);

    exchange->was_refused = exchange->has_all = true;
    exchange->refusal = fault_row(fault)->status;
    exchange->is_head = head->method == METHOD_HEAD;
    ASSERT(exchange->refusal >= 400 && detail && *detail);
    move_on_in_time(exchange);
}

static void on_closed(void *owner, enum fault fault)
{
    struct connection *connection = owner;

    ASSERT(list_is_empty(&connection->exchanges)); /* all were told before */
    connection->server = NULL;
}

static const struct http_server_events server_on = {
    .request = on_request, .refused = on_refused, .closed = on_closed};

/* ---- one input ---- */

static void check_frames(struct slice bytes)
{
    while (bytes.len >= FRAME_HEAD_BYTES) {
        const uint8_t *at = (const uint8_t *)bytes.data;
        const size_t length = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];

        ASSERT(length <= FRAME_BYTES_MAX && at[3] <= 9 && at[3] != 5);
        if (bytes.len < FRAME_HEAD_BYTES + length)
            return; /* cut off with the connection */
        bytes = slice_from(bytes, FRAME_HEAD_BYTES + length);
    }
}

static void say(struct far_end *far, struct slice bytes)
{
    stream_write(far->stream, &bytes, 1, STREAM_LATER);
}

static void play(struct slice bytes, const struct cut *cut, unsigned bits)
{
    struct connection connection = {.answers_later = bits & STREAM_LATER_ANSWERS,
                                    .upgrades = bits & REQUESTS_UPGRADE,
                                    .work.run = on_work};

    list_init(&connection.exchanges);
    far_end_open(&connection.far, cut);
    connection.server = h2_server_new(connection.far.near, &limits, &server_on, &connection);
    say(&connection.far, HTTP2_PREFACE);
    say(&connection.far, slice_of("\0\0\0\4\0\0\0\0\0", FRAME_HEAD_BYTES));
    far_end_send(&connection.far, bytes, cut, true);
    if (connection.server)
        http_server_close(connection.server, true);
    far_end_settle(&connection.far);
    ASSERT(!connection.server);
    loop_undefer(&connection.work);
    check_frames(text_slice(&connection.far.received));
    far_end_fini(&connection.far);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cut none;
    struct slice bytes;
    struct cut cut;

    if (size < STREAM_IS_PREFIX_BYTES || size > INPUT_MAX)
        return 0;
    bytes = slice_of(data + STREAM_IS_PREFIX_BYTES, size - STREAM_IS_PREFIX_BYTES);
    cut = cut_of(data, bytes);
    play(bytes, &none, data[0]);
    play(bytes, &cut, data[0]);
    return 0;
}
