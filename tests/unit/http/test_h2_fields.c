#include "http/h2_fields.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/macro.h"
#include "base/text.h"

/* ---- in ---- */

static struct h2_block block;
static struct h2_reading reading;

/* "name: value\n" each. */
static void fill(const char *lines)
{
    h2_block_begin(&block, 4096, 64);
    while (*lines) {
        const char *end = strchr(lines, '\n'), *colon = strstr(lines + 1, ": ");

        cr_assert(end && colon && colon < end, "%s", lines);
        h2_block_add(&block, slice_of(lines, (size_t)(colon - lines)),
                     slice_of(colon + 2, (size_t)(end - colon - 2)));
        lines = end + 1;
    }
}

static bool read_request(const char *lines, bool is_last)
{
    fill(lines);
    return h2_read_request(&reading, &block, 100, is_last);
}

#define GET     ":method: GET\n:scheme: https\n:authority: a.test\n:path: /x?y\n"
#define REST    ":scheme: https\n:authority: a.test\n:path: /\n"
#define POST    ":method: POST\n" REST
#define CONNECT ":method: CONNECT\n:protocol: websocket\n" REST

Test(h2_fields, request_becomes_a_head)
{
    const struct head *head = &reading.head;

    cr_assert(read_request(GET "accept: */*\nte: trailers\nx-a: b\n", true), "%s", reading.detail);
    cr_expect_eq(head->method, METHOD_GET);
    cr_expect(slice_eq(head->target, SLICE("/x?y")));
    cr_expect(slice_eq(head->authority, SLICE("a.test")));
    cr_expect(slice_eq(head->scheme, SLICE("https")));
    cr_expect_eq(head->major, 2);
    cr_expect_eq(head->minor, 0);
    cr_expect_eq(head->body, BODY_NONE);
    cr_expect(head->takes_trailers);
    cr_expect_eq(head->fields.count, 2);
    cr_expect_eq(head->fields.items[0].id, FIELD_ACCEPT);
}

Test(h2_fields, content_is_known_by_end_stream_and_length)
{
    cr_assert(read_request(POST, false));
    cr_expect_eq(reading.head.body, BODY_UNKNOWN);
    cr_assert(read_request(POST "content-length: 7\n", false));
    cr_expect_eq(reading.head.body, BODY_LENGTH);
    cr_expect_eq(reading.head.length, 7);
    cr_assert(read_request(POST "content-length: 0\n", true));
    cr_expect(reading.head.has_length && reading.head.body == BODY_NONE);
    cr_expect_eq(reading.head.fields.count, 0);
}

