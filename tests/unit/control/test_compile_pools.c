#include <criterion/criterion.h>

#include "unit/control/compiled.h"

static const struct pool *pool_at(const struct compiled *compiled, size_t route)
{
    return compiled->snapshot->actions[route].pool;
}

static void expect_key(const struct pool *pool, const char *key)
{
    cr_expect_str_eq(pool->key.data, key);
    cr_expect_eq(strlen(key), pool->key.len);
}

Test(compile_pools, of_backends_come_first_and_are_shared)
{
    struct compiled compiled = compile_good("routes:\n"
                                            "  http://a.test: \"@shop\"\n"
                                            "  http://b.test: 1\n"
                                            "  http://c.test: {to: [\"@shop\"], timeouts: {answer: 1s}}\n"
                                            "  http://d.test: \"@blog\"\n"
                                            "backends: {blog: 3, shop: [4, 5]}\n");
    const struct snapshot *snapshot = compiled.snapshot;

    cr_assert_eq(snapshot->pools_count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(snapshot->pools[i].number, i);
    expect_key(&snapshot->pools[0], "@blog");
    expect_key(&snapshot->pools[1], "@shop");
    expect_key(&snapshot->pools[2], "http://b.test");
    cr_expect_eq(pool_at(&compiled, 0), &snapshot->pools[1]);
    cr_expect_eq(pool_at(&compiled, 1), &snapshot->pools[2]);
    cr_expect_eq(pool_at(&compiled, 2), &snapshot->pools[1]);
    cr_expect_eq(pool_at(&compiled, 3), &snapshot->pools[0]);
    cr_expect_eq(snapshot->pools[1].count, 2);
    compiled_fini(&compiled);
}

Test(compile_pools, are_known_by_their_route_and_which_alternative)
{
    struct compiled compiled = compile_good("routes:\n"
                                            "  a.test:\n"
                                            "    - {when: {methods: GET}, to: 1}\n"
                                            "    - {when: {methods: PUT}, respond: 403}\n"
                                            "    - {when: {methods: POST}, to: \"@shop\"}\n"
                                            "    - {to: 2}\n"
                                            "  b.test: 3\n"
                                            "backends: {shop: 4}\n");

    expect_key(pool_at(&compiled, 0), "a.test");
    cr_expect_null(pool_at(&compiled, 1));
    expect_key(pool_at(&compiled, 2), "@shop");
    expect_key(pool_at(&compiled, 3), "a.test #4");
    expect_key(pool_at(&compiled, 4), "b.test");
    compiled_fini(&compiled);
}

Test(compile_pools, settings_arrive)
{
    struct compiled compiled = compile_good(
        "routes:\n"
        "  http://a.test: 1\n"
        "  http://b.test:\n"
        "    to: [1, {address: 2, weight: 7}, {address: 3, backup: true}]\n"
        "    balance: {hash: {cookie: c}}\n"
        "    sticky: s\n"
        "    health: {path: /up, host: x.test, status: 204, interval: 9s, timeout: 3s, rise: 4, fall: 5}\n"
        "    outlier: {connect_failures: none, resets: 6, errors: 7, eject: 1s, eject_max: 2s}\n"
        "    slow_start: 10s\n"
        "    hold: 11s\n"
        "    max_connections: 12\n"
        "    queue: 13s\n"
        "    retry: {tries: 1, resets: true, budget: 14}\n"
        "    proxy_protocol: v2\n");
    const struct pool *plain = pool_at(&compiled, 0), *pool = pool_at(&compiled, 1);

    cr_expect_eq(plain->balance, BALANCE_ROUND_ROBIN);
    cr_expect_eq(plain->sticky.len, 0);
    cr_expect_not(plain->health.is_on);
    cr_expect_eq(plain->outlier.connect_failures, 3);
    cr_expect_eq(plain->outlier.resets + plain->outlier.errors, 0);
    cr_expect_eq(plain->retry.tries, 2);
    cr_expect_eq(plain->retry.budget_percent, 20);
    cr_expect_eq(plain->slow_start_ms + plain->hold_ms + plain->max_connections, 0);
    cr_expect_eq(plain->proxy_protocol, PROXY_PROTOCOL_NONE);
    cr_expect_eq(plain->targets[0].weight, 1);

    cr_expect_eq(pool->targets[1].weight, 7);
    cr_expect(pool->targets[2].is_backup);
    cr_expect_eq(pool->balance, BALANCE_HASH);
    cr_expect_eq(pool->hash_by, HASH_COOKIE);
    cr_expect_str_eq(pool->hash_name.data, "c");
    cr_expect_str_eq(pool->sticky.data, "s");
    cr_expect(pool->health.is_on);
    cr_expect_str_eq(pool->health.path.data, "/up");
    cr_expect_str_eq(pool->health.host.data, "x.test");
    cr_expect_eq(pool->health.status_min, 204);
    cr_expect_eq(pool->health.status_max, 204);
    cr_expect_eq(pool->health.interval_ms, 9000);
    cr_expect_eq(pool->health.timeout_ms, 3000);
    cr_expect_eq(pool->health.rise, 4);
    cr_expect_eq(pool->health.fall, 5);
    cr_expect_eq(pool->outlier.connect_failures, 0);
    cr_expect_eq(pool->outlier.resets, 6);
    cr_expect_eq(pool->outlier.errors, 7);
    cr_expect_eq(pool->outlier.eject_ms, 1000);
    cr_expect_eq(pool->outlier.eject_max_ms, 2000);
    cr_expect_eq(pool->slow_start_ms, 10000);
    cr_expect_eq(pool->hold_ms, 11000);
    cr_expect_eq(pool->max_connections, 12);
    cr_expect_eq(pool->queue_ms, 13000);
    cr_expect_eq(pool->retry.tries, 1);
    cr_expect(pool->retry.resets);
    cr_expect_eq(pool->retry.budget_percent, 14);
    cr_expect_eq(pool->proxy_protocol, PROXY_PROTOCOL_V2);
    compiled_fini(&compiled);
}

Test(compile_pools, words_arrive)
{
    static const struct {
        const char *keys;
        enum balance_kind balance;
        enum hash_by by;
        bool is_checked;
        unsigned connect_failures;
    } cases[] = {
        {"balance: least_connections", BALANCE_LEAST_CONNECTIONS, HASH_CLIENT, false, 3},
        {"balance: two_choices, health: off", BALANCE_TWO_CHOICES, HASH_CLIENT, false, 3},
        {"balance: {hash: client}, health: connect", BALANCE_HASH, HASH_CLIENT, true, 3},
        {"balance: {hash: path}, health: {}", BALANCE_HASH, HASH_PATH, true, 3},
        {"balance: {hash: {header: X-A}}, outlier: off", BALANCE_HASH, HASH_HEADER, false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text yaml = {0};
        struct compiled compiled;

        text_printf(&yaml, "routes: {a.test: {to: [1, 2], %s}}\n", cases[i].keys);
        compiled = compile_good(yaml.data);
        cr_expect_eq(pool_at(&compiled, 0)->balance, cases[i].balance, "%s", cases[i].keys);
        cr_expect_eq(pool_at(&compiled, 0)->hash_by, cases[i].by, "%s", cases[i].keys);
        cr_expect_eq(pool_at(&compiled, 0)->health.is_on, cases[i].is_checked, "%s", cases[i].keys);
        cr_expect_eq(pool_at(&compiled, 0)->health.path.len, 0, "%s", cases[i].keys);
        cr_expect_eq(pool_at(&compiled, 0)->outlier.connect_failures, cases[i].connect_failures, "%s",
                     cases[i].keys);
        compiled_fini(&compiled);
        text_fini(&yaml);
    }
}

Test(compile_pools, raw_is_said_of_those_that_pass_on_bytes)
{
    struct compiled compiled = compile_good("routes:\n"
                                            "  tcp://:5000: \"@db\"\n"
                                            "  ssh://:5000: \"@db\"\n"
                                            "  tls://a.test: 1\n"
                                            "  http://b.test: \"@web\"\n"
                                            "backends:\n"
                                            "  db: {to: [2, 3], health: connect, balance: {hash: client}}\n"
                                            "  web: 4\n");

    cr_expect(pool_at(&compiled, 0)->is_raw);
    cr_expect_eq(pool_at(&compiled, 0), pool_at(&compiled, 1));
    cr_expect(pool_at(&compiled, 2)->is_raw);
    cr_expect_not(pool_at(&compiled, 3)->is_raw);
    compiled_fini(&compiled);
}

Test(compile_pools, name_servers_arrive)
{
    struct compiled compiled =
        compile_good("routes: {a.test: 1}\nresolvers: [127.0.0.1:5353, \"[::1]:54\", 10.0.0.2]\n");
    static const char *const EXPECTED[] = {"127.0.0.1:5353", "[::1]:54", "10.0.0.2:53"};
    char text[ADDRESS_TEXT];

    cr_assert_eq(compiled.snapshot->resolvers_count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_str_eq(address_describe(&compiled.snapshot->resolvers[i], text), EXPECTED[i]);
    compiled_fini(&compiled);
}

Test(compile_pools, what_makes_no_sense_is_told)
{
    static const struct said_case cases[] = {
        {"unknown name",
         "routes:\n"
         "  a.test: \"@shpo\"\n"
         "backends: {shop: 1}\n",
         "t.yaml:2:11: error: there is no pool \"@shpo\" in \"backends\"\n"
         " 2 |   a.test: \"@shpo\"\n"
         "   |           ^^^^^^^ did you mean \"@shop\"?\n"},
        {"unknown name, nothing near",
         "routes:\n"
         "  a.test: \"@other\"\n",
         "t.yaml:2:11: error: there is no pool \"@other\" in \"backends\"\n"
         " 2 |   a.test: \"@other\"\n"
         "   |           ^^^^^^^^\n"},
        {"not the only target",
         "routes:\n"
         "  a.test: [1, \"@shop\"]\n"
         "backends: {shop: 1}\n",
         "t.yaml:2:15: error: a pool must be a route's only target\n"
         " 2 |   a.test: [1, \"@shop\"]\n"
         "   |               ^^^^^^^\n"},
        {"weight of a pool",
         "routes:\n"
         "  a.test: {to: {address: \"@shop\", weight: 2}}\n"
         "backends: {shop: 1}\n",
         "t.yaml:2:26: error: a pool has no weight in a route: its targets have, in \"backends\"\n"
         " 2 |   a.test: {to: {address: \"@shop\", weight: 2}}\n"
         "   |                          ^^^^^^^\n"},
        {"pool in a pool",
         "routes:\n"
         "  a.test: \"@shop\"\n"
         "backends: {shop: [1, \"@blog\"], blog: 2}\n",
         "t.yaml:3:22: error: a pool is made of targets, not of other pools\n"
         " 3 | backends: {shop: [1, \"@blog\"], blog: 2}\n"
         "   |                      ^^^^^^^\n"},
        {"scheme in front of a pool",
         "routes:\n"
         "  a.test: https://@shop\n"
         "backends: {shop: 1}\n",
         "t.yaml:2:11: error: target \"https://@shop\": http:// and its like stand in front of a pool's "
         "targets, not of \"@shop\"\n"
         " 2 |   a.test: https://@shop\n"
         "   |           ^^^^^^^^^^^^^\n"},
        {"raw and HTTP",
         "routes:\n"
         "  tcp://:5000: \"@shop\"\n"
         "  http://a.test: \"@shop\"\n"
         "backends: {shop: 1}\n",
         "t.yaml:3:18: error: tcp://:5000 and http://a.test cannot share a pool: one passes on raw bytes, "
         "the other is HTTP\n"
         " 3 |   http://a.test: \"@shop\"\n"
         "   |                  ^^^^^^^\n"},
        {"http:// target of a raw pool",
         "routes: {\"tcp://:5000\": \"@db\"}\n"
         "backends:\n"
         "  db: HTTP://10.0.0.1\n",
         "t.yaml:3:7: error: a route of raw bytes has no http:// targets\n"
         " 3 |   db: HTTP://10.0.0.1\n"
         "   |       ^^^^^^^^^^^^^^^\n"},
        {"h2c:// target of a raw pool", "routes: {\"tcp://:5000\": [1, \"h2c://10.0.0.1\"]}\n",
         "t.yaml:1:29: error: a route of raw bytes has no h2c:// targets\n"
         " 1 | routes: {\"tcp://:5000\": [1, \"h2c://10.0.0.1\"]}\n"
         "   |                             ^^^^^^^^^^^^^^^^\n"},
        {"PROXY header in front of HTTP/2",
         "routes:\n"
         "  a.test: {to: [1, \"h2c://b.test\"], proxy_protocol: v2}\n",
         "t.yaml:2:20: error: \"proxy_protocol\" names one client, and an HTTP/2 connection to "
         "\"h2c://b.test\" is "
         "shared by the requests of many: leave it out (X-Forwarded-For names the client), or use http:// or "
         "https://\n"
         " 2 |   a.test: {to: [1, \"h2c://b.test\"], proxy_protocol: v2}\n"
         "   |                    ^^^^^^^^^^^^^^\n"},
        {"gRPC of a target that speaks HTTP/1.1",
         "routes:\n"
         "  a.test: {to: [\"h2c://b.test\", 1], health: {grpc: ''}}\n",
         "t.yaml:2:33: error: \"grpc\" of health asks by HTTP/2, and \"1\" is no h2:// or h2c:// target\n"
         " 2 |   a.test: {to: [\"h2c://b.test\", 1], health: {grpc: ''}}\n"
         "   |                                 ^\n"},
        {"hash by path of bytes",
         "routes:\n"
         "  tcp://:5000: {to: [1, 2], balance: {hash: path}}\n",
         "t.yaml:2:29: error: a \"hash\" by path, header or cookie needs HTTP: tcp://:5000 passes on raw "
         "bytes\n"
         " 2 |   tcp://:5000: {to: [1, 2], balance: {hash: path}}\n"
         "   |                             ^^^^^^^\n"},
        {"sticky of bytes",
         "routes:\n"
         "  tcp://:5000: {to: [1, 2], sticky: c}\n",
         "t.yaml:2:37: error: \"sticky\" needs HTTP: tcp://:5000 passes on raw bytes\n"
         " 2 |   tcp://:5000: {to: [1, 2], sticky: c}\n"
         "   |                                     ^\n"},
        {"path of bytes",
         "routes:\n"
         "  tls://a.test: {to: 1, health: /up}\n",
         "t.yaml:2:33: error: a \"path\" of health needs HTTP: tls://a.test passes on raw bytes\n"
         " 2 |   tls://a.test: {to: 1, health: /up}\n"
         "   |                                 ^^^ `health: connect` makes a connection\n"},
        {"path of bytes in a pool",
         "routes: {\"tcp://:5000\": \"@db\"}\n"
         "backends:\n"
         "  db: {to: 1, health: {path: /up}}\n",
         "t.yaml:3:30: error: a \"path\" of health needs HTTP: tcp://:5000 passes on raw bytes\n"
         " 3 |   db: {to: 1, health: {path: /up}}\n"
         "   |                              ^^^ `health: connect` makes a connection\n"},
        {"errors of bytes",
         "routes:\n"
         "  tcp://:5000: {to: 1, outlier: {errors: 5}}\n",
         "t.yaml:2:24: error: \"errors\" of outlier needs HTTP: tcp://:5000 passes on raw bytes\n"
         " 2 |   tcp://:5000: {to: 1, outlier: {errors: 5}}\n"
         "   |                        ^^^^^^^\n"},
        {"resets of bytes",
         "routes:\n"
         "  tcp://:5000: {to: 1, retry: {resets: on}}\n",
         "t.yaml:2:24: error: \"resets\" of retry needs HTTP: tcp://:5000 passes on raw bytes\n"
         " 2 |   tcp://:5000: {to: 1, retry: {resets: on}}\n"
         "   |                        ^^^^^\n"},
        {"host of checks",
         "routes:\n"
         "  a.test: {to: 1, health: {path: /, host: \"a/b\"}}\n",
         "t.yaml:2:43: error: \"a/b\" is no host\n"
         " 2 |   a.test: {to: 1, health: {path: /, host: \"a/b\"}}\n"
         "   |                                           ^^^^^\n"},
        {"server name that is an address",
         "routes:\n"
         "  a.test: {to: \"https://b.test\", server_name: 10.0.0.1}\n",
         "t.yaml:2:47: error: \"server_name\" must be a host's name, not \"10.0.0.1\"\n"
         " 2 |   a.test: {to: \"https://b.test\", server_name: 10.0.0.1}\n"
         "   |                                               ^^^^^^^^\n"},
        {"server name with a port",
         "routes:\n"
         "  a.test: {to: \"https://b.test\", server_name: \"b.test:80\"}\n",
         "t.yaml:2:47: error: \"server_name\" must be a host's name, not \"b.test:80\"\n"
         " 2 |   a.test: {to: \"https://b.test\", server_name: \"b.test:80\"}\n"
         "   |                                               ^^^^^^^^^^^\n"},
        {"client certificate that is not there",
         "routes:\n"
         "  a.test: {to: \"https://b.test\", client_certificate: {cert: /gone.pem, key: /gone.key}}\n",
         "t.yaml:2:61: error: /gone.pem: cannot open: No such file or directory\n"
         " 2 |   a.test: {to: \"https://b.test\", client_certificate: {cert: /gone.pem, key: /gone.key}}\n"
         "   |                                                             ^^^^^^^^^\n"},
        {"socket without a name",
         "routes:\n"
         "  a.test: https://unix:/run/x.sock\n",
         "t.yaml:2:11: error: a socket has no name that a certificate could be for: say it with "
         "\"server_name\", or \"verify: off\"\n"
         " 2 |   a.test: https://unix:/run/x.sock\n"
         "   |           ^^^^^^^^^^^^^^^^^^^^^^^^\n"},
        {"bad target in a pool",
         "routes: {a.test: \"@shop\"}\n"
         "backends:\n"
         "  shop: [80000]\n",
         "t.yaml:3:10: error: target \"80000\": port \"80000\" is none; expected 1 to 65535\n"
         " 3 |   shop: [80000]\n"
         "   |          ^^^^^\n"},
        {"SRV records without labels",
         "routes:\n"
         "  a.test: srv:app\n",
         "t.yaml:2:11: error: target \"srv:app\": names no SRV records; expected srv:_SERVICE._PROTO.NAME, "
         "such as srv:_http._tcp.app\n"
         " 2 |   a.test: srv:app\n"
         "   |           ^^^^^^^\n"},
    };

    expect_errors(cases, ARRAY_LEN(cases));
}

Test(compile_pools, what_has_no_effect_is_warned_of)
{
    static const struct said_case cases[] = {
        {"pool that no route uses",
         "routes: {a.test: 1}\n"
         "backends:\n"
         "  shop: 1\n",
         "t.yaml:3:3: warning: no route uses the pool \"@shop\"\n"
         " 3 |   shop: 1\n"
         "   |   ^^^^\n"},
        {"target twice",
         "routes:\n"
         "  a.test: [1, 2, \"127.0.0.1:1\"]\n",
         "t.yaml:2:18: warning: stands in this pool already: for a larger share give it a weight\n"
         " 2 |   a.test: [1, 2, \"127.0.0.1:1\"]\n"
         "   |                  ^^^^^^^^^^^^^\n"},
        {"ca without TLS",
         "routes:\n"
         "  a.test: {to: 1, ca: /x.pem}\n",
         "t.yaml:2:23: warning: \"ca\" has no effect: none of the targets is https:// or h2://\n"
         " 2 |   a.test: {to: 1, ca: /x.pem}\n"
         "   |                       ^^^^^^\n"},
        {"name without TLS",
         "routes:\n"
         "  a.test: {to: 1, server_name: x.test}\n",
         "t.yaml:2:32: warning: \"server_name\" has no effect: none of the targets is https:// or h2://\n"
         " 2 |   a.test: {to: 1, server_name: x.test}\n"
         "   |                                ^^^^^^\n"},
        {"certificate without TLS",
         "routes:\n"
         "  a.test: {to: 1, client_certificate: {cert: a, key: b}}\n",
         "t.yaml:2:46: warning: \"client_certificate\" has no effect: none of the targets is https:// or "
         "h2://\n"
         " 2 |   a.test: {to: 1, client_certificate: {cert: a, key: b}}\n"
         "   |                                              ^\n"},
        {"verify off in a pool",
         "routes: {a.test: \"@shop\"}\n"
         "backends:\n"
         "  shop: {to: \"https://b.test\", verify: off}\n",
         "t.yaml:3:9: warning: verify is off: whoever answers for these https:// or h2:// targets is "
         "believed\n"
         " 3 |   shop: {to: \"https://b.test\", verify: off}\n"
         "   |         ^\n"},
    };

    expect_warnings(cases, ARRAY_LEN(cases));
}
