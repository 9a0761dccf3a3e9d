/* proxy/phase.def, row by row: how long each phase may stand still, what the client gets then, and what the
 * log says. The clock is the test's. */
#include <criterion/criterion.h>

#include "sim/stage.h"

enum { TICK_MS = WHEEL_TICK_MS };

/* Shortly before the limit nothing has happened yet; then it has. */
static void expect_limit(struct play *play, uint64_t limit_ms)
{
    stage_wait(play->stage, limit_ms - TICK_MS);
    cr_assert_eq(play->logged, 0, "too early: %s", play->line.data);
    stage_wait(play->stage, TICK_MS);
    cr_assert_eq(play->logged, 1, "nothing expired after %llu ms", (unsigned long long)limit_ms);
}

/* Almost all of the limit passes, without an end. */
static void almost(struct play *play, uint64_t limit_ms)
{
    stage_wait(play->stage, limit_ms - TICK_MS);
    cr_assert_eq(play->logged, 0, "too early: %s", play->line.data);
}

Test(deadline, acquire_has_none_of_its_own)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    stage_wait(play->stage, 24 * 3600 * 1000);
    cr_assert_eq(play->logged, 0);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 0);
    play_end(play);
}

Test(deadline, request_content_must_come)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 100);

    back_ready(play);
    almost(play, STALL_MS);
    fake_end_gives(&play->front, "abc", MORE);
    expect_limit(play, STALL_MS);
    EXPECT_BACK(play, "POST / length=100\ndata abc\nreset client_stalled\n");
    EXPECT_FAILED(play, 408, FAULT_CLIENT_STALLED,
                  "timeouts.stall: no byte of the request's content came for 20000 ms");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

static struct play *play_begin_expecting(const char *line, uint64_t length)
{
    struct play *play = play_new(stage_new());

    play->expects_continue = true;
    play_asks(play, line, BODY_LENGTH, length);
    return play;
}

/* The client may wait for a 100 that the backend never says; after one it is the client's turn. */
Test(deadline, expected_continue_is_the_backends_to_say)
{
    struct play *play = play_begin_expecting("POST /", 100);

    back_ready(play);
    expect_limit(play, ANSWER_MS);
    EXPECT_FAILED(play, 504, FAULT_BACK_ANSWER_TIMEOUT, "timeouts.answer: no answer began for 40000 ms");
    play_end(play);

    play = play_begin_expecting("POST /", 100);
    back_ready(play);
    back_answers(play, 100, BODY_NONE, 0);
    expect_limit(play, STALL_MS);
    EXPECT_FAILED(play, 408, FAULT_CLIENT_STALLED,
                  "timeouts.stall: no byte of the request's content came for 20000 ms");
    play_end(play);
}

Test(deadline, request_content_must_be_taken)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 100);

    play->back.holds_credit = true;
    back_ready(play);
    fake_end_gives(&play->front, "abc", MORE);
    almost(play, STALL_MS);
    fake_end_credits(&play->back, 1);
    expect_limit(play, STALL_MS);
    EXPECT_BACK(play, "POST / length=100\ndata abc\nreset backend_stalled\n");
    EXPECT_FAILED(play, 504, FAULT_BACK_STALLED,
                  "timeouts.stall: the backend took no byte of the request for 20000 ms");
    play_end(play);
}

Test(deadline, an_answer_must_begin)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    almost(play, ANSWER_MS);
    back_answers(play, 102, BODY_NONE, 0);
    EXPECT_FRONT(play, "102\n");
    expect_limit(play, ANSWER_MS);
    EXPECT_BACK(play, "GET / last\nreset answer_timeout\n");
    EXPECT_FAILED(play, 504, FAULT_BACK_ANSWER_TIMEOUT, "timeouts.answer: no answer began for 40000 ms");
    play_end(play);
}

Test(deadline, of_the_answer_begins_when_all_content_was_taken)
{
    struct play *play = play_begin("POST /", BODY_LENGTH, 3);

    play->back.holds_credit = true;
    back_ready(play);
    fake_end_gives(&play->front, "abc", LAST);
    almost(play, STALL_MS);
    fake_end_credits(&play->back, 3);
    expect_limit(play, ANSWER_MS);
    EXPECT_FAILED(play, 504, FAULT_BACK_ANSWER_TIMEOUT, "timeouts.answer");
    play_end(play);
}

