#include "base/mem.h"
#include "h2_frames.h"
#include "rig.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define ASKED   "HEADERS 1 :method=GET :scheme=http :authority=b.test :path=/x end|"
#define POSTED  "HEADERS 1 :method=POST :scheme=http :authority=b.test :path=/x"

/* ---- a server ---- */

struct peer {
    struct rig *rig;
    struct h2_reader reader;
    struct text out;
};

static void send_out(struct peer *peer)
{
    rig_say(peer->rig, text_slice(&peer->out));
    text_clear(&peer->out);
}

static const char *words(struct peer *peer)
{
    struct text *received = &peer->rig->received;
    size_t used;

    text_clear(&peer->reader.words);
    rig_read(peer->rig);
    used = h2_read_frames(&peer->reader, text_slice(received));
    memmove(received->data, received->data + used, received->len - used);
    received->len -= used;
    return peer->reader.words.data ? peer->reader.words.data : "";
}

static void expect(struct peer *peer, const char *want)
{
    const char *got = words(peer);

    cr_expect_str_eq(got, want, "peer got %s\n instead of %s", got, want);
}

static struct peer *peer_new(void)
{
    struct peer *peer = mem_new(struct peer);

    h2_reader_init(&peer->reader);
    peer->reader.quiet = true;
    peer->rig = rig_h2_client();
    return peer;
}

/* Of the newest request, and of the first: asked when one is reset, as later nothing may be there. */
static enum http_progress newest, first;

static enum http_progress progress_of(const struct http_end *end)
{
    return end->ops->progress(end);
}

static void note_progress(struct rig *rig)
{
    newest = progress_of(rig->end);
    first = progress_of(rig->ends[0]);
}

/* The first request is given, and what came before it is read. */
static void take_preface(struct peer *peer)
{
    struct text *received = &peer->rig->received;

    rig_read(peer->rig);
    cr_assert_geq(received->len, sizeof(PREFACE) - 1);
    cr_assert_arr_eq(received->data, PREFACE, sizeof(PREFACE) - 1);
    memmove(received->data, received->data + sizeof(PREFACE) - 1, received->len - (sizeof(PREFACE) - 1));
    received->len -= sizeof(PREFACE) - 1;
}

static void settings(struct peer *peer, struct slice entries)
{
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, entries);
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, ACK, 0, SLICE(""));
    send_out(peer);
}

static struct peer *peer_asked(struct head head, bool last)
{
    struct peer *peer = peer_new();

    rig_head(peer->rig, head, last);
    take_preface(peer);
    settings(peer, SLICE(""));
    peer->rig->on_reset = note_progress;
    return peer;
}

static struct peer *peer_got(void)
{
    struct peer *peer = peer_asked(rig_request(SLICE("GET"), BODY_NONE, 0), true);

    expect(peer, ASKED);
    rig_expect_log(peer->rig, "room|");
    return peer;
}

static void peer_free(struct peer *peer)
{
    rig_free(peer->rig);
    h2_reader_fini(&peer->reader);
    text_fini(&peer->out);
    mem_free(peer);
}

static void answer(struct peer *peer, uint32_t id, unsigned flags, const char *lines)
{
    h2_put_headers(&peer->out, id, END_HEADERS | flags, lines);
    send_out(peer);
}

static void say(struct peer *peer, uint32_t id, unsigned flags, const char *data)
{
    h2_put_frame(&peer->out, NGHTTP2_DATA, flags, id, slice_str(data));
    send_out(peer);
}

/* ---- requests ---- */

Test(h2_client, preface_settings_and_request_leave_together)
{
    struct peer *peer = peer_new();
    const char *got;

    rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    take_preface(peer);
    peer->reader.quiet = false;
    got = words(peer);
    cr_expect_str_eq(got, "SETTINGS 2=0 4=65536 6=2048|WINDOW 0 2147418112|" ASKED, "%s", got);
    peer_free(peer);
}

Test(h2_client, request_has_its_fields_lowered_and_secrets_unindexed)
{
    struct field items[] = {{SLICE("Authorization"), SLICE("Basic x"), FIELD_OTHER},
                            {SLICE("Cookie"), SLICE("a=b"), FIELD_COOKIE},
                            {SLICE("Upgrade"), SLICE("h3"), FIELD_UPGRADE},
                            {SLICE("X-Up"), SLICE("V"), FIELD_OTHER}};
    struct head head = rig_request(SLICE("POST"), BODY_LENGTH, 2);
    struct peer *peer;

    head.fields = (struct fields){items, ARRAY_LEN(items), ARRAY_LEN(items)};
    head.takes_trailers = true;
    peer = peer_asked(head, false);
    rig_data(peer->rig, SLICE("hi"), true);
    expect(peer,
           POSTED " authorization=Basic x! cookie=a=b! x-up=V te=trailers content-length=2|DATA 1 hi end|");
    peer_free(peer);
}

