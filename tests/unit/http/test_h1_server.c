#include <stdlib.h>
#include <sys/socket.h>

#include "base/flow.h"
#include "http/answer.h"
#include "rig.h"

#define GET(fields)  "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define GET_TO(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(fields) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define CHUNKED      "Transfer-Encoding: chunked\r\n"
#define HI           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define HI_AND_CLOSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

static void answer_hi(struct rig *rig)
{
    rig_answer(rig, 200, "hi");
}

static void say(struct rig *rig, const char *text)
{
    rig_say(rig, slice_str(text));
}

/* ---- keep-alive and pipelining ---- */

Test(h1_server, requests_follow_each_other_on_one_connection)
{
    struct rig *rig = rig_server();

    rig->on_request = answer_hi;
    for (int i = 0; i < 3; i++) {
        say(rig, GET(""));
        rig_expect_log(rig, "GET a / last|");
        rig_expect_received(rig, HI);
    }
    rig_free(rig);
}

Test(h1_server, request_may_come_byte_by_byte)
{
    struct rig *rig = rig_server();
    const char *text =
        "\r\n" POST("Content-Length: 3\r\n") "abc" POST(CHUNKED) "2\r\nde\r\n0\r\nT: u\r\n\r\n";

    rig->on_last = answer_hi;
    for (; *text; text++)
        rig_say(rig, slice_of(text, 1));
    rig_expect_log(rig, "POST a / length 3|a|b|c last|POST a / unknown|d|e|trailers T=u|");
    rig_expect_received(rig, HI HI);
    rig_free(rig);
}

Test(h1_server, pipelined_requests_are_answered_in_order)
{
    struct rig *rig = rig_server();

    say(rig, GET_TO("/1") GET_TO("/2") GET_TO("/3"));
    rig_expect_log(rig, "GET a /1 last|");
    rig_answer(rig, 200, "one");
    rig_settle(rig);
    rig_expect_log(rig, "GET a /2 last|");
    rig_answer(rig, 200, "two");
    rig_settle(rig);
    rig_answer(rig, 204, "");
    rig_expect_log(rig, "GET a /3 last|");
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
                             "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"
                             "HTTP/1.1 204 No Content\r\n\r\n");
    rig_free(rig);
}

Test(h1_server, pipelined_requests_answered_at_once_are_answered_in_order)
{
    struct rig *rig = rig_server();

    rig->on_request = answer_hi;
    say(rig, GET_TO("/1") GET_TO("/2") GET_TO("/3") "GET /4 HT");
    rig_expect_log(rig, "GET a /1 last|GET a /2 last|GET a /3 last|");
    say(rig, "TP/1.1\r\nHost: a\r\n\r\n");
    rig_expect_log(rig, "GET a /4 last|");
    rig_expect_received(rig, HI HI HI HI);
    rig_free(rig);
}