Test(deadline, an_answer_must_go_on)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    almost(play, ANSWER_MS);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    almost(play, ANSWER_IDLE_MS);
    fake_end_gives(&play->back, "abc", MORE);
    expect_limit(play, ANSWER_IDLE_MS);
    EXPECT_BACK(play, "GET / last\ncredit 3\nreset answer_idle\n");
    EXPECT_FRONT(play, "200\ndata abc\nreset answer_idle\n");
    EXPECT_LOGGED(play, " 200 3 ");
    EXPECT_LOGGED(play, "end=answer_idle");
    EXPECT_LOGGED(play, "timeouts.answer_idle: no byte of the answer came for 80000 ms");
    play_end(play);
}

Test(deadline, an_answer_must_be_taken)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    play->front.holds_credit = true;
    back_ready(play);
    back_answers(play, 200, BODY_UNKNOWN, 0);
    fake_end_gives(&play->back, "abc", MORE);
    almost(play, STALL_MS);
    fake_end_credits(&play->front, 1);
    expect_limit(play, STALL_MS);
    EXPECT_FRONT(play, "200\ndata abc\nreset client_stalled\n");
    EXPECT_LOGGED(play, "end=client_stalled");
    EXPECT_LOGGED(play, "timeouts.stall: the client took no byte of the answer for 20000 ms");
    play_end(play);
}

static struct play *play_that_upgrades(void)
{
    struct play *play = play_new(stage_new());

    play_asks_upgrade(play, "/ws");
    back_ready(play);
    return play;
}

Test(deadline, of_what_must_be_taken_begins_anew_while_the_peer_takes)
{
    struct play *play = play_begin("GET /", BODY_NONE, 0);

    back_ready(play);
    back_answers(play, 200, BODY_LENGTH, 100);
    play->front.holds_credit = true;
    fake_end_gives(&play->back, "0123456789", MORE);
    for (int i = 0; i < 5; i++) {
        play->front.acknowledged++; /* though nothing is credited */
        stage_wait(play->stage, STALL_MS - 100);
        cr_assert_eq(play->logged, 0, "round %d", i);
    }
    for (int i = 0; i < 3; i++) /* the last that was taken may be noticed a limit later */
        stage_wait(play->stage, STALL_MS);
    EXPECT_LOGGED(play, "end=client_stalled");
    play_end(play);
}

Test(deadline, a_tunnel_must_move)
{
    struct play *play = play_that_upgrades();

    back_answers(play, 101, BODY_NONE, 0);
    almost(play, TUNNEL_MS);
    fake_end_gives(&play->front, "ping", MORE);
    almost(play, TUNNEL_MS);
    fake_end_gives(&play->back, "pong", MORE);
    expect_limit(play, TUNNEL_MS);
    EXPECT_FRONT(play, "101\ncredit 4\ndata pong\nreset tunnel_idle\n");
    EXPECT_BACK(play, "GET /ws\ndata ping\ncredit 4\nreset tunnel_idle\n");
    EXPECT_LOGGED(play, "end=tunnel_idle");
    EXPECT_LOGGED(play, "timeouts.tunnel: no byte went either way for 160000 ms");
    play_end(play);
}

/* Nobody waits for the client's content: it sends none before the 101. */
Test(deadline, of_an_upgrade_is_the_answers)
{
    struct play *play = play_that_upgrades();

    expect_limit(play, ANSWER_MS);
    EXPECT_FAILED(play, 504, FAULT_BACK_ANSWER_TIMEOUT, "timeouts.answer");
    play_end(play);
}

Test(deadline, a_lifted_limit_never_expires)
{
    struct play *play = play_new(stage_new());

    play->stage->options.timeouts.answer = SETTING_NONE;
    play_asks(play, "GET /", BODY_NONE, 0);
    back_ready(play);
    stage_wait(play->stage, 24 * 3600 * 1000);
    cr_assert_eq(play->logged, 0);
    back_answers(play, 200, BODY_NONE, 0);
    play_end(play);
}