Test(h2_client, content_and_trailers_of_a_request)
{
    struct field items[] = {{.name = SLICE("X-Sum"), .value = SLICE("7")}};
    struct fields trailers = {.items = items, .count = 1};
    struct peer *peer = peer_asked(rig_request(SLICE("POST"), BODY_UNKNOWN, 0), false);

    rig_data(peer->rig, SLICE("ab"), false);
    expect(peer, POSTED "|DATA 1 ab|");
    cr_expect_eq(peer->rig->credited_to_us, 2);
    peer->rig->end->ops->trailers(peer->rig->end, &trailers);
    expect(peer, "HEADERS 1 x-sum=7 end|");
    peer_free(peer);
}

Test(h2_client, request_that_is_not_as_long_as_declared_is_reset)
{
    struct peer *peer = peer_asked(rig_request(SLICE("POST"), BODY_LENGTH, 5), false);

    rig_data(peer->rig, SLICE("ab"), false);
    expect(peer, POSTED " content-length=5|DATA 1 ab|");
    rig_data(peer->rig, SLICE(""), true);
    expect(peer, "RST 1 2|");
    peer_free(peer);
}

Test(h2_client, room_is_what_the_server_allows)
{
    struct peer *peer = peer_new();

    cr_expect_eq(h2_client_room(peer->rig->h2), 99);
    rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    take_preface(peer);
    settings(peer, SLICE("\0\3\0\0\0\2"));
    cr_expect_eq(h2_client_room(peer->rig->h2), 1);
    rig_h2_begin(peer->rig);
    cr_expect_eq(h2_client_room(peer->rig->h2), 0);
    cr_expect_eq(h2_client_in_use(peer->rig->h2), 2);
    answer(peer, 1, END_STREAM, ":status: 204\n");
    rig_expect_log(peer->rig, "204 last|room|");
    peer_free(peer);
}

/* ---- answers ---- */

Test(h2_client, answer_comes_whole)
{
    struct peer *peer = peer_got();

    answer(peer, 1, 0, ":status: 200\ncontent-length: 2\nx-a: 1\n");
    cr_expect_eq(progress_of(peer->rig->end), HTTP_ANSWERED);
    say(peer, 1, END_STREAM, "hi");
    rig_expect_log(peer->rig, "200 x-a=1 length 2|hi last|room|");
    peer_free(peer);
}

Test(h2_client, interim_answers_and_trailers)
{
    struct peer *peer = peer_got();

    answer(peer, 1, 0, ":status: 103\nlink: x\n");
    answer(peer, 1, 0, ":status: 200\n");
    say(peer, 1, 0, "ab");
    answer(peer, 1, END_STREAM, "grpc-status: 0\n");
    rig_expect_log(peer->rig, "103 link=x|200 unknown|ab|trailers grpc-status=0|room|");
    peer_free(peer);
}

Test(h2_client, early_answer_cancels_the_rest_of_the_request)
{
    struct peer *peer = peer_asked(rig_request(SLICE("POST"), BODY_UNKNOWN, 0), false);

    words(peer);
    answer(peer, 1, END_STREAM, ":status: 413\n");
    rig_expect_log(peer->rig, "room|413 last|room|");
    expect(peer, "RST 1 8|");
    peer_free(peer);
}

static const struct {
    const char *name, *lines;
} BAD[] = {
    {"no status", "x: y\n"},
    {"101", ":status: 101\n"},
    {"four digits", ":status: 2000\n"},
    {"request's pseudo field", ":status: 200\n:path: /\n"},
    {"connection", ":status: 200\nconnection: close\n"},
    {"carriage return", ":status: 200\nx: a\rb\n"},
    {"two lengths", ":status: 200\ncontent-length: 1\ncontent-length: 2\n"},
    {"600", ":status: 600\n"},
};

Test(h2_client, malformed_answers_are_bad_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct peer *peer = peer_got();
        const char *got;

        answer(peer, 1, 0, BAD[i].lines);
        cr_expect_str_eq(peer->rig->log.data, "reset backend_bad_answer|room|", "%s: %s", BAD[i].name,
                         peer->rig->log.data);
        got = words(peer);
        cr_expect_str_eq(got, "RST 1 1|", "%s: %s", BAD[i].name, got);
        peer_free(peer);
    }
}

