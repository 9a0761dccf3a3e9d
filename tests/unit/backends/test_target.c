#include "backends/target.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(target, parts_are_read_and_written_canonically)
{
    static const struct {
        const char *text;
        int kind;
        bool is_tls;
        const char *where; /* address, name or path */
        uint16_t port;
        const char *canonical;
    } cases[] = {
        {"8080", TARGET_IP, false, "127.0.0.1", 8080, "127.0.0.1:8080"},
        {":8080", TARGET_IP, false, "127.0.0.1", 8080, "127.0.0.1:8080"},
        {"http://8080", TARGET_IP, false, "127.0.0.1", 8080, "127.0.0.1:8080"},
        {"https://:8443", TARGET_IP, true, "127.0.0.1", 8443, "https://127.0.0.1:8443"},
        {"127.0.0.1:80", TARGET_IP, false, "127.0.0.1", 80, "127.0.0.1:80"},
        {"10.0.0.1:65535", TARGET_IP, false, "10.0.0.1", 65535, "10.0.0.1:65535"},
        {"[::1]:8080", TARGET_IP, false, "::1", 8080, "[::1]:8080"},
        {"[0:0::1]:8080", TARGET_IP, false, "::1", 8080, "[::1]:8080"},
        {"https://[2001:DB8::1]", TARGET_IP, true, "2001:db8::1", 443, "https://[2001:db8::1]:443"},
        {"[::ffff:10.0.0.1]:80", TARGET_IP, false, "10.0.0.1", 80, "10.0.0.1:80"},
        {"app:3000", TARGET_NAME, false, "app", 3000, "app:3000"},
        {"App.Example.COM.:3000", TARGET_NAME, false, "app.example.com", 3000, "app.example.com.:3000"},
        {"my_app-1:3000", TARGET_NAME, false, "my_app-1", 3000, "my_app-1:3000"},
        {"http://app", TARGET_NAME, false, "app", 80, "app:80"},
        {"https://app", TARGET_NAME, true, "app", 443, "https://app:443"},
        {"HTTPS://app:8443", TARGET_NAME, true, "app", 8443, "https://app:8443"},
        {"http://app:3000/", TARGET_NAME, false, "app", 3000, "app:3000"},
        {"app:3000/", TARGET_NAME, false, "app", 3000, "app:3000"},
        {"http://10.0.0.1/", TARGET_IP, false, "10.0.0.1", 80, "10.0.0.1:80"},
        {"a1:80", TARGET_NAME, false, "a1", 80, "a1:80"},
        {"unix:/run/app.sock", TARGET_UNIX, false, "/run/app.sock", 0, "unix:/run/app.sock"},
        {"http://unix:/run/app.sock", TARGET_UNIX, false, "/run/app.sock", 0, "unix:/run/app.sock"},
        {"https://unix:/run/App@1:2.sock", TARGET_UNIX, true, "/run/App@1:2.sock", 0,
         "https://unix:/run/App@1:2.sock"},
        {"srv:_http._tcp.app", TARGET_SRV, false, "_http._tcp.app", 0, "srv:_http._tcp.app"},
        {"SRV:_HTTP._tcp.App.Example.COM.", TARGET_SRV, false, "_http._tcp.app.example.com", 0,
         "srv:_http._tcp.app.example.com."},
        {"http://srv:_web._tag1.service.consul/", TARGET_SRV, false, "_web._tag1.service.consul", 0,
         "srv:_web._tag1.service.consul"},
        {"https://srv:_x._tcp.app", TARGET_SRV, true, "_x._tcp.app", 0, "https://srv:_x._tcp.app"},
        {"srv.:80", TARGET_NAME, false, "srv", 80, "srv.:80"},
        {"h2c://app:50051", TARGET_NAME, false, "app", 50051, "h2c://app:50051"},
        {"h2c://app", TARGET_NAME, false, "app", 80, "h2c://app:80"},
        {"H2://App/", TARGET_NAME, true, "app", 443, "h2://app:443"},
        {"h2://[::1]:8443", TARGET_IP, true, "::1", 8443, "h2://[::1]:8443"},
        {"h2c://50051", TARGET_IP, false, "127.0.0.1", 50051, "h2c://127.0.0.1:50051"},
        {"h2c://unix:/run/app.sock", TARGET_UNIX, false, "/run/app.sock", 0, "h2c://unix:/run/app.sock"},
        {"h2://srv:_grpc._tcp.app", TARGET_SRV, true, "_grpc._tcp.app", 0, "h2://srv:_grpc._tcp.app"},
        {"h2:80", TARGET_NAME, false, "h2", 80, "h2:80"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct error error = {0};
        struct target target, again;
        char ip[IP_TEXT];

        cr_assert_eq(target_parse(slice_str(cases[i].text), &arena, &target, &error), 0, "%s: %s",
                     cases[i].text, error.text);
        cr_assert_eq((int)target.kind, cases[i].kind, "%s", cases[i].text);
        cr_assert_eq(target.is_tls, cases[i].is_tls, "%s", cases[i].text);
        cr_assert_eq(target.protocol == TARGET_H2,
                     strstr(cases[i].canonical, "h2") == cases[i].canonical &&
                         strstr(cases[i].canonical, "://"),
                     "%s", cases[i].text);
        cr_assert_eq(target.port, cases[i].port, "%s", cases[i].text);
        cr_assert_str_eq(target.kind == TARGET_IP ? ip_describe(target.ip, ip) : target.name.data,
                         cases[i].where, "%s", cases[i].text);
        cr_assert_str_eq(target.text.data, cases[i].canonical, "%s", cases[i].text);
        cr_assert_eq(target_parse(target.text, &arena, &again, &error), 0, "%s: %s", cases[i].canonical,
                     error.text);
        cr_assert_str_eq(again.text.data, cases[i].canonical);
        arena_fini(&arena);
    }
}

/* Certificates know names without it. */
Test(target, a_last_dot_is_of_what_is_looked_up_alone)
{
    static const struct {
        const char *text, *name, *dns_name;
    } cases[] = {
        {"app:80", "app", "app"},
        {"https://App.Example.:443", "app.example", "app.example."},
        {"srv:_http._TCP.app.", "_http._tcp.app", "_http._tcp.app."},
        {"srv.:80", "srv", "srv"},
        {"unix.:80", "unix", "unix"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct error error = {0};
        struct target target;

        cr_assert_eq(target_parse(slice_str(cases[i].text), &arena, &target, &error), 0, "%s", error.text);
        cr_expect_str_eq(target.name.data, cases[i].name);
        cr_expect_str_eq(target.dns_name.data, cases[i].dns_name);
        arena_fini(&arena);
    }
}

Test(target, what_is_wrong_is_said)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "expected a target such as 8080"},
        {"app :80", "blank or control character"},
        {"app", "target \"app\" has no port; expected app:8080, or http://app for port 80"},
        {"app/", "has no port"},
        {"10.0.0.1", "has no port"},
        {"[::1]", "has no port"},
        {"app:", "no port after \":\""},
        {"0", "nothing can be reached on port 0"},
        {"app:0", "nothing can be reached on port 0"},
        {"65536", "port \"65536\" is none"},
        {"app:65536", "port \"65536\" is none"},
        {"app:80x", "port \"80x\" is none"},
        {"app:+80", "port \"+80\" is none"},
        {"http://", "needs a host"},
        {"https:///", "needs a host"},
        {"::1:8080", "IPv6 address stands in brackets"},
        {"app:80:81", "two colons"},
        {"[::1", "never closed"},
        {"[::1]x", "expected \":PORT\" after \"]\""},
        {"[::1]:", "no port after \":\""},
        {"[127.0.0.1]:80", "no IPv6 address"},
        {"[fe80::1%eth0]:80", "no IPv6 address"},
        {"10.0.0.300:80", "ends in a number but is no IPv4 address"},
        {"127.1:80", "ends in a number but is no IPv4 address"},
        {"a..b:80", "a label that is empty"},
        {".a:80", "a label that is empty"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80", "longer than 63"},
        {"a,b:80", "\",\" is not in any name"},
        {"*.a:80", "\"*\" is not in any name"},
        {"b\xc3\xbc"
         "cher:80",
         "A-label (xn--"},
        {"http://app:3000/v1", "use `rewrite_path: /v1`"},
        {"app:3000//", "no path"},
        {"app:3000?x", "no query"},
        {"app:3000#x", "no query and no fragment"},
        {"http://user:pw@app", "no user"},
        {"user@app:80", "no user"},
        {"@shop", "the pool \"@shop\" is no target"},
        {"https://@shop", "in front of a pool's targets, not of \"@shop\""},
        {"srv://_http._tcp.app", "without slashes; expected srv:_http._tcp.app"},
        {"srv:", "needs a host"},
        {"srv:app", "names no SRV records; expected srv:_SERVICE._PROTO.NAME"},
        {"srv:_http.app", "names no SRV records"},
        {"srv:http._tcp.app", "names no SRV records"},
        {"srv:_http.tcp.app", "names no SRV records"},
        {"srv:_http._tcp", "names no SRV records"},
        {"srv:_http._tcp.", "names no SRV records"},
        {"srv:_._tcp.app", "names no SRV records"},
        {"srv:_http._tcp._app", "names no SRV records"},
        {"srv:_http._tcp.app:80", "leave out \":80\""},
        {"srv:_http._tcp..app", "a label that is empty"},
        {"srv:_http._tcp.a,b", "\",\" is not in any name"},
        {"h2c://@shop", "in front of a pool's targets, not of \"@shop\""},
        {"h2c://app/x", "no path"},
        {"h2s://app", "did you mean \"h2\"?"},
        {"htps://app", "did you mean \"https\"?"},
        {"gopher://app", "expected http://, https://, h2c:// or h2://"},
        {"://app", "no scheme \"\""},
        {"http://srv:80", "a host named srv is written srv.:80"},
        {"uNix:1", "not an absolute path"},
        {"unix:", "not an absolute path"},
        {"unix:run/app.sock", "not an absolute path"},
        {"unix:/run/", "is a directory"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target target = {.port = 7};
        struct arena arena = {0};
        struct error error = {0};

        cr_assert_eq(target_parse(slice_str(cases[i].text), &arena, &target, &error), -1, "%s",
                     cases[i].text);
        cr_assert(strstr(error.text, cases[i].says), "%s: %s", cases[i].text, error.text);
        cr_assert_eq(target.port, 7, "%s: out was touched", cases[i].text);
        arena_fini(&arena);
    }
}

Test(target, unix_path_fits_a_socket_address)
{
    char text[5 + 108] = "unix:/";
    struct arena arena = {0};
    struct error error;
    struct target target;

    memset(text + 6, 'a', sizeof(text) - 6);
    cr_assert_eq(target_parse(slice_of(text, sizeof(text) - 1), &arena, &target, &error), 0);
    cr_assert_eq(target.name.len, 107);
    cr_assert_eq(target_parse(slice_of(text, sizeof(text)), &arena, &target, &error), -1);
    cr_assert(strstr(error.text, "at most 107 bytes; this one has 108"), "%s", error.text);
    arena_fini(&arena);
}
