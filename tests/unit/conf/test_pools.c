/* Pools: what good ones become, and what is said about bad ones, word for word. */
#include "base/macro.h"
#include "loaded.h"

static const struct conf_pool *pool_of(const struct loaded *loaded, const char *name)
{
    size_t i = 0;

    while (i < loaded->conf->backends_count &&
           !slice_eq(loaded->conf->backends[i].name.text, slice_str(name)))
        i++;
    cr_assert_lt(i, loaded->conf->backends_count, "%s", name);
    return &loaded->conf->backends[i].pool;
}

static void expect_defaults(const struct conf_pool *pool)
{
    cr_expect_eq(pool->balance.kind, CONF_ROUND_ROBIN);
    cr_expect_null(pool->sticky.text.data);
    cr_expect_eq(pool->health.kind, CONF_HEALTH_OFF);
    cr_expect_eq(pool->health.interval, 5000);
    cr_expect_eq(pool->health.timeout, 2000);
    cr_expect_eq(pool->health.rise, 2);
    cr_expect_eq(pool->health.fall, 3);
    cr_expect_eq(pool->health.status.min, 200);
    cr_expect_eq(pool->health.status.max, 399);
    cr_expect_eq(pool->outlier.kind, CONF_OUTLIER_ON);
    cr_expect_eq(pool->outlier.connect_failures, 3);
    cr_expect_eq(pool->outlier.resets, SETTING_NONE);
    cr_expect_eq(pool->outlier.errors, SETTING_NONE);
    cr_expect_eq(pool->outlier.eject, 10000);
    cr_expect_eq(pool->outlier.eject_max, 300000);
    cr_expect_eq(pool->slow_start, SETTING_NONE);
    cr_expect_eq(pool->hold, SETTING_NONE);
    cr_expect_eq(pool->max_connections, SETTING_NONE);
    cr_expect_eq(pool->queue, 5000);
    cr_expect_eq(pool->retry.tries, 2);
    cr_expect_not(pool->retry.resets);
    cr_expect_eq(pool->retry.budget, 20);
    cr_expect_eq(pool->proxy_protocol, CONF_PROXY_OFF);
    cr_expect(pool->verify);
    cr_expect_null(pool->client_certificate.cert.text.data);
    cr_expect_null(pool->server_name.text.data);
}

Test(pools, short_and_long_forms_begin_with_the_defaults)
{
    struct loaded loaded =
        load_good("backends:\n"
                  "  a: 3000\n"
                  "  b_-2: [10.0.0.1:80, {address: 10.0.0.2:80, weight: 7, backup: true}]\n"
                  "  C: {address: app:80, weight: 1000}\n"
                  "  d: {to: 3000}\n"
                  "routes: {x: 1, y: {to: 2, strip_prefix: true}}\n");
    const struct conf *conf = loaded.conf;

    cr_assert_eq(conf->backends_count, 4);
    for (size_t i = 0; i < conf->backends_count; i++)
        expect_defaults(&conf->backends[i].pool);
    cr_assert_eq(conf->backends[1].to.count, 2);
    cr_expect_eq(conf->backends[1].to.items[0].weight, 1);
    cr_expect_not(conf->backends[1].to.items[0].is_backup);
    cr_expect_eq(conf->backends[1].to.items[1].weight, 7);
    cr_expect(conf->backends[1].to.items[1].is_backup);
    EXPECT_TEXT(conf->backends[2].to.items[0].address, "app:80");
    cr_expect_eq(conf->backends[2].to.items[0].weight, 1000);
    cr_expect_eq(conf->backends[3].mark.line, 5);
    expect_defaults(conf->routes[0].pool);
    cr_expect_eq(conf->routes[0].pool, conf->routes[1].pool, "routes without keys of a pool share one");
    cr_expect_eq(conf->resolvers.count, 0);
    loaded_fini(&loaded);
}