Test(h1_server, pipelined_requests_before_the_clients_end_are_all_answered)
{
    struct rig *rig = rig_server();
    const struct slice bytes = SLICE(GET_TO("/1") GET_TO("/2") GET_TO("/3"));

    rig->on_request = answer_hi;
    cr_assert_eq(send(rig->peer, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
    rig_shut(rig);
    rig_expect_log(rig, "GET a /1 last|GET a /2 last|GET a /3 last|closed ok|");
    rig_expect_received(rig, HI HI HI);
    rig_free(rig);
}

Test(h1_server, bytes_behind_a_request_wait_unread)
{
    struct rig *rig = rig_server();

    say(rig, GET_TO("/1") GET_TO("/2"));
    say(rig, GET_TO("/3"));
    rig_expect_log(rig, "GET a /1 last|");
    rig->on_request = answer_hi;
    rig_answer(rig, 200, "hi");
    rig_settle(rig);
    rig_expect_log(rig, "GET a /2 last|GET a /3 last|");
    rig_free(rig);
}

Test(h1_server, connection_ends_as_asked_or_after_the_last_request)
{
    struct rig *rig = rig_server();

    rig->on_request = answer_hi;
    say(rig, GET("Connection: close\r\n"));
    rig_expect_log(rig, "GET a / last|closed ok|");
    rig_expect_received(rig, HI_AND_CLOSE);
    cr_expect(rig->peer_saw_end && !rig->peer_saw_reset);
    rig_free(rig);

    rig_limits.requests = 2;
    rig = rig_server();
    rig->on_request = answer_hi;
    say(rig, GET("") GET("") GET(""));
    rig_until_end(rig);
    rig_expect_received(rig, HI HI_AND_CLOSE);
    rig_free(rig);
}

Test(h1_server, bytes_behind_the_last_answer_do_not_destroy_it)
{
    struct rig *rig = rig_server();

    rig->on_request = answer_hi;
    say(rig, POST("Connection: close\r\nContent-Length: 1\r\n") "x");
    say(rig, "\r\n");
    rig_expect_received(rig, HI_AND_CLOSE);
    cr_expect(rig->peer_saw_end && !rig->peer_saw_reset);
    rig_free(rig);
}

Test(h1_server, client_of_1_0_gets_what_it_understands)
{
    struct rig *rig = rig_server();
    struct head stream = {.status = 200, .body = BODY_UNKNOWN};

    say(rig, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    rig_head(rig, (struct head){.status = 103}, false);
    rig_answer(rig, 200, "hi");
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi");
    say(rig, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    rig_head(rig, stream, false);
    rig_data(rig, SLICE("until"), false);
    rig_data(rig, SLICE(" close"), true);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close");
    cr_expect(rig->peer_saw_end);
    rig_free(rig);
}

/* ---- framing of answers ---- */

Test(h1_server, unknown_length_is_chunked)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(rig, SLICE("hello"), false);
    rig_data(rig, SLICE(""), false);
    rig_data(rig, SLICE("0123456789abcdefg"), true);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\n" CHUNKED
                             "\r\n5\r\nhello\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n");
    rig_free(rig);
}

Test(h1_server, trailers_follow_chunks_only)
{
    struct rig *rig = rig_server();
    struct fields trailers = {0};

    fields_add(&trailers, &rig->arena, SLICE("X-Sum"), SLICE("7"));
    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(rig, SLICE("a"), false);
    rig->end->ops->trailers(rig->end, &trailers);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n");
    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 1}, false);
    rig_data(rig, SLICE("a"), false);
    rig->end->ops->trailers(rig->end, &trailers);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    rig_free(rig);
}

Test(h1_server, answers_without_content_have_none_whatever_comes)
{
    static const struct {
        const char *request;
        struct head head;
        const char *received;
    } cases[] = {
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
         {.status = 200, .body = BODY_LENGTH, .length = 5},
         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
         {.status = 200, .body = BODY_UNKNOWN},
         "HTTP/1.1 200 OK\r\n\r\n"},
        {GET(""), {.status = 204, .body = BODY_UNKNOWN}, "HTTP/1.1 204 No Content\r\n\r\n"},
        {GET(""),
         {.status = 304, .has_length = true, .length = 9},
         "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
        {GET(""), {.status = 304}, "HTTP/1.1 304 Not Modified\r\n\r\n"},
    };
    struct rig *rig = rig_server();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        say(rig, cases[i].request);
        rig_head(rig, cases[i].head, false);
        rig_data(rig, SLICE("hello"), true);
        rig_expect_received(rig, cases[i].received);
    }
    rig_free(rig);
}

Test(h1_server, empty_answer_says_so)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_NONE, .reason = SLICE("Fine")}, true);
    rig_expect_received(rig, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
    rig_free(rig);
}

Test(h1_server, date_of_the_backend_is_kept)
{
    struct rig *rig = rig_server();
    struct head head = {.status = 200, .body = BODY_NONE};

    fields_add(&head.fields, &rig->arena, SLICE("date"), SLICE("x"));
    say(rig, GET(""));
    rig_head(rig, head, true);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 0\r\n\r\n");
    rig_free(rig);
}

