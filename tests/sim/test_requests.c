/* What goes well: requests and answers of every shape, as plays between a front and a back. */
#include <criterion/criterion.h>

#include "sim/stage.h"

Test(request, get_is_passed_on_and_answered)
{
    struct play *play = play_begin("GET /x?q=1", BODY_NONE, 0);

    EXPECT_OFFICE(play, "acquire\n");
    back_ready(play);
    EXPECT_BACK(play, "GET /x?q=1 last\n");
    back_answers(play, 200, BODY_LENGTH, 5);
    EXPECT_FRONT(play, "200 length=5\n");
    fake_end_gives(&play->back, "hel", MORE);
    EXPECT_FRONT(play, "data hel\n");
    EXPECT_BACK(play, "credit 3\n");
    fake_end_gives(&play->back, "lo", LAST);
    EXPECT_FRONT(play, "data lo last\n");
    EXPECT_OFFICE(play, "kept\n");
    EXPECT_LOGGED(play, "\"GET /x?q=1 HTTP/1.1\" 200 5 ");
    EXPECT_LOGGED(play, "route=\"app\" backend=10.0.0.1:3000");
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(request, an_idle_connection_is_there_at_once)
{
    struct play *play = play_new(stage_new());

    play->is_at_once = play->is_reused = true;
    play_asks(play, "GET /", BODY_NONE, 0);
    EXPECT_BACK(play, "GET / last\n");
    back_answers(play, 204, BODY_NONE, 0);
    EXPECT_FRONT(play, "204 last\n");
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}

Test(request, content_flows_with_credit)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 6);

    back_ready(play);
    EXPECT_BACK(play, "POST / length=6\n");
    play->back.holds_credit = true;
    fake_end_gives(&play->front, "abc", MORE);
    EXPECT_FRONT(play, "");
    fake_end_credits(&play->back, 2);
    EXPECT_FRONT(play, "credit 2\n");
    fake_end_gives(&play->front, "def", LAST);
    EXPECT_BACK(play, "data abc\ndata def last\n");
    fake_end_credits(&play->back, 4);
    EXPECT_FRONT(play, "credit 4\n");
    back_answers(play, 201, BODY_NONE, 0);
    EXPECT_FRONT(play, "201 last\n");
    EXPECT_LOGGED(play, "in=6 ");
    play_end(play);
}

Test(request, content_may_move_past_the_exchange)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 10);

    cr_expect_eq(fake_end_moves(&play->front, 4), 0, "there is no backend yet");
    back_ready(play);
    EXPECT_BACK(play, "POST / length=10\n");
    play->back.holds_credit = true;
    cr_expect_eq(fake_end_moves(&play->front, 4), 4);
    EXPECT_FRONT(play, "");
    fake_end_credits(&play->back, 4);
    EXPECT_FRONT(play, "credit 4\n");
    fake_end_gives(&play->front, "456789", LAST);
    EXPECT_BACK(play, "move 4\ndata 456789 last\n");
    fake_end_credits(&play->back, 6);
    back_answers(play, 200, BODY_LENGTH, 7);
    cr_expect_eq(fake_end_moves(&play->back, 5), 5);
    fake_end_gives(&play->back, "56", LAST);
    EXPECT_FRONT(play, "credit 6\n200 length=7\nmove 5\ndata 56 last\n");
    EXPECT_LOGGED(play, " 200 7 ");
    EXPECT_LOGGED(play, "in=10 ");
    play_end(play);
}

Test(request, content_that_moves_and_waits_is_blocked_by_who_does_not_take_it)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    back_answers(play, 200, BODY_LENGTH, 100);
    play->front.holds_credit = true;
    cr_expect_eq(fake_end_moves(&play->back, 50), 50);
    stage_wait(play->stage, STALL_MS + 100);
    EXPECT_LOGGED(play, "end=client_stalled");
    EXPECT_LOGGED(play, " 200 50 ");
    play_end(play);
}

Test(request, content_before_the_backend_is_held_then_given)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 6);

    fake_end_gives(&play->front, "abc", MORE);
    fake_end_gives(&play->front, "def", MORE);
    EXPECT_FRONT(play, "");
    back_ready(play);
    EXPECT_BACK(play, "POST / length=6\ndata abcdef\n");
    EXPECT_FRONT(play, "credit 6\n");
    fake_end_gives(&play->front, "", LAST);
    EXPECT_BACK(play, "data  last\n");
    back_answers(play, 200, BODY_NONE, 0);
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}

