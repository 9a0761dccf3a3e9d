#include "proxy/outcome.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/text.h"

struct listener {
    struct http_end end;
    int status;
    struct text content;
};

static void on_head(struct http_end *end, const struct head *head, bool last)
{
    CONTAINER_OF(end, struct listener, end)->status = head->status;
}

static void on_data(struct http_end *end, struct slice bytes, bool last)
{
    text_add(&CONTAINER_OF(end, struct listener, end)->content, bytes);
}

static const struct http_end_ops LISTENS = {.head = on_head, .data = on_data};

static struct head trace_request(struct arena *arena)
{
    struct head head = {.method = METHOD_TRACE,
                        .method_text = SLICE("TRACE"),
                        .target = SLICE("/x"),
                        .authority = SLICE("a.test"),
                        .minor = 1};

    fields_add(&head.fields, arena, SLICE("Cookie"), SLICE("secret"));
    fields_add(&head.fields, arena, SLICE("Authorization"), SLICE("secret"));
    return head;
}

Test(outcome, a_trace_ends_with_what_came_but_for_secrets)
{
    struct listener front = {.end.ops = &LISTENS};
    struct arena arena = {0};
    struct head head = trace_request(&arena);

    fields_add(&head.fields, &arena, SLICE("Max-Forwards"), SLICE("0"));
    cr_expect_eq(outcome_last_hop(&front.end, &head, &arena).status, 200);
    cr_expect_eq(front.status, 200);
    cr_expect_str_eq(front.content.data, "TRACE /x HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n");
    text_fini(&front.content);
    arena_fini(&arena);
}

Test(outcome, a_trace_of_many_fields_takes_memory_as_they_do)
{
    enum { FIELDS = 1000, VALUE_BYTES = 100 };
    static char value[VALUE_BYTES];
    struct listener front = {.end.ops = &LISTENS};
    struct arena arena = {0};
    struct head head = trace_request(&arena);
    size_t before;

    memset(value, 'v', sizeof(value));
    for (int i = 0; i < FIELDS; i++)
        fields_add(&head.fields, &arena, SLICE("X"), slice_of(value, sizeof(value)));
    before = arena.total;
    outcome_last_hop(&front.end, &head, &arena);
    cr_expect_gt(front.content.len, FIELDS * VALUE_BYTES);
    cr_expect_lt(arena.total - before, 4 * front.content.len, "%zu bytes for %zu", arena.total - before,
                 front.content.len);
    text_fini(&front.content);
    arena_fini(&arena);
}
