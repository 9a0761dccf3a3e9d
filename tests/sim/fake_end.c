#include "sim/fake_end.h"

#include "base/mem.h"
#include "net/loop.h"
#include "sim/must.h"

enum { SHOWN_MAX = 40 };

static struct fake_end *fake_of(struct http_end *end)
{
    return CONTAINER_OF(end, struct fake_end, end);
}

static const char *name_of(const struct fake_end *end)
{
    return end->is_front ? "front" : "back";
}

bool fake_end_is_live(const struct fake_end *end)
{
    return end->end.on != NULL;
}

/* A front is done with its answer's last, a back with its own; a tunnel with both lasts. */
static bool is_done(const struct fake_end *end)
{
    bool answer_ended = end->is_front ? end->told_last : end->gave_last;

    return end->is_tunnel ? end->gave_last && end->told_last : answer_ended;
}

static void detach_when_done(struct fake_end *end)
{
    if (is_done(end))
        end->end.on = NULL;
}

/* --- What it is told */

/* @return false: to be ignored, because the end was detached by the event that we are still in */
static bool is_told(struct fake_end *end, const char *what)
{
    end->calls++;
    if (fake_end_is_live(end))
        return true;
    MUST(end->in_event, "the %s was told %s after it was detached", name_of(end), what);
    return false;
}

static void op_head(struct http_end *http, const struct head *head, bool last)
{
    struct fake_end *end = fake_of(http);
    bool is_interim = end->is_front && head->status < 200 && head->status != 101;

    if (!is_told(end, "a head"))
        return;
    MUST(!end->told_head, "the %s was told a second head", name_of(end));
    head_copy(&end->head, head, &end->arena);
    if (end->is_front)
        text_printf(&end->told, "%d", head->status);
    else
        text_printf(&end->told, "%.*s %.*s", FMT_SLICE(head->method_text), FMT_SLICE(head->target));
    if (head->body == BODY_LENGTH)
        text_printf(&end->told, " length=%llu", (unsigned long long)head->length);
    text_add(&end->told, last ? SLICE(" last\n") : SLICE("\n"));
    end->told_head = !is_interim;
    end->told_last = last;
    end->is_tunnel |= head->status == 101;
    detach_when_done(end);
}

static char pattern(uint64_t seed, size_t at)
{
    return (char)((seed * 31 + at * 7 + (at >> 8)) & 0xff);
}

static void check_pattern(const struct fake_end *end, struct slice bytes)
{
    bool is_proxys_own = end->is_front && end->head.status >= 400;

    for (size_t i = 0; i < bytes.len && end->expects_seed && !is_proxys_own; i++)
        MUST(bytes.data[i] == pattern(end->expects_seed, end->taken + i),
             "byte %zu at the %s is another one than was given", end->taken + i, name_of(end));
}

static void credit(struct fake_end *end, size_t count)
{
    end->owed -= count;
    if (count && fake_end_is_live(end))
        end->end.on->credit(end->end.owner, count);
}

static void op_data(struct http_end *http, struct slice bytes, bool last)
{
    struct fake_end *end = fake_of(http);

    if (!is_told(end, "data"))
        return;
    MUST(end->told_head && !end->told_last, "the %s was told data out of turn", name_of(end));
    check_pattern(end, bytes);
    if (bytes.len <= SHOWN_MAX && !end->expects_seed)
        text_printf(&end->told, "data %.*s%s\n", FMT_SLICE(bytes), last ? " last" : "");
    else
        text_printf(&end->told, "data #%zu%s\n", bytes.len, last ? " last" : "");
    end->taken += bytes.len;
    end->owed += bytes.len;
    end->told_last = last;
    detach_when_done(end);
    if (!end->holds_credit)
        credit(end, end->owed);
}

static void op_trailers(struct http_end *http, const struct fields *trailers)
{
    struct fake_end *end = fake_of(http);

    if (!is_told(end, "trailers"))
        return;
    MUST(end->told_head && !end->told_last, "the %s was told trailers out of turn", name_of(end));
    text_add_literal(&end->told, "trailers");
    for (size_t i = 0; i < trailers->count; i++)
        text_printf(&end->told, " %.*s: %.*s", FMT_SLICE(trailers->items[i].name),
                    FMT_SLICE(trailers->items[i].value));
    text_add_char(&end->told, '\n');
    end->told_last = true;
    detach_when_done(end);
}

static void op_credit(struct http_end *http, size_t n)
{
    struct fake_end *end = fake_of(http);

    if (!is_told(end, "credit"))
        return;
    end->credited += n;
    MUST(end->credited <= end->given, "the %s was credited %zu of %zu bytes", name_of(end), end->credited,
         end->given);
    text_printf(&end->told, "credit %zu\n", n);
}

/* Written down too when it comes behind the last of an early answer: the connection is no good any more. */
static void op_reset(struct http_end *http, enum fault fault)
{
    struct fake_end *end = fake_of(http);

    (void)is_told(end, "a reset");
    end->told_reset = true;
    end->reset_fault = fault;
    end->end.on = NULL;
    text_printf(&end->told, "reset %s\n", fault_row(fault)->token);
}