Test(h2_client, content_over_the_declared_length_is_a_bad_answer)
{
    struct peer *peer = peer_got();

    answer(peer, 1, 0, ":status: 200\ncontent-length: 1\n");
    say(peer, 1, END_STREAM, "ab");
    rig_expect_log(peer->rig, "200 length 1|reset backend_bad_answer|room|");
    peer_free(peer);
}

Test(h2_client, answer_cut_by_a_reset_is_truncated)
{
    struct peer *peer = peer_got();

    answer(peer, 1, 0, ":status: 200\n");
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_INTERNAL_ERROR);
    send_out(peer);
    rig_expect_log(peer->rig, "200 unknown|reset backend_truncated|room|");
    peer_free(peer);
}

Test(h2_client, credit_opens_the_windows)
{
    static char large[16384];
    struct peer *peer = peer_got();

    peer->rig->holds_credit = true;
    peer->reader.quiet = false;
    answer(peer, 1, 0, ":status: 200\n");
    for (int i = 0; i < 3; i++)
        h2_put_frame(&peer->out, NGHTTP2_DATA, 0, 1, slice_of(large, sizeof(large)));
    send_out(peer);
    expect(peer, "");
    peer->rig->end->ops->credit(peer->rig->end, peer->rig->uncredited);
    expect(peer, "WINDOW 1 49152|");
    peer_free(peer);
}

/* Requests of many clients share the connection: of those that do not read, none may keep it from the others. */
Test(h2_client, answers_that_nobody_takes_leave_room_for_another)
{
    enum { STALLED = 40, FRAMES = 4, WINDOW = 64 * 1024 };
    static char large[WINDOW / FRAMES];
    struct peer *peer = peer_got();

    for (unsigned i = 0; i < STALLED; i++) {
        rig_h2_begin(peer->rig);
        rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    }
    peer->rig->holds_credit = true;
    for (unsigned i = 0; i < STALLED; i++) {
        h2_put_headers(&peer->out, 3 + 2 * i, END_HEADERS, ":status: 200\n");
        for (unsigned k = 0; k < FRAMES; k++)
            h2_put_frame(&peer->out, NGHTTP2_DATA, 0, 3 + 2 * i, slice_of(large, sizeof(large)));
        send_out(peer);
    }
    text_clear(&peer->rig->log);
    answer(peer, 1, 0, ":status: 200\n");
    say(peer, 1, END_STREAM, "hello");
    rig_expect_log(peer->rig, "200 unknown|hello last|room|");
    peer_free(peer);
}

/* ---- what may be sent again ---- */

Test(h2_client, refused_stream_was_not_processed)
{
    struct peer *peer = peer_got();

    cr_expect_eq(progress_of(peer->rig->end), HTTP_UNANSWERED);
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_REFUSED_STREAM);
    send_out(peer);
    rig_expect_log(peer->rig, "reset backend_reset|room|");
    cr_expect_eq(newest, HTTP_UNPROCESSED);
    peer_free(peer);
}

Test(h2_client, goaway_refuses_what_is_above_its_last_id)
{
    struct peer *peer = peer_got();

    rig_h2_begin(peer->rig);
    rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    words(peer);
    h2_put_frame(&peer->out, NGHTTP2_GOAWAY, 0, 0, SLICE("\0\0\0\1\0\0\0\0"));
    send_out(peer);
    rig_expect_log(peer->rig, "reset backend_reset|leaving|");
    cr_expect_eq(newest, HTTP_UNPROCESSED);
    cr_expect_eq(h2_client_room(peer->rig->h2), 0);
    answer(peer, 1, END_STREAM, ":status: 204\n");
    rig_expect_log(peer->rig, "204 last|closed ok|");
    peer_free(peer);
}

Test(h2_client, lost_connection_resets_all)
{
    struct peer *peer = peer_got();

    rig_h2_begin(peer->rig);
    rig_hang_up(peer->rig);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "reset backend_reset|reset backend_reset|leaving|closed backend_reset|");
    cr_expect_eq(newest, HTTP_UNPROCESSED);
    cr_expect_eq(first, HTTP_UNANSWERED);
    peer_free(peer);
}

Test(h2_client, idle_connection_that_the_server_ends_is_closed)
{
    struct peer *peer = peer_got();

    answer(peer, 1, END_STREAM, ":status: 204\n");
    rig_shut(peer->rig);
    rig_expect_log(peer->rig, "204 last|room|leaving|closed ok|");
    peer_free(peer);
}

/* ---- ending ---- */

