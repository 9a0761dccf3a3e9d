/* What good files become. */
#include "base/log.h"
#include "loaded.h"

Test(conf, defaults_are_those_of_the_contract)
{
    struct loaded loaded = load_good("routes: {a: 1}\n");
    const struct conf *conf = loaded.conf;

    cr_expect_eq(conf->timeouts.handshake, 10000);
    cr_expect_eq(conf->timeouts.head, 15000);
    cr_expect_eq(conf->timeouts.stall, 60000);
    cr_expect_eq(conf->timeouts.idle, 75000);
    cr_expect_eq(conf->timeouts.connect, 5000);
    cr_expect_eq(conf->timeouts.answer, 60000);
    cr_expect_eq(conf->timeouts.answer_idle, 300000);
    cr_expect_eq(conf->timeouts.tunnel, 3600000);
    cr_expect_eq(conf->timeouts.sniff, 3000);
    cr_expect_eq(conf->timeouts.drain, 30000);
    cr_expect_eq(conf->timeouts.drain_tunnels, 300000);
    cr_expect_eq(conf->limits.head, 32 * 1024);
    cr_expect_eq(conf->limits.fields, 128);
    cr_expect_eq(conf->limits.target, 8 * 1024);
    cr_expect_eq(conf->limits.body, SETTING_NONE);
    cr_expect_eq(conf->limits.connections, SETTING_NONE);
    cr_expect_eq(conf->limits.requests_per_connection, 10000);
    cr_expect_eq(conf->workers, SETTING_NONE);
    cr_expect_eq(conf->log.level, LOG_INFO);
    EXPECT_TEXT(conf->log.access.to, "stdout");
    cr_expect_eq(conf->log.access.format, ACCESS_COMBINED);
    cr_expect(conf->local_ca);
    cr_expect(conf->redirect_http);
    cr_expect(conf->http2);
    cr_expect_null(conf->user.text.data);
    cr_expect_null(conf->state.text.data);
    cr_expect_null(conf->default_certificate.cert.text.data);
    cr_expect_eq(conf->trusted_proxies.count, 0);
    cr_expect_eq(conf->options.code, 308);
    cr_expect(conf->pool.verify);
    cr_expect(conf->options.access_log);
    cr_expect(conf->options.redirect_http);
    cr_expect_not(conf->options.strip_prefix);
    cr_expect_eq(memcmp(&conf->options.timeouts, &conf->timeouts, sizeof(conf->timeouts)), 0);
    loaded_fini(&loaded);
}

Test(conf, settings_of_the_file_are_read)
{
    struct loaded loaded =
        load_good("routes: ~\n"
                  "certificates: [{cert: a.pem, key: a.key}, certs/]\n"
                  "default_certificate: {cert: d.pem, key: d.key}\n"
                  "local_ca: off\n"
                  "workers: 4\n"
                  "user: www\n"
                  "listen: {443: {bind: [192.0.2.1, \"::1\"]}, 80: 127.0.0.1}\n"
                  "redirect_http: False\n"
                  "http2: off\n"
                  "trusted_proxies: [10.0.0.0/8, ::1]\n"
                  "timeouts: {handshake: 1s, tunnel: none}\n"
                  "limits: {body: 10MiB, connections: 100, requests_per_connection: none}\n"
                  "log: {level: debug, access: {to: /var/log/a, format: json}}\n"
                  "state: /data\n");
    const struct conf *conf = loaded.conf;

    cr_assert_eq(conf->certificates_count, 2);
    EXPECT_TEXT(conf->certificates[0].cert, "a.pem");
    EXPECT_TEXT(conf->certificates[0].key, "a.key");
    EXPECT_TEXT(conf->certificates[1].path, "certs/");
    EXPECT_TEXT(conf->default_certificate.key, "d.key");
    cr_expect_not(conf->local_ca);
    cr_expect_not(conf->http2);
    cr_expect_eq(conf->workers, 4);
    EXPECT_TEXT(conf->user, "www");
    cr_assert_eq(conf->listens_count, 2);
    cr_expect_eq(conf->listens[0].port, 443);
    cr_expect_eq(conf->listens[0].bind.count, 2);
    cr_expect_eq(conf->listens[0].bind.items[1].family, 6);
    cr_expect_eq(conf->listens[1].bind.count, 1);
    cr_expect_not(conf->redirect_http);
    cr_assert_eq(conf->trusted_proxies.count, 2);
    cr_expect_eq(conf->trusted_proxies.items[0].bits, 8);
    cr_expect_eq(conf->timeouts.handshake, 1000);
    cr_expect_eq(conf->timeouts.tunnel, SETTING_NONE);
    cr_expect_eq(conf->limits.body, 10 << 20);
    cr_expect_eq(conf->limits.connections, 100);
    cr_expect_eq(conf->limits.requests_per_connection, SETTING_NONE);
    cr_expect_eq(conf->log.level, LOG_DEBUG);
    EXPECT_TEXT(conf->log.access.to, "/var/log/a");
    cr_expect_eq(conf->log.access.format, ACCESS_JSON);
    EXPECT_TEXT(conf->state, "/data");
    loaded_fini(&loaded);
}

