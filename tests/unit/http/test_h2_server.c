#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "h2_frames.h"
#include "http/answer.h"
#include "rig.h"

#define PREFACE   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define GET(path) ":method: GET\n:scheme: http\n:authority: a.test\n:path: " path "\n"
#define POST      ":method: POST\n:scheme: http\n:authority: a.test\n:path: /p\n"

/* ---- a client ---- */

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

/* What came since, in words. */
static const char *words(struct peer *peer)
{
    size_t used;
    struct text *received = &peer->rig->received;

    text_clear(&peer->reader.words);
    text_add_literal(&peer->reader.words, "");
    rig_read(peer->rig);
    used = h2_read_frames(&peer->reader, text_slice(received));
    memmove(received->data, received->data + used, received->len - used);
    received->len -= used;
    return peer->reader.words.data;
}

static void expect(struct peer *peer, const char *want)
{
    const char *got = words(peer);

    cr_expect_str_eq(got, want, "peer got %s\n instead of %s", got, want);
}

/* Past preface and SETTINGS of both sides. */
static struct peer *peer_new(void)
{
    struct peer *peer = mem_new(struct peer);

    h2_reader_init(&peer->reader);
    peer->rig = rig_h2_server();
    text_add_literal(&peer->out, PREFACE);
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
    send_out(peer);
    expect(peer, "SETTINGS 3=100 4=65536 6=2048 8=1 9=1|WINDOW 0 983041|SETTINGS ack|");
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, ACK, 0, SLICE(""));
    send_out(peer);
    peer->reader.quiet = true;
    return peer;
}

static void peer_free(struct peer *peer)
{
    rig_free(peer->rig);
    h2_reader_fini(&peer->reader);
    text_fini(&peer->out);
    mem_free(peer);
}

static void ask(struct peer *peer, uint32_t id, const char *lines)
{
    h2_put_headers(&peer->out, id, END_HEADERS | END_STREAM, lines);
    send_out(peer);
}

static void begin(struct peer *peer, uint32_t id, const char *lines)
{
    h2_put_headers(&peer->out, id, END_HEADERS, lines);
    send_out(peer);
}

static void say(struct peer *peer, uint32_t id, unsigned flags, const char *data)
{
    h2_put_frame(&peer->out, NGHTTP2_DATA, flags, id, slice_str(data));
    send_out(peer);
}

static void answer_hi(struct rig *rig)
{
    rig_answer(rig, 200, "hi");
}

/* ---- requests and answers ---- */

Test(h2_server, request_becomes_head_and_answer_one_write)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/x?y=1") "user-agent: me\nx-a: 1\n");
    rig_expect_log(peer->rig, "GET a.test /x?y=1 user-agent=me x-a=1 last|");
    rig_answer(peer->rig, 200, "hi");
    expect(peer, "HEADERS 1 :status=200 content-length=2|DATA 1 hi end|");
    peer_free(peer);
}

Test(h2_server, streams_are_answered_in_any_order)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/1"));
    ask(peer, 3, GET("/3"));
    rig_expect_log(peer->rig, "GET a.test /1 last|GET a.test /3 last|");
    rig_answer(peer->rig, 200, "three");
    expect(peer, "HEADERS 3 :status=200 content-length=5|DATA 3 three end|");
    peer->rig->end = peer->rig->ends[0];
    rig_answer(peer->rig, 204, "");
    expect(peer, "HEADERS 1 :status=204 end|");
    peer_free(peer);
}

Test(h2_server, answer_from_inside_the_request_is_fine)
{
    struct peer *peer = peer_new();

    peer->rig->on_request = answer_hi;
    h2_put_headers(&peer->out, 1, END_HEADERS | END_STREAM, GET("/1"));
    h2_put_headers(&peer->out, 3, END_HEADERS | END_STREAM, GET("/3"));
    send_out(peer);
    expect(peer, "HEADERS 1 :status=200 content-length=2|HEADERS 3 :status=200 content-length=2|DATA 1 hi "
                 "end|DATA 3 hi "
                 "end|");
    peer_free(peer);
}

Test(h2_server, request_may_come_byte_by_byte)
{
    struct peer *peer = peer_new();
    struct text all = {0};

    peer->rig->on_last = answer_hi;
    h2_put_headers(&all, 1, END_HEADERS, POST "content-length: 3\n");
    h2_put_frame(&all, NGHTTP2_DATA, 0, 1, SLICE("ab"));
    h2_put_frame(&all, NGHTTP2_DATA, END_STREAM, 1, SLICE("c"));
    for (size_t i = 0; i < all.len; i++)
        rig_say(peer->rig, slice_of(all.data + i, 1));
    rig_expect_log(peer->rig, "POST a.test /p length 3|a|b|c last|");
    expect(peer, "HEADERS 1 :status=200 content-length=2|DATA 1 hi end|");
    text_fini(&all);
    peer_free(peer);
}

