#include "control/why.h"

#include <stdio.h>

#include "base/digits.h"
#include "base/mem.h"
#include "control/json.h"
#include "net/loop.h"
#include "proxy/worker_control.h"

/* One worker's answer, on its way to the main thread. */
struct answer {
    struct why *why;
    struct failure failure; /* status 0: not one of its own */
};

struct why {
    struct loop *loop;
    unsigned missing, count;
    why_done *done; /* NULL: forgotten */
    void *owner;
    struct answer answers[];
};

static void end(struct why *why)
{
    const struct failure *found = NULL;

    for (unsigned i = 0; i < why->count; i++) {
        if (why->answers[i].failure.status)
            found = &why->answers[i].failure;
    }
    if (why->done)
        why->done(why->owner, found);
    for (unsigned i = 0; i < why->count; i++)
        failure_fini(&why->answers[i].failure);
    mem_free(why);
}

static void on_answer_here(void *argument)
{
    struct why *why = ((struct answer *)argument)->why;

    if (--why->missing == 0)
        end(why);
}

static void on_answer(void *argument)
{
    const struct answer *answer = argument;

    loop_post(answer->why->loop, on_answer_here, argument);
}

struct why *why_begin(struct loop *loop, struct worker *const *workers, unsigned count, uint64_t id,
                      why_done *done, void *owner)
{
    struct why *why = mem_zeroed(1, sizeof(*why) + count * sizeof(*why->answers));

    why->loop = loop;
    why->missing = why->count = count;
    why->done = done;
    why->owner = owner;
    for (unsigned i = 0; i < count; i++) {
        why->answers[i].why = why;
        worker_find_failure(workers[i], id, &why->answers[i].failure, on_answer, &why->answers[i]);
    }
    return why;
}

void why_forget(struct why *why)
{
    if (why)
        why->done = NULL;
}

/* ---- in words ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool why_read_id(struct slice text, uint64_t *id)
{
    uint64_t value = 0;

    if (text.len != HEX64_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (digit_of(text.data[i]) < 0)
            return false;
        value = value << 4 | (uint64_t)digit_of(text.data[i]);
    }
    *id = value;
    return true;
}

void why_write(const struct failure *failure, struct text *out)
{
    static const char *const KEYS[] = {
        [FAILURE_CLIENT] = "client", [FAILURE_METHOD] = "method", [FAILURE_HOST] = "host",
        [FAILURE_TARGET] = "target", [FAILURE_ROUTE] = "route",   [FAILURE_BACKEND] = "backend",
        [FAILURE_TRIES] = "tries",   [FAILURE_DETAIL] = "detail",
    };
    const struct fault_row *row = fault_row(failure->fault);
    json_t *json = json_object();
    char id[HEX64_LEN];

    digits_write_hex64(failure->id, id);
    json_object_set_new(json, "id", json_of_slice(slice_of(id, sizeof(id))));
    json_object_set_new(json, "at", json_of_time(failure->unix_ms / 1000));
    json_object_set_new(json, "after_ms", json_integer((json_int_t)(failure->after_us / 1000)));
    json_object_set_new(json, "version", json_integer((json_int_t)failure->version));
    json_object_set_new(json, "status", json_integer(failure->status));
    json_object_set_new(json, "reason", json_string(row->token));
    json_object_set_new(json, "sentence", json_string(row->sentence));
    for (size_t i = 0; i < FAILURE_TEXTS; i++)
        json_object_set_new(json, KEYS[i], json_of_slice(text_slice(&failure->texts[i])));
    json_print(json, out);
    json_decref(json);
}