Test(h1_server, own_answer_is_given_whole)
{
    struct rig *rig = rig_server();
    struct answer answer = {.status = 404, .content_type = SLICE("text/plain"), .body = SLICE("no\n")};

    fields_add(&answer.fields, &rig->arena, SLICE("X-A"), SLICE("b"));
    say(rig, GET(""));
    answer_give(rig->end, &answer);
    rig_expect_received(
        rig, "HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nno\n");
    answer.body = SLICE("");
    say(rig, GET(""));
    answer_give(rig->end, &answer);
    rig_expect_received(
        rig, "HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
    rig_free(rig);
}

/* ---- 100 Continue and early answers ---- */

Test(h1_server, interim_answers_come_before_the_final_one)
{
    struct rig *rig = rig_server();

    say(rig, POST("Content-Length: 2\r\nExpect: 100-continue\r\n"));
    rig_expect_log(rig, "POST a / length 2 expects|");
    rig_head(rig, (struct head){.status = 100}, false);
    rig_expect_received(rig, "HTTP/1.1 100 Continue\r\n\r\n");
    say(rig, "ab");
    rig_expect_log(rig, "ab last|");
    rig_answer(rig, 200, "hi");
    rig_expect_received(rig, HI);
    rig_free(rig);
}

Test(h1_server, early_answer_ends_the_connection)
{
    struct rig *rig = rig_server();

    say(rig, POST("Content-Length: 1000\r\n") "ab");
    rig_answer(rig, 413, "no");
    rig_expect_received(rig, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    cr_expect(rig->peer_saw_end && !rig->peer_saw_reset);
    rig_expect_log(rig, "POST a / length 1000|ab|closed ok|");
    rig_free(rig);
}

Test(h1_server, early_answer_without_content_says_close)
{
    struct rig *rig = rig_server();

    say(rig, POST("Content-Length: 1000\r\n"));
    rig_answer(rig, 413, "");
    rig_expect_received(rig,
                        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    rig_free(rig);
}

/* ---- refusals ---- */

static void answer_400(struct rig *rig)
{
    rig_answer(rig, 400, "bad");
}

Test(h1_server, refused_request_is_answered_and_nothing_behind_it_is_read)
{
    struct rig *rig = rig_server();

    rig->on_refused = answer_400;
    say(rig, POST("Content-Length: 3\r\n" CHUNKED) GET(""));
    rig_expect_log(rig, "refused bad_request|closed ok|");
    rig_expect_received(rig, "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad");
    cr_expect(rig->peer_saw_end && !rig->peer_saw_reset);
    rig_free(rig);
}

Test(h1_server, refusal_may_be_answered_later)
{
    struct rig *rig = rig_server();

    say(rig, "GET / HTTP/3.0\r\n\r\n");
    rig_expect_log(rig, "refused version_refused|");
    say(rig, GET(""));
    rig_answer(rig, 505, "");
    rig_expect_received(
        rig, "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    rig_expect_log(rig, "closed ok|");
    rig_free(rig);
}

Test(h1_server, mistake_in_the_content_resets_the_exchange_and_is_answered)
{
    struct rig *rig = rig_server();

    rig->on_refused = answer_400;
    say(rig, POST(CHUNKED) "5\r\nhello\r\nzz\r\n");
    rig_expect_log(rig, "POST a / unknown|hello|reset bad_request|refused bad_request|closed ok|");
    rig_expect_received(rig, "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad");
    rig_free(rig);
}

Test(h1_server, mistake_in_the_content_behind_an_answer_cuts)
{
    struct rig *rig = rig_server();

    say(rig, POST(CHUNKED) "5\r\nhello\r\n");
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_settle(rig);
    say(rig, "zz\r\n");
    rig_expect_log(rig, "POST a / unknown|hello|reset bad_request|closed bad_request|");
    rig_free(rig);
}

/* ---- endings ---- */

Test(h1_server, half_closed_client_still_gets_its_answer)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_shut(rig);
    rig_answer(rig, 200, "hi");
    rig_expect_received(rig, HI_AND_CLOSE);
    rig_expect_log(rig, "GET a / last|closed ok|");
    rig_free(rig);
}

Test(h1_server, half_closed_client_gets_all_its_pipelined_answers)
{
    struct rig *rig = rig_server();

    say(rig, GET("") GET(""));
    rig_shut(rig);
    rig->on_request = answer_hi;
    rig_answer(rig, 200, "hi");
    rig_until_end(rig);
    rig_expect_log(rig, "GET a / last|GET a / last|closed ok|");
    cr_expect(slice_ends(text_slice(&rig->received), SLICE("hi")));
    rig_free(rig);
}

Test(h1_server, client_that_leaves_resets_the_exchange)
{
    struct rig *rig = rig_server();

    say(rig, POST("Content-Length: 5\r\n") "ab");
    rig_shut(rig);
    rig_expect_log(rig, "POST a / length 5|ab|reset client_gone|closed client_gone|");
    rig_free(rig);
}

Test(h1_server, client_that_closes_while_idle_is_no_fault)
{
    struct rig *rig = rig_server();

    rig_shut(rig);
    rig_expect_log(rig, "closed ok|");
    rig_free(rig);
    rig = rig_server();
    say(rig, "GET / HT");
    rig_shut(rig);
    rig_expect_log(rig, "closed client_gone|");
    rig_free(rig);
}

Test(h1_server, reset_in_the_middle_is_visible)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(rig, SLICE("half"), false);
    rig_settle(rig);
    rig->end->ops->reset(rig->end, FAULT_BACK_TRUNCATED);
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n4\r\nhalf\r\n");
    cr_expect(rig->peer_saw_end);
    rig_expect_log(rig, "GET a / last|closed backend_truncated|");
    rig_free(rig);
}

Test(h1_server, answer_of_ours_to_unfinished_content_says_that_it_ends_the_connection)
{
    struct rig *rig = rig_server();

    say(rig, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    answer_give(rig->end, &(struct answer){.status = 200, .body = SLICE("hi")});
    rig_expect_received(rig, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    cr_expect(rig->peer_saw_end);
    rig_free(rig);
}

/* ---- an answer that is taken back ---- */

static bool recalled(struct rig *rig)
{
    return rig->end->ops->recall(rig->end);
}

Test(h1_server, answer_of_which_nothing_left_is_recalled_and_another_given)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(rig, SLICE("some"), false);
    cr_assert(recalled(rig));
    cr_expect_not(recalled(rig), "there is nothing more to recall");
    rig_answer(rig, 502, "hi");
    rig_settle(rig);
    rig_expect_received(rig, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nhi");
    say(rig, GET(""));
    rig_answer(rig, 200, "hi");
    rig_expect_log(rig, "GET a / last|GET a / last|");
    rig_expect_received(rig, HI);
    rig_free(rig);
}

Test(h1_server, answer_is_recalled_behind_interim_ones)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 103}, false);
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 9}, false);
    cr_assert(recalled(rig));
    rig_answer(rig, 502, "hi");
    rig_expect_received(rig, "HTTP/1.1 103 Early Hints\r\n\r\n"
                             "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nhi");
    rig_free(rig);
}