Test(h2_server, last_comes_with_the_content_that_ends_it)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST);
    say(peer, 1, 0, "ab");
    say(peer, 1, END_STREAM, "");
    rig_expect_log(peer->rig, "POST a.test /p unknown|ab| last|");
    begin(peer, 3, POST);
    say(peer, 3, END_STREAM, "ab");
    rig_expect_log(peer->rig, "POST a.test /p unknown|ab last|");
    peer_free(peer);
}

Test(h2_server, trailers_go_both_ways)
{
    struct field items[] = {{.name = SLICE("Grpc-Status"), .value = SLICE("0")}};
    struct fields trailers = {.items = items, .count = 1};
    struct peer *peer = peer_new();

    begin(peer, 1, POST "te: trailers\n");
    say(peer, 1, 0, "ab");
    ask(peer, 1, "x-sum: 7\nauthorization: no\n");
    rig_expect_log(peer->rig, "POST a.test /p unknown|ab|trailers x-sum=7|");
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(peer->rig, SLICE("cd"), false);
    peer->rig->end->ops->trailers(peer->rig->end, &trailers);
    expect(peer, "HEADERS 1 :status=200|DATA 1 cd|HEADERS 1 grpc-status=0 end|");
    peer_free(peer);
}

Test(h2_server, trailers_without_content_follow_the_head)
{
    struct field items[] = {{.name = SLICE("grpc-status"), .value = SLICE("12")}};
    struct fields trailers = {.items = items, .count = 1};
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    peer->rig->end->ops->trailers(peer->rig->end, &trailers);
    expect(peer, "HEADERS 1 :status=200|HEADERS 1 grpc-status=12 end|");
    peer_free(peer);
}

Test(h2_server, interim_heads_come_first)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST "expect: 100-continue\n");
    rig_expect_log(peer->rig, "POST a.test /p unknown expects|");
    rig_head(peer->rig, (struct head){.status = 100}, false);
    expect(peer, "HEADERS 1 :status=100|");
    say(peer, 1, END_STREAM, "x");
    rig_head(peer->rig, (struct head){.status = 103}, false);
    rig_answer(peer->rig, 200, "hi");
    expect(peer, "HEADERS 1 :status=103|HEADERS 1 :status=200 content-length=2|DATA 1 hi end|");
    peer_free(peer);
}

Test(h2_server, answers_to_head_have_no_content)
{
    struct peer *peer = peer_new();

    ask(peer, 1, ":method: HEAD\n:scheme: http\n:authority: a.test\n:path: /\n");
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 7, .has_length = true},
             false);
    rig_data(peer->rig, SLICE("dropped"), true);
    expect(peer, "HEADERS 1 :status=200 content-length=7 end|");
    ask(peer, 3, GET("/"));
    rig_head(peer->rig, (struct head){.status = 304, .has_length = true, .length = 9}, true);
    expect(peer, "HEADERS 3 :status=304 content-length=9 end|");
    peer_free(peer);
}

Test(h2_server, answer_that_is_not_as_long_as_declared_is_reset)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 5}, false);
    rig_data(peer->rig, SLICE("ab"), true);
    expect(peer, "RST 1 2|");
    ask(peer, 3, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 1}, false);
    rig_data(peer->rig, SLICE("ab"), false);
    rig_data(peer->rig, SLICE(""), true);
    expect(peer, "HEADERS 3 :status=200 content-length=1|DATA 3 a|RST 3 2|");
    peer_free(peer);
}

Test(h2_server, fields_of_connections_do_not_leave)
{
    struct field items[] = {{SLICE("Connection"), SLICE("close"), FIELD_CONNECTION},
                            {SLICE("X-Up"), SLICE(" v "), FIELD_OTHER},
                            {SLICE("Set-Cookie"), SLICE("a=b"), FIELD_OTHER}};
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .has_length = true, .fields = {items, 3, 3}}, true);
    expect(peer, "HEADERS 1 :status=200 x-up=v set-cookie=a=b content-length=0 end|");
    peer_free(peer);
}

Test(h2_server, held_head_can_be_recalled)
{
    struct peer *peer = peer_new();
    struct http_end *end;

    ask(peer, 1, GET("/"));
    end = peer->rig->end;
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 9}, false);
    cr_expect(end->ops->recall(end));
    rig_answer(peer->rig, 502, "no");
    expect(peer, "HEADERS 1 :status=502 content-length=2|DATA 1 no end|");
    ask(peer, 3, GET("/"));
    end = peer->rig->end;
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 9}, false);
    rig_settle(peer->rig);
    cr_expect_not(end->ops->recall(end));
    end->ops->reset(end, FAULT_BACK_RESET);
    expect(peer, "HEADERS 3 :status=200 content-length=9|RST 3 2|");
    peer_free(peer);
}

