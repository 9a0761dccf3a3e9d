#include <criterion/criterion.h>

#include "base/macro.h"
#include "http/head.h"

#define EXPECT_TEXT(slice, text) cr_expect(slice_eq((slice), slice_str(text)), "%.*s", FMT_SLICE(slice))

/* A head whose slices lie in *bytes*, but for one field. */
static void check_copy(const char *bytes, bool says_bytes)
{
    char lent[64];
    struct arena arena = {0};
    struct field items[2] = {{.name = {lent + 10, 1}, .value = {lent + 13, 2}},
                             {.name = SLICE("Via"), .value = SLICE("elsewhere"), .id = FIELD_VIA}};
    struct head head = {.method = METHOD_GET,
                        .method_text = {lent, 3},
                        .target = {lent + 4, 5},
                        .protocol = SLICE("websocket"),
                        .minor = 1,
                        .fields = {items, 2, 2}};
    struct head copy;

    strcpy(lent, bytes);
    if (says_bytes)
        head.bytes = slice_of(lent, strlen(bytes));
    head_copy(&copy, &head, &arena);
    memset(lent, '?', sizeof(lent));
    memset(items, 0, sizeof(items));
    EXPECT_TEXT(copy.method_text, "GET");
    EXPECT_TEXT(copy.target, "/path");
    EXPECT_TEXT(copy.protocol, "websocket");
    EXPECT_TEXT(copy.fields.items[0].name, "A");
    EXPECT_TEXT(copy.fields.items[0].value, "bc");
    EXPECT_TEXT(copy.fields.items[1].value, "elsewhere");
    cr_expect_eq(copy.fields.items[1].id, FIELD_VIA);
    cr_expect_eq(copy.authority.len, 0);
    cr_expect_eq(copy.minor, 1);
    fields_add(&copy.fields, &arena, SLICE("B"), SLICE("c"));
    EXPECT_TEXT(copy.fields.items[0].name, "A");
    arena_fini(&arena);
}

Test(head, copy_does_not_need_the_lent_bytes)
{
    check_copy("GET /path\nA: bc", true);
    check_copy("GET /path\nA: bc", false);
}

Test(head, copy_of_a_copy_is_whole)
{
    struct arena first = {0}, second = {0};
    const char bytes[] = "GET /";
    struct head head = {.method_text = {bytes, 3}, .target = {bytes + 4, 1}, .bytes = {bytes, 5}}, one, two;

    head_copy(&one, &head, &first);
    head_copy(&two, &one, &second);
    arena_fini(&first);
    EXPECT_TEXT(two.method_text, "GET");
    EXPECT_TEXT(two.target, "/");
    arena_fini(&second);
}

Test(head, methods_are_known_by_their_exact_names)
{
    cr_expect_eq(method_of(SLICE("GET")), METHOD_GET);
    cr_expect_eq(method_of(SLICE("PATCH")), METHOD_PATCH);
    cr_expect_eq(method_of(SLICE("OPTIONS")), METHOD_OPTIONS);
    cr_expect_eq(method_of(SLICE("get")), METHOD_OTHER);
    cr_expect_eq(method_of(SLICE("")), METHOD_OTHER);
    cr_expect_eq(method_of(SLICE("GETX")), METHOD_OTHER);
}

Test(head, idempotent_methods_are_those_of_rfc_9110)
{
    cr_expect(method_is_idempotent(METHOD_GET));
    cr_expect(method_is_idempotent(METHOD_DELETE));
    cr_expect(!method_is_idempotent(METHOD_POST));
    cr_expect(!method_is_idempotent(METHOD_PATCH));
    cr_expect(!method_is_idempotent(METHOD_OTHER));
}

Test(head, phrases_are_the_registered_ones)
{
    cr_expect_str_eq(status_phrase(404), "Not Found");
    cr_expect_str_eq(status_phrase(299), "");
    cr_expect_str_eq(status_phrase(-1), "");
    cr_expect_str_eq(status_phrase(600), "");
    cr_expect_eq(http_library_version()[0], '9');
}