Test(h2_client, reset_by_the_exchange_cancels)
{
    struct peer *peer = peer_got();

    peer->rig->end->ops->reset(peer->rig->end, FAULT_CLIENT_GONE);
    expect(peer, "RST 1 8|");
    rig_expect_log(peer->rig, "room|");
    peer_free(peer);
}

Test(h2_client, request_reset_before_it_left_sends_nothing)
{
    struct peer *peer = peer_got();

    rig_h2_begin(peer->rig);
    rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    peer->rig->end->ops->reset(peer->rig->end, FAULT_CLIENT_GONE);
    expect(peer, "");
    cr_expect_eq(h2_client_in_use(peer->rig->h2), 1);
    peer_free(peer);
}

Test(h2_client, drained_one_ends_after_its_last_request)
{
    struct peer *peer = peer_got();

    h2_client_drain(peer->rig->h2);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "leaving|");
    answer(peer, 1, END_STREAM, ":status: 204\n");
    rig_expect_log(peer->rig, "204 last|closed ok|");
    expect(peer, "GOAWAY 0 0|");
    peer_free(peer);
}

Test(h2_client, closed_by_its_owner_resets_from_the_loop)
{
    struct peer *peer = peer_got();

    h2_client_close(TAKE(peer->rig->h2));
    cr_expect_eq(peer->rig->log.len, 0);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "reset backend_reset|");
    peer_free(peer);
}

/* Each is the end of a request of ours, and any client can ask for what a server resets: with a short grpc-timeout. */
Test(h2_client, server_that_resets_what_it_is_asked_is_no_flood)
{
    struct peer *peer = peer_got();

    for (unsigned i = 0; i < 600; i++) {
        text_clear(&peer->rig->log);
        h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1 + 2 * i, NGHTTP2_CANCEL);
        send_out(peer);
        rig_expect_log(peer->rig, "reset backend_reset|room|");
        cr_assert_not_null(peer->rig->h2, "after %u", i);
        rig_h2_begin(peer->rig);
        rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
        words(peer);
    }
    peer_free(peer);
}

Test(h2_client, server_that_answers_badly_is_no_flood)
{
    struct peer *peer = peer_got();

    for (unsigned i = 0; i < 150; i++) {
        text_clear(&peer->rig->log);
        answer(peer, 1 + 2 * i, END_STREAM, i % 2 ? ":status: 200\nUpper: x\n" : ":status: 101\n");
        cr_assert_not_null(peer->rig->h2, "after %u: %.*s", i, FMT_SLICE(text_slice(&peer->rig->log)));
        rig_h2_begin(peer->rig);
        rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
        words(peer);
    }
    peer_free(peer);
}

Test(h2_client, server_that_floods_is_cut)
{
    struct peer *peer = peer_got();

    for (int i = 0; i < 3000 && peer->rig->h2; i++) {
        h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
        if (peer->out.len > 1000)
            send_out(peer);
    }
    rig_expect_log(peer->rig, "reset backend_bad_answer|leaving|closed backend_bad_answer|");
    cr_expect_not_null(strstr(words(peer), "GOAWAY 0 11|"));
    peer_free(peer);
}

/* ---- what comes behind a reset of ours ---- */