Test(conf, switches_are_true_false_on_and_off)
{
    static const struct {
        const char *word;
        bool value;
    } WORDS[] = {{"true", true},   {"True", true},   {"TRUE", true},   {"on", true},  {"\"on\"", true},
                 {"false", false}, {"False", false}, {"FALSE", false}, {"off", false}};

    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        struct text yaml = {0};
        struct loaded loaded;

        text_printf(&yaml, "local_ca: %s\n", WORDS[i].word);
        loaded = load_good(yaml.data);
        cr_expect_eq(loaded.conf->local_ca, WORDS[i].value, "%s", WORDS[i].word);
        loaded_fini(&loaded);
        text_fini(&yaml);
    }
}

Test(conf, access_log_may_be_one_text)
{
    struct loaded loaded = load_good("log: {access: off}\n");

    EXPECT_TEXT(loaded.conf->log.access.to, "off");
    loaded_fini(&loaded);
}

Test(conf, short_forms_share_their_options)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  a: 3000\n"
                                     "  b: [10.0.0.1:80, {address: 10.0.0.2:80}]\n"
                                     "timeouts: {answer: 9s}\n");
    const struct conf_route *routes = loaded.conf->routes;

    cr_assert_eq(loaded.conf->routes_count, 2);
    cr_expect_eq(routes[0].options, &loaded.conf->options);
    cr_expect_eq(routes[1].options, &loaded.conf->options);
    cr_expect_eq(routes[0].options->timeouts.answer, 9000);
    cr_assert_eq(routes[1].to.count, 2);
    EXPECT_TEXT(routes[1].to.items[1].address, "10.0.0.2:80");
    loaded_fini(&loaded);
}

Test(conf, marks_say_where_things_stand)
{
    struct loaded loaded = load_good("# x\nroutes:\n  http://a.test: \"10.0.0.1:80\"\n");
    const struct conf_route *route = &loaded.conf->routes[0];

    cr_expect_eq(route->key.mark.line, 3);
    cr_expect_eq(route->key.mark.offset, 14);
    cr_expect_eq(route->key.mark.length, 13);
    cr_expect_eq(route->to.items[0].address.mark.offset, 29);
    cr_expect_eq(route->to.items[0].address.mark.length, 13, "with its quotes");
    loaded_fini(&loaded);
}

Test(conf, long_form_is_read)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  https://a.test/x/:\n"
                                     "    to: [https://b.test, 80]\n"
                                     "    strip_prefix: true\n"
                                     "    request_headers:\n"
                                     "      set: {X-A: 1, X-Empty: \"\"}\n"
                                     "      add: {X-B: [b, true]}\n"
                                     "      remove: X-C\n"
                                     "    timeouts: {answer: none}\n"
                                     "    limits: {body: 0B}\n"
                                     "    access_log: off\n"
                                     "    redirect_http: false\n"
                                     "    verify: off\n"
                                     "timeouts: {connect: 1s}\n");
    const struct conf_route *route = &loaded.conf->routes[0];
    const struct conf_options *options = route->options;

    cr_assert_eq(loaded.conf->routes_count, 1);
    cr_expect_eq(options->kind, CONF_PROXY);
    cr_expect_not(options->has_when);
    cr_assert_eq(route->to.count, 2);
    EXPECT_TEXT(route->to.items[1].address, "80");
    cr_expect(options->strip_prefix);
    cr_assert_eq(options->request_headers.set.count, 2);
    EXPECT_TEXT(options->request_headers.set.items[0].value, "1");
    EXPECT_TEXT(options->request_headers.set.items[1].value, "");
    cr_assert_eq(options->request_headers.add.count, 2);
    EXPECT_TEXT(options->request_headers.add.items[1].name, "X-B");
    EXPECT_TEXT(options->request_headers.add.items[1].value, "true");
    cr_assert_eq(options->request_headers.remove.count, 1);
    cr_expect_eq(options->timeouts.answer, SETTING_NONE);
    cr_expect_eq(options->timeouts.connect, 1000, "the file's, though it stands behind the route");
    cr_expect_eq(options->limits.body, 0);
    cr_expect_not(options->access_log);
    cr_expect_not(options->redirect_http);
    cr_expect_not(route->pool->verify);
    cr_expect(loaded.conf->options.access_log, "other routes keep the defaults");
    loaded_fini(&loaded);
}

