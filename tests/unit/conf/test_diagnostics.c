#include <criterion/criterion.h>

#include "conf/diagnostics.h"
#include "conf/excerpt.h"

/* Bytes without a NUL. */
static void put(char *at, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = bytes[i];
}

static struct mark mark_of(const struct source *source, const char *part)
{
    const char *at = memmem(source->bytes.data, source->bytes.len, part, strlen(part));
    struct mark mark = {.source = source, .line = 1, .length = (uint32_t)strlen(part)};

    cr_assert_not_null(at, "%s", part);
    mark.offset = (uint32_t)(at - source->bytes.data);
    for (const char *c = source->bytes.data; c < at; c++)
        mark.line += *c == '\n';
    return mark;
}

static void expect_printed(struct diagnostics *diagnostics, const char *expected)
{
    struct text out = {0};

    diagnostics_print(diagnostics, &out);
    cr_expect_str_eq(out.data ? out.data : "", expected, "%s", out.data);
    text_fini(&out);
    diagnostics_fini(diagnostics);
}

Test(diagnostics, looks_as_the_contract_shows_it)
{
    struct source source = {.name = SLICE("portico.yaml"),
                            .bytes = SLICE("\n\n\n\n\n\n\n\n\n\n    helath: /up\n")};
    struct diagnostics diagnostics = {0};

    diagnostics_error(&diagnostics, mark_of(&source, "helath"), "unknown key \"%s\" in route %s", "helath",
                      "https://shop.example.com/");
    diagnostics_suggest(&diagnostics, SLICE("helath"), (const char *const[]){"hold", "health", NULL});
    expect_printed(&diagnostics,
                   "portico.yaml:11:5: error: unknown key \"helath\" in route https://shop.example.com/\n"
                   " 11 |     helath: /up\n"
                   "    |     ^^^^^^ did you mean \"health\"?\n");
}