Test(h2_server, early_answer_stops_the_upload_without_an_error)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST);
    say(peer, 1, 0, "ab");
    rig_answer(peer->rig, 413, "no");
    expect(peer, "HEADERS 1 :status=413 content-length=2|DATA 1 no end|");
    say(peer, 1, 0, "more");
    rig_until_received(peer->rig, 1);
    expect(peer, "RST 1 0|");
    say(peer, 1, END_STREAM, "late");
    ask(peer, 3, GET("/"));
    rig_expect_log(peer->rig, "POST a.test /p unknown|ab|GET a.test / last|");
    peer_free(peer);
}

Test(h2_server, client_that_reads_an_early_answer_may_end_the_upload_itself)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST);
    begin(peer, 3, POST);
    rig_answer(peer->rig, 413, "no");
    expect(peer, "HEADERS 3 :status=413 content-length=2|DATA 3 no end|");
    say(peer, 3, END_STREAM, "the end");
    peer->rig->end = peer->rig->ends[0];
    rig_answer(peer->rig, 413, "no");
    expect(peer, "HEADERS 1 :status=413 content-length=2|DATA 1 no end|");
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_CANCEL);
    send_out(peer);
    http_server_close(peer->rig->server, true);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "POST a.test /p unknown|POST a.test /p unknown|closed drained|");
    peer_free(peer);
}

/* ---- what is refused ---- */

static void told_refused(struct rig *rig)
{
    rig_answer(rig, 400, "");
}

static const struct {
    const char *name, *lines, *log, *answer;
} REFUSED[] = {
    {"no path", ":method: GET\n:scheme: http\n:authority: a\n", "refused bad_request|", "RST 1 1|"},
    {"upper case", GET("/") "X-Up: 1\n", "refused bad_request|", "RST 1 1|"},
    {"connection field", GET("/") "connection: close\n", "refused bad_request|", "RST 1 1|"},
    {"te", GET("/") "te: gzip\n", "refused bad_request|", "RST 1 1|"},
    {"pseudo behind field", ":method: GET\n:scheme: http\nx: y\n:authority: a\n:path: /\n",
     "refused bad_request|", "RST 1 1|"},
    {"line feed in a value", GET("/") "x: a\r b\n", "refused bad_request|", "RST 1 1|"},
    {"blank around a value", GET("/") "x:  a\n", "refused bad_request|", "RST 1 1|"},
    {"hosts differ", GET("/") "host: b.test\n", "refused bad_request|", "HEADERS 1 :status=400 end|"},
    {"scheme", ":method: GET\n:scheme: ftp\n:authority: a\n:path: /\n", "refused bad_request|",
     "HEADERS 1 :status=400 end|"},
    {"star", ":method: GET\n:scheme: http\n:authority: a\n:path: *\n", "refused bad_request|", "RST 1 1|"},
    {"unknown method", ":method: BREW\n:scheme: http\n:authority: a\n:path: /\n", "refused method_unknown|",
     "HEADERS 1 :status=400 end|"},
    {"connect", ":method: CONNECT\n:authority: a:80\n", "refused method_refused|",
     "HEADERS 1 :status=400 end|"},
    {"expectation", GET("/") "expect: more\n", "refused expectation_refused|", "HEADERS 1 :status=400 end|"},
};

Test(h2_server, malformed_requests_are_told_and_never_routed)
{
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        struct peer *peer = peer_new();
        const char *got;

        peer->rig->on_refused = told_refused;
        ask(peer, 1, REFUSED[i].lines);
        cr_expect_str_eq(peer->rig->log.data ? peer->rig->log.data : "", REFUSED[i].log, "%s: %s",
                         REFUSED[i].name, peer->rig->log.data);
        got = words(peer);
        cr_expect_str_eq(got, REFUSED[i].answer, "%s: %s", REFUSED[i].name, got);
        text_clear(&peer->rig->log);
        peer->rig->on_request = answer_hi;
        ask(peer, 3, GET("/"));
        rig_expect_log(peer->rig, "GET a.test / last|");
        peer_free(peer);
    }
}

Test(h2_server, head_over_the_limit_is_refused_and_the_connection_goes_on)
{
    struct peer *peer = peer_new();
    struct text block = {0};
    char large[1500];

    memset(large, 'a', sizeof(large));
    peer->rig->on_refused = told_refused;
    h2_put_lines(&block, GET("/"));
    h2_put_line(&block, SLICE("x-1"), slice_of(large, sizeof(large)));
    h2_put_line(&block, SLICE("x-2"), slice_of(large, sizeof(large)));
    h2_put_frame(&peer->out, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, text_slice(&block));
    send_out(peer);
    rig_expect_log(peer->rig, "refused head_too_large|");
    expect(peer, "HEADERS 1 :status=400 end|");
    text_clear(&block);
    h2_put_lines(&block, ":method: GET\n:scheme: http\n:authority: a.test\n");
    h2_put_line(&block, SLICE(":path"), slice_of(memset(large, '/', 300), 300));
    h2_put_frame(&peer->out, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 3, text_slice(&block));
    send_out(peer);
    rig_expect_log(peer->rig, "refused target_too_long|");
    text_fini(&block);
    peer_free(peer);
}

