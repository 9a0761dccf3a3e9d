/* A client's whole connection means the same whole and however it is cut: the same requests, refusals, and end.
 * Nothing is read as a request behind a refusal, and what the server writes is HTTP without a doubt. */
#include <stdint.h>

#include "base/macro.h"
#include "fuzz/account.h"
#include "fuzz/far_end.h"
#include "fuzz/prefix.h"
#include "fuzz/strict_answers.h"
#include "http/h1_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192, HOUR_MS = 3600 * 1000 };

static const struct http_server_limits limits = {.head_bytes = 2048,
                                                 .target_bytes = 512,
                                                 .fields = 24,
                                                 .requests = 9,
                                                 .head_ms = HOUR_MS,
                                                 .idle_ms = HOUR_MS};

/* One connection, and the exchange of whatever request is under way on it. */
struct connection {
    struct far_end far;
    struct http_server *server; /* NULL once it is closed */
    struct http_end *front;     /* NULL: detached */
    bool answers_later, upgrades;
    struct pending work; /* the answer, or credit */
    bool owes_answer;
    size_t owed_credit;
    char asked; /* enum asked */
    bool was_refused, is_tunnel, was_cut;
    int refusal;         /* the answer's status */
    unsigned answers;    /* given so far */
    struct text account; /* what we were told */
    struct text all_asked;
    size_t account_before_refusal;
    uint64_t used_bytes; /* of the input, at the end */
};

/* ---- answers ---- */

static void give_head(struct connection *connection, struct head head, bool last)
{
    head.major = head.minor = 1;
    connection->front->ops->head(connection->front, &head, last);
}

static void give_data(struct connection *connection, struct slice bytes, bool last)
{
    connection->front->ops->data(connection->front, bytes, last);
}

static void give_known_length(struct connection *connection, int status)
{
    if (connection->asked == ASKED_FOR_HEAD) {
        give_head(connection, (struct head){.status = status, .has_length = true, .length = 5}, true);
        return;
    }
    give_head(connection, (struct head){.status = status, .body = BODY_LENGTH, .length = 5}, false);
    give_data(connection, SLICE("hel"), false);
    give_data(connection, SLICE("lo"), true);
}

static void give_unknown_length(struct connection *connection)
{
    struct field field = {.name = SLICE("T"), .value = SLICE("1")};
    struct fields trailers = {.items = &field, .count = 1, .cap = 1};

    give_head(connection, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    give_data(connection, SLICE("hello"), false);
    give_data(connection, SLICE(" you"), false);
    connection->front->ops->trailers(connection->front, &trailers);
}

static void open_tunnel(struct connection *connection)
{
    connection->is_tunnel = true;
    give_head(connection, (struct head){.status = 101, .protocol = SLICE("websocket")}, false);
    give_data(connection, SLICE("welcome"), false);
}

static void answer(struct connection *connection)
{
    const unsigned kind = connection->answers++ % 3;

    connection->owes_answer = false;
    text_add_char(&connection->all_asked, connection->asked);
    if (connection->asked == ASKED_TO_UPGRADE && connection->upgrades && !connection->was_refused) {
        open_tunnel(connection);
        return;
    }
    if (connection->was_refused)
        give_known_length(connection, connection->refusal);
    else if (kind == 1 && connection->asked != ASKED_FOR_HEAD)
        give_unknown_length(connection);
    else if (kind == 2)
        give_head(connection, (struct head){.status = 204}, true);
    else
        give_known_length(connection, 200);
    connection->front = NULL;
}

static void end_tunnel(struct connection *connection)
{
    give_data(connection, SLICE("bye"), true);
    connection->front = NULL;
}

static void answer_in_time(struct connection *connection)
{
    connection->owes_answer = true;
    if (connection->answers_later)
        loop_defer(connection->far.loop, &connection->work);
    else
        answer(connection);
}

static void on_work(struct pending *pending)
{
    struct connection *connection = CONTAINER_OF(pending, struct connection, work);
    const size_t credit = connection->owed_credit;

    connection->owed_credit = 0;
    if (credit && connection->front)
        connection->front->ops->credit(connection->front, credit);
    if (connection->owes_answer)
        answer(connection);
}

/* ---- what the exchange is told ---- */

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct connection *connection = owner;

    ASSERT(connection->front && !connection->owes_answer);
    account_data(&connection->account, bytes, last);
    connection->owed_credit += bytes.len;
    if (connection->answers_later)
        loop_defer(connection->far.loop, &connection->work);
    else
        on_work(&connection->work);
    if (last && connection->is_tunnel)
        end_tunnel(connection);
    else if (last)
        answer_in_time(connection);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    struct connection *connection = owner;

    ASSERT(connection->front && !connection->owes_answer);
    account_trailers(&connection->account, trailers);
    answer_in_time(connection);
}

static void on_credit(void *owner, size_t n)
{
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct connection *connection = owner;

    ASSERT(connection->front);
    text_printf(&connection->account, "\nreset %s\n", fault_row(fault)->token);
    connection->front = NULL;
    connection->owes_answer = false;
    loop_undefer(&connection->work);
}

static const struct http_end_events exchange_on = {
    .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};

