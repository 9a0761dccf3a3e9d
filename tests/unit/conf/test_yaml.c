#include "conf/yaml.h"
#include "loaded.h"

static const struct bad_case REFUSED[] = {
    {"empty", "",
     "t.yaml: error: nothing is written here: a routing table is needed\n"
     "  for example:  routes: {http://app.localhost: 3000}\n"},
    {"comments only", "# x\n\n",
     "t.yaml: error: nothing is written here: a routing table is needed\n"
     "  for example:  routes: {http://app.localhost: 3000}\n"},
    {"not a map", "- a\n",
     "t.yaml:1:1: error: a configuration is a map with keys such as \"routes\", not a list\n 1 | - a\n   | "
     "^\n"},
    {"two documents", "routes: {a: 1}\n---\nroutes: {b: 1}\n",
     "t.yaml:2:1: error: a second document begins here: a configuration is one document\n 2 | ---\n   | "
     "^^^\n"},
    {"tag", "user: !!str 1\n",
     "t.yaml:1:13: error: tags (!…) are not supported: leave it out\n 1 | user: !!str 1\n   |             "
     "^\n"},
    {"merge key", "log: &l {level: warn}\nroutes:\n  a: {<<: *l, to: 1}\n",
     "t.yaml:3:7: error: merge keys (<<) are not supported: write the keys out, or use an alias for a whole "
     "value\n"
     " 3 |   a: {<<: *l, to: 1}\n   |       ^^\n"},
    {"key that is a list", "routes:\n  ? [a]\n  : 1\n",
     "t.yaml:2:5: error: a key must be a text, not a list\n 2 |   ? [a]\n   |     ^\n"},
    {"key that is null", "routes:\n  ~: 1\n",
     "t.yaml:2:3: error: a key must be a text, not nothing\n 2 |   ~: 1\n   |   ^\n"},
    {"unknown alias", "user: *nobody\n",
     "t.yaml:1:7: error: no anchor &nobody stands before this alias\n 1 | user: *nobody\n   |       "
     "^^^^^^^\n"},
    {"alias in its own anchor", "routes: &r\n  a: *r\n",
     "t.yaml:2:6: error: the alias stands inside its own anchor &r\n 2 |   a: *r\n   |      ^^\n"},
    {"duplicate key", "routes:\n  a: 1\n  b: 2\n  \"a\": 3\n",
     "t.yaml:4:3: error: duplicate key \"a\": it stands in line 2 already\n 4 |   \"a\": 3\n   |   ^^^\n"},
    {"syntax error", "routes:\n  a: [1, 2\nuser: x\n",
     "t.yaml:3:8: error: not valid YAML: flow sequence without a closing bracket\n 3 | user: x\n   |        "
     "^\n"},
    {"syntax error hides what it makes of the rest", "rotues: 1\nuser: 'x\n",
     "t.yaml:2:8: error: not valid YAML: single-quoted scalar without closing quote\n 2 | user: 'x\n"
     "   |        ^\n"},
    {"tab as indentation", "routes:\n\ta: 1\n",
     "t.yaml:2:1: error: not valid YAML: tab character may not be used as indentation\n 2 | \ta: 1\n   | "
     "^\n"},
    {"control character", "user: a\x1b\n",
     "t.yaml:1:8: error: control character 0x1b: this is not a text file\n 1 | user: a\xef\xbf\xbd\n   |     "
     "   ^\n"},
    {"bad UTF-8", "#\nuser: \xc3(\n",
     "t.yaml:2:7: error: byte 0xc3 is not UTF-8: save the file as UTF-8\n 2 | user: \xef\xbf\xbd(\n   |      "
     " ^\n"},
    {"old Mac line ends", "a: 1\rb: 2\n",
     "t.yaml:1:5: error: a carriage return without a line feed\n 1 | a: 1\xef\xbf\xbd"
     "b: 2\n   |     ^\n"},
};

Test(yaml, what_a_configuration_does_not_need_is_refused)
{
    expect_said(REFUSED, ARRAY_LEN(REFUSED));
}

Test(yaml, nul_byte_is_refused)
{
    struct loaded loaded = load_bytes(SLICE("user: a\0b\n"));

    cr_expect_not_null(strstr(loaded.said.data, "t.yaml:1:8: error: control character 0x00"));
    loaded_fini(&loaded);
}

Test(yaml, byte_order_mark_and_crlf_are_no_part_of_the_text)
{
    struct loaded loaded = load_good("\xef\xbb\xbfroutes:\r\n  a: 1\r\nuser: me\r\n");

    EXPECT_TEXT(loaded.conf->user, "me");
    cr_expect_eq(loaded.conf->routes[0].key.mark.line, 2);
    cr_expect_eq(loaded.conf->user.mark.line, 3);
    loaded_fini(&loaded);
}

Test(yaml, scalars_keep_what_their_style_says)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  plain: a b\n"
                                     "  'single': 'it''s'\n"
                                     "  \"dou\\x62le\": \"\\u00e9\"\n"
                                     "  literal: |-\n    x\n"
                                     "  folded: >-\n    x\n    y\n"
                                     "  utf: é\n");
    static const char *const TEXTS[][2] = {{"plain", "a b"}, {"single", "it's"}, {"double", "é"},
                                           {"literal", "x"}, {"folded", "x y"},  {"utf", "é"}};

    cr_assert_eq(loaded.conf->routes_count, ARRAY_LEN(TEXTS));
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        const struct conf_route *route = &loaded.conf->routes[i];

        cr_expect(slice_eq(route->key.text, slice_str(TEXTS[i][0])), "%.*s", FMT_SLICE(route->key.text));
        cr_expect(slice_eq(route->to.items[0].address.text, slice_str(TEXTS[i][1])), "%s", TEXTS[i][0]);
    }
    loaded_fini(&loaded);
}

