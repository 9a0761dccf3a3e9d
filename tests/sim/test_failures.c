/* What goes wrong at either side, and what the other one is told. */
#include <criterion/criterion.h>
#include <errno.h>

#include "sim/stage.h"

/* --- No connection to a backend */

Test(acquiring, failed_answers_by_the_table_of_faults)
{
    static const struct {
        enum fault fault;
        int status;
    } cases[] = {
        {FAULT_BACK_REFUSED, 502},         {FAULT_BACK_UNREACHABLE, 502}, {FAULT_BACK_UNRESOLVED, 502},
        {FAULT_BACK_CONNECT_TIMEOUT, 504}, {FAULT_BACK_TLS, 502},         {FAULT_BACK_NO_LOCAL_PORT, 503},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *play = play_begin("POST /", BODY_LENGTH, 5);

        fake_end_gives(&play->front, "ab", MORE);
        back_fails(play, cases[i].fault, "nothing listens on 10.0.0.1:3000");
        cr_assert_eq(cases[i].status, fault_row(cases[i].fault)->status);
        EXPECT_FAILED(play, cases[i].status, cases[i].fault, "detail=\"nothing listens on 10.0.0.1:3000\"");
        EXPECT_LOGGED(play, "tries=1");
        play_end(play);
    }
}

/* --- The client leaves */

Test(client_gone, while_acquiring_cancels)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 5);

    fake_end_gives(&play->front, "ab", MORE);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, ECONNRESET);
    EXPECT_OFFICE(play, "acquire\ncancelled\n");
    EXPECT_FRONT(play, "");
    EXPECT_LOGGED(play, "end=client_gone");
    play_end(play);
}

Test(client_gone, in_the_request_resets_the_back)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 5);

    back_ready(play);
    fake_end_gives(&play->front, "ab", MORE);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 0);
    EXPECT_BACK(play, "POST / length=5\ndata ab\nreset client_gone\n");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

Test(client_gone, while_the_answer_is_awaited_resets_the_back)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, ECONNRESET);
    EXPECT_BACK(play, "GET / last\nreset client_gone\n");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    EXPECT_LOGGED(play, "end=client_gone detail=\"Connection reset by peer\"");
    play_end(play);
}

Test(client_gone, in_the_answer_resets_the_back)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    back_answers(play, 200, BODY_LENGTH, 100);
    fake_end_gives(&play->back, "abc", MORE);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, EPIPE);
    EXPECT_BACK(play, "GET / last\ncredit 3\nreset client_gone\n");
    EXPECT_FRONT(play, "200 length=100\ndata abc\n");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

/* --- The backend leaves */

Test(backend_gone, before_the_head_is_a_502)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    fake_end_resets(&play->back, FAULT_BACK_RESET, ECONNRESET);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "10.0.0.1:3000: the backend closed the connection");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

Test(backend_gone, in_the_request_is_a_502)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 5);

    back_ready(play);
    fake_end_gives(&play->front, "ab", MORE);
    fake_end_resets(&play->back, FAULT_BACK_RESET, EPIPE);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "Broken pipe");
    play_end(play);
}

Test(backend_gone, with_a_bad_answer_is_a_502)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    fake_end_resets(&play->back, FAULT_BACK_BAD_ANSWER, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_BAD_ANSWER, "not valid HTTP");
    play_end(play);
}

Test(backend_gone, after_an_interim_answer_is_a_502)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    back_answers(play, 103, BODY_NONE, 0);
    fake_end_resets(&play->back, FAULT_BACK_TRUNCATED, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_TRUNCATED, "");
    play_end(play);
}

/* The client must see that something is missing; a second answer would be taken for content. */
Test(backend_gone, after_the_head_cuts_the_client_off)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->back, "abc", MORE);
    fake_end_resets(&play->back, FAULT_BACK_TRUNCATED, 0);
    EXPECT_FRONT(play, "200\ndata abc\nreset backend_truncated\n");
    EXPECT_LOGGED(play, " 200 3 ");
    EXPECT_LOGGED(play, "end=backend_truncated");
    EXPECT_LOGGED(play, "after 3 bytes of the answer's content");
    play_end(play);
}

/* Head and mistake came at once. */
Test(backend_gone, while_the_front_holds_the_answer_is_a_502)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    play->front.holds_answer = true;
    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->back, "abc", MORE);
    EXPECT_FRONT(play, "200\ndata abc\n");
    fake_end_resets(&play->back, FAULT_BACK_BAD_ANSWER, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_BAD_ANSWER, "after 3 bytes of the answer's content");
    EXPECT_LOGGED(play, " 502 ");
    play_end(play);
}