Test(pools, every_key_is_read)
{
    struct loaded loaded = load_good("backends:\n"
                                     "  shop:\n"
                                     "    to: [1, 2]\n"
                                     "    balance: two_choices\n"
                                     "    sticky: {cookie: c}\n"
                                     "    health: {path: /up, host: a.test, status: 200-204, interval: 1m,\n"
                                     "             timeout: 1s, rise: 1, fall: 9}\n"
                                     "    outlier: {connect_failures: none, resets: 4, errors: 5, eject: 1s, "
                                     "eject_max: 1h}\n"
                                     "    slow_start: 30s\n"
                                     "    hold: 10m\n"
                                     "    max_connections: 1000000\n"
                                     "    queue: 0s\n"
                                     "    retry: {tries: 0, resets: true, budget: 100}\n"
                                     "    proxy_protocol: v1\n"
                                     "    ca: ca.pem\n"
                                     "    client_certificate: {cert: c.pem, key: c.key}\n"
                                     "    server_name: b.test\n"
                                     "routes: {a: \"@shop\"}\n");
    const struct conf_pool *pool = pool_of(&loaded, "shop");

    cr_expect_eq(pool->balance.kind, CONF_TWO_CHOICES);
    cr_expect_eq(pool->balance.mark.line, 4);
    EXPECT_TEXT(pool->sticky, "c");
    cr_expect_eq(pool->health.kind, CONF_HEALTH_MAP);
    EXPECT_TEXT(pool->health.path, "/up");
    EXPECT_TEXT(pool->health.host, "a.test");
    cr_expect_eq(pool->health.status.min, 200);
    cr_expect_eq(pool->health.status.max, 204);
    cr_expect_eq(pool->health.interval, 60000);
    cr_expect_eq(pool->health.timeout, 1000);
    cr_expect_eq(pool->health.rise, 1);
    cr_expect_eq(pool->health.fall, 9);
    cr_expect_eq(pool->outlier.kind, CONF_OUTLIER_MAP);
    cr_expect_eq(pool->outlier.connect_failures, SETTING_NONE);
    cr_expect_eq(pool->outlier.resets, 4);
    cr_expect_eq(pool->outlier.errors, 5);
    cr_expect_eq(pool->outlier.eject, 1000);
    cr_expect_eq(pool->outlier.eject_max, 3600000);
    cr_expect_eq(pool->slow_start, 30000);
    cr_expect_eq(pool->hold, 600000);
    cr_expect_eq(pool->max_connections, 1000000);
    cr_expect_eq(pool->queue, 0);
    cr_expect_eq(pool->retry.tries, 0);
    cr_expect(pool->retry.resets);
    cr_expect_eq(pool->retry.budget, 100);
    cr_expect_eq(pool->proxy_protocol, CONF_PROXY_V1);
    EXPECT_TEXT(pool->ca, "ca.pem");
    EXPECT_TEXT(pool->client_certificate.key, "c.key");
    EXPECT_TEXT(pool->server_name, "b.test");
    loaded_fini(&loaded);
}

Test(pools, where_a_word_is_enough_it_works)
{
    struct loaded loaded = load_good(
        "backends:\n"
        "  words: {to: 1, sticky: c, health: connect, outlier: off, retry: 16, proxy_protocol: v2}\n"
        "  more: {to: 1, health: /up, outlier: on, balance: {hash: client}}\n"
        "  maps: {to: 1, health: {}, outlier: {}, balance: {hash: {cookie: c}}, retry: {}}\n"
        "  rest: {to: 1, health: {interval: 9s}, balance: {hash: path}}\n"
        "  last: {to: 1, health: {path: /, status: 404}, balance: {hash: {header: X-A}}}\n"
        "  off: {to: 1, health: off}\n"
        "  grpc: {to: 1, health: {grpc: a.B, host: a.test}}\n"
        "  whole: {to: 1, health: {grpc: ''}}\n");
    const struct conf_pool *words = pool_of(&loaded, "words"), *more = pool_of(&loaded, "more");
    const struct conf_pool *maps = pool_of(&loaded, "maps"), *rest = pool_of(&loaded, "rest");

    EXPECT_TEXT(words->sticky, "c");
    cr_expect_eq(words->health.kind, CONF_HEALTH_CONNECT);
    cr_expect_eq(words->outlier.kind, CONF_OUTLIER_OFF);
    cr_expect_eq(words->retry.tries, 16);
    cr_expect_eq(words->proxy_protocol, CONF_PROXY_V2);
    cr_expect_eq(more->health.kind, CONF_HEALTH_MAP);
    EXPECT_TEXT(more->health.path, "/up");
    cr_expect_eq(more->outlier.kind, CONF_OUTLIER_ON);
    cr_expect_eq(more->balance.kind, CONF_HASH);
    cr_expect_eq(more->balance.hash.by, CONF_BY_CLIENT);
    cr_expect_eq(maps->health.kind, CONF_HEALTH_MAP);
    cr_expect_null(maps->health.path.text.data);
    cr_expect_eq(maps->outlier.connect_failures, 3);
    cr_expect_eq(maps->balance.hash.by, CONF_BY_NAME);
    EXPECT_TEXT(maps->balance.hash.cookie, "c");
    cr_expect_eq(maps->retry.tries, 2);
    cr_expect_eq(rest->health.interval, 9000);
    cr_expect_eq(rest->balance.hash.by, CONF_BY_PATH);
    EXPECT_TEXT(pool_of(&loaded, "last")->balance.hash.header, "X-A");
    cr_expect_eq(pool_of(&loaded, "off")->health.kind, CONF_HEALTH_OFF);
    cr_expect_null(pool_of(&loaded, "more")->health.grpc.text.data);
    EXPECT_TEXT(pool_of(&loaded, "grpc")->health.grpc, "a.B");
    EXPECT_TEXT(pool_of(&loaded, "grpc")->health.host, "a.test");
    cr_expect_not_null(pool_of(&loaded, "whole")->health.grpc.text.data);
    cr_expect_eq(pool_of(&loaded, "whole")->health.grpc.text.len, 0);
    loaded_fini(&loaded);
}

