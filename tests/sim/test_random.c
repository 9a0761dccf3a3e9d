/* Many exchanges side by side on one worker, each end doing at random whatever it may do at that point. What
 * must hold however it goes is checked after each act and at each end. PORTICO_TEST_SEED repeats a run. */
#include <criterion/criterion.h>

#include "base/flow.h"
#include "sim/must.h"
#include "sim/seed.h"
#include "sim/stage.h"

enum { PLAYS = 20000, SIDE_BY_SIDE = 8, INTERIMS_MAX = 3 };

/* xorshift64* */
static uint64_t dice;

static size_t below(size_t n)
{
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (size_t)((dice * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static bool one_in(size_t n)
{
    return below(n) == 0;
}

static size_t some_bytes(void)
{
    return one_in(4) ? 1 + below(20000) : 1 + below(100);
}

/* A codec stops reading when that much is outstanding (base/flow). */
static bool has_room(const struct fake_end *end)
{
    return end->given - end->credited < FLOW_HIGH_BYTES;
}

/* --- What may happen: each act says whether it can be now, and does it */

static bool front_may_speak(const struct play *play)
{
    const struct fake_end *front = &play->front;

    return fake_end_is_live(front) && !front->gave_last && (!play->asks_upgrade || front->is_tunnel);
}

static bool front_speaks(struct play *play)
{
    bool is_last = one_in(4);

    if (!front_may_speak(play) || !has_room(&play->front))
        return false;
    fake_end_gives_bytes(&play->front, is_last && one_in(2) ? 0 : some_bytes(), is_last);
    return true;
}

static bool front_trails(struct play *play)
{
    if (!front_may_speak(play) || play->front.is_tunnel || !one_in(4))
        return false;
    fake_end_trails(&play->front, "X-Sum", "1");
    return true;
}

static bool front_leaves(struct play *play)
{
    if (!fake_end_is_live(&play->front) || !one_in(20))
        return false;
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, 0);
    return true;
}

static bool takes(struct fake_end *end)
{
    if (!fake_end_is_live(end) || end->owed == 0)
        return false;
    fake_end_credits(end, 1 + below(end->owed));
    return true;
}

static bool front_takes(struct play *play)
{
    return takes(&play->front);
}

static bool back_takes(struct play *play)
{
    return takes(&play->back);
}

static bool back_hints(struct play *play)
{
    if (!fake_end_is_live(&play->back) || play->back.gave_head || play->front.calls > INTERIMS_MAX)
        return false;
    back_answers(play, one_in(2) ? 100 : 103, BODY_NONE, 0);
    return true;
}

static bool back_begins(struct play *play)
{
    if (!fake_end_is_live(&play->back) || play->back.gave_head)
        return false;
    if (play->asks_upgrade && !one_in(4))
        back_answers(play, 101, BODY_NONE, 0);
    else if (one_in(4))
        back_answers(play, 204, BODY_NONE, 0);
    else
        back_answers(play, 200, BODY_UNKNOWN, 0);
    return true;
}

static bool back_may_speak(const struct play *play)
{
    return fake_end_is_live(&play->back) && play->back.gave_head && !play->back.gave_last;
}

static bool back_speaks(struct play *play)
{
    bool is_last = one_in(4);

    if (!back_may_speak(play) || !has_room(&play->back))
        return false;
    fake_end_gives_bytes(&play->back, is_last && one_in(2) ? 0 : some_bytes(), is_last);
    return true;
}

static bool back_trails(struct play *play)
{
    if (!back_may_speak(play) || play->back.is_tunnel || !one_in(4))
        return false;
    fake_end_trails(&play->back, "X-Sum", "2");
    return true;
}

static bool back_leaves(struct play *play)
{
    if (!fake_end_is_live(&play->back) || !one_in(10))
        return false;
    play->has_sent = one_in(2);
    play->is_at_once = play->is_reused = false;
    fake_end_resets(&play->back, play->back.gave_head ? FAULT_BACK_TRUNCATED : FAULT_BACK_RESET, 0);
    return true;
}

static bool connection_comes(struct play *play)
{
    if (!play->is_asked)
        return false;
    back_ready(play);
    return true;
}

static bool no_connection_comes(struct play *play)
{
    if (!play->is_asked || !one_in(5))
        return false;
    back_fails(play, one_in(2) ? FAULT_BACK_REFUSED : FAULT_BACK_CONNECT_TIMEOUT, "as the dice fell");
    return true;
}

static bool time_passes(struct play *play)
{
    if (!one_in(40))
        return false;
    stage_wait(play->stage, below(STALL_MS));
    return true;
}

static bool (*const ACTS[])(struct play *play) = {
    front_speaks, front_trails, front_leaves, front_takes, back_takes,       back_hints,          back_begins,
    back_speaks,  back_trails,  back_leaves,  time_passes, connection_comes, no_connection_comes,
};

/* --- What must hold */

static void check_credits(const struct play *play)
{
    const struct fake_end *front = &play->front, *back = &play->back;

    if (!fake_end_is_live(front) || !fake_end_is_live(back))
        return;
    /* what is given to a second backend was credited once already */
    MUST(front->credited == MAX(play->credited_before, back->taken - back->owed),
         "of %zu bytes taken %zu were credited", back->taken - back->owed, front->credited);
    MUST(back->credited == front->taken - front->owed, "of %zu bytes taken %zu were credited",
         front->taken - front->owed, back->credited);
}

static void check_between_acts(const struct play *play)
{
    MUST(fake_end_is_live(&play->front) == (play->logged == 0), "the front and its exchange end together");
    MUST(!fake_end_is_live(&play->back) || play->is_ready, "a back without a connection");
    check_credits(play);
}

/* --- The whole */

static struct play *begin(struct stage *stage, uint64_t number)
{
    static const char *const LINES[] = {"GET /x",      "POST /x",      "PUT /x",
                                        "POST /small", "PUT /again/x", "POST /again"};
    struct play *play = play_new(stage);
    const char *line = LINES[below(ARRAY_LEN(LINES))];

    play->front.holds_credit = one_in(2);
    play->back.holds_credit = one_in(2);
    play->front.gives_seed = play->back.expects_seed = 2 * number + 1;
    play->back.gives_seed = play->front.expects_seed = 2 * number + 2;
    play->is_at_once = one_in(3);
    play->is_reused = play->is_at_once;
    play->asks_upgrade = one_in(4);
    if (play->asks_upgrade)
        play_asks_upgrade(play, "/x");
    else
        play_asks(play, line, line[0] == 'G' ? BODY_NONE : BODY_UNKNOWN, 0);
    return play;
}

static void act(struct play *play)
{
    while (!ACTS[below(ARRAY_LEN(ACTS))](play))
        continue;
}

Test(random, exchanges_side_by_side_keep_their_promises, .timeout = 300)
{
    struct stage *stage = stage_new();
    struct play *plays[SIDE_BY_SIDE] = {0};
    uint64_t begun = 0, over = 0;

    dice = seed_roll() | 1;
    while (over < PLAYS) {
        struct play **place = &plays[below(SIDE_BY_SIDE)];

        if (!*place && begun == PLAYS)
            continue;
        if (!*place)
            *place = begin(stage, begun++);
        else if ((*place)->logged == 0)
            act(*place);
        check_between_acts(*place);
        if ((*place)->logged == 0)
            continue;
        play_check_over(*place);
        play_free(TAKE(*place));
        over++;
    }
    cr_assert_leq(stage->worker.spare_exchanges_count, SIDE_BY_SIDE, "exchanges were not recycled");
    stage_free(stage);
}
