/* One long play, ended by each kind of fault after each number of its steps. */
#include <criterion/criterion.h>
#include <errno.h>

#include "sim/must.h"
#include "sim/stage.h"

static void front_speaks(struct play *play)
{
    fake_end_gives(&play->front, "abc", MORE);
}

static void connection_comes(struct play *play)
{
    back_ready(play);
}

static void back_takes(struct play *play)
{
    fake_end_credits(&play->back, play->back.owed);
}

static void back_is_there_early(struct play *play)
{
    back_answers(play, 103, BODY_NONE, 0);
}

static void front_trails(struct play *play)
{
    fake_end_trails(&play->front, "X-Sum", "1");
}

static void back_begins(struct play *play)
{
    back_answers(play, 200, BODY_UNKNOWN, 0);
}

static void back_speaks(struct play *play)
{
    fake_end_gives(&play->back, "def", MORE);
}

static void front_takes(struct play *play)
{
    fake_end_credits(&play->front, play->front.owed);
}

static void back_trails(struct play *play)
{
    fake_end_trails(&play->back, "X-Sum", "2");
}

typedef void step(struct play *play);

static step *const STEPS[] = {front_speaks, connection_comes,    back_takes,   front_speaks,
                              back_takes,   back_is_there_early, front_trails, back_begins,
                              back_speaks,  front_takes,         back_speaks,  back_trails};

/* --- The faults. Each says whether it can happen now. */

static bool client_leaves(struct play *play)
{
    fake_end_resets(&play->front, FAULT_CLIENT_GONE, ECONNRESET);
    return true;
}

static bool backend_leaves(struct play *play)
{
    if (!fake_end_is_live(&play->back))
        return false;
    fake_end_resets(&play->back, play->back.gave_head ? FAULT_BACK_TRUNCATED : FAULT_BACK_RESET, EPIPE);
    return true;
}

static bool no_connection_comes(struct play *play)
{
    if (!play->is_asked)
        return false;
    back_fails(play, FAULT_BACK_REFUSED, "nothing listens");
    return true;
}

static bool time_passes(struct play *play)
{
    if (play->is_asked)
        return false;
    stage_wait(play->stage, ANSWER_IDLE_MS);
    return true;
}

static bool back_answers_at_once(struct play *play)
{
    if (!fake_end_is_live(&play->back) || play->back.gave_head)
        return false;
    back_answers(play, 204, BODY_NONE, 0);
    return true;
}

static const struct {
    const char *name;
    bool (*happens)(struct play *play);
} FAULTS[] = {
    {"client leaves", client_leaves},
    {"backend leaves", backend_leaves},
    {"no connection comes", no_connection_comes},
    {"time passes", time_passes},
    {"back answers at once", back_answers_at_once},
};

static void expect_one_end(const struct play *play, const char *fault, size_t steps)
{
    const struct fake_end *front = &play->front;

    cr_assert_eq(play->logged, 1, "%s after %zu steps: %u access lines", fault, steps, play->logged);
    cr_assert_eq(front->told_last + front->told_reset + front->gave_reset, 1,
                 "%s after %zu steps: the front has not exactly one end", fault, steps);
    if (play->back.gave_head && !play->back.gave_last)
        cr_assert(front->told_reset || front->gave_reset, "%s after %zu steps: a cut answer looks whole",
                  fault, steps);
}

Test(faults, after_each_step_end_the_exchange_once)
{
    for (size_t fault = 0; fault < ARRAY_LEN(FAULTS); fault++) {
        for (size_t steps = 0; steps < ARRAY_LEN(STEPS); steps++) {
            struct play *play = play_new(stage_new());

            play->front.holds_credit = play->back.holds_credit = true;
            play_asks(play, "POST /", BODY_UNKNOWN, 0);
            for (size_t i = 0; i < steps; i++)
                STEPS[i](play);
            if (!FAULTS[fault].happens(play))
                client_leaves(play);
            expect_one_end(play, FAULTS[fault].name, steps);
            play_end(play);
        }
    }
}

Test(faults, none_of_them_leaves_a_whole_exchange)
{
    struct play *play = play_new(stage_new());

    play->front.holds_credit = play->back.holds_credit = true;
    play_asks(play, "POST /", BODY_UNKNOWN, 0);
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++)
        STEPS[i](play);
    EXPECT_FRONT(play, "credit 3\ncredit 3\n103\n200\ndata def\ndata def\ntrailers X-Sum: 2\n");
    EXPECT_OFFICE(play, "acquire\nkept\n");
    play_end(play);
}