Test(h2_server, content_that_is_not_as_long_as_declared_resets)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST "content-length: 5\n");
    say(peer, 1, END_STREAM, "ab");
    rig_expect_log(peer->rig, "POST a.test /p length 5|ab|reset bad_request|");
    expect(peer, "RST 1 1|");
    begin(peer, 3, POST "content-length: 1\n");
    say(peer, 3, 0, "ab");
    rig_expect_log(peer->rig, "POST a.test /p length 1|reset bad_request|");
    expect(peer, "RST 3 1|");
    peer_free(peer);
}

Test(h2_server, cookies_are_joined_and_underscores_dropped)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/") "cookie: a=1\nx_y: 1\nx-z: 2\ncookie: b=2\ncookie: c=3\n");
    rig_expect_log(peer->rig, "GET a.test / cookie=a=1; b=2; c=3 x-z=2 last|");
    peer_free(peer);
}

/* ---- resets and flow ---- */

Test(h2_server, reset_by_the_client_resets_the_exchange)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_CANCEL);
    send_out(peer);
    rig_expect_log(peer->rig, "GET a.test / last|reset client_gone|");
    expect(peer, "");
    peer_free(peer);
}

Test(h2_server, closed_window_holds_content_and_credit)
{
    static char large[100000];
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(peer->rig, slice_of(large, sizeof(large)), false);
    words(peer);
    cr_expect_eq(peer->reader.data_bytes, 65535);
    cr_expect_eq(peer->rig->credited_to_us, 65535);
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 0, 100000);
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 1, 100000);
    send_out(peer);
    words(peer);
    cr_expect_eq(peer->reader.data_bytes, sizeof(large));
    cr_expect_eq(peer->rig->credited_to_us, sizeof(large));
    rig_data(peer->rig, SLICE("x"), true);
    expect(peer, "DATA 1 x end|");
    peer_free(peer);
}

Test(h2_server, exchanges_credit_opens_the_windows)
{
    static char large[16384];
    struct peer *peer = peer_new();

    peer->reader.quiet = false;
    peer->rig->holds_credit = true;
    begin(peer, 1, POST);
    for (int i = 0; i < 3; i++)
        h2_put_frame(&peer->out, NGHTTP2_DATA, 0, 1, slice_of(large, sizeof(large)));
    send_out(peer);
    expect(peer, "");
    peer->rig->end->ops->credit(peer->rig->end, peer->rig->uncredited);
    expect(peer, "WINDOW 1 49152|");
    peer_free(peer);
}

Test(h2_server, urgent_streams_are_served_first)
{
    static char large[200000];
    struct peer *peer = peer_new();
    const char *got, *urgent, *other;

    ask(peer, 1, GET("/1") "priority: u=5\n");
    ask(peer, 3, GET("/3") "priority: u=0\n");
    for (int i = 0; i < 2; i++) {
        peer->rig->end = peer->rig->ends[i];
        rig_head(peer->rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
        rig_data(peer->rig, slice_of(large, 60000), false);
    }
    words(peer); /* the connection's window is used up: by the first, and a little of the second */
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 1, 100000);
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 3, 100000);
    send_out(peer);
    for (int i = 0; i < 2; i++)
        peer->rig->ends[i]->ops->data(peer->rig->ends[i], slice_of(large, 20000), true);
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 0, 200000);
    send_out(peer);
    got = words(peer);
    urgent = strstr(got, "DATA 3");
    other = strstr(got, "DATA 1");
    cr_assert(urgent && other, "%s", got);
    cr_expect_lt(urgent, other, "%s", got);
    cr_expect_null(strstr(other, "DATA 3"), "%s", got);
    peer_free(peer);
}

/* What WINDOW_UPDATE brought the stream, of words like "WINDOW 1 5|". */
static unsigned long window_of(const char *words_, const char *stream)
{
    unsigned long sum = 0;

    for (const char *at = words_; (at = strstr(at, stream)); at++)
        sum += strtoul(at + strlen(stream), NULL, 10);
    return sum;
}

Test(h2_server, window_grows_while_the_exchange_keeps_up)
{
    static char large[16384];
    struct peer *peer = peer_new();
    unsigned long opened = 65535, sent = 0;

    peer->reader.quiet = false;
    begin(peer, 1, POST);
    while (sent < 20 * sizeof(large)) {
        cr_assert_leq(sent + sizeof(large), opened, "the window is shut after %lu bytes", sent);
        h2_put_frame(&peer->out, NGHTTP2_DATA, 0, 1, slice_of(large, sizeof(large)));
        send_out(peer);
        sent += sizeof(large);
        opened += window_of(words(peer), "WINDOW 1 ");
    }
    cr_expect_geq(opened - sent, 2 * 65536, "%lu bytes may be on their way", opened - sent);
    peer_free(peer);
}

