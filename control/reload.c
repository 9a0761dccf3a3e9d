#include "control/reload.h"

void reloads_init(struct reloads *reloads)
{
    *reloads = (struct reloads){0};
    list_init(&reloads->waiting);
}

void reloads_fini(struct reloads *reloads)
{
    ASSERT(list_is_empty(&reloads->waiting) && !reloads->current);
    text_fini(&reloads->said);
    text_fini(&reloads->changes);
    text_fini(&reloads->refusal);
}

void reloads_ask(struct reloads *reloads, struct reload *reload)
{
    list_push_back(&reloads->waiting, &reload->link);
}

void reloads_forget(struct reloads *reloads, struct reload *reload)
{
    list_remove(&reload->link);
    if (reloads->current == reload)
        reloads->current = NULL;
}

bool reloads_next(struct reloads *reloads)
{
    struct reload *next = NULL;

    if (!reloads->is_signalled && list_is_empty(&reloads->waiting))
        return false;
    if (!reloads->is_signalled) {
        next = LIST_FIRST(&reloads->waiting, struct reload, link);
        list_remove(&next->link);
    }
    reloads->is_signalled = false;
    reloads->current = next;
    reloads->is_dry = next && next->is_dry;
    text_clear(&reloads->said);
    text_clear(&reloads->changes);
    return true;
}

static void remember(struct reloads *reloads, const char *reason)
{
    reloads->last_at = time(NULL);
    text_clear(&reloads->refusal);
    if (!reason)
        return;
    text_add(&reloads->refusal, slice_str(reason));
    if (reloads->said.len)
        text_printf(&reloads->refusal, "\n%s", reloads->said.data);
}

void reloads_end(struct reloads *reloads, enum reload_result result, uint64_t version, const char *reason)
{
    struct reload *current = TAKE(reloads->current);
    const struct reload_outcome outcome = {
        .result = result,
        .version = version,
        .said = text_slice(&reloads->said),
        .changes = text_slice(&reloads->changes),
        .reason = slice_str(reason),
    };

    if (!reloads->is_dry)
        remember(reloads, reason);
    if (current)
        current->done(current, &outcome);
}