Test(pools, routes_may_have_the_same_keys)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  a: {to: [1, 2], balance: least_connections, health: /up, hold: 5s}\n"
                                     "  b:\n"
                                     "    - {when: {methods: GET}, to: \"@shop\", timeouts: {answer: 1s}}\n"
                                     "    - {to: 3, retry: 0}\n"
                                     "  c: {respond: 404}\n"
                                     "backends: {shop: 1}\n");
    const struct conf_route *routes = loaded.conf->routes;

    cr_assert_eq(loaded.conf->routes_count, 4);
    cr_expect_eq(routes[0].pool->balance.kind, CONF_LEAST_CONNECTIONS);
    EXPECT_TEXT(routes[0].pool->health.path, "/up");
    cr_expect_eq(routes[0].pool->hold, 5000);
    cr_expect_eq(routes[1].pool, &loaded.conf->pool);
    cr_expect_eq(routes[1].options->timeouts.answer, 1000, "what is the route's stays with it");
    cr_expect_eq(routes[2].pool->retry.tries, 0);
    expect_defaults(&loaded.conf->pool);
    loaded_fini(&loaded);
}

Test(pools, name_servers_are_addresses_with_or_without_a_port)
{
    struct loaded loaded =
        load_good("resolvers: [127.0.0.1:5353, \"[::1]:54\", 10.0.0.2, \"::2\", \"[::3]\"]\n");
    const struct conf_servers *servers = &loaded.conf->resolvers;
    static const uint16_t PORTS[] = {5353, 54, 53, 53, 53};

    cr_assert_eq(servers->count, ARRAY_LEN(PORTS));
    for (size_t i = 0; i < ARRAY_LEN(PORTS); i++) {
        cr_expect_eq(servers->items[i].port, PORTS[i], "%zu", i);
        cr_expect_eq(servers->items[i].ip.family, i == 0 || i == 2 ? 4 : 6, "%zu", i);
    }
    cr_expect_eq(servers->items[3].ip.bytes[15], 2);
    loaded_fini(&loaded);
    loaded = load_good("resolvers: 10.0.0.2:53\n");
    cr_expect_eq(loaded.conf->resolvers.count, 1);
    loaded_fini(&loaded);
}

/* One mistake each, all of it on one line. */
struct wrong {
    const char *yaml;
    int column;
    const char *says, *hint; /* NULL: none */
};

static void expect_wrong(const char *before, const struct wrong *wrong, const char *behind)
{
    struct text yaml = {0}, says = {0};
    struct loaded loaded;

    text_printf(&yaml, "%s%s%s\n", before, wrong->yaml, behind);
    text_printf(&says, "t.yaml:1:%d: error: %s\n", wrong->column, wrong->says);
    loaded = load(yaml.data);
    cr_expect_eq(loaded.diagnostics.errors, 1, "%s: %s", wrong->yaml, loaded.said.data);
    cr_expect(strstr(loaded.said.data, says.data), "%s: %s", wrong->yaml, loaded.said.data);
    text_clear(&says);
    text_printf(&says, "^ %s\n", wrong->hint ? wrong->hint : "");
    cr_expect_eq(strstr(loaded.said.data, says.data) != NULL, wrong->hint != NULL, "%s: %s", wrong->yaml,
                 loaded.said.data);
    text_fini(&says);
    text_fini(&yaml);
    loaded_fini(&loaded);
}

