#include "proxy/failures.h"

#include "base/mem.h"

enum { TEXT_BYTES_MAX = 1024 };

void failure_say(struct failure *failure, enum failure_text which, struct slice text)
{
    text_clear(&failure->texts[which]);
    text_add(&failure->texts[which], slice_head(text, MIN(text.len, (size_t)TEXT_BYTES_MAX)));
}

void failure_fini(struct failure *failure)
{
    for (size_t i = 0; i < FAILURE_TEXTS; i++)
        text_fini(&failure->texts[i]);
}

void failure_copy(struct failure *to, const struct failure *from)
{
    failure_fini(to);
    *to = *from;
    for (size_t i = 0; i < FAILURE_TEXTS; i++) {
        to->texts[i] = (struct text){0};
        text_add(&to->texts[i], text_slice(&from->texts[i]));
    }
}

struct failure *failures_add(struct failures *failures)
{
    struct failure *failure;

    if (!failures->ring)
        failures->ring = mem_new_n(struct failure, FAILURES_MAX);
    failure = &failures->ring[failures->next];
    failures->next = (failures->next + 1) % FAILURES_MAX;
    for (size_t i = 0; i < FAILURE_TEXTS; i++)
        text_clear(&failure->texts[i]);
    return failure;
}

const struct failure *failures_find(const struct failures *failures, uint64_t id)
{
    for (size_t i = 0; failures->ring && i < FAILURES_MAX; i++) {
        if (failures->ring[i].id == id && failures->ring[i].status)
            return &failures->ring[i];
    }
    return NULL;
}

void failures_fini(struct failures *failures)
{
    for (size_t i = 0; failures->ring && i < FAILURES_MAX; i++)
        failure_fini(&failures->ring[i]);
    mem_free(failures->ring);
    *failures = (struct failures){0};
}
