/* What the builder refuses, and what it says it takes. */
#include "tables.h"

static const struct conditions POSTS = {.methods = (const struct slice[]){{"POST", 4}}, .methods_count = 1};
static const struct conditions GETS = {.methods = (const struct slice[]){{"GET", 3}}, .methods_count = 1};
static const struct conditions NOTHING = {0};

Test(table_builder, clash_names_both_lines)
{
    static const struct {
        const char *name;
        struct row first, second;
        const char *says;
    } cases[] = {
        {"same key",
         {"https://a/", 3},
         {"https://A:443", 7},
         "https://a/ on line 7 takes the same as https://a/ on line 3"},
        {"same path",
         {"http://a/v1", 3},
         {"http://a/v1/", 7},
         "http://a/v1/ on line 7 takes the same as http://a/v1/ on line 3"},
        {"same in normal form", {"http://a/v1", 3}, {"http://a/x/../%761", 7}, "takes the same as"},
        {"same wildcard", {"http://*.a", 3}, {"http://*.A.", 7}, "http://*.a/ on line 7 takes the same as"},
        {"both any", {"http://:80", 3}, {"http://", 7}, "http://:80/ on line 7 takes the same as"},
        {"same address", {"http://[::1]", 3}, {"http://[0::1]", 7}, "http://[::1]/ on line 7"},
        {"ssh", {"ssh://:22", 3}, {"ssh://", 7}, "ssh://:22 on line 7 takes the same as ssh://:22 on line 3"},
        {"tcp", {"tcp://:5000", 3}, {"tcp://:5000", 7}, "tcp://:5000 on line 7 takes the same as"},
        {"tls", {"tls://a", 3}, {"tls://a", 7}, "tls://a on line 7 takes the same as tls://a on line 3"},
        {"https and tls",
         {"https://a", 3},
         {"tls://a", 7},
         "tls://a on line 7 takes the same name as https://a/ on line 3"},
        {"https path and tls",
         {"https://a/v1", 3},
         {"tls://a", 7},
         "tls://a on line 7 takes the same name as https://a/v1/ on line 3"},
        {"tls and https path",
         {"tls://a", 3},
         {"https://a/v1", 7},
         "https://a/v1/ on line 7 takes the same name as tls://a on line 3"},
        {"tcps and https",
         {"tcps://a:443", 3},
         {"https://a", 7},
         "takes the same name as tcps://a:443 on line 3"},
        {"tls and tcps, wildcards",
         {"tls://*.a", 3},
         {"tcps://*.a:443", 7},
         "takes the same name as tls://*.a"},
        {"https and tls, any", {"https://", 3}, {"tls://", 7}, "takes the same name as https://:443/"},
        {"conditions after none",
         {"http://a", 3},
         {"http://a", 7, &GETS},
         "http://a/ on line 7 never gets anything, since all is taken by http://a/ on line 3"},
        {"empty conditions are none",
         {"http://a", 3, &NOTHING},
         {"http://a", 7},
         "http://a/ on line 7 takes the same as http://a/ on line 3"},
        {"equal conditions",
         {"http://a", 3, &GETS},
         {"http://a", 7, &GETS},
         "http://a/ on line 7 takes the same as http://a/ on line 3, with the same conditions"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table_builder *builder = table_builder_new();
        struct error error = {0};

        cr_assert_eq(add_row(builder, &cases[i].first, 0, &error), 0, "%s: %s", cases[i].name, error.text);
        cr_assert_eq(add_row(builder, &cases[i].second, 1, &error), -1, "%s", cases[i].name);
        cr_assert(strstr(error.text, cases[i].says), "%s: %s", cases[i].name, error.text);
        table_builder_free(builder);
    }
}

Test(table_builder, keys_that_differ_in_one_part_do_not_clash)
{
    static const struct row rows[] = {
        {"http://a"},          {"http://a:8080"}, {"https://a"},          {"http://*.a"},
        {"http://:80"},        {"http://a/v1"},   {"http://a/V1"},        {"https://a/v1"},
        {"tls://b"},           {"ssh://:443"},    {"tcp://:443"},         {"tls://*.a"},
        {"tcps://c:443"},      {"http://a/v1/x"}, {"https://a:8080/v1"},  {"tls://:443"},
        {"http://a.a"},        {"http://*.a.a"},  {"http://d", 1, &GETS}, {"http://d", 1, &POSTS},
        {"http://d", 1, NULL},
    };

    table_free(table_of_rows(rows, sizeof(rows) / sizeof(rows[0])));
}

Test(table_builder, alternatives_of_two_keys_do_not_mix)
{
    struct table_builder *builder = table_builder_new();
    struct error error = {0};

    cr_assert_eq(add_row(builder, &(struct row){"http://a", 3, &GETS}, 0, &error), 0);
    cr_assert_eq(add_row(builder, &(struct row){"http://b", 5}, 0, &error), 0);
    cr_assert_eq(add_row(builder, &(struct row){"http://a", 7, &POSTS}, 0, &error), -1);
    cr_assert_str_eq(error.text,
                     "http://a/ on line 7 takes the same as http://a/ on line 3: put both into one "
                     "`when:` list, which says what is tried first");
    table_builder_free(builder);
}

Test(table_builder, requests_can_only_be_asked_of_http)
{
    static const char *const keys[] = {"tls://a", "tcps://a:443", "ssh://:22", "tcp://:5000"};
    const struct ip local = ip_of("192.0.2.1");
    const struct conditions addresses = {.local = &local, .local_count = 1};
    const struct condition_pair pair = {.name = SLICE("x")};
    const struct conditions requests[] = {
        GETS, {.headers = &pair, .headers_count = 1}, {.query = &pair, .query_count = 1}};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct table_builder *builder = table_builder_new();
        struct error error = {0};

        for (size_t j = 0; j < 3; j++) {
            cr_assert_eq(add_row(builder, &(struct row){keys[i], 3, &requests[j]}, 0, &error), -1, "%s",
                         keys[i]);
            cr_assert(strstr(error.text, "carries no requests"), "%s", error.text);
        }
        cr_assert_eq(add_row(builder, &(struct row){keys[i], 3, &addresses}, 0, &error), 0, "%s", error.text);
        table_builder_free(builder);
    }
}