Test(h2_server, window_stays_where_the_exchange_does_not_keep_up)
{
    static char large[16384];
    struct peer *peer = peer_new();

    peer->reader.quiet = false;
    peer->rig->holds_credit = true;
    begin(peer, 1, POST);
    for (int i = 0; i < 4; i++)
        h2_put_frame(&peer->out, NGHTTP2_DATA, 0, 1, slice_of(large, sizeof(large)));
    send_out(peer);
    expect(peer, "");
    say(peer, 1, 0, "x");
    expect(peer, "RST 1 3|"); /* FLOW_CONTROL_ERROR */
    cr_expect(slice_ends(text_slice(&peer->rig->log), SLICE("x|reset bad_request|")));
    peer_free(peer);
}

Test(h2_server, client_that_does_not_read_costs_little)
{
    static char large[65536];
    struct peer *peer = peer_new();
    size_t given = 0, kept;

    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, SLICE("\0\4\x7f\xff\xff\xff"));
    h2_put_u32(&peer->out, NGHTTP2_WINDOW_UPDATE, 0, 0, 0x7fff0000);
    ask(peer, 1, GET("/"));
    rig_head(peer->rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    /* As an exchange does: no more while 4 KiB and more wait. */
    while (given - peer->rig->credited_to_us < 4096 && given < 16 * 1024 * 1024) {
        rig_data(peer->rig, slice_of(large, sizeof(large)), false);
        given += sizeof(large);
    }
    kept = given - peer->rig->credited_to_us;
    cr_expect_lt(given, 4 * 1024 * 1024, "%zu bytes were taken", given);
    cr_expect_leq(kept, sizeof(large));
    rig_data(peer->rig, SLICE(""), true);
    for (int i = 0; i < 1000 && peer->reader.data_bytes < given; i++)
        words(peer);
    cr_expect_eq(peer->reader.data_bytes, given);
    peer_free(peer);
}

Test(h2_server, client_that_takes_nothing_of_an_answer_given_is_cut)
{
    struct peer *peer;

    rig_limits.idle_ms = 30;
    peer = peer_new();
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, SLICE("\0\4\0\0\0\0"));
    ask(peer, 1, GET("/"));
    rig_answer(peer->rig, 200, "never read");
    rig_until_log(peer->rig, "closed client_stalled|");
    peer_free(peer);
}

Test(h2_server, one_stream_too_many_is_refused)
{
    struct peer *peer = mem_new(struct peer);

    rig_limits.requests = 1000;
    h2_reader_init(&peer->reader);
    peer->rig = rig_h2_server();
    peer->reader.quiet = true;
    text_add_literal(&peer->out, PREFACE);
    h2_put_frame(&peer->out, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
    for (uint32_t id = 1; id <= 201; id += 2)
        h2_put_headers(&peer->out, id, END_HEADERS | END_STREAM, GET("/"));
    send_out(peer);
    expect(peer, "RST 201 7|");
    cr_expect_eq(peer->rig->begun, 100);
    rig_answer(peer->rig, 204, "");
    expect(peer, "HEADERS 199 :status=204 end|");
    ask(peer, 203, GET("/"));
    cr_expect_eq(peer->rig->begun, 101);
    peer_free(peer);
}

/* ---- WebSocket ---- */

#define CONNECT                                                                                              \
    ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: a.test\n:path: /chat\n"              \
    "sec-websocket-version: 13\n"

Test(h2_server, extended_connect_becomes_a_tunnel)
{
    struct field items[] = {{SLICE("Sec-WebSocket-Accept"), SLICE("x"), FIELD_OTHER},
                            {SLICE("Sec-WebSocket-Protocol"), SLICE("chat"), FIELD_OTHER}};
    struct peer *peer = peer_new();

    begin(peer, 1, CONNECT);
    say(peer, 1, 0, "early");
    rig_expect_log(peer->rig, "GET a.test /chat sec-websocket-version=13 upgrade|");
    rig_head(
        peer->rig,
        (struct head){.status = 101, .protocol = SLICE("websocket"), .fields = {items, ARRAY_LEN(items), 2}},
        false);
    expect(peer, "HEADERS 1 :status=200 sec-websocket-protocol=chat|");
    rig_expect_log(peer->rig, "early|");
    say(peer, 1, 0, "more");
    rig_data(peer->rig, SLICE("back"), false);
    rig_expect_log(peer->rig, "more|");
    expect(peer, "DATA 1 back|");
    rig_data(peer->rig, SLICE(""), true);
    expect(peer, "DATA 1  end|");
    say(peer, 1, END_STREAM, "end");
    rig_expect_log(peer->rig, "end last|");
    peer_free(peer);
}

Test(h2_server, close_may_spare_tunnels)
{
    struct peer *peer = peer_new();

    begin(peer, 1, CONNECT);
    rig_head(peer->rig, (struct head){.status = 101, .protocol = SLICE("websocket")}, false);
    ask(peer, 3, GET("/"));
    words(peer);
    text_clear(&peer->rig->log);
    http_server_close(peer->rig->server, false);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "reset drained|");
    say(peer, 1, 0, "still");
    rig_expect_log(peer->rig, "still|");
    http_server_close(peer->rig->server, true);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "reset drained|closed drained|");
    peer_free(peer);
}