static const struct wrong WRONG_KEYS[] = {
    {"balance: leest_connections", 32,
     "\"balance\" must be round_robin, least_connections, two_choices or a map with hash, not "
     "\"leest_connections\"",
     "did you mean \"least_connections\"?"},
    {"balance: client", 32,
     "\"balance\" must be round_robin, least_connections, two_choices or a map with hash, not \"client\"",
     "did you mean {hash: client}?"},
    {"balance: [round_robin]", 32,
     "\"balance\" must be round_robin, least_connections, two_choices or a map with hash, not a list", NULL},
    {"balance:", 23,
     "\"balance\" has no value: it must be round_robin, least_connections, two_choices or a map with hash",
     NULL},
    {"balance: {}", 32, "\"hash\" is missing in balance of pool a", NULL},
    {"balance: {hash: {}}", 33, "\"hash\" needs one of header and cookie", NULL},
    {"balance: {hash: {header: A, cookie: b}}", 33, "\"hash\" needs one of header and cookie, not both",
     NULL},
    {"balance: {hash: {header: \"a b\"}}", 48,
     "\"header\" must be a name without blanks and separators, not \"a b\"", NULL},
    {"balance: {hash: pth}", 39, "\"hash\" must be client, path or a map with header or cookie, not \"pth\"",
     "did you mean \"path\"?"},
    {"sticky: {}", 31, "\"cookie\" is missing in sticky of pool a", NULL},
    {"sticky: \"a;b\"", 31, "\"cookie\" must be a name without blanks and separators, not \"a;b\"", NULL},
    {"health: conect", 31,
     "\"health\" must be off, connect, a path that begins with / or a map, not \"conect\"",
     "did you mean \"connect\"?"},
    {"health: up", 31, "\"health\" must be off, connect, a path that begins with / or a map, not \"up\"",
     NULL},
    {"health: \"/up#x\"", 31, "\"path\" must be a path that begins with /, not \"/up#x\"", NULL},
    {"health: {path: /up, timeout: 6s}", 43, "\"timeout\" (6s) is longer than \"interval\" (5s)", NULL},
    {"health: {interval: 1s, timeout: 3s}", 46, "\"timeout\" (3s) is longer than \"interval\" (1s)", NULL},
    {"health: {status: 200}", 32, "\"status\" has no effect without \"path\"", NULL},
    {"health: {host: a.test}", 32, "\"host\" has no effect without \"path\" or \"grpc\"", NULL},
    {"health: {grpc: a, status: 200}", 41, "\"status\" has no effect without \"path\"", NULL},
    {"health: {path: /, grpc: a}", 41, "\"health\" asks for one of path and grpc, not both", NULL},
    {"health: {path: /, status: 399-200}", 49,
     "\"status\" must be a status such as 200, or a range such as 200-399, not \"399-200\"", NULL},
    {"health: {path: /, status: 100-200}", 49, "\"status\" must be between 200 and 599, not 100-200", NULL},
    {"health: {path: /, status: ok}", 49,
     "\"status\" must be a status such as 200, or a range such as 200-399, not \"ok\"", NULL},
    {"health: {path: /, rise: 0}", 47, "\"rise\" must be between 1 and 100, not 0", NULL},
    {"health: {path: /, intervall: 5s}", 41, "unknown key \"intervall\" in health of pool a",
     "did you mean \"interval\"?"},
    {"outlier: no", 32, "\"outlier\" must be off, on or a map, not \"no\"", "did you mean \"off\"?"},
    {"outlier: false", 32, "\"outlier\" must be off, on or a map, not \"false\"", "did you mean \"off\"?"},
    {"outlier: {resets: 0}", 41, "\"resets\" must be between 1 and 1000, not 0", "or \"none\""},
    {"outlier: {eject: 6m}", 33, "\"eject\" (6m) is longer than \"eject_max\" (5m)", NULL},
    {"outlier: {eject_max: 5s}", 33, "\"eject\" (10s) is longer than \"eject_max\" (5s)", NULL},
    {"outlier: {eject: 2m, eject_max: 1m}", 33, "\"eject\" (2m) is longer than \"eject_max\" (1m)", NULL},
    {"outlier: {erors: 5}", 33, "unknown key \"erors\" in outlier of pool a", "did you mean \"errors\"?"},
    {"slow_start: 30", 35,
     "\"slow_start\" must be a duration such as 500ms, 15s, 5m or 1h, or none, not \"30\"",
     "did you mean \"30s\"?"},
    {"hold: 11m", 29, "\"hold\" must be between 100ms and 10m, not 11m", "or \"none\""},
    {"max_connections: 0", 40, "\"max_connections\" must be between 1 and 1000000, not 0", "or \"none\""},
    {"max_connections: 1000001", 40, "\"max_connections\" must be between 1 and 1000000, not 1000001",
     "or \"none\""},
    {"queue: 1s", 23, "\"queue\" has no effect without \"max_connections\"", NULL},
    {"retry: 17", 30, "\"tries\" must be between 0 and 16, not 17", NULL},
    {"retry: {budget: 101}", 39, "\"budget\" must be between 0 and 100, not 101", NULL},
    {"retry: {trys: 1}", 31, "unknown key \"trys\" in retry of pool a", NULL},
    {"retry: {resets: yes}", 39, "\"resets\" must be true or false, not \"yes\"", "did you mean \"true\"?"},
    {"proxy_protocol: v3", 39, "\"proxy_protocol\" must be off, v1 or v2, not \"v3\"",
     "did you mean \"v1\"?"},
    {"ca: x, verify: off", 23, "\"ca\" has no effect with \"verify: off\"", NULL},
    {"client_certificate: x.pem", 43, "\"client_certificate\" must be a map, not a text", NULL},
    {"client_certificate: {cert: x.pem}", 43, "\"key\" is missing in client_certificate of pool a", NULL},
    {"server_name: \"\"", 36, "\"server_name\" must be a name, not \"\"", NULL},
    {"healt: /up", 23, "unknown key \"healt\" in pool a", "did you mean \"health\"?"},
    {"when: {methods: GET}", 23, "unknown key \"when\" in pool a", NULL},
    {"timeouts: {answer: 5s}", 23, "unknown key \"timeouts\" in pool a", NULL},
};

