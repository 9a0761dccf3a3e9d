#include <criterion/criterion.h>

#include "http/grpc_error.h"

Test(grpc_error, content_type_is_grpcs_with_any_format_and_no_other)
{
    cr_expect(grpc_is_content_type(SLICE("application/grpc")));
    cr_expect(grpc_is_content_type(SLICE("application/grpc+proto")));
    cr_expect(grpc_is_content_type(SLICE("Application/gRPC;charset=utf-8")));
    cr_expect(!grpc_is_content_type(SLICE("application/grpc-web")));
    cr_expect(!grpc_is_content_type(SLICE("application/grpc-web+proto")));
    cr_expect(!grpc_is_content_type(SLICE("application/grp")));
    cr_expect(!grpc_is_content_type(SLICE("")));
}

static void expect_field(const struct answer *answer, const char *name, const char *value)
{
    const struct field *field = fields_find_name(&answer->fields, slice_str(name));

    cr_assert(field, "no %s", name);
    cr_expect(slice_eq(field->value, slice_str(value)), "%s is \"%.*s\"", name, FMT_SLICE(field->value));
}

Test(grpc_error, says_status_and_sentence_in_the_head_alone)
{
    struct arena arena = {0};
    struct answer answer = grpc_error_make(&arena, 502, SLICE("50 % of\nit"), SLICE("0123456789abcdef"));

    cr_expect_eq(answer.status, 200);
    cr_expect_eq(answer.body.len, 0);
    cr_expect(slice_eq(answer.content_type, SLICE("application/grpc")));
    expect_field(&answer, "grpc-status", "14");
    expect_field(&answer, "grpc-message", "50 %25 of%0Ait");
    expect_field(&answer, "x-portico-error", "0123456789abcdef");
    arena_fini(&arena);
}

Test(grpc_error, each_status_has_its_own)
{
    static const struct {
        int status;
        const char *grpc;
    } CASES[] = {{404, "12"}, {502, "14"}, {503, "14"}, {504, "14"},
                 {413, "8"},  {431, "8"},  {400, "13"}, {421, "2"}};

    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct arena arena = {0};
        struct answer answer = grpc_error_make(&arena, CASES[i].status, SLICE("x"), SLICE("y"));

        expect_field(&answer, "grpc-status", CASES[i].grpc);
        arena_fini(&arena);
    }
}
