#include "rig.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/socket_stream.h"

enum { DEADLINE_US = 5 * 1000 * 1000 };

struct http_server_limits rig_limits = {.head_bytes = 2048,
                                        .target_bytes = 256,
                                        .fields = 32,
                                        .requests = 100,
                                        .head_ms = 60000,
                                        .idle_ms = 60000};

struct h2_client_limits rig_h2_limits = {.head_bytes = 2048, .fields = 32};

/* ---- the exchange ---- */

static void log_head(struct rig *rig, const struct head *head, bool last)
{
    if (head->status)
        text_printf(&rig->log, "%d", head->status);
    else
        text_printf(&rig->log, "%.*s %.*s %.*s", FMT_SLICE(head->method_text), FMT_SLICE(head->authority),
                    FMT_SLICE(head->target));
    for (size_t i = 0; i < head->fields.count; i++)
        text_printf(&rig->log, " %.*s=%.*s", FMT_SLICE(head->fields.items[i].name),
                    FMT_SLICE(head->fields.items[i].value));
    if (head->body == BODY_LENGTH)
        text_printf(&rig->log, " length %d", (int)head->length);
    if (head->body == BODY_UNKNOWN)
        text_add_literal(&rig->log, " unknown");
    if (head->expects_continue)
        text_add_literal(&rig->log, " expects");
    if (head->protocol.len)
        text_add_literal(&rig->log, " upgrade");
    text_add(&rig->log, last ? SLICE(" last|") : SLICE("|"));
}

static void told_head(void *owner, const struct head *head, bool last)
{
    struct rig *rig = owner;

    log_head(rig, head, last);
    if (last && rig->on_last)
        rig->on_last(rig);
}

static void told_data(void *owner, struct slice bytes, bool last)
{
    struct rig *rig = owner;

    if (bytes.len > 64)
        text_printf(&rig->log, "%zu bytes", bytes.len);
    else
        text_add(&rig->log, bytes);
    text_add(&rig->log, last ? SLICE(" last|") : SLICE("|"));
    rig->uncredited += bytes.len;
    if (!rig->holds_credit) {
        rig->end->ops->credit(rig->end, rig->uncredited);
        rig->uncredited = 0;
    }
    if (last && rig->on_last)
        rig->on_last(rig);
}

static void told_trailers(void *owner, const struct fields *trailers)
{
    struct rig *rig = owner;

    text_add_literal(&rig->log, "trailers");
    for (size_t i = 0; i < trailers->count; i++)
        text_printf(&rig->log, " %.*s=%.*s", FMT_SLICE(trailers->items[i].name),
                    FMT_SLICE(trailers->items[i].value));
    text_add_literal(&rig->log, "|");
    if (rig->on_last)
        rig->on_last(rig);
}

static void told_credit(void *owner, size_t n)
{
    struct rig *rig = owner;

    rig->credited_to_us += n;
}

static void told_reset(void *owner, enum fault fault, int error_number)
{
    struct rig *rig = owner;

    text_printf(&rig->log, "reset %s|", fault_row(fault)->token);
    if (rig->on_reset)
        rig->on_reset(rig);
}

static const struct http_end_events EXCHANGE = {.head = told_head,
                                                .data = told_data,
                                                .trailers = told_trailers,
                                                .credit = told_credit,
                                                .reset = told_reset};

/* ---- owners of the codecs ---- */

static void told_request(void *owner, struct http_end *front, const struct head *head, bool last)
{
    struct rig *rig = owner;

    rig->end = front;
    rig->ends[rig->begun++ % RIG_ENDS_MAX] = front;
    http_end_own(front, &EXCHANGE, rig);
    log_head(rig, head, last);
    if (rig->on_request)
        rig->on_request(rig);
}

static void told_refused(void *owner, struct http_end *front, const struct head *head, enum fault fault,
                         const char *detail)
{
    struct rig *rig = owner;

    rig->end = front;
    http_end_own(front, &EXCHANGE, rig);
    text_printf(&rig->log, "refused %s|", fault_row(fault)->token);
    cr_expect_not_null(detail);
    if (rig->on_refused)
        rig->on_refused(rig);
}