Test(table_builder, after_an_error_it_is_as_before)
{
    struct table_builder *builder = table_builder_new();
    const uint16_t *ports;
    struct error error = {0};
    struct table *table;

    cr_assert_eq(add_row(builder, &(struct row){"tcp://:5000", 3, &GETS}, 0, &error), -1);
    cr_assert_eq(add_row(builder, &(struct row){"https://a", 4}, 1, &error), 0);
    cr_assert_eq(add_row(builder, &(struct row){"tls://a", 5}, 2, &error), -1);
    cr_assert_eq(add_row(builder, &(struct row){"https://a/", 6}, 3, &error), -1);
    cr_assert_eq(add_row(builder, &(struct row){"https://a/v1", 7}, 4, &error), 0);
    table = table_builder_done(builder);
    cr_assert_eq(table_ports(table, &ports), 1);
    cr_assert_eq(taken_by(table, "https://a/"), 1);
    cr_assert_eq(taken_by(table, "https://a/v1"), 4);
    table_free(table);
}

Test(table_builder, error_says_when_portico_made_the_other)
{
    struct table_builder *builder = table_builder_new();
    struct arena arena = {0};
    struct url_key key = key_of("http://a", &arena);
    struct error error = {0};

    cr_assert_eq(table_builder_add(builder, &key, NULL, 0, 0, &error), 0);
    cr_assert_eq(table_builder_add(builder, &key, NULL, 0, 7, &error), -1);
    cr_assert_str_eq(error.text, "http://a/ on line 7 takes the same as http://a/ (made by Portico itself)");
    arena_fini(&arena);
    table_builder_free(builder);
}

Test(table_builder, takes_says_who_gets_the_root_of_a_host)
{
    static const struct row rows[] = {
        {"http://a.test"},      {"http://*.b.test"}, {"http://c.test/v1"},
        {"http://d.b.test/v1"}, {"http://:8080"},    {"https://e.test"},
        {"tls://f.test"},       {"ssh://:22"},       {"http://g.test", 9, &GETS},
    };
    static const struct {
        const char *key;
        bool is_taken;
    } cases[] = {
        {"http://a.test", true},      {"http://a.test/v1", true},     {"http://x.b.test", true},
        {"http://x.y.b.test", true},  {"http://b.test", false},       {"http://*.b.test", true},
        {"http://*.x.b.test", true},  {"http://*.test", false},       {"http://*.a.test", false},
        {"http://c.test", false},     {"http://d.b.test", false},     {"http://z.test", false},
        {"http://z.test:8080", true}, {"http://*.z.test:8080", true}, {"http://:8080", true},
        {"http://:80", false},        {"https://a.test", false},      {"https://e.test", true},
        {"https://f.test", false},    {"tls://f.test", true},         {"http://a.test:81", false},
        {"ssh://:22", true},          {"tcp://:22", false},           {"http://g.test", true},
    };
    struct table_builder *builder = table_builder_new();
    struct arena arena = {0};
    struct error error = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(add_row(builder, &rows[i], 0, &error), 0, "%s", error.text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url_key key = key_of(cases[i].key, &arena);

        cr_assert_eq(table_builder_takes(builder, &key), cases[i].is_taken, "%s", cases[i].key);
    }
    arena_fini(&arena);
    table_builder_free(builder);
}