Test(h1_server, answer_that_left_is_not_recalled)
{
    static char much[4096];
    struct rig *rig = rig_server();

    say(rig, GET(""));
    cr_expect_not(recalled(rig), "no answer was given");
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = sizeof(much) + 9}, false);
    rig_data(rig, slice_of(much, sizeof(much)), false);
    cr_expect_not(recalled(rig), "more than is to wait");
    rig_data(rig, SLICE("something"), true);
    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 2}, false);
    rig_settle(rig);
    cr_expect_not(recalled(rig), "the turn is over");
    rig_data(rig, SLICE("hi"), true);
    rig_free(rig);
}

Test(h1_server, what_is_held_leaves_in_order_and_is_credited_with_the_turn)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_UNKNOWN}, false);
    rig_data(rig, SLICE("one"), false);
    rig_data(rig, SLICE("two"), false);
    cr_expect_eq(rig->credited_to_us, 0);
    rig_settle(rig);
    cr_expect_eq(rig->credited_to_us, 6);
    rig_data(rig, SLICE("three"), true);
    rig_expect_received(rig,
                        "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
    rig_free(rig);
}

Test(h1_server, reset_of_an_answer_that_is_held_looks_like_no_end)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 9}, false);
    rig->end->ops->reset(rig->end, FAULT_CLIENT_STALLED);
    rig_settle(rig);
    rig_until_end(rig);
    rig_expect_received(rig, "");
    rig_expect_log(rig, "GET a / last|closed client_stalled|");
    rig_free(rig);
}