Test(request, all_of_it_before_the_backend_is_given_whole)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    fake_end_gives(&play->front, "abc", MORE);
    fake_end_gives(&play->front, "", LAST);
    back_ready(play);
    EXPECT_BACK(play, "POST /\ndata abc last\n");
    EXPECT_FRONT(play, "credit 3\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(request, an_empty_end_before_the_backend_ends_the_head)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    fake_end_gives(&play->front, "", LAST);
    back_ready(play);
    EXPECT_BACK(play, "POST / last\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

/* The front stops reading its socket while 64 KiB are outstanding (base/flow): not crediting is the bound. */
Test(request, nothing_is_credited_while_there_is_no_backend)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    play->front.gives_seed = 7;
    for (int i = 0; i < 8; i++)
        fake_end_gives_bytes(&play->front, 8 * 1024, MORE);
    stage_wait(play->stage, 3600 * 1000);
    EXPECT_FRONT(play, "");
    play->back.expects_seed = 7;
    back_ready(play);
    EXPECT_BACK(play, "POST /\ndata #65536\n");
    EXPECT_FRONT(play, "credit 65536\n");
    fake_end_gives_bytes(&play->front, 1, LAST);
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(request, trailers_pass_both_ways)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    back_ready(play);
    fake_end_gives(&play->front, "abc", MORE);
    fake_end_trails(&play->front, "X-Sum", "1");
    EXPECT_BACK(play, "POST /\ndata abc\ntrailers X-Sum: 1\n");
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->back, "def", MORE);
    fake_end_trails(&play->back, "X-Sum", "2");
    EXPECT_FRONT(play, "credit 3\n200\ndata def\ntrailers X-Sum: 2\n");
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}

Test(request, trailers_before_the_backend_are_held)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    fake_end_gives(&play->front, "abc", MORE);
    fake_end_trails(&play->front, "X-Sum", "1");
    back_ready(play);
    EXPECT_BACK(play, "POST /\ndata abc\ntrailers X-Sum: 1\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(request, trailers_alone_before_the_backend_are_held)
{
    struct play *play = play_begin("POST /", BODY_UNKNOWN, 0);

    fake_end_trails(&play->front, "X-Sum", "1");
    back_ready(play);
    EXPECT_BACK(play, "POST /\ntrailers X-Sum: 1\n");
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}

Test(answer, interim_answers_are_passed_on)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 2);

    back_ready(play);
    back_answers(play, 100, BODY_NONE, 0);
    back_answers(play, 103, BODY_NONE, 0);
    EXPECT_FRONT(play, "100\n103\n");
    fake_end_gives(&play->front, "hi", LAST);
    back_answers(play, 200, BODY_NONE, 0);
    EXPECT_FRONT(play, "credit 2\n200 last\n");
    play_end(play);
}

/* What a HEAD's answer or a 304 declares is no content. */
Test(answer, of_a_head_request_ends_with_its_head)
{
    struct play *play = play_begin("HEAD /", BODY_NONE, 0);
    struct head head = {.status = 200, .major = 1, .minor = 1, .has_length = true, .length = 12345};

    back_ready(play);
    fake_end_heads(&play->back, &head, true);
    EXPECT_FRONT(play, "200 last\n");
    cr_assert(play->front.head.has_length && play->front.head.length == 12345);
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}

Test(answer, its_content_waits_for_the_client)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    play->front.holds_credit = true;
    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->back, "abcdef", MORE);
    EXPECT_BACK(play, "GET / last\n");
    fake_end_credits(&play->front, 4);
    EXPECT_BACK(play, "credit 4\n");
    fake_end_gives(&play->back, "gh", LAST);
    EXPECT_FRONT(play, "200\ndata abcdef\ndata gh last\n");
    play_end(play);
}

/* The rest of the request has nowhere to go: both connections end. */
Test(answer, before_the_request_ended_resets_the_back)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 100);

    back_ready(play);
    fake_end_gives(&play->front, "abc", MORE);
    back_answers(play, 403, BODY_LENGTH, 2);
    fake_end_gives(&play->back, "no", LAST);
    EXPECT_FRONT(play, "credit 3\n403 length=2\ndata no last\n");
    EXPECT_BACK(play, "POST / length=100\ndata abc\nreset ok\n");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(answer, while_the_request_goes_on_lets_both_flow)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 6);

    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->front, "abc", MORE);
    fake_end_gives(&play->back, "ABC", MORE);
    fake_end_gives(&play->front, "def", LAST);
    fake_end_gives(&play->back, "DEF", LAST);
    EXPECT_BACK(play, "POST / length=6\ndata abc\ncredit 3\ndata def last\n");
    EXPECT_FRONT(play, "200\ncredit 3\ndata ABC\ncredit 3\ndata DEF last\n");
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}