Test(conf, alternatives_follow_each_other_under_one_key)
{
    struct loaded loaded = load_good("routes:\n"
                                     "  a.test:\n"
                                     "    - when:\n"
                                     "        methods: GET\n"
                                     "        headers: {X-A: 1, X-B: true, X-C: ~, X-D: \"true\"}\n"
                                     "        query: {q: }\n"
                                     "        from: 10.0.0.0/8\n"
                                     "        local: [192.0.2.1]\n"
                                     "      to: 1\n"
                                     "    - {when: {methods: [PUT, PURGE]}, redirect: /x, code: 302}\n"
                                     "    - respond: 404\n");
    const struct conf_route *routes = loaded.conf->routes;
    const struct conf_when *when = &routes[0].options->when;

    cr_assert_eq(loaded.conf->routes_count, 3);
    cr_expect(routes[0].options->has_when);
    cr_expect_eq(when->methods.count, 1);
    cr_assert_eq(when->headers.count, 4);
    EXPECT_TEXT(when->headers.items[0].value, "1");
    cr_expect_null(when->headers.items[1].value.text.data, "presence");
    cr_expect_null(when->headers.items[2].value.text.data, "presence");
    EXPECT_TEXT(when->headers.items[3].value, "true");
    cr_assert_eq(when->query.count, 1);
    cr_expect_null(when->query.items[0].value.text.data);
    cr_expect_eq(when->from.count, 1);
    cr_expect_eq(when->local.count, 1);
    cr_expect_eq(routes[1].options->kind, CONF_REDIRECT);
    EXPECT_TEXT(routes[1].options->redirect, "/x");
    cr_expect_eq(routes[1].options->code, 302);
    cr_expect_eq(routes[2].options->kind, CONF_RESPOND);
    cr_expect_eq(routes[2].options->respond, 404);
    cr_expect_not(routes[2].options->has_when);
    for (size_t i = 0; i < 3; i++)
        EXPECT_TEXT(routes[i].key, "a.test");
    cr_expect_eq(routes[2].mark.line, 11);
    loaded_fini(&loaded);
}

Test(conf, text_in_memory_may_go_after_the_load)
{
    char yaml[] = "routes: {a.test: 80}\nuser: me\n";
    struct loaded loaded = load(yaml);

    memset(yaml, '?', sizeof(yaml));
    EXPECT_TEXT(loaded.conf->routes[0].key, "a.test");
    EXPECT_TEXT(loaded.conf->user, "me");
    diagnostics_error(&loaded.diagnostics, loaded.conf->routes[0].to.items[0].address.mark, "later");
    diagnostics_print(&loaded.diagnostics, &loaded.said);
    cr_expect_str_eq(loaded.said.data,
                     "t.yaml:1:18: error: later\n 1 | routes: {a.test: 80}\n   |                  ^^\n");
    loaded_fini(&loaded);
}

Test(conf, many_routes_load_in_the_time_that_many_routes_take, .timeout = 20)
{
    struct text yaml = {0};
    struct loaded loaded;

    text_add_literal(&yaml, "routes:\n");
    for (unsigned i = 0; i < 100000; i++)
        text_printf(&yaml, "  https://host%u.example.com/: 127.0.0.1:%u\n", i, i % 60000 + 1);
    loaded = load_bytes(text_slice(&yaml));
    cr_assert_eq(loaded.rc, 0);
    cr_assert_eq(loaded.conf->routes_count, 100000);
    EXPECT_TEXT(loaded.conf->routes[99999].key, "https://host99999.example.com/");
    cr_expect_eq(loaded.conf->routes[99999].key.mark.line, 100001);
    cr_expect_lt(loaded.conf->arena.total, 64u << 20, "about 200 bytes a route, the text included");
    loaded_fini(&loaded);
    text_fini(&yaml);
}

Test(conf, duplicates_among_many_keys_are_found, .timeout = 20)
{
    struct text yaml = {0};
    struct loaded loaded;

    text_add_literal(&yaml, "routes:\n");
    for (unsigned i = 0; i < 20000; i++)
        text_printf(&yaml, "  a%u: 1\n", i);
    text_add_literal(&yaml, "  a77: 1\n");
    loaded = load_bytes(text_slice(&yaml));
    cr_expect_str_eq(loaded.said.data,
                     "t.yaml:20002:3: error: duplicate key \"a77\": it stands in line 79 already\n"
                     " 20002 |   a77: 1\n"
                     "       |   ^^^\n");
    loaded_fini(&loaded);
    text_fini(&yaml);
}

Test(conf, file_that_cannot_be_read_says_why)
{
    struct diagnostics diagnostics = {0};
    struct text said = {0};
    struct conf *conf = NULL;

    cr_expect_eq(conf_load("/nonexistent/portico.yaml", &conf, &diagnostics), -1);
    diagnostics_print(&diagnostics, &said);
    cr_expect_str_eq(said.data, "/nonexistent/portico.yaml: error: cannot open: No such file or directory\n");
    diagnostics_fini(&diagnostics);
    text_clear(&said);
    cr_expect_eq(conf_load("/", &conf, &diagnostics), -1);
    diagnostics_print(&diagnostics, &said);
    cr_expect_str_eq(said.data, "/: error: cannot read: Is a directory\n");
    cr_expect_null(conf);
    diagnostics_fini(&diagnostics);
    text_fini(&said);
}
