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

/* An array in an object in an array: as deep as a reply goes, and everything that is no text stays. */
Test(json, controls_are_shown_wherever_they_are_but_lines_and_tabs)
{
    json_t *json = json_loads(
        "[{\"a\": [\"\\u001b[2J\\u007f\\u009b\", 1, null], \"b\": \"x\\n\\ty \\u00e9\\u0100\"}, \"\"]", 0,
        NULL);

    cr_assert_not_null(json);
    json_show_controls(json);
    expect_printed(
        json,
        "[{\"a\":[\"\\\\u001B[2J\\\\u007F\\\\u009B\",1,null],\"b\":\"x\\n\\ty \xc3\xa9\xc4\x80\"},\"\"]\n");
    json_show_controls(NULL);
}

Test(json, what_is_no_text_reads_as_an_empty_one)
{
    json_t *number = json_integer(1);

    cr_expect_str_eq(json_text(number), "");
    cr_expect_str_eq(json_text(NULL), "");
    json_decref(number);
}