Test(h1_server, answer_shorter_than_declared_is_cut)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 9}, false);
    rig_data(rig, SLICE("half"), true);
    rig_settle(rig);
    rig_until_end(rig);
    rig_expect_log(rig, "GET a / last|closed ok|");
    rig_free(rig);
}

Test(h1_server, answer_longer_than_declared_stops_there)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 2}, false);
    rig_data(rig, SLICE("hi and"), false);
    rig_settle(rig);
    rig_data(rig, SLICE(" more"), true);
    rig_expect_received(rig, HI);
    cr_expect(rig->peer_saw_end);
    rig_free(rig);
}

Test(h1_server, drain_ends_idle_connections_at_once_and_others_after_the_answer)
{
    struct rig *rig = rig_server();

    http_server_drain(rig->server, false);
    rig_settle(rig);
    rig_expect_log(rig, "closed ok|");
    rig_free(rig);
    rig = rig_server();
    say(rig, GET(""));
    http_server_drain(rig->server, false);
    rig_answer(rig, 200, "hi");
    rig_expect_received(rig, HI_AND_CLOSE);
    rig_expect_log(rig, "GET a / last|closed ok|");
    rig_free(rig);
}

Test(h1_server, gentle_drain_closes_only_behind_an_answer_that_said_so)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = 2}, false);
    rig_settle(rig);
    http_server_drain(rig->server, true);
    rig_data(rig, SLICE("hi"), true);
    rig_expect_received(rig, HI);
    cr_expect_not(rig->peer_saw_end);
    say(rig, GET(""));
    rig_answer(rig, 200, "hi");
    rig_expect_received(rig, HI_AND_CLOSE);
    rig_expect_log(rig, "GET a / last|GET a / last|closed ok|");
    rig_free(rig);
}

Test(h1_server, close_resets_the_request_under_way)
{
    struct rig *rig = rig_server();

    say(rig, GET(""));
    http_server_close(rig->server, true);
    rig_expect_log(rig, "GET a / last|reset drained|");
    rig_settle(rig);
    rig_expect_log(rig, "closed drained|");
    rig_free(rig);
}

/* ---- time ---- */

Test(h1_server, silence_ends_an_idle_connection)
{
    struct rig *rig;

    rig_limits.idle_ms = 20;
    rig = rig_server();
    rig->on_request = answer_hi;
    say(rig, GET(""));
    rig_until_log(rig, "closed idle|");
    rig_expect_log(rig, "GET a / last|closed idle|");
    rig_free(rig);
}

Test(h1_server, slow_head_is_refused)
{
    struct rig *rig;

    rig_limits.head_ms = 20;
    rig = rig_server();
    rig->on_refused = answer_400;
    say(rig, "G");
    rig_until_log(rig, "closed ok|");
    rig_expect_log(rig, "refused head_timeout|closed ok|");
    rig_free(rig);
}

Test(h1_server, request_under_way_is_not_idle)
{
    struct rig *rig;
    uint64_t until = loop_now_us() + 60 * 1000;

    rig_limits.idle_ms = rig_limits.head_ms = 20;
    rig = rig_server();
    say(rig, GET(""));
    while (loop_now_us() < until)
        loop_run_once(rig->loop);
    rig_expect_log(rig, "GET a / last|");
    rig_free(rig);
}

/* ---- backpressure ---- */