static void told_closed(void *owner, enum fault fault)
{
    struct rig *rig = owner;

    rig->server = NULL;
    text_printf(&rig->log, "closed %s|", fault_row(fault)->token);
}

static const struct http_server_events SERVER_OWNER = {
    .request = told_request, .refused = told_refused, .closed = told_closed};

static void told_idle_closed(void *owner)
{
    struct rig *rig = owner;

    rig->client = NULL;
    text_add_literal(&rig->log, "idle_closed|");
}

static const struct h1_client_events CLIENT_OWNER = {.idle_closed = told_idle_closed};

/* ---- life ---- */

static struct rig *rig_new(struct stream **stream)
{
    struct rig *rig = mem_new(struct rig);
    struct error error = {0};
    int fds[2];

    cr_assert_eq(loop_new(&rig->loop, &error), 0, "%s", error.text);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    rig->peer = fds[0];
    *stream = socket_stream_new(rig->loop, fds[1], NULL, false);
    cr_assert_not_null(*stream);
    return rig;
}

struct rig *rig_server(void)
{
    struct stream *stream;
    struct rig *rig = rig_new(&stream);

    rig->server = h1_server_new(stream, &rig_limits, &SERVER_OWNER, rig);
    return rig;
}

struct rig *rig_h2_server(void)
{
    struct stream *stream;
    struct rig *rig = rig_new(&stream);

    rig->server = h2_server_new(stream, &rig_limits, &SERVER_OWNER, rig);
    return rig;
}

struct rig *rig_client(void)
{
    static const struct h1_client_limits limits = {.head_bytes = 2048, .fields = 32};
    struct stream *stream;
    struct rig *rig = rig_new(&stream);

    rig->client = h1_client_new(stream, &limits, &CLIENT_OWNER, rig);
    rig_begin(rig);
    return rig;
}

static void told_room(void *owner)
{
    struct rig *rig = owner;

    text_add_literal(&rig->log, "room|");
}

static void told_leaving(void *owner)
{
    struct rig *rig = owner;

    text_add_literal(&rig->log, "leaving|");
}

static void told_h2_closed(void *owner, enum fault fault, int error_number)
{
    struct rig *rig = owner;

    rig->h2 = NULL;
    text_printf(&rig->log, "closed %s|", fault_row(fault)->token);
}

static const struct h2_client_events H2_CLIENT_OWNER = {
    .room = told_room, .leaving = told_leaving, .closed = told_h2_closed};

struct rig *rig_h2_client(void)
{
    struct stream *stream;
    struct rig *rig = rig_new(&stream);

    rig->h2 = h2_client_new(stream, &rig_h2_limits, &H2_CLIENT_OWNER, rig);
    rig_h2_begin(rig);
    return rig;
}

void rig_h2_begin(struct rig *rig)
{
    rig->end = h2_client_begin(rig->h2);
    rig->ends[rig->begun++ % RIG_ENDS_MAX] = rig->end;
    http_end_own(rig->end, &EXCHANGE, rig);
}

void rig_begin(struct rig *rig)
{
    rig->end = h1_client_begin(rig->client);
    http_end_own(rig->end, &EXCHANGE, rig);
}

void rig_free(struct rig *rig)
{
    if (rig->server)
        http_server_close(rig->server, true);
    if (rig->client)
        h1_client_close(rig->client);
    if (rig->h2)
        h2_client_close(rig->h2);
    rig_hang_up(rig);
    loop_run_once(rig->loop);
    loop_free(rig->loop);
    text_fini(&rig->log);
    text_fini(&rig->received);
    arena_fini(&rig->arena);
    mem_free(rig);
}

/* ---- the peer ---- */

