#include "control/pool_text.h"

#include <criterion/criterion.h>

#include "unit/control/compiled.h"

Test(pool_text, says_targets_and_what_is_not_default)
{
    struct compiled compiled =
        compile_good("routes:\n"
                     "  http://a.test: \"@shop\"\n"
                     "  http://b.test: [1, 2]\n"
                     "  tcp://:5000: {to: 3, health: connect, outlier: off, retry: 0, proxy_protocol: v1}\n"
                     "  c.test: {to: 'h2c://b.test', health: {grpc: a.B}}\n"
                     "backends:\n"
                     "  shop:\n"
                     "    to: [10.0.0.7:80, {address: 'app:80', weight: 2, backup: true}, {address: "
                     "srv:_http._tcp.app, backup: on}]\n"
                     "    balance: {hash: {header: X-User}}\n"
                     "    sticky: shop\n"
                     "    health: /up\n"
                     "    outlier: {resets: 5, errors: 9}\n"
                     "    slow_start: 30s\n"
                     "    hold: 10s\n"
                     "    max_connections: 50\n"
                     "    retry: {tries: 3, resets: true}\n");
    static const char *const TARGETS[] = {
        "@shop: 10.0.0.7:80, app:80 (weight 2, backup), srv:_http._tcp.app (backup)",
        "127.0.0.1:1, 127.0.0.1:2", "127.0.0.1:3", "h2c://b.test:80"};
    static const char *const OPTIONS[] = {"balance=hash:header:X-User sticky=shop health=/up "
                                          "outlier=resets:5 outlier=errors:9 slow_start=30s hold=10s "
                                          "max_connections=50 retry=3 retry=resets ",
                                          "", "health=connect outlier=off retry=0 proxy_protocol=v1 ",
                                          "health=grpc:a.B "};

    for (size_t i = 0; i < ARRAY_LEN(TARGETS); i++) {
        struct text out = {0};

        pool_text_targets(compiled.snapshot->actions[i].pool, &out);
        cr_expect_str_eq(out.data, TARGETS[i]);
        text_clear(&out);
        pool_text_options(compiled.snapshot->actions[i].pool, &out);
        cr_expect_str_eq(out.data, OPTIONS[i]);
        text_fini(&out);
    }
    compiled_fini(&compiled);
}