/* --- Once more (RFC 9110 §9.2.2, RFC 9112 §9.3.1) */

static struct play *play_on_a_kept_connection(const char *line, enum body_kind body, uint64_t length)
{
    struct play *play = play_new(stage_new());

    play->is_at_once = play->is_reused = true;
    play_asks(play, line, body, length);
    return play;
}

Test(replay, of_an_idempotent_request_once_on_a_fresh_connection)
{
    struct play *play = play_on_a_kept_connection("GET /", BODY_NONE, 0);

    EXPECT_BACK(play, "GET / last\n");
    play->has_sent = true;
    fake_end_resets(&play->back, FAULT_BACK_RESET, ECONNRESET);
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire fresh\n");
    EXPECT_FRONT(play, "");
    play->is_reused = false;
    back_ready(play);
    EXPECT_BACK(play, "GET / last\n");
    back_answers(play, 200, BODY_NONE, 0);
    EXPECT_FRONT(play, "200 last\n");
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(replay, happens_once)
{
    struct play *play = play_on_a_kept_connection("GET /", BODY_NONE, 0);

    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    back_ready(play); /* is said to be reused again: must not matter */
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire fresh\nclosed\n");
    play_end(play);
}

Test(replay, that_gets_no_connection_fails_as_any)
{
    struct play *play = play_on_a_kept_connection("GET /", BODY_NONE, 0);

    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    back_fails(play, FAULT_BACK_REFUSED, "nothing listens");
    EXPECT_FAILED(play, 502, FAULT_BACK_REFUSED, "nothing listens");
    play_end(play);
}

Test(replay, ends_with_its_client)
{
    struct play *play = play_on_a_kept_connection("GET /", BODY_NONE, 0);

    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 0);
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire fresh\ncancelled\n");
    play_end(play);
}

Test(replay, not_of_a_post_that_left)
{
    struct play *play = play_on_a_kept_connection("POST /", BODY_LENGTH, 5);

    play->has_sent = true;
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    play_end(play);
}