void rig_say(struct rig *rig, struct slice bytes)
{
    cr_assert_eq(send(rig->peer, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
    rig_settle(rig);
}

void rig_shut(struct rig *rig)
{
    cr_assert_eq(shutdown(rig->peer, SHUT_WR), 0);
    rig_settle(rig);
}

void rig_hang_up(struct rig *rig)
{
    if (rig->peer >= 0)
        close(rig->peer);
    rig->peer = -1;
}

static void peer_read(struct rig *rig)
{
    char bytes[16384];
    ssize_t got;

    while (rig->peer >= 0 && (got = recv(rig->peer, bytes, sizeof(bytes), 0)) != -1) {
        if (got == 0) {
            rig->peer_saw_end = true;
            return;
        }
        text_add(&rig->received, slice_of(bytes, (size_t)got));
    }
    if (rig->peer >= 0 && errno != EAGAIN)
        rig->peer_saw_end = rig->peer_saw_reset = true;
}

void rig_read(struct rig *rig)
{
    rig_settle(rig);
    peer_read(rig);
}

void rig_settle(struct rig *rig)
{
    for (int i = 0; i < 6; i++)
        loop_run_once(rig->loop);
}

static bool ends_like(const struct text *text, const char *end)
{
    return slice_ends(text_slice(text), slice_str(end));
}

void rig_until_log(struct rig *rig, const char *end)
{
    uint64_t deadline = loop_now_us() + DEADLINE_US;

    while (!ends_like(&rig->log, end)) {
        cr_assert_lt(loop_now_us(), deadline, "log is %.*s", FMT_SLICE(text_slice(&rig->log)));
        loop_run_once(rig->loop);
    }
}

void rig_until_end(struct rig *rig)
{
    uint64_t deadline = loop_now_us() + DEADLINE_US;

    while (!rig->peer_saw_end) {
        cr_assert_lt(loop_now_us(), deadline, "the connection is still there");
        loop_run_once(rig->loop);
        peer_read(rig);
    }
}

void rig_until_received(struct rig *rig, size_t bytes)
{
    uint64_t deadline = loop_now_us() + DEADLINE_US;

    while (rig->received.len < bytes) {
        cr_assert_lt(loop_now_us(), deadline, "only %zu bytes came", rig->received.len);
        loop_run_once(rig->loop);
        peer_read(rig);
    }
    rig_settle(rig);
}

/* ---- our side ---- */

void rig_head(struct rig *rig, struct head head, bool last)
{
    rig->end->ops->head(rig->end, &head, last);
}

void rig_data(struct rig *rig, struct slice bytes, bool last)
{
    rig->end->ops->data(rig->end, bytes, last);
}

void rig_answer(struct rig *rig, int status, const char *body)
{
    size_t len = strlen(body);

    rig_head(rig, (struct head){.status = status, .body = len ? BODY_LENGTH : BODY_NONE, .length = len},
             !len);
    if (len)
        rig_data(rig, slice_str(body), true);
}

struct head rig_request(struct slice method, enum body_kind body, uint64_t length)
{
    return (struct head){.method = method_of(method),
                         .method_text = method,
                         .target = SLICE("/x"),
                         .authority = SLICE("b.test"),
                         .body = body,
                         .length = length};
}

/* ---- what came of it ---- */

static void drop_dates(struct text *text)
{
    char *date;

    while (text->len && (date = strstr(text->data, "Date: "))) {
        char *end = strstr(date, "\r\n") + 2;

        memmove(date, end, strlen(end) + 1);
        text->len -= (size_t)(end - date);
    }
}

void rig_expect_log(struct rig *rig, const char *text)
{
    cr_expect(slice_eq(text_slice(&rig->log), slice_str(text)), "log is      %.*s\n  instead of %s",
              FMT_SLICE(text_slice(&rig->log)), text);
    text_clear(&rig->log);
}

void rig_expect_received(struct rig *rig, const char *text)
{
    rig_settle(rig);
    peer_read(rig);
    drop_dates(&rig->received);
    cr_expect(slice_eq(text_slice(&rig->received), slice_str(text)), "peer got\n%.*s\ninstead of\n%s",
              FMT_SLICE(text_slice(&rig->received)), text);
    text_clear(&rig->received);
}
