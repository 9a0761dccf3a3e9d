#include "h1_cases.h"

static struct h1_question question;

static enum h1_outcome call(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes)
{
    return h1_parse_answer(parse, progress, bytes, &case_limits, &question);
}

#define OK(fields) "HTTP/1.1 200 OK\r\n" fields "\r\n"
#define X64        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512       X64 X64 X64 X64 X64 X64 X64 X64

static const struct h1_case accepted[] = {
    CASE_OK("9112 4: the smallest", OK("")),
    CASE_OK("9112 4: no reason", "HTTP/1.1 200 \r\nA: b\r\n\r\n"),
    CASE_OK("9112 4: no reason and no blank", "HTTP/1.1 200\r\nA: b\r\n\r\n"),
    CASE_OK("9112 4: a reason of words", "HTTP/1.1 404 Not at all\r\n\r\n"),
    CASE_OK("9112 4: obs-text in the reason", "HTTP/1.1 200 \xc3\xa4\r\n\r\n"),
    CASE_OK("9110 15: an unregistered status", "HTTP/1.1 299 Odd\r\n\r\n"),
    CASE_OK("9110 15: the last status", "HTTP/1.1 599 x\r\n\r\n"),
    CASE_OK("9112 2.3: HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n"),
    CASE_OK("9110 15.2: interim", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    CASE_OK("9112 6.2: a length", OK("Content-Length: 5\r\n")),
    CASE_OK("9112 6.1: chunked", OK("Transfer-Encoding: chunked\r\n")),
    CASE_OK("9110 8.6: a length in a 204", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"),
    CASE_OK("names with an underscore", OK("a_b: c\r\n")),
};

Test(h1_answer, valid_heads_are_accepted_however_they_are_cut)
{
    check_cases(call, accepted, ARRAY_LEN(accepted));
}

static const struct h1_case refused[] = {
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: HTTP/0.9", "<html>hello</html>"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: an empty line first", "\r\n" OK("")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: another protocol", "RTSP/1.0 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: ICY", "ICY 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: two blanks", "HTTP/1.1  200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: two digits", "HTTP/1.1 20 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: four digits", "HTTP/1.1 2000 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: a letter", "HTTP/1.1 2x0 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: a sign", "HTTP/1.1 -20 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 15: below 100", "HTTP/1.1 099 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 15: zero", "HTTP/1.1 000 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 15: above 599", "HTTP/1.1 600 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: a control in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 4: NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.2: bare LF behind the status line",
                 "HTTP/1.1 200 OK\nA: b\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.2: bare LF behind the status", "HTTP/1.1 200\nA: b\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.2: bare CR behind the status line",
                 "HTTP/1.1 200 OK\rA: b\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.2: bare LF behind a field", "HTTP/1.1 200 OK\r\nA: b\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.2: bare CR in a value", OK("A: b\rc\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.3: HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.3: HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.3: HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.3: no minor", "HTTP/1 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 2.3: lower case", "http/1.1 200 OK\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 5.1: blank before the colon", OK("A : b\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 5.1: empty name", OK(": b\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 5.1: a blank line first", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 5.2: folded", OK("A: b\r\n c\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 5.5: NUL in a value", OK("A: \0\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 5.5: DEL in a value", OK("A: \x7f\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.3: length and coding",
                 OK("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.3: coding and length",
                 OK("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.3: two lengths", OK("Content-Length: 5\r\nContent-Length: 6\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.3: two equal lengths",
                 OK("Content-Length: 5\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.3: a list of lengths", OK("Content-Length: 5, 5\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.2: plus", OK("Content-Length: +5\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.2: empty", OK("Content-Length:\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.2: overflow", OK("Content-Length: 18446744073709551616\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.1: gzip", OK("Transfer-Encoding: gzip\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.1: gzip, chunked", OK("Transfer-Encoding: gzip, chunked\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.1: chunked, identity",
                 OK("Transfer-Encoding: chunked, identity\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.1: chunked twice",
                 OK("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "9112 6.1: in HTTP/1.0",
                 "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 15.2.2: 101 unasked",
                 "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    CASE_REFUSED(BACK_BAD_ANSWER, "9110 7.6.1: Connection names Content-Length",
                 OK("Connection: Content-Length\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "6585 5: bytes over the limit", OK("A: " X512 X512 "\r\n")),
    CASE_REFUSED(BACK_BAD_ANSWER, "6585 5: fields over the limit",
                 OK("a:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\n"
                    "a:1\r\na:1\r\na:1\r\na:1\r\na:1\r\n")),
};

Test(h1_answer, invalid_heads_are_refused_however_they_are_cut)
{
    check_cases(call, refused, ARRAY_LEN(refused));
}

static struct h1_parse parse;

static const struct head *answer_to(struct h1_question asked, const char *text)
{
    struct h1_progress progress = {0};

    question = asked;
    cr_assert_eq(call(&parse, &progress, slice_str(text)), H1_HEAD, "%s", parse.detail);
    return &parse.head;
}

Test(h1_answer, body_follows_the_order_of_rules)
{
    static const struct {
        const char *name, *text;
        bool to_head;
        enum body_kind body;
        bool is_chunked, ends, has_length;
    } cases[] = {
        {"length", OK("Content-Length: 5\r\n"), false, BODY_LENGTH, false, false, true},
        {"length 0", OK("Content-Length: 0\r\n"), false, BODY_NONE, false, false, true},
        {"chunked", OK("Transfer-Encoding: chunked\r\n"), false, BODY_UNKNOWN, true, false, false},
        {"until close", OK(""), false, BODY_UNKNOWN, false, true, false},
        {"until close in 1.0", "HTTP/1.0 200 OK\r\n\r\n", false, BODY_UNKNOWN, false, true, false},
        {"HEAD with a length", OK("Content-Length: 5\r\n"), true, BODY_NONE, false, false, true},
        {"HEAD, chunked", OK("Transfer-Encoding: chunked\r\n"), true, BODY_NONE, false, false, false},
        {"204 with a length", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", false, BODY_NONE, false, true,
         false},
        {"204 with a length of nothing", "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", false, BODY_NONE,
         false, false, false},
        {"204, chunked", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", false, BODY_NONE, false,
         true, false},
        {"304 with a length", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", false, BODY_NONE, false, false,
         true},
        {"304, chunked", "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n", false, BODY_NONE, false,
         false, false},
        {"103", "HTTP/1.1 103 x\r\n\r\n", false, BODY_NONE, false, false, false},
        {"103 with a length", "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n", false, BODY_NONE, false, true,
         false},
        {"close", OK("Connection: close\r\nContent-Length: 5\r\n"), false, BODY_LENGTH, false, true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct head *head = answer_to((struct h1_question){.is_head = cases[i].to_head}, cases[i].text);

        cr_expect_eq(head->body, cases[i].body, "%s", cases[i].name);
        cr_expect_eq(parse.is_chunked, cases[i].is_chunked, "%s", cases[i].name);
        cr_expect_eq(head->ends_connection, cases[i].ends, "%s", cases[i].name);
        cr_expect_eq(head->has_length, cases[i].has_length, "%s", cases[i].name);
    }
}

#define SWITCH(fields) "HTTP/1.1 101 x\r\n" fields "\r\n"

Test(h1_answer, protocol_switches_only_to_what_was_asked_for)
{
    static const struct {
        const char *name, *text;
        bool is_switch;
    } cases[] = {
        {"as asked", SWITCH("Connection: Upgrade\r\nUpgrade: WebSocket\r\n"), true},
        {"no Connection", SWITCH("Upgrade: websocket\r\n"), false},
        {"no Upgrade", SWITCH("Connection: upgrade\r\n"), false},
        {"another", SWITCH("Connection: upgrade\r\nUpgrade: h2c\r\n"), false},
        {"two", SWITCH("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"), false},
        {"HTTP/1.0", "HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false},
    };

    question = (struct h1_question){.protocol = SLICE("websocket")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct h1_progress progress = {0};
        enum h1_outcome outcome = call(&parse, &progress, slice_str(cases[i].text));

        cr_expect_eq(outcome, cases[i].is_switch ? H1_HEAD : H1_REFUSED, "%s", cases[i].name);
    }
}

Test(h1_answer, keep_alive_timeout_is_learned)
{
    answer_to((struct h1_question){0}, OK("Keep-Alive: max=100, timeout=5\r\n"));
    cr_expect_eq(parse.keep_ms, 5000);
    cr_expect_eq(parse.head.fields.count, 0);
    answer_to((struct h1_question){0}, OK("Keep-Alive: timeout=-5\r\n"));
    cr_expect_eq(parse.keep_ms, 0);
}

Test(h1_answer, keep_alive_too_short_to_use_is_close)
{
    cr_expect(answer_to((struct h1_question){0}, OK("Content-Length: 0\r\nKeep-Alive: timeout=0\r\n"))
                  ->ends_connection);
    cr_expect(answer_to((struct h1_question){0}, OK("Content-Length: 0\r\nKeep-Alive: timeout=1\r\n"))
                  ->ends_connection);
    cr_expect_not(answer_to((struct h1_question){0}, OK("Content-Length: 0\r\nKeep-Alive: timeout=2\r\n"))
                      ->ends_connection);
}

Test(h1_answer, reason_and_status_are_read)
{
    const struct head *head = answer_to((struct h1_question){0}, "HTTP/1.0 418 I am a teapot\r\n\r\n");

    cr_expect_eq(head->status, 418);
    cr_expect(slice_eq(head->reason, SLICE("I am a teapot")));
    cr_expect_eq(head->minor, 0);
}