Test(replay, of_a_post_of_which_nothing_left)
{
    struct play *play = play_on_a_kept_connection("POST /", BODY_LENGTH, 2);

    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire fresh\n");
    fake_end_gives(&play->front, "hi", LAST);
    back_ready(play);
    EXPECT_BACK(play, "POST / length=2\ndata hi last\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(replay, gives_the_content_again)
{
    struct play *play = play_on_a_kept_connection("PUT /", BODY_LENGTH, 5);

    play->has_sent = true;
    fake_end_gives(&play->front, "ab", MORE);
    EXPECT_BACK(play, "PUT / length=5\ndata ab\n");
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    fake_end_gives(&play->front, "c", MORE);
    back_ready(play);
    EXPECT_BACK(play, "PUT / length=5\ndata abc\n");
    fake_end_gives(&play->front, "de", LAST);
    EXPECT_BACK(play, "data de last\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

/* The front must not be let read more than what has really moved on. */
Test(replay, credits_content_once)
{
    struct play *play = play_on_a_kept_connection("PUT /", BODY_LENGTH, 9);

    play->back.holds_credit = true;
    fake_end_gives(&play->front, "abcde", MORE);
    fake_end_credits(&play->back, 3);
    cr_assert_eq(play->front.credited, 3);
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    back_ready(play);
    play->back.holds_credit = true;
    fake_end_credits(&play->back, 2);
    cr_assert_eq(play->front.credited, 3);
    fake_end_credits(&play->back, 3);
    cr_assert_eq(play->front.credited, 5);
    fake_end_gives(&play->front, "fghi", LAST);
    fake_end_credits(&play->back, 4);
    cr_assert_eq(play->front.credited, 9);
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(replay, not_with_more_content_than_is_kept)
{
    struct play *play = play_on_a_kept_connection("PUT /", BODY_UNKNOWN, 0);

    for (size_t given = 0; given <= 64 * 1024; given += 1024)
        fake_end_gives_bytes(&play->front, 1024, MORE);
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    play_end(play);
}

Test(replay, of_a_new_connection_where_the_pool_says_so)
{
    struct play *play = play_begin("GET /again", BODY_NONE, 0);

    for (unsigned tries = 0; tries < 2; tries++) { /* retry.tries */
        back_ready(play);
        play->has_sent = true;
        fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
        EXPECT_FRONT(play, "");
    }
    back_ready(play);
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire fresh\nclosed\nacquire fresh\nclosed\n");
    play_end(play);
}

Test(replay, of_a_new_connection_not_of_a_post_that_left)
{
    struct play *play = play_begin("POST /again", BODY_LENGTH, 2);

    back_ready(play);
    fake_end_gives(&play->front, "hi", LAST);
    play->has_sent = true;
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    play_end(play);
}

/* Another share of a connection may be there from inside the reset. */
Test(replay, of_a_refused_post_may_be_at_once)
{
    struct play *play = play_new(stage_new());

    play->is_shared = play->is_at_once = play->is_reused = true;
    play->back.holds_credit = true;
    play_asks(play, "POST /", BODY_LENGTH, 9);
    fake_end_gives(&play->front, "abcde", MORE);
    fake_end_credits(&play->back, 3);
    cr_assert_eq(play->front.credited, 3);
    play->back.holds_credit = false;
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_BACK(play, "POST / length=9\ndata abcde\n");
    cr_assert_eq(play->front.credited, 5);
    fake_end_gives(&play->front, "fghi", LAST);
    cr_assert_eq(play->front.credited, 9);
    EXPECT_OFFICE(play, "acquire\nclosed\nacquire\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

/* Trailers alone are no content, but they belong to the request. */
Test(replay, keeps_the_trailers)
{
    struct play *play = play_on_a_kept_connection("PUT /", BODY_UNKNOWN, 0);

    fake_end_trails(&play->front, "X-Sum", "1");
    EXPECT_BACK(play, "PUT /\ntrailers X-Sum: 1\n");
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    back_ready(play);
    EXPECT_BACK(play, "PUT /\ntrailers X-Sum: 1\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(replay, not_of_a_fresh_connection)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    fake_end_resets(&play->back, FAULT_BACK_RESET, 0);
    EXPECT_FAILED(play, 502, FAULT_BACK_RESET, "");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

Test(replay, not_once_an_answer_began)
{
    struct play *play = play_on_a_kept_connection("GET /", BODY_NONE, 0);

    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_resets(&play->back, FAULT_BACK_TRUNCATED, 0);
    EXPECT_FRONT(play, "200\nreset backend_truncated\n");
    play_end(play);
}

/* --- Limits of content */

Test(body_limit, that_the_length_exceeds_refuses_before_any_backend)
{
    struct play *play = play_begin("POST /small", BODY_LENGTH, 11);

    EXPECT_FAILED(play, 413, FAULT_BODY_TOO_LARGE, "Content-Length 11 is over limits.body");
    EXPECT_OFFICE(play, "");
    play_end(play);
}

Test(body_limit, that_is_just_reached_is_fine)
{
    struct play *play = play_begin("POST /small", BODY_LENGTH, 10);

    back_ready(play);
    fake_end_gives(&play->front, "0123456789", LAST);
    back_answers(play, 200, BODY_NONE, 0);
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(body_limit, that_a_stream_exceeds_ends_it)
{
    struct play *play = play_begin("POST /small", BODY_UNKNOWN, 0);

    back_ready(play);
    fake_end_gives(&play->front, "0123456789", MORE);
    fake_end_gives(&play->front, "x", MORE);
    EXPECT_FAILED(play, 413, FAULT_BODY_TOO_LARGE, "over limits.body after 11 bytes");
    EXPECT_BACK(play, "POST /small\ndata 0123456789\nreset body_too_large\n");
    play_end(play);
}

Test(body_limit, that_a_stream_exceeds_before_there_is_a_backend_ends_it)
{
    struct play *play = play_begin("POST /small", BODY_UNKNOWN, 0);

    fake_end_gives(&play->front, "0123456789x", LAST);
    EXPECT_FAILED(play, 413, FAULT_BODY_TOO_LARGE, "");
    EXPECT_OFFICE(play, "acquire\ncancelled\n");
    play_end(play);
}

Test(body_limit, that_a_stream_exceeds_ends_the_connection_wherever_the_last_byte_is)
{
    for (int last = 0; last < 2; last++) {
        struct play *play = play_begin("POST /small", BODY_UNKNOWN, 0);

        fake_end_gives(&play->front, "0123456789x", last ? LAST : MORE);
        cr_expect(play->front.head.ends_connection);
        play_end(play);
    }
}

Test(body_limit, that_a_stream_exceeds_within_the_answer_cuts_the_client_off)
{
    struct play *play = play_begin("POST /small", BODY_UNKNOWN, 0);

    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->front, "0123456789x", MORE);
    EXPECT_FRONT(play, "200\nreset body_too_large\n");
    EXPECT_LOGGED(play, "end=body_too_large");
    play_end(play);
}