/* ---- what the connection's owner is told ---- */

static void own(struct connection *connection, struct http_end *front)
{
    ASSERT(!connection->front && !connection->was_refused);
    http_end_own(front, &exchange_on, connection);
    connection->front = front;
    connection->owed_credit = 0;
}

static char asked_of(const struct head *head)
{
    if (head->method == METHOD_HEAD)
        return ASKED_FOR_HEAD;
    if (head->protocol.len)
        return ASKED_TO_UPGRADE;
    return head->minor == 0 ? ASKED_BY_OLD : ASKED_PLAINLY;
}

static void on_request(void *owner, struct http_end *front, const struct head *head, bool last)
{
    struct connection *connection = owner;

    own(connection, front);
    account_head(&connection->account, head, last);
    connection->asked = asked_of(head);
    if (head->expects_continue && !last)
        give_head(connection, (struct head){.status = 100}, false);
    if (last || head->protocol.len)
        answer_in_time(connection);
}

static void on_refused(void *owner, struct http_end *front, const struct head *head, enum fault fault,
                       const char *detail)
{
    struct connection *connection = owner;

    own(connection, front);
    connection->was_refused = true;
    connection->refusal = fault_row(fault)->status;
    connection->account_before_refusal = connection->account.len;
    ASSERT(connection->refusal >= 400 && detail && *detail);
    text_printf(&connection->account, "refused %s: %s\n", fault_row(fault)->token, detail);
    connection->asked = head->method == METHOD_HEAD ? ASKED_FOR_HEAD : ASKED_PLAINLY;
    answer_in_time(connection);
}

static void on_closed(void *owner, enum fault fault)
{
    struct connection *connection = owner;

    ASSERT(!connection->front);
    connection->used_bytes = connection->far.near->bytes_in;
    connection->server = NULL;
    connection->was_cut = fault != FAULT_NONE;
    text_printf(&connection->account, "closed %s\n", fault_row(fault)->token);
}

static const struct http_server_events server_on = {
    .request = on_request, .refused = on_refused, .closed = on_closed};

/* ---- one input ---- */

static void play(struct connection *connection, struct slice bytes, const struct cut *cut, unsigned bits)
{
    *connection = (struct connection){.answers_later = bits & STREAM_LATER_ANSWERS,
                                      .upgrades = bits & REQUESTS_UPGRADE,
                                      .work.run = on_work};
    far_end_open(&connection->far, cut);
    connection->server = h1_server_new(connection->far.near, &limits, &server_on, connection);
    far_end_send(&connection->far, bytes, cut, true);
    ASSERT(!connection->server); /* the client's end is the end of it all */
}

static void connection_fini(struct connection *connection)
{
    far_end_fini(&connection->far);
    text_fini(&connection->account);
    text_fini(&connection->all_asked);
}

/** The cut one was left in a head that is not complete, and so never looked at as a whole. */
static bool is_unread_refusal(const struct connection *whole, const struct connection *cut,
                              struct slice bytes)
{
    const struct slice before = slice_head(text_slice(&whole->account), whole->account_before_refusal);
    const struct slice account = text_slice(&cut->account);

    return whole->was_refused && !cut->was_refused && slice_starts(account, before) &&
           slice_eq(slice_from(account, before.len), SLICE("closed client_gone\n")) &&
           !has_end_of_head(slice_from(bytes, cut->used_bytes));
}

/** Every answer that the exchange gave is there. */
static void read_answers(const struct connection *connection, struct text *out)
{
    const struct slice asked = text_slice(&connection->all_asked);

    ASSERT(strict_answers_read(text_slice(&connection->far.received), asked, connection->was_cut, out) ==
           asked.len);
}

/** Our answer to a refusal that only the whole one saw is its last. */
static void check_answers(const struct connection *whole, const struct connection *cut, bool is_same)
{
    struct text one = {0}, other = {0};

    read_answers(whole, &one);
    read_answers(cut, &other);
    if (is_same)
        ASSERT(slice_eq(text_slice(&one), text_slice(&other)));
    else
        ASSERT(slice_starts(text_slice(&one), text_slice(&other)) &&
               whole->all_asked.len == cut->all_asked.len + 1);
    text_fini(&one);
    text_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cut none;
    struct connection whole, other;
    struct slice bytes;
    struct cut cut;
    bool is_same;

    if (size < STREAM_IS_PREFIX_BYTES || size > INPUT_MAX)
        return 0;
    bytes = slice_of(data + STREAM_IS_PREFIX_BYTES, size - STREAM_IS_PREFIX_BYTES);
    cut = cut_of(data, bytes);
    /* Who ends before an upgrade was agreed to gave it up. */
    cut.ends_at_once &= !(data[0] & STREAM_LATER_ANSWERS);
    play(&whole, bytes, &none, data[0] & REQUESTS_UPGRADE);
    play(&other, bytes, &cut, data[0]);
    is_same = slice_eq(text_slice(&whole.account), text_slice(&other.account));
    ASSERT(is_same || is_unread_refusal(&whole, &other, bytes));
    check_answers(&whole, &other, is_same);
    connection_fini(&whole);
    connection_fini(&other);
    return 0;
}
