#include "loaded.h"

static struct loaded load_arguments(const char *const *arguments, size_t count)
{
    struct loaded loaded = {0};

    conf_from_arguments((char *const *)arguments, count, &loaded.conf, &loaded.diagnostics);
    return loaded_finish(loaded);
}

static const struct {
    const char *argument, *key, *target;
} SPLITS[] = {
    {"app.localhost=3000", "app.localhost", "3000"},
    {"ssh://:443=22", "ssh://:443", "22"},
    {"http://a.test/=b/c=127.0.0.1:80", "http://a.test/=b/c", "127.0.0.1:80"},
    {"http://a.test/x=1=8080", "http://a.test/x=1", "8080"},
    {"a.test=unix:/run/x=y.sock", "a.test", "unix:/run/x=y.sock"},
    {"a.test=unix:/run/x=80", "a.test=unix:/run/x", "80"},
    {"a.test=[::1]:80", "a.test", "[::1]:80"},
    {"a.test=https://b.test", "a.test", "https://b.test"},
    {"a.test=b.test:8080", "a.test", "b.test:8080"},
    {"a.test=nonsense", "a.test", "nonsense"},
    {"a=b=nonsense", "a=b", "nonsense"},
};

Test(arguments, are_split_at_the_last_equals_with_a_target_behind_it)
{
    for (size_t i = 0; i < ARRAY_LEN(SPLITS); i++) {
        struct loaded loaded = load_arguments(&SPLITS[i].argument, 1);
        const struct conf_route *route;

        cr_assert_eq(loaded.rc, 0, "%s", loaded.said.data);
        cr_assert_eq(loaded.conf->routes_count, 1);
        route = &loaded.conf->routes[0];
        cr_expect(slice_eq(route->key.text, slice_str(SPLITS[i].key)), "%s", SPLITS[i].argument);
        cr_assert_eq(route->to.count, 1);
        cr_expect(slice_eq(route->to.items[0].address.text, slice_str(SPLITS[i].target)), "%s",
                  SPLITS[i].argument);
        cr_expect_eq(route->to.items[0].address.mark.offset, strlen(SPLITS[i].key) + 1);
        loaded_fini(&loaded);
    }
}

Test(arguments, come_with_the_defaults)
{
    struct loaded loaded = load_arguments((const char *const[]){"a=1", "b=2"}, 2);

    cr_assert_eq(loaded.conf->routes_count, 2);
    cr_expect_eq(loaded.conf->routes[1].options->kind, CONF_PROXY);
    cr_expect_eq(loaded.conf->routes[1].options->timeouts.answer, 60000);
    cr_expect(loaded.conf->local_ca);
    loaded_fini(&loaded);
}

Test(arguments, mistakes_are_shown_like_those_of_a_file)
{
    struct loaded loaded = load_arguments((const char *const[]){"nothing", "a=1", "=2", "b="}, 4);

    cr_expect_eq(loaded.rc, -1);
    cr_expect_str_eq(loaded.said.data, "argument 1:1:1: error: this is not URL=TARGET\n"
                                       " 1 | nothing\n"
                                       "   | ^^^^^^^ for example app.localhost=3000\n"
                                       "argument 3:1:1: error: this is not URL=TARGET\n"
                                       " 1 | =2\n"
                                       "   | ^^ for example app.localhost=3000\n"
                                       "argument 4:1:1: error: this is not URL=TARGET\n"
                                       " 1 | b=\n"
                                       "   | ^^ for example app.localhost=3000\n");
    loaded_fini(&loaded);
}

Test(arguments, add_to_the_routes_of_a_file_and_share_its_settings)
{
    struct loaded loaded = load_good("routes: {a: 1}\ntimeouts: {answer: 7s}\n");

    conf_add_arguments(loaded.conf, (char *const[]){(char *)"b=2"}, 1, &loaded.diagnostics);
    cr_assert_eq(loaded.diagnostics.errors, 0);
    cr_assert_eq(loaded.conf->routes_count, 2);
    EXPECT_TEXT(loaded.conf->routes[1].key, "b");
    cr_expect_eq(loaded.conf->routes[1].options->timeouts.answer, 7000);
    loaded_fini(&loaded);
}