static const struct {
    const char *name, *lines;
    enum fault fault;
    bool is_last;
} REFUSED[] = {
    {"upper case in a name", GET "X-a: b\n", FAULT_BAD_REQUEST, true},
    {"blank in a name", GET "x a: b\n", FAULT_BAD_REQUEST, true},
    {"colon in a name", GET "x:a: b\n", FAULT_BAD_REQUEST, true},
    {"carriage return", GET "x: a\rb\n", FAULT_BAD_REQUEST, true},
    {"delete", GET "x: a\x7f\n", FAULT_BAD_REQUEST, true},
    {"leading blank", GET "x:  a\n", FAULT_BAD_REQUEST, true},
    {"trailing tab", GET "x: a\t\n", FAULT_BAD_REQUEST, true},
    {"connection", GET "connection: close\n", FAULT_BAD_REQUEST, true},
    {"keep-alive", GET "keep-alive: 5\n", FAULT_BAD_REQUEST, true},
    {"proxy-connection", GET "proxy-connection: close\n", FAULT_BAD_REQUEST, true},
    {"transfer-encoding", GET "transfer-encoding: chunked\n", FAULT_BAD_REQUEST, false},
    {"upgrade", GET "upgrade: websocket\n", FAULT_BAD_REQUEST, true},
    {"te", GET "te: trailers, gzip\n", FAULT_BAD_REQUEST, true},
    {"no method", REST, FAULT_BAD_REQUEST, true},
    {"no scheme", ":method: GET\n:authority: a\n:path: /\n", FAULT_BAD_REQUEST, true},
    {"no path", ":method: GET\n:scheme: http\n:authority: a\n", FAULT_BAD_REQUEST, true},
    {"no authority", ":method: GET\n:scheme: http\n:path: /\n", FAULT_BAD_REQUEST, true},
    {"two paths", GET ":path: /\n", FAULT_BAD_REQUEST, true},
    {"status in a request", GET ":status: 200\n", FAULT_BAD_REQUEST, true},
    {"unknown pseudo field", GET ":x: y\n", FAULT_BAD_REQUEST, true},
    {"pseudo field behind a field", ":method: GET\nx: y\n" REST, FAULT_BAD_REQUEST, true},
    {"path without a slash", ":method: GET\n:scheme: http\n:authority: a\n:path: x\n", FAULT_BAD_REQUEST,
     true},
    {"absolute path", ":method: GET\n:scheme: http\n:authority: a\n:path: http://b/\n", FAULT_BAD_REQUEST,
     true},
    {"blank in the path", ":method: GET\n:scheme: http\n:authority: a\n:path: /a b\n", FAULT_BAD_REQUEST,
     true},
    {"fragment", ":method: GET\n:scheme: http\n:authority: a\n:path: /#a\n", FAULT_BAD_REQUEST, true},
    {"star", ":method: GET\n:scheme: http\n:authority: a\n:path: *\n", FAULT_BAD_REQUEST, true},
    {"other scheme", ":method: GET\n:scheme: ws\n:authority: a\n:path: /\n", FAULT_BAD_REQUEST, true},
    {"userinfo", ":method: GET\n:scheme: http\n:authority: u:p@a\n:path: /\n", FAULT_BAD_REQUEST, true},
    {"host differs", GET "host: b.test\n", FAULT_BAD_REQUEST, true},
    {"host with another port", GET "host: a.test:443\n", FAULT_BAD_REQUEST, true},
    {"two hosts", GET "host: a.test\nhost: a.test\n", FAULT_BAD_REQUEST, true},
    {"two lengths", POST "content-length: 1\ncontent-length: 1\n", FAULT_BAD_REQUEST, false},
    {"signed length", POST "content-length: +1\n", FAULT_BAD_REQUEST, false},
    {"length without content", POST "content-length: 1\n", FAULT_BAD_REQUEST, true},
    {"trace with content", ":method: TRACE\n" REST, FAULT_BAD_REQUEST, false},
    {"unknown method", ":method: BREW\n" REST, FAULT_METHOD_UNKNOWN, true},
    {"method of lower case", ":method: get\n" REST, FAULT_METHOD_UNKNOWN, true},
    {"malformed method", ":method: G ET\n" REST, FAULT_BAD_REQUEST, true},
    {"connect", ":method: CONNECT\n:authority: a:80\n", FAULT_METHOD_REFUSED, false},
    {"expectation", POST "expect: x\n", FAULT_EXPECTATION_REFUSED, false},
    {"protocol without connect", ":protocol: websocket\n" GET, FAULT_BAD_REQUEST, true},
    {"other protocol", ":method: CONNECT\n:protocol: ip\n" REST, FAULT_METHOD_UNKNOWN, false},
    {"websocket of another version", CONNECT "sec-websocket-version: 8\n", FAULT_BAD_REQUEST, false},
    {"websocket without a way in", CONNECT "sec-websocket-version: 13\n", FAULT_BAD_REQUEST, true},
};

Test(h2_fields, what_breaks_a_rule_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        cr_expect_not(read_request(REFUSED[i].lines, REFUSED[i].is_last), "%s", REFUSED[i].name);
        cr_expect_eq(reading.fault, REFUSED[i].fault, "%s: %d, %s", REFUSED[i].name, reading.fault,
                     reading.detail);
        cr_expect_not_null(reading.detail);
    }
}

Test(h2_fields, nul_and_line_feed_never_pass)
{
    for (int at = 0; at < 3; at++) {
        static const char bad[] = {'\0', '\n', '\r'};

        for (size_t i = 0; i < sizeof(bad); i++) {
            char value[] = "abc";

            value[at] = bad[i];
            fill(GET);
            h2_block_add(&block, SLICE("x"), slice_of(value, 3));
            cr_expect_not(h2_read_request(&reading, &block, 100, true));
            fill(GET);
            h2_block_add(&block, slice_of(value, 3), SLICE("x"));
            cr_expect_not(h2_read_request(&reading, &block, 100, true));
            fill(GET);
            h2_block_add(&block, slice_of(value, 3), SLICE("x"));
            cr_expect_not(h2_read_trailers(&reading, &block, FAULT_BAD_REQUEST));
        }
    }
}

