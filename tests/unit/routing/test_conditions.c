#include "routing/conditions.h"

#include "tables.h"

/* A request's fields: "name\0value" pairs in order. */
struct field {
    const char *name, *value;
};
struct fields_of_test {
    const struct field *fields;
    size_t count;
};

static bool nth_field(const void *context, struct slice name, size_t n, struct slice *value)
{
    const struct fields_of_test *all = context;

    for (size_t i = 0; i < all->count; i++) {
        if (slice_eq_nocase(slice_str(all->fields[i].name), name) && n-- == 0) {
            *value = slice_str(all->fields[i].value);
            return true;
        }
    }
    return false;
}

Test(conditions, headers_hold_when_one_of_a_name_equals)
{
    static const struct field FIELDS[] = {{"X-Beta", "no"}, {"x-beta", "yes"}, {"X-Empty", ""}, {"A", "1"}};
    static const struct fields_of_test ALL = {FIELDS, 4};
    static const struct {
        const char *name, *value;
        bool holds;
    } cases[] = {
        {"x-beta", "yes", true}, {"X-BETA", "no", true},  {"x-beta", "YES", false}, {"x-beta", "ye", false},
        {"x-beta", NULL, true},  {"x-empty", NULL, true}, {"x-empty", "", true},    {"x-beta", "", false},
        {"x-none", NULL, false}, {"x-none", "", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct condition_pair pairs[] = {{SLICE("a"), SLICE("1")},
                                               {slice_str(cases[i].name), slice_str(cases[i].value)}};
        const struct conditions when = {.headers = pairs, .headers_count = 2};
        struct request_view request = {.field = nth_field, .context = &ALL};
        const char *broken = conditions_broken_part(&when, &request);

        cr_assert_eq(!broken, cases[i].holds, "%s: %s", cases[i].name, cases[i].value);
        if (broken)
            cr_assert_str_eq(broken, "headers");
        request.field = NULL;
        cr_assert_not_null(conditions_broken_part(&when, &request), "a request without fields");
    }
}

Test(conditions, query_is_compared_decoded)
{
    static const struct {
        const char *query, *name, *value;
        bool holds;
    } cases[] = {
        {"a=1", "a", "1", true},
        {"b=2&a=1", "a", "1", true},
        {"a=2&a=1", "a", "1", true},
        {"a=10", "a", "1", false},
        {"a=1", "a", "10", false},
        {"aa=1", "a", "1", false},
        {"A=1", "a", "1", false},
        {"a=%31", "a", "1", true},
        {"%61=1", "a", "1", true},
        {"a=x+y", "a", "x y", true},
        {"a=x%20y", "a", "x y", true},
        {"a=x%2By", "a", "x+y", true},
        {"a=x+y", "a", "x+y", false},
        {"a=%26&b=1", "a", "&", true},
        {"a=b=c", "a", "b=c", true},
        {"a", "a", NULL, true},
        {"a", "a", "", true},
        {"a=", "a", "", true},
        {"a=1", "a", NULL, true},
        {"a=1", "a", "", false},
        {"", "a", NULL, false},
        {"&&a", "a", NULL, true},
        {"&&", "", NULL, false},
        {"=x", "", "x", true},
        {"a=%", "a", "%", true},
        {"a=%4", "a", "%4", true},
        {"a=%zz", "a", "%zz", true},
        {"a=%00b", "a", "", false},
        {"a=%C3%a9", "a", "\xc3\xa9", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct condition_pair pair = {slice_str(cases[i].name), slice_str(cases[i].value)};
        const struct conditions when = {.query = &pair, .query_count = 1};
        const struct request_view request = {.query = slice_str(cases[i].query)};

        cr_assert_eq(!conditions_broken_part(&when, &request), cases[i].holds, "?%s", cases[i].query);
    }
}

Test(conditions, every_part_must_hold_and_any_item_of_it)
{
    const struct slice methods[] = {SLICE("GET"), SLICE("HEAD")};
    const struct cidr from[] = {cidr_of("10.0.0.0/8"), cidr_of("2001:db8::/32")};
    const struct ip local[] = {ip_of("192.0.2.1"), ip_of("192.0.2.2")};
    const struct conditions when = {methods, 2, NULL, 0, NULL, 0, from, 2, local, 2};
    static const struct {
        const char *method, *from, *local, *broken;
    } cases[] = {
        {"GET", "10.1.1.1", "192.0.2.1", NULL},      {"HEAD", "2001:db8::1", "192.0.2.2", NULL},
        {"get", "10.1.1.1", "192.0.2.1", "methods"}, {"POST", "10.1.1.1", "192.0.2.1", "methods"},
        {"GET", "11.1.1.1", "192.0.2.1", "from"},    {"GET", "2001:db9::1", "192.0.2.1", "from"},
        {"GET", "10.1.1.1", "192.0.2.3", "local"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct request_view request = {.method = slice_str(cases[i].method),
                                             .from = ip_of(cases[i].from),
                                             .local = ip_of(cases[i].local)};
        const char *broken = conditions_broken_part(&when, &request);

        cr_assert_str_eq(broken ? broken : "none", cases[i].broken ? cases[i].broken : "none", "row %zu", i);
        if (!cases[i].broken || strcmp(cases[i].broken, "methods") != 0)
            cr_assert_eq(conditions_broken_raw_part(&when, request.from, request.local), broken, "row %zu",
                         i);
    }
    cr_assert_null(conditions_broken_part(NULL, &(struct request_view){0}));
    cr_assert_null(conditions_broken_raw_part(NULL, (struct ip){0}, (struct ip){0}));
}

Test(conditions, copy_is_deep_and_equal)
{
    char get[] = "GET", name[] = "x", value[] = "1";
    struct slice method = slice_str(get);
    struct condition_pair pair = {slice_str(name), slice_str(value)}, presence = {slice_str(name), {NULL, 0}};
    struct cidr from = cidr_of("10.0.0.0/8");
    struct ip local = ip_of("192.0.2.1");
    const struct conditions when = {&method, 1, &pair, 1, &presence, 1, &from, 1, &local, 1};
    struct arena arena = {0};
    const struct conditions *copy = conditions_copy(&when, &arena);
    struct text text = {0};

    cr_assert(conditions_eq(copy, &when));
    get[0] = name[0] = value[0] = '?';
    from.bits = 0;
    local.bytes[0] = 0;
    cr_assert_not(conditions_eq(copy, &when));
    conditions_describe(copy, &text);
    cr_assert_str_eq(text.data, "methods GET; header x: 1; query x; from 10.0.0.0/8; local 192.0.2.1");
    cr_assert_null(conditions_copy(NULL, &arena));
    cr_assert_null(conditions_copy(&(struct conditions){0}, &arena));
    text_fini(&text);
    arena_fini(&arena);
}

Test(conditions, those_that_differ_in_one_item_are_not_equal)
{
    const struct slice get = SLICE("GET"), post = SLICE("POST");
    const struct condition_pair is1 = {SLICE("x"), SLICE("1")}, is2 = {SLICE("x"), SLICE("2")},
                                there = {SLICE("x"), {NULL, 0}}, empty = {SLICE("x"), SLICE("")},
                                big = {SLICE("X"), SLICE("1")};
    const struct cidr ten = cidr_of("10.0.0.0/8"), ten16 = cidr_of("10.0.0.0/16");
    const struct ip here = ip_of("192.0.2.1"), other = ip_of("192.0.2.2");
    const struct conditions all[] = {
        {.methods = &get, .methods_count = 1},   {.methods = &post, .methods_count = 1},
        {.headers = &is1, .headers_count = 1},   {.headers = &is2, .headers_count = 1},
        {.headers = &there, .headers_count = 1}, {.headers = &empty, .headers_count = 1},
        {.query = &is1, .query_count = 1},       {.query = &big, .query_count = 1},
        {.from = &ten, .from_count = 1},         {.from = &ten16, .from_count = 1},
        {.local = &here, .local_count = 1},      {.local = &other, .local_count = 1},
    };
    const struct conditions header_in_capitals = {.headers = &big, .headers_count = 1};
    size_t count = sizeof(all) / sizeof(all[0]);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            cr_assert_eq(conditions_eq(&all[i], &all[j]), i == j, "rows %zu, %zu", i, j);
        cr_assert_not(conditions_eq(&all[i], NULL));
    }
    cr_assert(conditions_eq(&all[2], &header_in_capitals), "field names have no case");
    cr_assert(conditions_eq(NULL, NULL));
}
