/* In place of backends/acquire.c: defining all of its functions here keeps its object out of the program. The
 * test says when a connection is there and which one. */
#include "sim/must.h"
#include "sim/stage.h"

static struct play *play_of(const struct acquisition *attempt)
{
    LIST_EACH(&attempt->desks->office->plays, link) {
        struct play *play = CONTAINER_OF(link, struct play, link);

        if (play->attempt == attempt)
            return play;
    }
    MUST(false, "nobody acquired this");
    return NULL;
}

/* A replay is told by its memory; an exchange that begins may lie where an older one lay. */
static struct play *play_that_acquires(struct acquisition *attempt)
{
    struct back_office *office = attempt->desks->office;

    if (!office->beginning)
        return play_of(attempt);
    LIST_EACH(&office->plays, link) {
        struct play *older = CONTAINER_OF(link, struct play, link);

        if (older->attempt == attempt)
            older->attempt = NULL;
    }
    office->beginning->attempt = attempt;
    return office->beginning;
}

static void hand_over(struct play *play)
{
    struct acquisition *attempt = play->attempt;

    fake_end_renew(&play->back);
    play->credited_before = play->front.credited;
    play->is_asked = false;
    play->is_ready = true;
    attempt->state = ACQUIRE_READY;
    attempt->endpoint = &play->endpoint;
    attempt->is_reused = play->is_reused;
    attempt->is_shared = play->is_shared;
    attempt->end = &play->back.end;
    attempt->on->ready(attempt->owner);
}

void acquire_start(struct acquisition *attempt)
{
    struct play *play = play_that_acquires(attempt);

    MUST(!play->is_asked && !play->is_ready, "a second acquisition beside the first");
    MUST(attempt->state == ACQUIRE_NONE && attempt->pool->count > 0 && attempt->arena, "a half-filled one");
    play->is_asked = true;
    play->starts++;
    attempt->state = ACQUIRE_CONNECT;
    attempt->backend = attempt->pool->targets[0].target.text;
    text_add(&play->office, attempt->is_fresh ? SLICE("acquire fresh\n") : SLICE("acquire\n"));
    if (play->is_at_once && !attempt->is_fresh)
        hand_over(play);
}

/* As the real one judges a connection: both messages whole, and no reset. An upgrade that was declined has no
 * content. */
static bool is_reusable(const struct play *play)
{
    const struct fake_end *back = &play->back;

    return back->gave_last && (back->told_last || play->asks_upgrade) && !back->is_tunnel &&
           !back->told_reset && !back->gave_reset;
}

void acquire_release(struct acquisition *attempt)
{
    struct play *play;

    if (attempt->state == ACQUIRE_NONE)
        return;
    play = play_of(attempt);
    MUST(play->is_asked || play->is_ready, "released twice");
    if (!play->is_ready)
        text_add_literal(&play->office, "cancelled\n");
    else
        text_add(&play->office, is_reusable(play) ? SLICE("kept\n") : SLICE("closed\n"));
    MUST(!play->is_ready || !fake_end_is_live(&play->back), "the back is given back while it is attached");
    play->is_asked = play->is_ready = false;
    play->ends++;
    attempt->state = ACQUIRE_NONE;
    attempt->end = NULL;
    attempt->endpoint = NULL;
}

enum acquire_replay acquire_may_replay(const struct acquisition *attempt, bool is_idempotent)
{
    const struct play *play = play_of(attempt);

    if (attempt->state != ACQUIRE_READY || play->back.gave_head || !(is_idempotent || !play->has_sent))
        return REPLAY_NO;
    if (attempt->is_shared && !play->has_sent)
        return attempt->refusals <= attempt->pool->retry.tries ? REPLAY_REFUSED : REPLAY_NO;
    if (attempt->is_reused && !attempt->is_fresh)
        return REPLAY_STALE;
    return attempt->pool->retry.resets ? REPLAY_RESET : REPLAY_NO;
}

bool acquire_again(struct acquisition *attempt, enum acquire_replay why, struct slice detail)
{
    if (why == REPLAY_RESET && attempt->others++ >= attempt->pool->retry.tries)
        return false;
    acquire_release(attempt);
    if (why == REPLAY_REFUSED)
        attempt->refusals++;
    else
        attempt->is_fresh = true;
    acquire_start(attempt);
    return true;
}

void acquire_went_well(struct acquisition *attempt, int status)
{
}

void acquire_went_wrong(struct acquisition *attempt, enum fault fault, struct slice detail)
{
}

void back_ready(struct play *play)
{
    MUST(play->is_asked, "the test hands over what nobody waits for");
    hand_over(play);
    stage_turn(play->stage);
}

void back_fails(struct play *play, enum fault fault, const char *detail)
{
    struct acquisition *attempt = play->attempt;

    MUST(play->is_asked, "the test fails what nobody waits for");
    play->is_asked = false;
    play->ends++;
    attempt->state = ACQUIRE_NONE;
    attempt->tries++;
    attempt->on->failed(attempt->owner, fault, 0, arena_copy(attempt->arena, slice_str(detail)));
    stage_turn(play->stage);
}