Test(h2_server, declined_connect_is_an_answer)
{
    struct peer *peer = peer_new();

    begin(peer, 1, CONNECT);
    rig_answer(peer->rig, 403, "no");
    expect(peer, "HEADERS 1 :status=403 content-length=2|DATA 1 no end|");
    peer_free(peer);
}

Test(h2_server, content_behind_a_declined_connect_goes_nowhere)
{
    struct peer *peer = peer_new();

    begin(peer, 1, CONNECT);
    rig_head(peer->rig, (struct head){.status = 403, .body = BODY_UNKNOWN}, false);
    expect(peer, "HEADERS 1 :status=403|");
    text_clear(&peer->rig->log);
    say(peer, 1, 0, "GET /smuggled HTTP/1.1");
    say(peer, 1, END_STREAM, "more");
    rig_expect_log(peer->rig, "");
    rig_data(peer->rig, SLICE("no"), true);
    expect(peer, "DATA 1 no end|");
    peer_free(peer);
}

/* ---- the connection's end ---- */

Test(h2_server, idle_connection_ends_with_goaway)
{
    struct peer *peer;

    rig_limits.idle_ms = 30;
    peer = peer_new();
    rig_until_log(peer->rig, "closed idle|");
    expect(peer, "GOAWAY 0 0|");
    peer_free(peer);
}

/* The timer of an idle one expires twice: after a second it gives memory back. */
Test(h2_server, idle_connection_that_rests_ends_when_its_time_is_over)
{
    const uint64_t began_us = loop_now_us();
    struct peer *peer;

    rig_limits.idle_ms = 1300;
    peer = peer_new();
    rig_until_log(peer->rig, "closed idle|");
    cr_expect_geq(loop_now_us() - began_us, 1290 * 1000);
    expect(peer, "GOAWAY 0 0|");
    peer_free(peer);
}

Test(h2_server, idle_connection_that_may_stay_for_ever_is_served_after_its_rest)
{
    struct peer *peer;

    rig_limits.idle_ms = TIMER_NEVER;
    peer = peer_new();
    for (const uint64_t end_us = loop_now_us() + 1300 * 1000; loop_now_us() < end_us; usleep(10 * 1000))
        rig_settle(peer->rig);
    ask(peer, 1, GET("/"));
    rig_answer(peer->rig, 204, "");
    expect(peer, "HEADERS 1 :status=204 end|");
    peer_free(peer);
}

Test(h2_server, drain_says_goodbye_in_two_steps)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/1"));
    http_server_drain(peer->rig->server, false);
    expect(peer, "PING|GOAWAY 2147483647 0|");
    ask(peer, 3, GET("/3"));
    h2_put_frame(&peer->out, NGHTTP2_PING, ACK, 0, SLICE("\0\0\0\0\0\0\0\0"));
    send_out(peer);
    expect(peer, "GOAWAY 3 0|");
    ask(peer, 5, GET("/5"));
    rig_expect_log(peer->rig, "GET a.test /1 last|GET a.test /3 last|");
    for (int i = 0; i < 2; i++) {
        peer->rig->end = peer->rig->ends[i];
        rig_answer(peer->rig, 204, "");
    }
    expect(peer, "HEADERS 1 :status=204 end|HEADERS 3 :status=204 end|");
    rig_expect_log(peer->rig, "closed ok|");
    peer_free(peer);
}

/* Between its answers and its next requests, which are on their way. */
Test(h2_server, drain_of_an_idle_one_takes_what_is_on_its_way)
{
    struct peer *peer = peer_new();

    peer->rig->on_request = answer_hi;
    ask(peer, 1, GET("/1"));
    words(peer);
    http_server_drain(peer->rig->server, false);
    expect(peer, "PING|GOAWAY 2147483647 0|");
    ask(peer, 3, GET("/3"));
    h2_put_frame(&peer->out, NGHTTP2_PING, ACK, 0, SLICE("\0\0\0\0\0\0\0\0"));
    send_out(peer);
    expect(peer, "HEADERS 3 :status=200 content-length=2|DATA 3 hi end|GOAWAY 3 0|");
    rig_expect_log(peer->rig, "GET a.test /1 last|GET a.test /3 last|closed ok|");
    peer_free(peer);
}

