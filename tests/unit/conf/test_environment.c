#include <criterion/criterion.h>
#include <stdlib.h>

#include "conf/environment.h"
#include "loaded.h"

static void set_environment(void)
{
    setenv("PORTICO_T", "value", 1);
    setenv("PORTICO_EMPTY", "", 1);
    setenv("PORTICO_YAML", "{a: b}: [c", 1);
    unsetenv("PORTICO_NONE");
}

static const struct {
    const char *text, *expanded, *at, *why; /* expanded NULL: fails there, because */
} CASES[] = {
    {"plain", "plain"},
    {"", ""},
    {"${PORTICO_T}", "value"},
    {"<${PORTICO_T}>${PORTICO_T}", "<value>value"},
    {"${PORTICO_T:-other}", "value"},
    {"${PORTICO_EMPTY}", ""},
    {"${PORTICO_EMPTY:-other}", "other"},
    {"${PORTICO_NONE:-}", ""},
    {"${PORTICO_NONE:-a:-b $x}", "a:-b $x"},
    {"$$", "$"},
    {"$${PORTICO_T}", "${PORTICO_T}"},
    {"$$$", "$$"},
    {"$PORTICO_T $1 $", "$PORTICO_T $1 $"},
    {"x${PORTICO_NONE}", NULL, "${PORTICO_NONE}",
     "PORTICO_NONE is not set in the environment, and there is no default"},
    {"${", NULL, "${", "${ without a closing }; a literal $ is written $$"},
    {"${}", NULL, "${}", "${} is neither ${NAME} nor ${NAME:-default}; a literal $ is written $$"},
    {"${1A}", NULL, "${1A}", "${1A} is neither ${NAME} nor ${NAME:-default}; a literal $ is written $$"},
    {"${A-b}", NULL, "${A-b}", "${A-b} is neither ${NAME} nor ${NAME:-default}; a literal $ is written $$"},
    {"${A:=b}", NULL, "${A:=b}",
     "${A:=b} is neither ${NAME} nor ${NAME:-default}; a literal $ is written $$"},
    {"${A:-${B}}", NULL, "${A:-${B}", "the default of ${A} cannot hold another ${…}"},
};

Test(environment, replaces_references_as_a_shell_would, .init = set_environment)
{
    struct arena arena = {0};

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct slice out = {0}, at = {0};
        struct error error = {0};
        int rc = environment_expand(slice_str(CASES[i].text), &arena, &out, &at, &error);

        cr_expect_eq(rc, CASES[i].expanded ? 0 : -1, "%s", CASES[i].text);
        if (CASES[i].expanded) {
            cr_expect(slice_eq(out, slice_str(CASES[i].expanded)), "%s: %.*s", CASES[i].text, FMT_SLICE(out));
            continue;
        }
        cr_expect(slice_eq(at, slice_str(CASES[i].at)), "%s: %.*s", CASES[i].text, FMT_SLICE(at));
        cr_expect_str_eq(error.text, CASES[i].why);
    }
    arena_fini(&arena);
}

Test(environment, refuses_what_grows_without_bound, .init = set_environment)
{
    struct arena arena = {0};
    struct slice out = {0}, at = {0};
    struct text long_text = {0};
    struct error error = {0};

    for (unsigned i = 0; i < 14000; i++)
        text_add_literal(&long_text, "${PORTICO_T}");
    cr_expect_eq(environment_expand(text_slice(&long_text), &arena, &out, &at, &error), -1);
    text_fini(&long_text);
    arena_fini(&arena);
}

Test(environment, result_is_never_read_as_yaml, .init = set_environment)
{
    struct loaded loaded = load_good("routes: {a: \"${PORTICO_YAML}\", b: {to: 1, request_headers: {set: {X: "
                                     "\"${PORTICO_NONE:-null}\"}}}}\n");

    cr_assert_eq(loaded.conf->routes_count, 2);
    EXPECT_TEXT(loaded.conf->routes[0].to.items[0].address, "{a: b}: [c");
    EXPECT_TEXT(loaded.conf->routes[1].options->request_headers.set.items[0].value, "null");
    loaded_fini(&loaded);
}

Test(environment, keys_are_left_alone, .init = set_environment)
{
    struct loaded loaded = load_good("routes:\n  http://${PORTICO_NONE}: 1\n");

    EXPECT_TEXT(loaded.conf->routes[0].key, "http://${PORTICO_NONE}");
    loaded_fini(&loaded);
}

Test(environment, reference_without_quotes_in_a_flow_map_is_explained)
{
    static const struct bad_case UNQUOTED[] = {
        {"in a map", "routes: {a: ${X}}\n",
         "t.yaml:1:14: error: not valid YAML: missing comma in flow mapping\n"
         " 1 | routes: {a: ${X}}\n"
         "   |              ^ inside [ ] and { } put ${…} in quotes\n"},
    };

    expect_said(UNQUOTED, ARRAY_LEN(UNQUOTED));
}

Test(environment, missing_variable_is_shown_in_its_place, .init = set_environment)
{
    static const struct bad_case MISSING[] = {
        {"plain: the reference alone", "routes:\n  a: host:${PORTICO_NONE}\n",
         "t.yaml:2:11: error: PORTICO_NONE is not set in the environment, and there is no default\n"
         " 2 |   a: host:${PORTICO_NONE}\n"
         "   |           ^^^^^^^^^^^^^^^\n"},
        {"quoted: the whole value", "routes:\n  a: \"\\x68:${PORTICO_NONE}\"\n",
         "t.yaml:2:6: error: PORTICO_NONE is not set in the environment, and there is no default\n"
         " 2 |   a: \"\\x68:${PORTICO_NONE}\"\n"
         "   |      ^^^^^^^^^^^^^^^^^^^^^^\n"},
    };

    expect_said(MISSING, ARRAY_LEN(MISSING));
}