Test(h2_fields, host_alone_is_the_authority)
{
    cr_assert(read_request(":method: GET\n:scheme: http\n:path: /\nhost: b.test:81\n", true), "%s",
              reading.detail);
    cr_expect(slice_eq(reading.head.authority, SLICE("b.test:81")));
    cr_assert(read_request(GET "host: A.test\n", true), "%s", reading.detail);
    cr_expect_eq(reading.head.fields.count, 0);
}

Test(h2_fields, options_may_ask_for_all)
{
    cr_assert(read_request(":method: OPTIONS\n:scheme: http\n:authority: a\n:path: *\n", true), "%s",
              reading.detail);
    cr_expect(slice_eq(reading.head.target, SLICE("*")));
}

Test(h2_fields, cookies_become_one_line_where_the_first_was)
{
    cr_assert(read_request(GET "cookie: a=1\nx: y\ncookie: b=2\ncookie: c=3\n", true));
    cr_assert_eq(reading.head.fields.count, 2);
    cr_expect(slice_eq(reading.head.fields.items[0].value, SLICE("a=1; b=2; c=3")));
}

Test(h2_fields, names_with_underscores_are_dropped_and_counted)
{
    cr_assert(read_request(GET "x_a: 1\nx-a: 2\nx_b: 3\n", true));
    cr_expect_eq(reading.head.dropped_fields, 2);
    cr_expect_eq(reading.head.fields.count, 1);
}

Test(h2_fields, websocket_is_an_upgrade_by_get)
{
    cr_assert(read_request(CONNECT "sec-websocket-version: 13\n", false), "%s", reading.detail);
    cr_expect_eq(reading.head.method, METHOD_GET);
    cr_expect(slice_eq(reading.head.method_text, SLICE("GET")));
    cr_expect(slice_eq(reading.head.protocol, SLICE("websocket")));
    cr_expect_eq(reading.head.body, BODY_NONE);
}

Test(h2_fields, limits_have_their_own_faults)
{
    static char large[5000];

    fill(GET);
    h2_block_add(&block, SLICE("x"), slice_of(memset(large, 'a', sizeof(large)), sizeof(large)));
    h2_block_add(&block, SLICE("y"), SLICE("not kept any more"));
    cr_expect_not(h2_read_request(&reading, &block, 100, true));
    cr_expect_eq(reading.fault, FAULT_HEAD_TOO_LARGE);
    cr_expect(slice_eq(reading.head.target, SLICE("/x?y")), "what came before is known");
    cr_expect_eq(block.count, 4);
    h2_block_begin(&block, 4096, 64);
    h2_block_add(&block, SLICE(":path"), slice_of(large, sizeof(large)));
    cr_expect_not(h2_read_request(&reading, &block, 100, true));
    cr_expect_eq(reading.fault, FAULT_TARGET_TOO_LONG);
    fill(GET);
    for (int i = 0; i < 65; i++)
        h2_block_add(&block, SLICE("x"), SLICE(""));
    cr_expect_not(h2_read_request(&reading, &block, 100, true));
    cr_expect_eq(reading.fault, FAULT_HEAD_TOO_LARGE);
}

static bool read_answer(const char *lines, bool answers_head, bool is_last)
{
    fill(lines);
    return h2_read_answer(&reading, &block, answers_head, SLICE(""), is_last);
}

Test(h2_fields, answers_and_their_content)
{
    cr_assert(read_answer(":status: 200\nserver: x\n", false, false));
    cr_expect(reading.head.status == 200 && reading.head.body == BODY_UNKNOWN);
    cr_assert(read_answer(":status: 200\ncontent-length: 5\n", false, false));
    cr_expect(reading.head.body == BODY_LENGTH && reading.head.length == 5);
    cr_assert(read_answer(":status: 200\ncontent-length: 5\n", true, true));
    cr_expect(reading.head.body == BODY_NONE && reading.head.has_length);
    cr_assert(read_answer(":status: 304\ncontent-length: 5\n", false, true));
    cr_expect(reading.head.body == BODY_NONE && reading.head.has_length);
    cr_assert(read_answer(":status: 103\nlink: x\n", false, false));
    cr_expect_not(read_answer(":status: 103\n", false, true));
    cr_expect_not(read_answer(":status: 200\ncontent-length: 5\n", false, true));
    cr_expect_not(read_answer(":status: 101\n", false, false));
    cr_expect_not(read_answer(":status: 99\n", false, false));
    cr_expect_not(read_answer(":status: +20\n", false, false));
    cr_expect_not(read_answer("server: x\n", false, false));
    cr_expect_not(read_answer(":status: 200\n:status: 200\n", false, false));
    cr_expect_eq(reading.fault, FAULT_BACK_BAD_ANSWER);
}