Test(h2_server, last_request_of_the_limit_drains)
{
    struct peer *peer;

    rig_limits.requests = 2;
    peer = peer_new();
    peer->rig->on_request = answer_hi;
    ask(peer, 1, GET("/"));
    words(peer);
    ask(peer, 3, GET("/"));
    rig_until_log(peer->rig, "closed ok|");
    cr_expect_not_null(strstr(words(peer), "GOAWAY 3 0|"));
    peer_free(peer);
}

Test(h2_server, close_resets_what_runs)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/1"));
    http_server_close(peer->rig->server, false);
    rig_settle(peer->rig);
    rig_expect_log(peer->rig, "GET a.test /1 last|reset drained|closed drained|");
    expect(peer, "RST 1 8|GOAWAY 1 0|");
    peer_free(peer);
}

Test(h2_server, head_that_does_not_end_times_out)
{
    struct peer *peer;

    rig_limits.head_ms = 30;
    peer = peer_new();
    h2_put_headers(&peer->out, 1, END_STREAM, GET("/"));
    send_out(peer);
    rig_until_log(peer->rig, "closed head_timeout|");
    peer_free(peer);
}

Test(h2_server, each_head_has_its_own_time)
{
    uint64_t until_us = loop_now_us() + 150 * 1000;
    struct peer *peer;
    uint32_t id = 1;

    rig_limits.head_ms = 100;
    rig_limits.requests = 0;
    peer = peer_new();
    peer->rig->on_request = answer_hi;
    h2_put_headers(&peer->out, id, END_STREAM, GET("/"));
    while (loop_now_us() < until_us) { /* every read ends within a block, but never the same for long */
        h2_put_frame(&peer->out, NGHTTP2_CONTINUATION, END_HEADERS, id, SLICE(""));
        h2_put_headers(&peer->out, id += 2, END_STREAM, GET("/"));
        send_out(peer);
        words(peer);
        for (uint64_t next_us = loop_now_us() + 5000; loop_now_us() < next_us;)
            loop_run_once(peer->rig->loop);
    }
    cr_expect_not_null(peer->rig->server);
    peer_free(peer);
}

Test(h2_server, protocol_error_ends_the_connection_and_its_requests)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/1"));
    say(peer, 1, 0, "on a half-closed stream");
    rig_expect_log(peer->rig, "GET a.test /1 last|reset h2_broken|closed h2_broken|");
    expect(peer, "GOAWAY 1 5|");
    peer_free(peer);
}

Test(h2_server, client_that_leaves_resets_its_requests)
{
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/1"));
    rig_hang_up(peer->rig);
    rig_until_log(peer->rig, "reset client_gone|closed client_gone|");
    peer_free(peer);
}

/* ---- floods ---- */

static void expect_cut(struct peer *peer, const char *what)
{
    const char *got = words(peer);

    cr_expect(peer->rig->server == NULL, "%s: still there", what);
    cr_expect(strstr(got, "GOAWAY ") && strstr(got, " 11|"), "%s: %s", what, got);
    cr_expect(slice_ends(text_slice(&peer->rig->log), SLICE("closed client_floods|")), "%s: %s", what,
              peer->rig->log.data);
}

Test(h2_server, rapid_reset_begins_two_hundred_requests_at_most)
{
    struct peer *peer = peer_new();

    for (uint32_t id = 1; id < 2000 && peer->rig->server; id += 2) {
        h2_put_headers(&peer->out, id, END_HEADERS | END_STREAM, GET("/"));
        h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, id, NGHTTP2_CANCEL);
        if (peer->out.len > 1000)
            send_out(peer);
    }
    expect_cut(peer, "resets");
    cr_expect_leq(peer->rig->begun, 200, "%u requests", peer->rig->begun);
    peer_free(peer);
}

Test(h2_server, resets_in_one_read_begin_a_hundred_requests_at_most)
{
    struct peer *peer = peer_new();

    for (uint32_t id = 1; id < 1000; id += 2) {
        h2_put_headers(&peer->out, id, END_HEADERS | END_STREAM, GET("/"));
        h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, id, NGHTTP2_CANCEL);
    }
    send_out(peer);
    expect_cut(peer, "resets");
    cr_expect_leq(peer->rig->begun, 100, "%u requests", peer->rig->begun);
    peer_free(peer);
}

Test(h2_server, abandoned_requests_keep_their_places_for_the_turn)
{
    struct peer *peer;
    const char *got;

    rig_limits.requests = 1000;
    peer = peer_new();
    for (uint32_t id = 1; id < 240; id += 2) {
        h2_put_headers(&peer->out, id, END_HEADERS | END_STREAM, GET("/"));
        if (id < 120)
            h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, id, NGHTTP2_CANCEL);
    }
    send_out(peer);
    cr_expect_eq(peer->rig->begun, 100, "%u requests", peer->rig->begun);
    got = words(peer);
    cr_expect(slice_starts(slice_str(got), SLICE("RST 201 7|RST 203 7|")), "%s", got);
    ask(peer, 241, GET("/"));
    cr_expect_eq(peer->rig->begun, 101);
    peer_free(peer);
}

