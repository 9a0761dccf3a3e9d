/* What a backend sends means the same whole and however it is cut: the same interim heads, one final one, its
 * content, and end. A connection that may be used again gives the next request its own answer. */
#include <stdint.h>

#include "base/macro.h"
#include "fuzz/account.h"
#include "fuzz/far_end.h"
#include "fuzz/prefix.h"
#include "http/h1_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192, CONTENT_BYTES = 5 };

static const struct h1_client_limits limits = {.head_bytes = 2048, .fields = 24};

struct connection {
    struct far_end far;
    struct h1_client *client; /* NULL once it is closed */
    struct http_end *back;    /* NULL: detached */
    bool credits_later, is_early, is_tunnel, has_final, was_reset, was_reusable;
    struct pending work; /* credit */
    size_t owed_credit;
    struct text account;
    size_t account_before_reset;
    uint64_t used_bytes; /* of the input, at the end */
};

/* ---- what the exchange is told ---- */

static void detach(struct connection *connection)
{
    connection->back = NULL;
    loop_undefer(&connection->work);
}

static void end_answer(struct connection *connection)
{
    if (connection->is_tunnel)
        connection->back->ops->data(connection->back, SLICE("bye"), true);
    detach(connection);
}

static void on_head(void *owner, const struct head *head, bool last)
{
    struct connection *connection = owner;

    ASSERT(connection->back && !connection->has_final);
    ASSERT(head->status >= 100 && head->status <= 599 && (head->status >= 200 || !last));
    account_head(&connection->account, head, last);
    connection->is_tunnel = head->status == 101;
    connection->has_final = connection->is_tunnel || head->status >= 200;
    if (last)
        end_answer(connection);
}

static void on_work(struct pending *pending)
{
    struct connection *connection = CONTAINER_OF(pending, struct connection, work);
    const size_t credit = connection->owed_credit;

    connection->owed_credit = 0;
    if (credit && connection->back)
        connection->back->ops->credit(connection->back, credit);
}

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct connection *connection = owner;

    ASSERT(connection->back && connection->has_final);
    account_data(&connection->account, bytes, last);
    connection->owed_credit += bytes.len;
    if (connection->credits_later)
        loop_defer(connection->far.loop, &connection->work);
    else
        on_work(&connection->work);
    if (last)
        end_answer(connection);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    struct connection *connection = owner;

    ASSERT(connection->back && connection->has_final);
    account_trailers(&connection->account, trailers);
    end_answer(connection);
}

static void on_credit(void *owner, size_t n)
{
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct connection *connection = owner;

    ASSERT(connection->back);
    connection->was_reset = true;
    connection->used_bytes = connection->far.near->bytes_in;
    connection->account_before_reset = connection->account.len;
    text_printf(&connection->account, "\nreset %s\n", fault_row(fault)->token);
    detach(connection);
}

static const struct http_end_events exchange_on = {
    .head = on_head, .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};

static void on_idle_closed(void *owner)
{
    struct connection *connection = owner;

    ASSERT(!connection->back);
    connection->client = NULL;
}

static const struct h1_client_events client_on = {.idle_closed = on_idle_closed};

/* ---- requests ---- */

static struct head question_of(unsigned bits)
{
    struct head head = {.major = 1,
                        .minor = 1,
                        .target = SLICE("/x"),
                        .authority = SLICE("b.test"),
                        .method_text = SLICE("GET")};

    switch (bits & ANSWER_TO_UPGRADE) {
    case ANSWER_TO_HEAD:
        head.method_text = SLICE("HEAD");
        break;
    case ANSWER_TO_POST:
        head.method_text = SLICE("POST");
        head.body = BODY_LENGTH;
        head.length = CONTENT_BYTES;
        break;
    case ANSWER_TO_UPGRADE:
        head.protocol = SLICE("websocket");
        break;
    default:
        break;
    }
    head.method = method_of(head.method_text);
    return head;
}

