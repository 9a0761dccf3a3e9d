/* Upgrades (RFC 9110 §7.8): a 101 makes a tunnel, in which each side ends by itself; any other answer
 * declines. */
#include <criterion/criterion.h>

#include "sim/stage.h"

static struct play *play_that_asks_to_upgrade(void)
{
    struct play *play = play_new(stage_new());

    play_asks_upgrade(play, "/ws");
    back_ready(play);
    EXPECT_BACK(play, "GET /ws\n");
    cr_assert(slice_eq(play->back.head.protocol, SLICE("websocket")));
    return play;
}

static struct play *play_with_tunnel(void)
{
    struct play *play = play_that_asks_to_upgrade();

    back_answers(play, 101, BODY_NONE, 0);
    EXPECT_FRONT(play, "101\n");
    return play;
}

Test(upgrade, bytes_pass_both_ways)
{
    struct play *play = play_with_tunnel();

    fake_end_gives(&play->front, "ping", MORE);
    fake_end_gives(&play->back, "pong", MORE);
    EXPECT_BACK(play, "data ping\ncredit 4\n");
    EXPECT_FRONT(play, "credit 4\ndata pong\n");
    fake_end_gives(&play->front, "", LAST);
    fake_end_gives(&play->back, "", LAST);
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    EXPECT_LOGGED(play, " 101 4 ");
    EXPECT_LOGGED(play, "in=4 ");
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(upgrade, the_client_may_end_first)
{
    struct play *play = play_with_tunnel();

    fake_end_gives(&play->front, "bye", LAST);
    EXPECT_BACK(play, "data bye last\n");
    fake_end_gives(&play->back, "still here", MORE);
    EXPECT_FRONT(play, "credit 3\ndata still here\n");
    fake_end_gives(&play->back, "", LAST);
    EXPECT_FRONT(play, "data  last\n");
    play_end(play);
}

Test(upgrade, the_backend_may_end_first)
{
    struct play *play = play_with_tunnel();

    fake_end_gives(&play->back, "bye", LAST);
    EXPECT_FRONT(play, "data bye last\n");
    cr_assert(fake_end_is_live(&play->front) && fake_end_is_live(&play->back), "half-close is kept");
    fake_end_gives(&play->front, "still here", MORE);
    EXPECT_BACK(play, "credit 3\ndata still here\n");
    fake_end_gives(&play->front, "", LAST);
    EXPECT_BACK(play, "data  last\n");
    EXPECT_OFFICE(play, "acquire\nclosed\n");
    play_end(play);
}

/* RFC 9110 §7.8: the server may go on with the old protocol. The request is complete then. */
Test(upgrade, may_be_declined)
{
    struct play *play = play_that_asks_to_upgrade();

    back_answers(play, 426, BODY_LENGTH, 2);
    fake_end_gives(&play->back, "no", LAST);
    EXPECT_FRONT(play, "426 length=2\ndata no last\n");
    EXPECT_OFFICE(play, "acquire\nkept\n");
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}

Test(upgrade, a_break_on_one_side_is_told_to_the_other)
{
    struct play *play = play_with_tunnel();

    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 104);
    EXPECT_BACK(play, "reset client_gone\n");
    EXPECT_LOGGED(play, "end=client_gone");
    play_end(play);

    play = play_with_tunnel();
    fake_end_resets(&play->back, FAULT_BACK_TRUNCATED, 104);
    EXPECT_FRONT(play, "reset backend_truncated\n");
    play_end(play);
}

Test(upgrade, a_break_after_one_side_ended_is_told_to_the_other)
{
    struct play *play = play_with_tunnel();

    fake_end_gives(&play->back, "", LAST);
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 104);
    EXPECT_BACK(play, "reset client_gone\n");
    play_end(play);

    play = play_with_tunnel();
    fake_end_gives(&play->front, "", LAST);
    fake_end_resets(&play->back, FAULT_BACK_TRUNCATED, 104);
    EXPECT_FRONT(play, "reset backend_truncated\n");
    play_end(play);
}

Test(upgrade, limits_of_content_do_not_hold_in_a_tunnel)
{
    struct play *play = play_new(stage_new());

    play_asks_upgrade(play, "/small");
    back_ready(play);
    back_answers(play, 101, BODY_NONE, 0);
    fake_end_gives(&play->front, "more than ten bytes", LAST);
    fake_end_gives(&play->back, "", LAST);
    EXPECT_LOGGED(play, "end=ok");
    play_end(play);
}