static void flood(struct peer *peer, unsigned type, unsigned flags, uint32_t id, struct slice payload,
                  const char *what)
{
    for (int i = 0; i < 3000 && peer->rig->server; i++) {
        h2_put_frame(&peer->out, type, flags, id, payload);
        if (peer->out.len > 1000)
            send_out(peer);
    }
    expect_cut(peer, what);
    peer_free(peer);
}

Test(h2_server, floods_are_cut)
{
    flood(peer_new(), NGHTTP2_PING, 0, 0, SLICE("12345678"), "PING");
    flood(peer_new(), NGHTTP2_SETTINGS, 0, 0, SLICE(""), "SETTINGS");
    flood(peer_new(), NGHTTP2_PRIORITY, 0, 1, SLICE("\0\0\0\0\1"), "PRIORITY");
    flood(peer_new(), NGHTTP2_WINDOW_UPDATE, 0, 0, SLICE("\0\0\0\1"), "WINDOW_UPDATE");
    flood(peer_new(), 0x77, 0, 0, SLICE(""), "unknown");
}

Test(h2_server, empty_data_is_cut)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST);
    flood(peer, NGHTTP2_DATA, 0, 1, SLICE(""), "DATA");
    peer = peer_new();
    begin(peer, 1, POST);
    flood(peer, NGHTTP2_DATA, PADDED, 1, SLICE("\2\0\0"), "DATA of padding");
}

/* Where a read ends between the content of a frame and its padding. */
Test(h2_server, padding_that_comes_behind_its_content_costs_nothing)
{
    struct peer *peer = peer_new();

    begin(peer, 1, POST);
    for (int i = 0; i < 1000 && peer->rig->server; i++) {
        h2_put_frame(&peer->out, NGHTTP2_DATA, PADDED, 1, SLICE("\2x\0\0"));
        peer->out.len -= 2;
        send_out(peer);
        text_add(&peer->out, SLICE("\0\0"));
        send_out(peer);
    }
    cr_expect(peer->rig->server, "an honest upload is not cut");
    peer_free(peer);
}

Test(h2_server, content_and_heads_of_streams_that_have_ended_are_cut)
{
    static char content[1000];
    struct peer *peer = peer_new();

    ask(peer, 1, GET("/"));
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_CANCEL);
    send_out(peer);
    flood(peer, NGHTTP2_DATA, 0, 1, slice_of(content, sizeof(content)), "DATA");
    peer = peer_new();
    ask(peer, 1, GET("/"));
    h2_put_u32(&peer->out, NGHTTP2_RST_STREAM, 0, 1, NGHTTP2_CANCEL);
    send_out(peer);
    for (int i = 0; i < 70000 && peer->rig->server; i++) {
        h2_put_headers(&peer->out, 1, END_HEADERS | END_STREAM, GET("/"));
        if (peer->out.len > 10000)
            send_out(peer);
    }
    expect_cut(peer, "HEADERS");
    peer_free(peer);
}

Test(h2_server, endless_continuations_are_cut)
{
    struct peer *peer = peer_new();
    const char *got;

    h2_put_headers(&peer->out, 1, END_STREAM, GET("/"));
    for (int i = 0; i < 3000 && peer->rig->server; i++) {
        h2_put_frame(&peer->out, NGHTTP2_CONTINUATION, 0, 1, SLICE(""));
        if (peer->out.len > 1000)
            send_out(peer);
    }
    got = words(peer);
    cr_expect_null(peer->rig->server);
    cr_expect_eq(peer->rig->begun, 0);
    (void)got;
    peer_free(peer);
}

Test(h2_server, header_bomb_ends_the_connection)
{
    struct peer *peer = peer_new();
    struct text block = {0};
    char large[3000];

    memset(large, 'a', sizeof(large));
    h2_put_lines(&block, GET("/"));
    text_add_char(&block, 0x40); /* literal with incremental indexing: then one byte brings all of it again */
    text_add_char(&block, 1);
    text_add_char(&block, 'x');
    text_add_char(&block, 127);
    text_add_char(&block, (char)(((sizeof(large) - 127) & 127) | 128));
    text_add_char(&block, (char)((sizeof(large) - 127) >> 7));
    text_add(&block, slice_of(large, sizeof(large)));
    for (int i = 0; i < 10000; i++)
        text_add_char(&block, (char)(0x80 | 62));
    h2_put_frame(&peer->out, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, text_slice(&block));
    send_out(peer);
    expect_cut(peer, "header bomb");
    text_fini(&block);
    peer_free(peer);
}