Test(yaml, value_of_a_duplicate_key_is_not_read)
{
    static const struct bad_case TWICE[] = {
        {"certificates, whose number is counted", "certificates: [a/]\ncertificates: [b/, c/]\n",
         "t.yaml:2:1: error: duplicate key \"certificates\": it stands in line 1 already\n"
         " 2 | certificates: [b/, c/]\n"
         "   | ^^^^^^^^^^^^\n"},
    };

    expect_said(TWICE, ARRAY_LEN(TWICE));
}

Test(yaml, alias_is_the_value_of_its_anchor)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  a: {to: 1, timeouts: &slow {answer: 10m}}\n"
                                     "  b: {to: 2, timeouts: *slow}\n"
                                     "  c: &c [3, 4]\n"
                                     "  d: *c\n");

    cr_expect_eq(loaded.conf->routes[1].options->timeouts.answer, 600000);
    cr_assert_eq(loaded.conf->routes[3].to.count, 2);
    EXPECT_TEXT(loaded.conf->routes[3].to.items[1].address, "4");
    loaded_fini(&loaded);
}

Test(yaml, newer_anchor_of_the_same_name_wins)
{
    struct loaded loaded = load_good("routes: {a: &x 1, b: *x, c: &x 2, d: *x}\n");

    EXPECT_TEXT(loaded.conf->routes[1].to.items[0].address, "1");
    EXPECT_TEXT(loaded.conf->routes[3].to.items[0].address, "2");
    loaded_fini(&loaded);
}

Test(yaml, mistake_behind_several_aliases_is_said_once)
{
    static const struct bad_case ONCE[] = {
        {"in the anchored value", "routes:\n  a: &x {to: 1, cod: 2}\n  b: *x\n  c: *x\n",
         "t.yaml:2:17: error: unknown key \"cod\" in route a\n 2 |   a: &x {to: 1, cod: 2}\n   |             "
         "    ^^^ did you mean \"code\"?\n"
         "t.yaml:2:17: error: unknown key \"cod\" in route b\n 2 |   a: &x {to: 1, cod: 2}\n   |             "
         "    ^^^ did you mean \"code\"?\n"
         "t.yaml:2:17: error: unknown key \"cod\" in route c\n 2 |   a: &x {to: 1, cod: 2}\n   |             "
         "    ^^^ did you mean \"code\"?\n"},
        {"of a value", "routes:\n  a: {to: 1, timeouts: &x {stall: 1}}\n  b: {to: 1, timeouts: *x}\n",
         "t.yaml:2:35: error: \"stall\" must be a duration such as 500ms, 15s, 5m or 1h, or none, not \"1\"\n"
         " 2 |   a: {to: 1, timeouts: &x {stall: 1}}\n"
         "   |                                   ^ did you mean \"1s\"?\n"},
    };

    expect_said(ONCE, ARRAY_LEN(ONCE));
}

static void add_repeated(struct text *out, struct slice what, unsigned times)
{
    while (times--)
        text_add(out, what);
}

Test(yaml, billion_laughs_is_refused_before_it_is_walked, .timeout = 5)
{
    struct text yaml = {0};
    struct loaded loaded;

    text_add_literal(&yaml, "a0: &a0 x\n");
    for (unsigned i = 1; i < 30; i++) {
        text_printf(&yaml, "a%u: &a%u [", i, i);
        for (unsigned j = 0; j < 10; j++)
            text_printf(&yaml, "*a%u, ", i - 1);
        text_add_literal(&yaml, "]\n");
    }
    loaded = load_bytes(text_slice(&yaml));
    cr_expect_not_null(strstr(loaded.said.data,
                              "t.yaml:8:9: error: more than 4000000 values, once its aliases are followed\n"),
                       "%s", loaded.said.data);
    loaded_fini(&loaded);
    text_fini(&yaml);
}

Test(yaml, depth_is_bounded, .timeout = 5)
{
    static const struct {
        const char *open, *said;
    } CASES[] = {
        {"[", "t.yaml:1:65: error: nested more than 64 deep\n"},
        {"{a: ", "t.yaml:1:257: error: nested more than 64 deep\n"},
        {"- ", "t.yaml:1:129: error: nested more than 64 deep\n"},
        {"? ", "t.yaml:1:129: error: nested more than 64 deep\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct text yaml = {0};
        struct loaded loaded;

        add_repeated(&yaml, slice_str(CASES[i].open), 1000);
        loaded = load_bytes(text_slice(&yaml));
        cr_expect_eq(strncmp(loaded.said.data, CASES[i].said, strlen(CASES[i].said)), 0, "%s",
                     loaded.said.data);
        loaded_fini(&loaded);
        text_fini(&yaml);
    }
}

Test(yaml, one_line_with_a_great_many_items_is_refused, .timeout = 10)
{
    struct text yaml = {0};
    struct loaded loaded;

    text_add_literal(&yaml, "user: [");
    add_repeated(&yaml, SLICE("a,"), 1000000);
    loaded = load_bytes(text_slice(&yaml));
    cr_expect_not_null(strstr(loaded.said.data, "too many items in one line: break it into several"));
    loaded_fini(&loaded);
    text_fini(&yaml);
}

Test(yaml, file_larger_than_the_bound_is_refused)
{
    static char bytes[SOURCE_MAX_BYTES + 1];
    struct loaded loaded;

    memset(bytes, '#', sizeof(bytes));
    loaded = load_bytes(slice_of(bytes, sizeof(bytes)));
    cr_expect_str_eq(loaded.said.data, "t.yaml: error: larger than 64 MiB\n");
    loaded_fini(&loaded);
}

Test(yaml, library_names_its_version)
{
    cr_expect_neq(conf_library_version()[0], '\0');
}
