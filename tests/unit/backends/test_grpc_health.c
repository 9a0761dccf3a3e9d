#include "backends/grpc_health.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(grpc_health, question_is_framed)
{
    static const struct {
        struct slice service, bytes;
    } cases[] = {
        {SLICE(""), SLICE("\0\0\0\0\0")},
        {SLICE("a"), SLICE("\0\0\0\0\3\x0a\1a")},
        {SLICE("shop.Cart"), SLICE("\0\0\0\0\x0b\x0a\x09shop.Cart")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};

        cr_expect(slice_eq(grpc_health_question(cases[i].service, &arena), cases[i].bytes), "row %zu", i);
        arena_fini(&arena);
    }
}

Test(grpc_health, question_may_name_a_long_service)
{
    char name[300];
    struct arena arena = {0};
    struct slice question;

    memset(name, 'x', sizeof(name));
    question = grpc_health_question(slice_of(name, sizeof(name)), &arena);
    cr_assert_eq(question.len, 5 + 3 + sizeof(name));
    cr_assert_eq(memcmp(question.data, "\0\0\0\1\x2f\x0a\xac\2x", 9), 0);
    arena_fini(&arena);
}

static const struct row {
    const char *name;
    struct slice content;
    const char *status, *message;
    const char *why;
} ROWS[] = {
    {"serving", SLICE("\0\0\0\0\2\x08\1"), "0", NULL, ""},
    {"serving, and more than we know",
     SLICE("\0\0\0\0\x16\x12\2hi\x08\1\x1d\1\2\3\4\x21\1\2\3\4\5\6\7\x08\x28\1"), "0", NULL, ""},
    {"the last one counts", SLICE("\0\0\0\0\4\x08\1\x08\2"), "0", NULL, "answered NOT_SERVING"},
    {"not serving", SLICE("\0\0\0\0\2\x08\2"), "0", NULL, "answered NOT_SERVING"},
    {"service unknown", SLICE("\0\0\0\0\2\x08\3"), "0", NULL, "answered SERVICE_UNKNOWN"},
    {"nothing said is unknown", SLICE("\0\0\0\0\0"), "0", NULL, "answered UNKNOWN"},
    {"a status of the future", SLICE("\0\0\0\0\3\x08\x80\1"), "0", NULL,
     "answered the status 128, which grpc.health.v1 has not"},
    {"no message", SLICE(""), "0", NULL, "answered what is no message of grpc.health.v1"},
    {"half a prefix", SLICE("\0\0\0"), "0", NULL, "answered what is no message of grpc.health.v1"},
    {"compressed", SLICE("\1\0\0\0\2\x08\1"), "0", NULL, "answered what is no message of grpc.health.v1"},
    {"shorter than it says", SLICE("\0\0\0\0\3\x08\1"), "0", NULL,
     "answered what is no message of grpc.health.v1"},
    {"two messages", SLICE("\0\0\0\0\2\x08\1\0\0\0\0\2\x08\1"), "0", NULL,
     "answered what is no message of grpc.health.v1"},
    {"a varint without end", SLICE("\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "0", NULL,
     "answered what is no message of grpc.health.v1"},
    {"a text longer than the rest", SLICE("\0\0\0\0\3\x12\x7f\1"), "0", NULL,
     "answered what is no message of grpc.health.v1"},
    {"a group", SLICE("\0\0\0\0\1\x0b"), "0", NULL, "answered what is no message of grpc.health.v1"},
    {"unimplemented", SLICE(""), "12", "unknown service",
     "grpc-status 12 (UNIMPLEMENTED): it has no health service"},
    {"not found", SLICE(""), "5", NULL, "grpc-status 5 (NOT_FOUND): it does not know that service"},
    {"unavailable, whatever the message", SLICE("\0\0\0\0\2\x08\1"), "14", "busy",
     "grpc-status 14 (UNAVAILABLE)"},
    {"a code of its own", SLICE(""), "99", "odd", "grpc-status 99: odd"},
    {"no number", SLICE("\0\0\0\0\2\x08\1"), "OK", NULL, "answered with a grpc-status that is no number"},
    {"no status", SLICE("\0\0\0\0\2\x08\1"), NULL, NULL, "answered without grpc-status"},
};

static struct slice text_of(const char *text)
{
    return text ? slice_str(text) : slice_of(NULL, 0);
}

Test(grpc_health, answer_is_judged)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct arena arena = {0};
        struct grpc_health_answer answer = {0};
        struct slice why;

        for (size_t at = 0; at < row->content.len; at++)
            grpc_health_take(&answer, slice_of(row->content.data + at, 1));
        why = grpc_health_judge(&answer, text_of(row->status), text_of(row->message), &arena);
        cr_expect_str_eq(why.data, row->why, "%s: %s", row->name, why.data);
        arena_fini(&arena);
    }
}

Test(grpc_health, answer_without_end_is_bounded)
{
    struct arena arena = {0};
    struct grpc_health_answer answer = {0};
    char bytes[600] = {0};

    grpc_health_take(&answer, slice_of(bytes, sizeof(bytes)));
    cr_assert_not(answer.is_too_long);
    grpc_health_take(&answer, slice_of(bytes, sizeof(bytes)));
    cr_assert(answer.is_too_long);
    grpc_health_take(&answer, slice_of(bytes, 1));
    cr_assert_eq(answer.len, sizeof(bytes));
    cr_assert_gt(grpc_health_judge(&answer, SLICE("0"), SLICE(""), &arena).len, 0);
    arena_fini(&arena);
}