static void cancel(struct peer *peer)
{
    rig_h2_begin(peer->rig);
    rig_head(peer->rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    rig_settle(peer->rig);
    peer->rig->end->ops->reset(peer->rig->end, FAULT_CLIENT_GONE);
    rig_settle(peer->rig);
}

/** @return how many frames were sent before the connection was cut */
static int say_late(struct peer *peer, uint32_t id, int frames)
{
    static char content[16000];

    for (int i = 0; i < frames; i++) {
        if (!peer->rig->h2)
            return i;
        h2_put_frame(&peer->out, NGHTTP2_DATA, 0, id, slice_of(content, sizeof(content)));
        send_out(peer);
    }
    return frames;
}

Test(h2_client, answers_to_what_was_cancelled_are_endured_as_far_as_their_windows)
{
    enum { CANCELLED = 40, WINDOW_FRAMES = 4, SPARE_FRAMES = 65 };
    struct peer *peer = peer_got();
    int sent;

    for (uint32_t i = 0; i < CANCELLED; i++) {
        cancel(peer);
        answer(peer, 3 + 2 * i, 0, ":status: 200\n");
        cr_expect_eq(say_late(peer, 3 + 2 * i, WINDOW_FRAMES), WINDOW_FRAMES);
    }
    cr_assert(peer->rig->h2, "%d windows are more than the connection's", CANCELLED);
    sent = say_late(peer, 3, 1000);
    cr_expect(sent > SPARE_FRAMES && sent < SPARE_FRAMES + 150, "cut behind %d", sent);
    cr_expect_not_null(strstr(words(peer), "GOAWAY 0 11|"));
    peer_free(peer);
}

Test(h2_client, push_is_refused)
{
    struct peer *peer = peer_got();

    h2_put_frame(&peer->out, NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, SLICE("\0\0\0\2\x82"));
    send_out(peer);
    rig_expect_log(peer->rig, "reset backend_bad_answer|leaving|closed backend_bad_answer|");
    peer_free(peer);
}

/* ---- silence ---- */

static void let_pass(struct peer *peer, uint64_t ms)
{
    uint64_t until_us = loop_now_us() + ms * 1000;

    while (loop_now_us() < until_us)
        loop_run_once(peer->rig->loop);
}

Test(h2_client, silent_server_is_asked_and_then_dead)
{
    struct peer *peer;

    rig_h2_limits.silence_ms = rig_h2_limits.ping_ms = 30;
    peer = peer_got();
    cr_expect_not(h2_client_is_doubtful(peer->rig->h2));
    rig_until_received(peer->rig, 1);
    cr_expect(h2_client_is_doubtful(peer->rig->h2));
    rig_until_log(peer->rig, "closed backend_reset|");
    expect(peer, "PING|");
    rig_expect_log(peer->rig, "reset backend_reset|leaving|closed backend_reset|");
    peer_free(peer);
}

Test(h2_client, silent_server_that_answers_is_not_asked_again_soon)
{
    struct peer *peer;

    rig_h2_limits.silence_ms = 30;
    peer = peer_got();
    rig_until_received(peer->rig, 1);
    expect(peer, "PING|");
    h2_put_frame(&peer->out, NGHTTP2_PING, ACK, 0, SLICE("\0\0\0\0\0\0\0\0"));
    rig_expect_log(peer->rig, "");
    cr_expect(h2_client_is_doubtful(peer->rig->h2));
    send_out(peer);
    cr_expect_not(h2_client_is_doubtful(peer->rig->h2));
    rig_expect_log(peer->rig, "room|");
    let_pass(peer, 200);
    expect(peer, "");
    answer(peer, 1, 0, ":status: 200\n"); /* something of use: now it may be asked again */
    rig_until_received(peer->rig, 1);
    expect(peer, "PING|");
    peer_free(peer);
}

Test(h2_client, idle_connection_is_not_asked)
{
    struct peer *peer;

    rig_h2_limits.silence_ms = 20;
    peer = peer_got();
    answer(peer, 1, END_STREAM, ":status: 204\n");
    let_pass(peer, 100);
    expect(peer, "");
    peer_free(peer);
}

/* ---- WebSocket ---- */

static struct head websocket(void)
{
    static struct field items[] = {
        {SLICE("Sec-WebSocket-Key"), SLICE("x"), FIELD_OTHER},
        {SLICE("Sec-WebSocket-Version"), SLICE("13"), FIELD_SEC_WEBSOCKET_VERSION}};
    struct head head = rig_request(SLICE("GET"), BODY_NONE, 0);

    head.protocol = SLICE("websocket");
    head.fields = (struct fields){items, ARRAY_LEN(items), ARRAY_LEN(items)};
    return head;
}

Test(h2_client, tunnel_is_asked_for_once_the_server_can)
{
    struct peer *peer = peer_new();

    rig_head(peer->rig, websocket(), false);
    take_preface(peer);
    expect(peer, "");
    settings(peer, SLICE("\0\10\0\0\0\1"));
    expect(peer, "HEADERS 1 :method=CONNECT :protocol=websocket :scheme=http :authority=b.test :path=/x "
                 "sec-websocket-version=13|");
    answer(peer, 1, 0, ":status: 200\n");
    say(peer, 1, 0, "hello");
    rig_data(peer->rig, SLICE("to"), false);
    expect(peer, "DATA 1 to|");
    say(peer, 1, END_STREAM, "bye");
    rig_data(peer->rig, SLICE(""), true);
    expect(peer, "DATA 1  end|");
    rig_expect_log(peer->rig, "room|101 upgrade|hello|bye last|room|");
    peer_free(peer);
}

Test(h2_client, server_without_tunnels_refuses_the_upgrade)
{
    struct peer *peer = peer_asked(websocket(), false);

    rig_expect_log(peer->rig, "reset upgrade_refused|room|");
    cr_expect_eq(h2_client_in_use(peer->rig->h2), 0);
    peer_free(peer);
}