Test(h2_fields, trailers_keep_what_may_stand_there)
{
    fill("grpc-status: 0\ncontent-length: 5\nauthorization: x\n");
    cr_assert(h2_read_trailers(&reading, &block, FAULT_BAD_REQUEST));
    cr_expect_eq(reading.trailers.count, 1);
    fill(":path: /\n");
    cr_expect_not(h2_read_trailers(&reading, &block, FAULT_BAD_REQUEST));
}

/* ---- out ---- */

static const char *written(struct h2_lines lines)
{
    static struct text text;

    text_clear(&text);
    text_add_literal(&text, "");
    for (size_t i = 0; i < lines.count; i++)
        text_printf(&text, "%.*s=%.*s%s ", (int)lines.items[i].namelen, lines.items[i].name,
                    (int)lines.items[i].valuelen, lines.items[i].value,
                    lines.items[i].flags & NGHTTP2_NV_FLAG_NO_INDEX ? "!" : "");
    return text.data;
}

#define FIELD(name_, value_)                                                                                 \
    {                                                                                                        \
        .name = SLICE(name_), .value = SLICE(value_)                                                         \
    }

static struct fields fields_of(struct field *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i].id = field_id_of(items[i].name);
    return (struct fields){.items = items, .count = count, .cap = count};
}

Test(h2_fields, answer_is_written_in_lower_case_without_connection_fields)
{
    struct arena arena = {0};
    struct field items[] = {FIELD("Server", "x"),
                            FIELD("X-UP", "V"),
                            FIELD("Connection", "close"),
                            FIELD("Date", "d"),
                            FIELD("Transfer-Encoding", "chunked"),
                            FIELD("Content-Length", "9"),
                            FIELD(":path", "/")};
    struct head head = {.status = 200, .fields = fields_of(items, ARRAY_LEN(items))};

    cr_expect_str_eq(written(h2_write_answer(&head, (struct h2_length){true, 5}, true, &arena)),
                     ":status=200 server=x x-up=V date=d content-length=5 ");
    arena_fini(&arena);
}

Test(h2_fields, date_that_may_not_come_again_and_ids_take_no_place_in_the_table)
{
    struct arena arena = {0};
    struct field items[] = {FIELD("Server", "x"), FIELD("Date", "d"), FIELD("X-Request-Id", "1")};
    struct head head = {.status = 200, .fields = fields_of(items, ARRAY_LEN(items))};

    cr_expect_str_eq(written(h2_write_answer(&head, (struct h2_length){0}, true, &arena)),
                     ":status=200 server=x date=d x-request-id=1! ");
    cr_expect_str_eq(written(h2_write_answer(&head, (struct h2_length){0}, false, &arena)),
                     ":status=200 server=x date=d! x-request-id=1! ");
    arena_fini(&arena);
}

Test(h2_fields, our_own_answer_gets_a_date_and_an_interim_one_none)
{
    struct arena arena = {0};
    struct head head = {.status = 204};

    cr_expect_eq(strncmp(written(h2_write_answer(&head, (struct h2_length){0}, true, &arena)),
                         ":status=204 date=", 17),
                 0);
    head.status = 103;
    cr_expect_str_eq(written(h2_write_answer(&head, (struct h2_length){0}, true, &arena)), ":status=103 ");
    arena_fini(&arena);
}

Test(h2_fields, request_is_written_with_its_pseudo_fields_first)
{
    struct arena arena = {0};
    struct field items[] = {FIELD("Host", "other"), FIELD("Cookie", "a=b"), FIELD("Authorization", "x"),
                            FIELD("cookie", "a=0123456789012345678901234567890")};
    struct head head = {.method_text = SLICE("POST"),
                        .target = SLICE("/x"),
                        .authority = SLICE("b"),
                        .takes_trailers = true,
                        .expects_continue = true,
                        .fields = fields_of(items, ARRAY_LEN(items))};

    cr_expect_str_eq(
        written(h2_write_request(&head, SLICE("https"), (struct h2_length){true, 0}, &arena)),
        ":method=POST :scheme=https :authority=b :path=/x cookie=a=b! authorization=x! "
        "cookie=a=0123456789012345678901234567890 te=trailers expect=100-continue content-length=0 ");
    arena_fini(&arena);
}