Test(diagnostics, caret_stands_under_the_mark_whatever_is_before_it)
{
    static const struct {
        const char *name, *line, *part, *printed;
    } CASES[] = {
        {"tabs are repeated", "a:\tb\tWRONG", "WRONG",
         "s:1:6: error: x\n 1 | a:\tb\tWRONG\n   |   \t \t^^^^^\n"},
        {"characters count, not bytes", "é€𝄞: WRÖNG", "WRÖNG",
         "s:1:6: error: x\n 1 | é€𝄞: WRÖNG\n   |      ^^^^^\n"},
        {"carriage returns are not shown", "a: WRONG\r\nb", "WRONG",
         "s:1:4: error: x\n 1 | a: WRONG\n   |    ^^^^^\n"},
        {"a span over lines ends with its first", "a: WR\nNG", "WR\nNG",
         "s:1:4: error: x\n 1 | a: WR\n   |    ^^\n"},
        {"controls never reach the terminal", "\x1b[2J\xc2\x9b\x7f WRONG", "WRONG",
         "s:1:8: error: x\n 1 | \xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd WRONG\n   |        ^^^^^\n"},
        {"bad UTF-8 is replaced", "\xff\xc3: WRONG", "WRONG",
         "s:1:5: error: x\n 1 | \xef\xbf\xbd\xef\xbf\xbd: WRONG\n   |     ^^^^^\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct source source = {.name = SLICE("s"), .bytes = slice_str(CASES[i].line)};
        struct diagnostics diagnostics = {0};

        diagnostics_error(&diagnostics, mark_of(&source, CASES[i].part), "x");
        expect_printed(&diagnostics, CASES[i].printed);
    }
}

Test(diagnostics, long_line_is_cut_around_the_mark)
{
    char line[1000] = {0};
    struct source source = {.name = SLICE("s"), .bytes = slice_of(line, sizeof(line))};
    struct excerpt excerpt;

    memset(line, 'x', sizeof(line));
    put(line + 500, "WRONG", 5);
    excerpt_make(&excerpt, mark_of(&source, "WRONG"));
    cr_expect_eq(excerpt.column, 501);
    cr_expect_eq(excerpt.carets, 5);
    cr_expect_eq(excerpt.padding.len, 81, "80 characters and the ellipsis");
    cr_expect_eq(memcmp(excerpt.line.data, "\xe2\x80\xa6xxx", 6), 0);
    cr_expect_str_eq(excerpt.line.data + 3 + 80 + 5 + 76, "\xe2\x80\xa6");
    excerpt_fini(&excerpt);
}

Test(diagnostics, are_sorted_by_source_and_place)
{
    struct source file = {.name = SLICE("f"), .bytes = SLICE("b a\nc")};
    struct source argument = {.name = SLICE("argument 1"), .bytes = SLICE("d"), .number = 1};
    struct diagnostics diagnostics = {0};

    diagnostics_error(&diagnostics, mark_of(&argument, "d"), "5");
    diagnostics_error(&diagnostics, mark_of(&file, "c"), "4");
    diagnostics_warn(&diagnostics, mark_of(&file, "a"), "3");
    diagnostics_error(&diagnostics, mark_of(&file, "b"), "2");
    diagnostics_error(&diagnostics, (struct mark){.source = &file}, "1");
    diagnostics_hint(&diagnostics, "as a whole");
    cr_expect_eq(diagnostics.errors, 4);
    cr_expect_eq(diagnostics.warnings, 1);
    expect_printed(&diagnostics, "f: error: 1\n  as a whole\n"
                                 "f:1:1: error: 2\n 1 | b a\n   | ^\n"
                                 "f:1:3: warning: 3\n 1 | b a\n   |   ^\n"
                                 "f:2:1: error: 4\n 2 | c\n   | ^\n"
                                 "argument 1:1:1: error: 5\n 1 | d\n   | ^\n");
}

Test(diagnostics, same_text_at_the_same_place_is_said_once)
{
    struct source source = {.name = SLICE("s"), .bytes = SLICE("a b")};
    struct diagnostics diagnostics = {0};

    diagnostics_error(&diagnostics, mark_of(&source, "b"), "x");
    diagnostics_hint(&diagnostics, "first");
    diagnostics_error(&diagnostics, mark_of(&source, "b"), "y");
    diagnostics_error(&diagnostics, mark_of(&source, "b"), "x");
    diagnostics_hint(&diagnostics, "lost");
    cr_expect_eq(diagnostics.errors, 2);
    expect_printed(&diagnostics,
                   "s:1:3: error: x\n 1 | a b\n   |   ^ first\ns:1:3: error: y\n 1 | a b\n   |   ^\n");
}

Test(diagnostics, only_the_first_by_place_are_kept)
{
    char line[300] = {0};
    struct source source = {.name = SLICE("s"), .bytes = slice_of(line, sizeof(line))};
    struct diagnostics diagnostics = {0};
    struct text out = {0};

    memset(line, 'x', sizeof(line));
    for (uint32_t i = sizeof(line); i-- > 0;)
        diagnostics_error(&diagnostics, (struct mark){.source = &source, .line = 1, .offset = i}, "at %u", i);
    diagnostics_hint(&diagnostics, "the newest is the first by place");
    diagnostics_error(&diagnostics, (struct mark){.source = &source, .line = 1, .offset = 299}, "late");
    diagnostics_hint(&diagnostics, "for one that is not kept");
    diagnostics_print(&diagnostics, &out);
    cr_expect_not_null(strstr(out.data, "s:1:1: error: at 0\n"));
    cr_expect_not_null(strstr(out.data, "^ the newest"));
    cr_expect_not_null(strstr(out.data, "s:1:100: error: at 99\n"));
    cr_expect_null(strstr(out.data, "at 100\n"));
    cr_expect_null(strstr(out.data, "not kept"));
    cr_expect_str_eq(out.data + out.len - 13, "and 201 more\n");
    text_fini(&out);
    diagnostics_fini(&diagnostics);
}

Test(diagnostics, outlive_their_source)
{
    char bytes[] = "a: b", name[] = "s";
    struct source source = {.name = slice_str(name), .bytes = slice_str(bytes)};
    struct diagnostics diagnostics = {0};

    diagnostics_error(&diagnostics, mark_of(&source, "b"), "x");
    memset(bytes, '?', sizeof(bytes));
    memset(name, '?', sizeof(name));
    expect_printed(&diagnostics, "s:1:4: error: x\n 1 | a: b\n   |    ^\n");
}