Test(h1_server, request_content_stops_at_the_high_mark)
{
    struct rig *rig = rig_server();
    static char bytes[60000];
    size_t given;

    rig->holds_credit = true;
    say(rig, POST("Content-Length: 180000\r\n"));
    for (int i = 0; i < 3; i++)
        rig_say(rig, slice_of(bytes, sizeof(bytes)));
    given = rig->uncredited;
    cr_expect_gt(given, 0);
    cr_expect_leq(given, LOOP_SCRATCH_BYTES);
    rig->end->ops->credit(rig->end, given);
    rig_settle(rig);
    cr_expect_gt(rig->uncredited, given);
    rig->holds_credit = false;
    rig->end->ops->credit(rig->end, rig->uncredited - given);
    rig->uncredited = 0;
    rig_settle(rig);
    cr_expect(slice_ends(text_slice(&rig->log), SLICE(" last|")));
    rig_free(rig);
}

Test(h1_server, credit_waits_until_the_client_reads)
{
    struct rig *rig = rig_server();
    static char bytes[8 * 1024 * 1024];

    say(rig, GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = sizeof(bytes) + 2}, false);
    rig_data(rig, slice_of(bytes, sizeof(bytes)), false);
    rig_settle(rig);
    cr_expect_eq(rig->credited_to_us, 0);
    rig_until_received(rig, sizeof(bytes));
    cr_expect_eq(rig->credited_to_us, sizeof(bytes));
    rig_data(rig, SLICE("hi"), true);
    rig_free(rig);
}

Test(h1_server, client_that_takes_no_answers_gets_no_further_requests_through)
{
    struct rig *rig = rig_server();
    static char bytes[8 * 1024 * 1024];

    say(rig, GET("") GET(""));
    rig_head(rig, (struct head){.status = 200, .body = BODY_LENGTH, .length = sizeof(bytes)}, false);
    rig_data(rig, slice_of(bytes, sizeof(bytes)), true);
    rig_settle(rig);
    rig_expect_log(rig, "GET a / last|");
    rig_until_received(rig, sizeof(bytes));
    rig_expect_log(rig, "GET a / last|");
    rig_free(rig);
}

/* ---- upgrade ---- */

#define UPGRADE GET("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
#define ASKS    "GET a / Sec-WebSocket-Version=13 upgrade|"

Test(h1_server, upgrade_opens_a_tunnel_that_keeps_half_closes)
{
    struct rig *rig = rig_server();

    say(rig, UPGRADE "early");
    rig_expect_log(rig, ASKS);
    rig_head(rig, (struct head){.status = 101, .protocol = SLICE("websocket")}, false);
    rig_settle(rig);
    rig_expect_received(
        rig, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    rig_expect_log(rig, "early|");
    rig_data(rig, SLICE("down"), false);
    rig_expect_received(rig, "down");
    rig_shut(rig);
    rig_expect_log(rig, " last|");
    rig_data(rig, SLICE("still"), false);
    rig_expect_received(rig, "still");
    rig_data(rig, SLICE("bye"), true);
    rig_expect_received(rig, "bye");
    cr_expect(rig->peer_saw_end);
    rig_expect_log(rig, "closed ok|");
    rig_free(rig);
}

Test(h1_server, tunnel_may_be_shut_from_our_side_first)
{
    struct rig *rig = rig_server();

    say(rig, UPGRADE);
    rig_head(rig, (struct head){.status = 101, .protocol = SLICE("websocket")}, false);
    rig_data(rig, SLICE("bye"), true);
    rig_settle(rig);
    say(rig, "up");
    rig_shut(rig);
    rig_expect_log(rig, ASKS "up| last|closed ok|");
    rig_free(rig);
}

Test(h1_server, declined_upgrade_is_an_ordinary_answer)
{
    struct rig *rig = rig_server();

    say(rig, UPGRADE);
    rig_answer(rig, 200, "hi");
    rig_settle(rig);
    say(rig, GET(""));
    rig_expect_log(rig, ASKS "GET a / last|");
    rig_free(rig);
}