static void ask(struct connection *connection, unsigned bits)
{
    const struct head head = question_of(bits);
    const bool has_content = head.body == BODY_LENGTH;

    connection->has_final = connection->is_tunnel = false;
    connection->is_early = has_content && bits & ANSWER_IS_EARLY;
    connection->owed_credit = 0;
    connection->back = h1_client_begin(connection->client);
    http_end_own(connection->back, &exchange_on, connection);
    connection->back->ops->head(connection->back, &head, !has_content && !head.protocol.len);
    if (has_content)
        connection->back->ops->data(connection->back, SLICE("hel"), false);
    if (has_content && !connection->is_early)
        connection->back->ops->data(connection->back, SLICE("lo"), true);
    far_end_settle(&connection->far);
}

/* ---- one input ---- */

/** Nothing of the last answer may be left: this one is its own. */
static void ask_again(struct connection *connection)
{
    static const struct cut none;

    text_clear(&connection->account);
    ask(connection, 0);
    far_end_send(&connection->far, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), &none, false);
    ASSERT(slice_starts(text_slice(&connection->account), SLICE("head 1.1 status=200")));
    ASSERT(slice_ends(text_slice(&connection->account), SLICE("\n\nhi\nlast\n")));
    ASSERT(h1_client_is_reusable(connection->client));
}

static void play(struct connection *connection, struct slice bytes, const struct cut *cut, unsigned bits)
{
    *connection = (struct connection){.credits_later = bits & STREAM_LATER_ANSWERS, .work.run = on_work};
    far_end_open(&connection->far, cut);
    connection->client = h1_client_new(connection->far.near, &limits, &client_on, connection);
    ask(connection, bits);
    far_end_send(&connection->far, bytes, cut, bits & ANSWER_ENDS);
    connection->was_reusable = connection->client && h1_client_is_reusable(connection->client);
    if (connection->was_reusable)
        ASSERT(!connection->back && connection->has_final && !connection->was_reset &&
               !connection->is_early && !connection->is_tunnel && !(bits & ANSWER_ENDS) &&
               connection->far.near->bytes_in == bytes.len);
    if (connection->back && h1_client_stream(connection->client))
        connection->used_bytes = h1_client_stream(connection->client)->bytes_in;
}

static void connection_fini(struct connection *connection)
{
    if (connection->was_reusable)
        ask_again(connection);
    if (connection->client)
        h1_client_close(connection->client);
    far_end_fini(&connection->far);
    text_fini(&connection->account);
}

/** The cut one was left in a head that is not complete, and so never looked at as a whole. */
static bool is_unread_refusal(const struct connection *whole, const struct connection *cut,
                              struct slice bytes)
{
    const struct slice before = slice_head(text_slice(&whole->account), whole->account_before_reset);
    const struct slice left = cut->was_reset
                                  ? slice_head(text_slice(&cut->account), cut->account_before_reset)
                                  : text_slice(&cut->account);

    return whole->was_reset && !whole->has_final && slice_eq(left, before) &&
           !has_end_of_head(slice_from(bytes, cut->used_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cut none;
    struct connection whole, other;
    struct slice bytes;
    struct cut cut;

    if (size < STREAM_IS_PREFIX_BYTES || size > INPUT_MAX)
        return 0;
    bytes = slice_of(data + STREAM_IS_PREFIX_BYTES, size - STREAM_IS_PREFIX_BYTES);
    cut = cut_of(data, bytes);
    play(&whole, bytes, &none, data[0] & ~(unsigned)STREAM_LATER_ANSWERS);
    play(&other, bytes, &cut, data[0]);
    ASSERT(slice_eq(text_slice(&whole.account), text_slice(&other.account)) ||
           is_unread_refusal(&whole, &other, bytes));
    ASSERT(whole.was_reusable == other.was_reusable);
    ASSERT(slice_eq(text_slice(&whole.far.received), text_slice(&other.far.received)));
    connection_fini(&whole);
    connection_fini(&other);
    return 0;
}
