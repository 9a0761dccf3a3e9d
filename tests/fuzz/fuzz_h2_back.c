/* What a backend of HTTP/2 sends to four requests: each is told what http/end.h promises and nothing else, and all of them
 * end with the connection at the latest. */
#include <stdint.h>

#include "base/macro.h"
#include "fuzz/far_end.h"
#include "fuzz/prefix.h"
#include "http/h2_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16384, REQUESTS = 4 };

static const struct h2_client_limits limits = {.head_bytes = 2048, .fields = 24};

struct connection;

struct exchange {
    struct connection *connection;
    struct http_end *back; /* NULL: detached */
    size_t owed_credit;
    bool has_final, is_tunnel;
};

struct connection {
    struct far_end far;
    struct h2_client *client; /* NULL once it is closed */
    struct pending work;      /* credit */
    bool credits_later, is_leaving, is_calling;
    struct exchange exchanges[REQUESTS];
};

static void end_answer(struct exchange *exchange)
{
    struct http_end *back = exchange->back;

    if (exchange->is_tunnel)
        back->ops->data(back, SLICE("bye"), true);
    exchange->back = NULL;
    exchange->owed_credit = 0;
}

static void on_head(void *owner, const struct head *head, bool last)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->back && !exchange->has_final && !exchange->connection->is_calling);
    ASSERT(head->status >= 100 && head->status <= 999 && (head->status >= 200 || !last));
    ASSERT(head->status != 101 || head->protocol.len);
    exchange->is_tunnel = head->status == 101;
    exchange->has_final = exchange->is_tunnel || head->status >= 200;
    if (last)
        end_answer(exchange);
}

static void give_credit(struct connection *connection)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct exchange *exchange = &connection->exchanges[i];
        const size_t credit = exchange->owed_credit;

        exchange->owed_credit = 0;
        if (credit && exchange->back)
            exchange->back->ops->credit(exchange->back, credit);
    }
}

static void on_work(struct pending *pending)
{
    give_credit(CONTAINER_OF(pending, struct connection, work));
}

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->back && exchange->has_final && !exchange->connection->is_calling);
    exchange->owed_credit += bytes.len;
    if (exchange->connection->credits_later)
        loop_defer(exchange->connection->far.loop, &exchange->connection->work);
    else
        give_credit(exchange->connection);
    if (last)
        end_answer(exchange);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->back && exchange->has_final && !exchange->connection->is_calling);
    end_answer(exchange);
}

static void on_credit(void *owner, size_t n)
{
    const struct exchange *exchange = owner;

    ASSERT(exchange->back);
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct exchange *exchange = owner;

    ASSERT(exchange->back && fault != FAULT_NONE && !exchange->connection->is_calling);
    ASSERT(!exchange->has_final || exchange->back->ops->progress(exchange->back) == HTTP_ANSWERED);
    exchange->back = NULL;
}

static const struct http_end_events exchange_on = {
    .head = on_head, .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};

/* ---- the connection's owner ---- */

static void on_room(void *owner)
{
}

static void on_leaving(void *owner)
{
    struct connection *connection = owner;

    ASSERT(connection->client && !connection->is_leaving && h2_client_room(connection->client) == 0);
    connection->is_leaving = true;
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct connection *connection = owner;

    for (size_t i = 0; i < REQUESTS; i++)
        ASSERT(!connection->exchanges[i].back); /* all were told before */
    connection->client = NULL;
}

static const struct h2_client_events client_on = {
    .room = on_room, .leaving = on_leaving, .closed = on_closed};

/* ---- requests ---- */

static const struct head questions[REQUESTS] = {
    {.method = METHOD_GET, .method_text = SLICE("GET")},
    {.method = METHOD_HEAD, .method_text = SLICE("HEAD")},
    {.method = METHOD_POST, .method_text = SLICE("POST"), .body = BODY_UNKNOWN, .takes_trailers = true},
    {.method = METHOD_GET, .method_text = SLICE("GET"), .protocol = SLICE("websocket")},
};

static void ask(struct connection *connection, size_t number)
{
    struct exchange *exchange = &connection->exchanges[number];
    struct head head = questions[number];

    head.major = 2;
    head.target = SLICE("/x");
    head.authority = SLICE("b.test");
    exchange->connection = connection;
    exchange->back = h2_client_begin(connection->client);
    http_end_own(exchange->back, &exchange_on, exchange);
    connection->is_calling = true;
    exchange->back->ops->head(exchange->back, &head, head.body == BODY_NONE && !head.protocol.len);
    if (head.body == BODY_UNKNOWN)
        exchange->back->ops->data(exchange->back, SLICE("hello"), true);
    connection->is_calling = false;
}

/* ---- one input ---- */

static void play(struct slice bytes, const struct cut *cut, unsigned bits)
{
    struct connection connection = {.credits_later = bits & STREAM_LATER_ANSWERS, .work.run = on_work};

    far_end_open(&connection.far, cut);
    connection.client = h2_client_new(connection.far.near, &limits, &client_on, &connection);
    for (size_t i = 0; i < REQUESTS; i++)
        ask(&connection, i);
    far_end_settle(&connection.far);
    far_end_send(&connection.far, bytes, cut, bits & ANSWER_ENDS);
    if (connection.client)
        h2_client_close(connection.client);
    far_end_settle(&connection.far);
    for (size_t i = 0; i < REQUESTS; i++)
        ASSERT(!connection.exchanges[i].back);
    loop_undefer(&connection.work);
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
