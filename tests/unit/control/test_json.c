#include <criterion/criterion.h>

#include "control/json.h"

static void expect_printed(json_t *json, const char *printed)
{
    struct text text = {0};

    json_print(json, &text);
    cr_expect_str_eq(text.data, printed);
    text_fini(&text);
    json_decref(json);
}

Test(json, text_that_is_no_utf8_is_still_a_string)
{
    expect_printed(json_of_slice(SLICE("a\"\xc3\xa9")), "\"a\\\"\xc3\xa9\"\n");
    expect_printed(json_of_slice(SLICE("a\xff\xc3")), "\"a??\"\n");
    expect_printed(json_of_slice((struct slice){0}), "\"\"\n");
}

Test(json, lines_are_cut_at_their_ends)
{
    expect_printed(json_of_lines(SLICE("a\nb\n")), "[\"a\",\"b\"]\n");
    expect_printed(json_of_lines(SLICE("a\n\nb")), "[\"a\",\"\",\"b\"]\n");
    expect_printed(json_of_lines(SLICE("")), "[]\n");
}

Test(json, times_are_utc)
{
    expect_printed(json_of_time(1), "\"1970-01-01T00:00:01Z\"\n");
    expect_printed(json_of_time(0), "null\n");
}