/* Takes all that it is offered; what it holds the credit of, it keeps. */
static struct spliced op_move(struct http_end *http, struct stream *from, size_t max)
{
    struct fake_end *end = fake_of(http);
    struct spliced moved = {.bytes = max, .waiting = end->holds_credit ? max : 0};

    (void)from;
    if (!is_told(end, "to move"))
        return (struct spliced){0};
    MUST(end->told_head && !end->told_last, "the %s was told to move out of turn", name_of(end));
    text_printf(&end->told, "move %zu\n", max);
    end->taken += max;
    end->owed += moved.waiting;
    return moved;
}

static uint64_t op_taken(const struct http_end *http)
{
    return CONTAINER_OF(http, const struct fake_end, end)->acknowledged;
}

static bool op_recall(struct http_end *http)
{
    struct fake_end *end = fake_of(http);

    if (!is_told(end, "to recall") || !end->holds_answer)
        return false;
    MUST(end->is_front && end->told_head && !end->told_last, "the %s was told to recall out of turn",
         name_of(end));
    text_add(&end->told, SLICE("recall\n"));
    end->told_head = false;
    return true;
}

static const struct http_end_ops OPS = {op_head,  op_data, op_trailers, op_credit,
                                        op_reset, op_move, op_taken,    op_recall};

/* --- What it gives */

static const struct http_end_events *begin_event(struct fake_end *end)
{
    const struct http_end_events *on = end->end.on;

    MUST(on, "the test lets a detached %s speak", name_of(end));
    MUST(!end->in_event, "an event inside an event");
    end->in_event = true;
    return on;
}

static void end_event(struct fake_end *end)
{
    end->in_event = false;
    loop_run_once(end->loop);
}

void fake_end_heads(struct fake_end *end, const struct head *head, bool last)
{
    const struct http_end_events *on = begin_event(end);

    end->gave_head = head->status >= 200 || head->status == 101;
    end->is_tunnel |= head->status == 101;
    end->gave_last = last;
    detach_when_done(end);
    on->head(end->end.owner, head, last);
    end_event(end);
}

static void give(struct fake_end *end, struct slice bytes, bool last)
{
    const struct http_end_events *on = begin_event(end);

    MUST(!end->gave_last, "the test lets the %s speak after its last", name_of(end));
    end->given += bytes.len;
    end->gave_last = last;
    detach_when_done(end);
    on->data(end->end.owner, bytes, last);
    end_event(end);
}

void fake_end_gives(struct fake_end *end, const char *text, bool last)
{
    give(end, slice_str(text), last);
}

/* In memory of its own that is gone afterwards: what is lent must not be kept. */
void fake_end_gives_bytes(struct fake_end *end, size_t count, bool last)
{
    char *bytes = mem_alloc(count + 1);

    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(end->gives_seed, end->given + i);
    give(end, slice_of(bytes, count), last);
    mem_free(bytes);
}

size_t fake_end_moves(struct fake_end *end, size_t count)
{
    const struct http_end_events *on = begin_event(end);
    struct spliced moved = on->move(end->end.owner, NULL, count);

    end->given += moved.bytes;
    end->credited += moved.bytes - moved.waiting;
    end_event(end);
    return moved.bytes;
}

void fake_end_trails(struct fake_end *end, const char *name, const char *value)
{
    const struct http_end_events *on = begin_event(end);
    struct field item = {.name = slice_str(name), .value = slice_str(value)};
    struct fields trailers = {.items = &item, .count = 1, .cap = 1};

    end->gave_last = true;
    detach_when_done(end);
    on->trailers(end->end.owner, &trailers);
    end_event(end);
}

void fake_end_credits(struct fake_end *end, size_t count)
{
    MUST(count <= end->owed, "the test credits more than was told");
    credit(end, count);
    loop_run_once(end->loop);
}

void fake_end_resets(struct fake_end *end, enum fault fault, int error_number)
{
    const struct http_end_events *on = begin_event(end);

    end->gave_reset = true;
    end->end.on = NULL;
    on->reset(end->end.owner, fault, error_number);
    end_event(end);
}

/* --- Life */

void fake_end_init(struct fake_end *end, struct loop *loop, bool is_front)
{
    *end = (struct fake_end){.end.ops = &OPS, .loop = loop, .is_front = is_front};
}

void fake_end_fini(struct fake_end *end)
{
    text_fini(&end->told);
    arena_fini(&end->arena);
}

void fake_end_renew(struct fake_end *end)
{
    struct fake_end fresh = {.end.ops = &OPS,
                             .loop = end->loop,
                             .is_front = end->is_front,
                             .holds_credit = end->holds_credit,
                             .gives_seed = end->gives_seed,
                             .expects_seed = end->expects_seed};

    fake_end_fini(end);
    *end = fresh;
}

void fake_end_expect(struct fake_end *end, const char *told, const char *file, unsigned line)
{
    text_add_literal(&end->told, "");
    cr_assert_str_eq(end->told.data, told, "%s:%u: the %s was told\n%sinstead of\n%s", file, line,
                     name_of(end), end->told.data, told);
    text_clear(&end->told);
}