Test(pools, mistakes_in_a_pool_are_told_with_place_and_suggestion)
{
    for (size_t i = 0; i < ARRAY_LEN(WRONG_KEYS); i++)
        expect_wrong("backends: {a: {to: 1, ", &WRONG_KEYS[i], "}}");
}

static const struct wrong WRONG_FILES[] = {
    {"backends: 1", 11, "\"backends\" must be a map of names and pools, not a text", NULL},
    {"backends: {\"a b\": 1}", 12, "a pool's name has letters, digits, - and _ only, not \"a b\"", NULL},
    {"backends: {\"\": 1}", 12, "a pool's name has letters, digits, - and _ only, not \"\"", NULL},
    {"backends: {a.b: 1}", 12, "a pool's name has letters, digits, - and _ only, not \"a.b\"", NULL},
    {"backends: {a: }", 12, "pool a has no targets: write one such as 3000 behind it", NULL},
    {"backends: {a: []}", 15, "\"to\" is an empty list", NULL},
    {"backends: {a: {balance: round_robin}}", 15, "\"to\" is missing in pool a", NULL},
    {"backends: {a: {to: [{address: 1, weight: 0}]}}", 42, "\"weight\" must be between 1 and 1000, not 0",
     NULL},
    {"backends: {a: {to: [{address: 1, weight: 1001}]}}", 42,
     "\"weight\" must be between 1 and 1000, not 1001", NULL},
    {"backends: {a: {to: [{address: 1, backup: yes}]}}", 42, "\"backup\" must be true or false, not \"yes\"",
     "did you mean \"true\"?"},
    {"backends: {a: {to: [{address: 1, backup: true}, {address: 2, backup: true}]}}", 20,
     "every target is a backup: one at least must not be", NULL},
    {"routes: {a: {to: \"@shop\", health: /up}}", 27,
     "\"health\" belongs to the pool: write it into shop of \"backends\"", NULL},
    {"routes: {a: {respond: 404, hold: 5s}}", 28,
     "\"hold\" has no effect here: \"respond\" sends nothing to a backend", NULL},
    {"routes: {a: {to: 1, queue: 5s}}", 21, "\"queue\" has no effect without \"max_connections\"", NULL},
    {"routes: {a: {to: 1, health: {interval: 1s, timeout: 2s}}}", 44,
     "\"timeout\" (2s) is longer than \"interval\" (1s)", NULL},
    {"resolvers: []", 12, "\"resolvers\" is an empty list", NULL},
    {"resolvers: dns.test", 12,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"dns.test\"",
     NULL},
    {"resolvers: [10.0.0.2:0]", 13,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"10.0.0.2:0\"",
     NULL},
    {"resolvers: [10.0.0.2:65536]", 13,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"10.0.0.2:65536\"",
     NULL},
    {"resolvers: [\"[::1]5\"]", 13,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"[::1]5\"",
     NULL},
    {"resolvers: [\"[::1\"]", 13,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"[::1\"",
     NULL},
    {"resolvers: [\"10.0.0.2:\"]", 13,
     "\"resolvers\" must be an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or "
     "[::1]:53, not \"10.0.0.2:\"",
     NULL},
};

Test(pools, mistakes_around_pools_are_told_with_place_and_suggestion)
{
    for (size_t i = 0; i < ARRAY_LEN(WRONG_FILES); i++)
        expect_wrong("", &WRONG_FILES[i], "");
}
