/* Two configurations, and what is said about going from one to the other, word for word. */
#include "control/changes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "proxy/worker_count.h"
#include "unit/control/compiled.h"
#include "unit/tls/pki.h"

struct change_case {
    const char *name, *before, *after, *lines;
};

static void expect_changes(const struct change_case *row)
{
    struct compiled before = compile_text_of(row->before), after = compile_text_of(row->after);
    struct text lines = {0};

    cr_assert_not_null(before.snapshot, "%s: %s", row->name, before.said.data);
    cr_assert_not_null(after.snapshot, "%s: %s", row->name, after.said.data);
    changes_describe(before.snapshot, after.snapshot, NULL, &lines);
    cr_expect_str_eq(lines.data, row->lines, "%s:\n%s", row->name, lines.data);
    text_fini(&lines);
    compiled_fini(&before);
    compiled_fini(&after);
}

static void expect_all(const struct change_case *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_changes(&rows[i]);
}

#define A "routes: {'http://a.test': 1}\n"

Test(changes, of_nothing_are_none)
{
    static const struct change_case CASES[] = {
        {"the same", A, A, "nothing changes\n"},
        {"another order", "routes: {'http://a.test': 1, 'http://b.test': 2}",
         "routes: {'http://b.test': 2, 'http://a.test': 1}", "nothing changes\n"},
        {"another way to write it", A,
         "routes: {'http://a.test': {to: 'http://127.0.0.1:1/', balance: round_robin}}\n"
         "timeouts: {answer: 1m}\n",
         "nothing changes\n"},
        {"a timeout of its own, which the file has now",
         "timeouts: {answer: 1m}\nroutes: {'http://a.test': {to: 1, timeouts: {answer: 1m}}}", A,
         "nothing changes\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

Test(changes, of_routes_come_first_then_go_then_are_others)
{
    static const struct change_case CASES[] = {
        {"all three", "routes: {'http://a.test': 1, 'http://b.test': 2, 'http://c.test': 3}",
         "routes: {'http://d.test': 4, 'http://b.test': 5, 'http://a.test': 1}",
         "+ route http://d.test -> 127.0.0.1:4\n"
         "- route http://c.test -> 127.0.0.1:3\n"
         "~ route http://b.test: to 127.0.0.1:2 -> 127.0.0.1:5\n"},
        {"a key written otherwise", "routes: {a.test: 1}", "routes: {'http://A.test:80/': 1}",
         "~ route http://A.test:80/: key a.test -> http://A.test:80/\n"},
        {"alternatives, by their places",
         "routes: {'http://a.test': [{when: {methods: GET}, to: 1}, {when: {methods: POST}, to: 2}, {to: "
         "3}]}",
         "routes: {'http://a.test': [{when: {methods: GET}, to: 1}, {to: 3}]}",
         "- route http://a.test #3 -> 127.0.0.1:3\n"
         "~ route http://a.test #2: to 127.0.0.1:2 -> 127.0.0.1:3; when methods POST -> none\n"},
        {"one with conditions", A, "routes: {'http://a.test': [{when: {methods: GET}, to: 2}, {to: 1}]}",
         "+ route http://a.test #2 -> 127.0.0.1:1\n"
         "~ route http://a.test: to 127.0.0.1:1 -> 127.0.0.1:2; when none -> methods GET\n"},
        {"values that are asked for may be secrets",
         "routes: {'http://a.test': [{when: {headers: {X-Key: old}}, to: 1}, {to: 2}], 'http://b.test':"
         " [{when: {query: {key: old}}, to: 1}, {to: 2}]}",
         "routes: {'http://a.test': [{when: {headers: {X-Key: new}}, to: 1}, {to: 2}], 'http://b.test':"
         " [{when: {query: {key: old}, methods: GET}, to: 1}, {when: {query: {key: new}}, to: 3}, {to: 2}]}",
         "+ route http://b.test #3 -> 127.0.0.1:2\n"
         "~ route http://a.test: when header X-Key: another value\n"
         "~ route http://b.test: when query key -> methods GET; query key\n"
         "~ route http://b.test #2: to 127.0.0.1:2 -> 127.0.0.1:3; when none -> query key\n"},
        {"kinds of routes",
         "routes: {'http://a.test': 1, 'http://b.test': {redirect: /x}, 'http://c.test': {respond: 404}}",
         "routes: {'http://a.test': {redirect: /y, code: 302}, 'http://b.test': {respond: 410}, "
         "'http://c.test': '@p'}\n"
         "backends: {p: 1}",
         "~ route http://a.test: to 127.0.0.1:1 -> redirect 302 /y\n"
         "~ route http://b.test: to redirect 308 /x -> respond 410\n"
         "~ route http://c.test: to respond 404 -> @p\n"
         "+ pool @p -> 127.0.0.1:1\n"},
        {"raw ones", "routes: {'ssh://:22': 1}", "routes: {'ssh://:22': 2}",
         "~ route ssh://:22: to 127.0.0.1:1 -> 127.0.0.1:2\n"},
        {"the redirect that https brings",
         "redirect_http: off\nlocal_ca: off\nroutes: {'https://a.example': 1, 'http://b.test': 2}",
         "local_ca: off\nroutes: {'https://a.example': 1, 'http://b.test': 2}",
         "+ route http://a.example/ -> redirect 308 to https\n"},
        {"a route in place of that redirect", "local_ca: off\nroutes: {'https://a.example': 1}",
         "local_ca: off\nroutes: {'https://a.example': 1, 'http://a.example': 2}",
         "~ route http://a.example: to redirect 308 to https -> 127.0.0.1:2\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

Test(changes, of_options_are_told_one_by_one)
{
    static const struct change_case CASES[] = {
        {"of the route",
         "routes: {'http://a.test/x': {to: 1, timeouts: {answer: 2s}, request_headers: {set: {A: b}}}}",
         "routes: {'http://a.test/x': {to: 1, strip_prefix: on, access_log: off, limits: {body: 1MiB},"
         " timeouts: {answer: 5s, tunnel: none}, request_headers: {set: {A: c}, remove: D}}}",
         "~ route http://a.test/x: strip_prefix off -> on; access_log on -> off; request_headers set A -> "
         "remove D, set A; timeouts.answer 2s -> 5s; timeouts.tunnel 1h -> none; limits.body none -> 1MiB\n"},
        {"values of header fields may be secrets",
         "routes: {'http://a.test': {to: 1, request_headers: {set: {Authorization: Basic b2xk}}}}",
         "routes: {'http://a.test': {to: 1, request_headers: {set: {Authorization: Basic bmV3}}}}",
         "~ route http://a.test: request_headers set Authorization: another value\n"},
        {"of its pool", A,
         "routes: {'http://a.test': {to: 1, health: {path: /up, interval: 1s, timeout: 1s}, hold: 5s,"
         " retry: 0, sticky: c, max_connections: 9}}",
         "~ route http://a.test: health off -> /up; sticky off -> c; health.interval 5s -> 1s; "
         "health.timeout 2s -> 1s; "
         "retry.tries 2 -> 0; hold none -> 5s; max_connections none -> 9\n"},
        {"long ones are not shown", "routes: {'http://a.test': {redirect: /x}}",
         "routes: {'http://a.test': {redirect: "
         "/0123456789012345678901234567890123456789012345678901234567890123456789012345678}}",
         "~ route http://a.test: to is another\n"},
        {"TLS towards the target", "routes: {'http://a.test': 'https://b.test:1'}",
         "routes: {'http://a.test': {to: 'https://b.test:1', verify: off, server_name: c.test}}",
         "~ route http://a.test: verify on -> off; server_name the target's -> c.test\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

Test(changes, of_the_files_timeouts_are_not_said_again_for_each_route)
{
    static const struct change_case CASES[] = {
        {"a route that follows, and one that does not",
         "timeouts: {answer: 10s}\nroutes: {'http://a.test': 1, 'http://b.test': {to: 2, timeouts: {answer: "
         "10s}},"
         " 'http://c.test': {to: 3, timeouts: {answer: 7s}}}",
         "timeouts: {answer: 20s}\nroutes: {'http://a.test': 1, 'http://b.test': {to: 2, timeouts: {answer: "
         "10s}},"
         " 'http://c.test': {to: 3, timeouts: {answer: 8s}}}",
         "~ route http://c.test: timeouts.answer 7s -> 8s\n"
         "~ setting timeouts.answer: 10s -> 20s\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

Test(changes, of_listeners_are_addresses)
{
    static const struct change_case CASES[] = {
        {"another port", "routes: {'http://a.test:81': 1}", "routes: {'http://a.test:82': 1}",
         "+ route http://a.test:82 -> 127.0.0.1:1\n"
         "- route http://a.test:81 -> 127.0.0.1:1\n"
         "+ listener 0.0.0.0:82\n"
         "+ listener [::]:82\n"
         "- listener 0.0.0.0:81\n"
         "- listener [::]:81\n"},
        {"narrowed", A, A "listen: {80: 127.0.0.1}",
         "+ listener 127.0.0.1:80\n"
         "- listener 0.0.0.0:80\n"
         "- listener [::]:80\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

#define P "routes: {'http://a.test': '@p'}\nbackends: "

Test(changes, of_pools_name_targets_and_settings)
{
    static const struct change_case CASES[] = {
        {"targets", P "{p: [1, 2, 3]}", P "{p: [1, {address: 3, weight: 2}, 4]}",
         "~ pool @p: +127.0.0.1:4; -127.0.0.1:2; 127.0.0.1:3 -> 127.0.0.1:3 (weight 2)\n"},
        {"many targets", P "{p: 1}", P "{p: [1, 2, 3, 4, 5, 6, 7]}",
         "~ pool @p: +127.0.0.1:2; +127.0.0.1:3; +127.0.0.1:4; +127.0.0.1:5; +2 more\n"},
        {"their order", P "{p: [1, 2]}", P "{p: [2, 1]}", "~ pool @p: the targets stand in another order\n"},
        {"one twice", P "{p: [1, 2]}", P "{p: [1, 2, 2]}",
         "~ pool @p: a target stands there more often, or less\n"},
        {"settings", P "{p: {to: 1, balance: least_connections}}",
         P "{p: {to: 1, balance: {hash: {header: X}}, outlier: {resets: 3}, source: 127.0.0.1}}",
         "~ pool @p: balance least_connections -> hash:header:X; source none -> 127.0.0.1; outlier.resets "
         "none -> 3\n"},
        {"a pool for another", P "{p: 1}", "routes: {'http://a.test': '@q'}\nbackends: {q: [1, 2]}",
         "~ route http://a.test: to @p -> @q\n"
         "+ pool @q -> 127.0.0.1:1, 127.0.0.1:2\n"
         "- pool @p -> 127.0.0.1:1\n"},
        {"many of a route", "routes: {'http://a.test': [1, 2, 3]}", "routes: {'http://a.test': [1, 2, 4]}",
         "~ route http://a.test: +127.0.0.1:4; -127.0.0.1:3\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

Test(changes, of_settings_say_what_waits_for_the_next_start)
{
    static const struct change_case CASES[] = {
        {"all kinds", A "user: root\n",
         A "timeouts: {head: 1s, idle: none}\n"
           "limits: {head: 64KiB, connections: 5}\n"
           "trusted_proxies: [10.0.0.0/8, '::1']\n"
           "resolvers: [10.0.0.2, '[::1]:5353']\n"
           "log: {level: debug, access: {to: off, format: json}}\n"
           "watch: true\n"
           "http2: off\n"
           "workers: 4\n",
         "~ setting timeouts.head: 15s -> 1s\n"
         "~ setting timeouts.idle: 75s -> none\n"
         "~ setting limits.head: 32KiB -> 64KiB\n"
         "~ setting limits.connections: auto -> 5\n"
         "~ setting trusted_proxies: none -> 10.0.0.0/8, ::1/128\n"
         "~ setting resolvers: none -> 10.0.0.2:53, [::1]:5353\n"
         "~ setting http2: on -> off; for new connections\n"
         "~ setting watch: off -> on\n"
         "~ setting log.level: info -> debug\n"
         "~ setting log.access.to: stdout -> off\n"
         "~ setting log.access.format: combined -> json\n"
         "~ setting workers: auto -> 4; at the next start\n"
         "~ setting user: root -> none; at the next start\n"},
    };

    expect_all(CASES, ARRAY_LEN(CASES));
}

/* ---- whom they affect ---- */

#define TWO_ROUTES "routes: {'http://a.test': [1, 2], 'tcp://:5433': 1}\n"

static void expect_affected(const char *name, const char *old, const char *new, const char *expected)
{
    struct compiled before = compile_good(old), after = compile_good(new);
    struct slice one = before.snapshot->pools[0].targets[0].identity,
                 two = before.snapshot->pools[0].targets[1].identity;
    struct place_count places[] = {
        {SLICE("http://a.test/"), before.snapshot->pools[0].key, one, {3, 0}},
        {SLICE("http://a.test/"), before.snapshot->pools[0].key, two, {1, 2}},
        {SLICE("tcp://:5433"), SLICE("tcp://:5433"), one, {0, 1}},
        {SLICE("tcp://:1"), SLICE("tcp://:1"), two, {0, 9}}, /* gone since an earlier reload */
    };
    struct port_count ports[] = {{80, 7}, {5433, 0}};
    const struct worker_count count = {
        .places = places, .places_count = ARRAY_LEN(places), .ports = ports, .ports_count = ARRAY_LEN(ports)};
    struct text lines = {0};

    changes_describe(before.snapshot, after.snapshot, &count, &lines);
    cr_expect_str_eq(lines.data, expected, "%s:\n%s", name, lines.data);
    text_fini(&lines);
    compiled_fini(&before);
    compiled_fini(&after);
}

Test(changes, say_what_becomes_of_what_is_under_way)
{
    expect_affected("nothing", TWO_ROUTES, TWO_ROUTES, "nothing changes\n");
    expect_affected(
        "a route goes, its servers stay", TWO_ROUTES, "routes: {'tcp://:5433': [1, 2]}",
        "- route http://a.test -> 127.0.0.1:1, 127.0.0.1:2; 4 requests have 30s to end, 2 tunnels "
        "5m\n~ route tcp://:5433: to 127.0.0.1:1 -> 127.0.0.1:1, 127.0.0.1:2\n"
        "- listener 0.0.0.0:80; 7 connections end after the answer under way\n"
        "- listener [::]:80\n");
    expect_affected(
        "a server goes", TWO_ROUTES, "routes: {'http://a.test': 1, 'tcp://:5433': 1}",
        "~ route http://a.test: to 127.0.0.1:1, 127.0.0.1:2 -> 127.0.0.1:1; 1 request at what goes "
        "has 30s to end, 2 tunnels 5m\n");
    expect_affected("another route keeps the server", TWO_ROUTES,
                    "routes: {'http://a.test': 1, 'tcp://:5433': [1, 2]}",
                    "~ route http://a.test: to 127.0.0.1:1, 127.0.0.1:2 -> 127.0.0.1:1\n"
                    "~ route tcp://:5433: to 127.0.0.1:1 -> 127.0.0.1:1, 127.0.0.1:2\n");
    expect_affected(
        "the limits are those of before", "timeouts: {drain: none, drain_tunnels: 90s}\n" TWO_ROUTES,
        "timeouts: {drain: none, drain_tunnels: 90s}\nroutes: {'tcp://:5433': [1, 2]}",
        "- route http://a.test -> 127.0.0.1:1, 127.0.0.1:2; 4 requests may go on, 2 tunnels have 90s "
        "to end\n~ route tcp://:5433: to 127.0.0.1:1 -> 127.0.0.1:1, 127.0.0.1:2\n"
        "- listener 0.0.0.0:80; 7 connections end after the answer under way\n"
        "- listener [::]:80\n");
}

Test(changes, of_a_pool_say_it_at_the_pool)
{
    static const char BEFORE[] = "routes: {'http://a.test': '@p'}\nbackends: {p: [1, 2]}\n";

    expect_affected("a server goes", BEFORE, "routes: {'http://a.test': '@p'}\nbackends: {p: 1}\n",
                    "~ pool @p: -127.0.0.1:2; 1 request at what goes has 30s to end, 2 tunnels 5m\n");
    expect_affected(
        "the pool goes", BEFORE, "routes: {'http://a.test': 9}\n",
        "~ route http://a.test: to @p -> 127.0.0.1:9\n"
        "- pool @p -> 127.0.0.1:1, 127.0.0.1:2; 4 requests at what goes have 30s to end, 2 tunnels "
        "5m\n");
}

/* ---- certificates ---- */

static const char *date_in(int days)
{
    static char dates[4][16];
    static unsigned turn;
    time_t then = time(NULL) + (time_t)days * 24 * 3600;
    char *out = dates[turn++ % 4];

    strftime(out, sizeof(dates[0]), "%Y-%m-%d", gmtime(&then));
    return out;
}

static struct compiled compile_in(const char *directory, const char *rest)
{
    struct text yaml = {0};
    struct compiled compiled;

    text_printf(
        &yaml, "routes: {'https://a.example': 1}\nredirect_http: off\nlocal_ca: off\ncertificates: [%s/]\n%s",
        directory, rest);
    compiled = compile_text_of(yaml.data);
    cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
    text_fini(&yaml);
    return compiled;
}

static void expect_certificates(const struct compiled *before, const struct compiled *after,
                                const char *expected)
{
    struct text lines = {0};

    changes_describe(before->snapshot, after->snapshot, NULL, &lines);
    cr_expect_str_eq(lines.data, expected, "%s", lines.data);
    text_fini(&lines);
}

static void write_pair(const char *directory, const char *name, const char *san, int days)
{
    pki_write_pair(directory, name, &(struct pki_spec){.san = san, .from_days = -1, .to_days = days});
}

Test(changes, of_certificates_are_seen_in_the_files)
{
    char *directory = pki_directory();
    struct compiled before, after;
    struct text expected = {0};

    write_pair(directory, "a", "DNS:a.example", 30);
    write_pair(directory, "old", "DNS:old.example", 40);
    write_pair(directory, "stays", "DNS:s.example", 60);
    before = compile_in(directory, "");
    remove(pki_path(directory, "old.crt"));
    remove(pki_path(directory, "old.key"));
    write_pair(directory, "a", "DNS:a.example,DNS:*.a.example", 90);
    write_pair(directory, "new", "DNS:1.example,DNS:2.example,DNS:3.example,DNS:4.example,DNS:5.example", 50);
    after = compile_in(directory, "");

    text_printf(
        &expected,
        "+ certificate %s/new.crt for 1.example, 2.example, 3.example, 4.example and 1 more, ends %s\n"
        "- certificate %s/old.crt for old.example, ends %s\n"
        "~ certificate %s/a.crt: renewed; names a.example -> a.example, *.a.example; ends %s -> %s\n",
        directory, date_in(50), directory, date_in(40), directory, date_in(30), date_in(90));
    expect_certificates(&before, &after, expected.data);
    expect_certificates(&after, &after, "nothing changes\n");
    text_fini(&expected);
    compiled_fini(&before);
    compiled_fini(&after);
    pki_directory_remove(directory);
}

Test(changes, of_the_default_certificate_are_others_than_those_of_its_names)
{
    char *directory = pki_directory();
    struct compiled before, after;
    struct text expected = {0}, rest = {0};

    write_pair(directory, "a", "DNS:a.example", 30);
    before = compile_in(directory, "");
    text_printf(&rest, "default_certificate: {cert: %s/a.crt, key: %s/a.key}\n", directory, directory);
    after = compile_in(directory, rest.data);
    text_printf(&expected, "+ certificate %s/a.crt (default) for a.example, ends %s\n", directory,
                date_in(30));
    expect_certificates(&before, &after, expected.data);
    text_fini(&expected);
    text_fini(&rest);
    compiled_fini(&before);
    compiled_fini(&after);
    pki_directory_remove(directory);
}

static struct compiled compile_local(const char *directory, const char *host)
{
    struct text yaml = {0};
    struct compiled compiled;

    text_printf(&yaml, "state: %s\nredirect_http: off\nroutes: {'https://%s': 1}\n", directory, host);
    compiled = compile_text_of(yaml.data);
    cr_assert_not_null(compiled.snapshot, "%s", compiled.said.data);
    text_fini(&yaml);
    return compiled;
}

Test(changes, of_the_local_ca_are_one_line)
{
    char *state = pki_directory();
    struct compiled before = compile_local(state, "a.example"), after = compile_local(state, "a.localhost");

    expect_certificates(&before, &after,
                        "+ route https://a.localhost -> 127.0.0.1:1\n"
                        "- route https://a.example -> 127.0.0.1:1\n"
                        "+ certificate of the local CA\n");
    compiled_fini(&before);
    compiled_fini(&after);
    pki_directory_remove(state);
}

/* ---- many ---- */

static struct compiled compile_many(int count, int port)
{
    struct text yaml = {0};
    struct compiled compiled;

    text_add_literal(&yaml, "routes:\n");
    for (int i = 0; i < count; i++)
        text_printf(&yaml, "  http://h%d.test: {to: %d, hold: 1s}\n", i, i % 2 ? 9 : port);
    compiled = compile_good(yaml.data);
    text_fini(&yaml);
    return compiled;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(changes, of_a_hundred_thousand_routes_take_a_fraction_of_a_second, .timeout = 60)
{
    enum { MANY = 100000 };
    struct compiled before = compile_many(MANY, 1), after = compile_many(MANY, 2);
    struct text lines = {0};
    size_t count = 0;
    double start = seconds(), took;

    changes_describe(before.snapshot, after.snapshot, NULL, &lines);
    took = seconds() - start;
    for (size_t i = 0; i < lines.len; i++)
        count += lines.data[i] == '\n';
    cr_expect_eq(count, MANY / 2);
    /* A third of a second, and three times that with sanitizers; the square of so many would be a minute. */
    cr_expect_lt(took, 5.0, "%.3f s", took);
    text_fini(&lines);
    compiled_fini(&before);
    compiled_fini(&after);
}
