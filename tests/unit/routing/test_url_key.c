#include "routing/url_key.h"

#include "tables.h"

Test(url_key, parts_are_read_and_described)
{
    static const struct {
        const char *text;
        enum scheme scheme;
        enum host_kind kind;
        const char *host;
        uint16_t port;
        const char *path, *described;
    } cases[] = {
        {"http://app.localhost", SCHEME_HTTP, HOST_EXACT, "app.localhost", 80, "", "http://app.localhost/"},
        {"app.localhost", SCHEME_HTTP, HOST_EXACT, "app.localhost", 80, "", "http://app.localhost/"},
        {"app.localhost:8080/v1", SCHEME_HTTP, HOST_EXACT, "app.localhost", 8080, "/v1",
         "http://app.localhost:8080/v1/"},
        {"HTTPS://WWW.Example.COM.:443/V1/", SCHEME_HTTPS, HOST_EXACT, "www.example.com", 443, "/V1",
         "https://www.example.com/V1/"},
        {"https://x.test:8443/v1/", SCHEME_HTTPS, HOST_EXACT, "x.test", 8443, "/v1",
         "https://x.test:8443/v1/"},
        {"https://*.dev.example.com", SCHEME_HTTPS, HOST_WILDCARD, "dev.example.com", 443, "",
         "https://*.dev.example.com/"},
        {"*.localhost", SCHEME_HTTP, HOST_WILDCARD, "localhost", 80, "", "http://*.localhost/"},
        {"tls://vault.example.com", SCHEME_TLS, HOST_EXACT, "vault.example.com", 443, "",
         "tls://vault.example.com"},
        {"tls://vault.example.com/", SCHEME_TLS, HOST_EXACT, "vault.example.com", 443, "",
         "tls://vault.example.com"},
        {"tcps://db.example.com:5432", SCHEME_TCPS, HOST_EXACT, "db.example.com", 5432, "",
         "tcps://db.example.com:5432"},
        {"tls://:8443", SCHEME_TLS, HOST_ANY, "", 8443, "", "tls://:8443"},
        {"ssh://:443", SCHEME_SSH, HOST_ANY, "", 443, "", "ssh://:443"},
        {"ssh://", SCHEME_SSH, HOST_ANY, "", 22, "", "ssh://:22"},
        {"tcp://:5433", SCHEME_TCP, HOST_ANY, "", 5433, "", "tcp://:5433"},
        {"http://", SCHEME_HTTP, HOST_ANY, "", 80, "", "http://:80/"},
        {":8080", SCHEME_HTTP, HOST_ANY, "", 8080, "", "http://:8080/"},
        {"https:///v1", SCHEME_HTTPS, HOST_ANY, "", 443, "/v1", "https://:443/v1/"},
        {"https://[::1]:8443/", SCHEME_HTTPS, HOST_EXACT, "::1", 8443, "", "https://[::1]:8443/"},
        {"http://[0:0::1]", SCHEME_HTTP, HOST_EXACT, "::1", 80, "", "http://[::1]/"},
        {"http://192.0.2.1", SCHEME_HTTP, HOST_EXACT, "192.0.2.1", 80, "", "http://192.0.2.1/"},
        {"http://a_b.test", SCHEME_HTTP, HOST_EXACT, "a_b.test", 80, "", "http://a_b.test/"},
        {"http://a/%7euser/./x/../y/", SCHEME_HTTP, HOST_EXACT, "a", 80, "/~user/y", "http://a/~user/y/"},
        {"http://a/.", SCHEME_HTTP, HOST_EXACT, "a", 80, "", "http://a/"},
        {"http://a/caf%c3%a9", SCHEME_HTTP, HOST_EXACT, "a", 80, "/caf%C3%A9", "http://a/caf%C3%A9/"},
        {"http://a/@me", SCHEME_HTTP, HOST_EXACT, "a", 80, "/@me", "http://a/@me/"},
        {"a/to/http:/x", SCHEME_HTTP, HOST_EXACT, "a", 80, "/to/http:/x", "http://a/to/http:/x/"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = {0};
        struct url_key key = key_of(cases[i].text, &arena), again;
        struct slice described = url_key_describe(&key, &arena);

        cr_assert_eq(key.scheme, cases[i].scheme, "%s", cases[i].text);
        cr_assert_eq(key.host_kind, cases[i].kind, "%s", cases[i].text);
        cr_assert(slice_eq(key.host, slice_str(cases[i].host)), "%s: %.*s", cases[i].text,
                  FMT_SLICE(key.host));
        cr_assert_eq(key.port, cases[i].port, "%s", cases[i].text);
        cr_assert(slice_eq(key.path, slice_str(cases[i].path)), "%s: %.*s", cases[i].text,
                  FMT_SLICE(key.path));
        cr_assert_str_eq(described.data, cases[i].described, "%s", cases[i].text);
        again = key_of(described.data, &arena);
        cr_assert(again.scheme == key.scheme && again.host_kind == key.host_kind && again.port == key.port &&
                      slice_eq(again.host, key.host) && slice_eq(again.path, key.path),
                  "%s", described.data);
        arena_fini(&arena);
    }
}

Test(url_key, what_is_wrong_is_said)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "expected a URL"},
        {"http://a b", "blank or control character"},
        {"http://a\n", "blank or control character"},
        {"htps://a", "did you mean \"https\"?"},
        {"gopher://a", "unknown scheme \"gopher\"; expected http"},
        {"://a", "unknown scheme \"\""},
        {"udp://:53", "\"udp\" is not built yet"},
        {"QUIC://a", "\"quic\" is not built yet"},
        {"http:/a", "expected \"://\" after \"http\""},
        {"tcp://", "tcp has no default port"},
        {"tcps://db.test", "name one, as in tcps://db.test:5432"},
        {"http://a:", "no port after \":\""},
        {"http://a:0", "any free port, which no client could know"},
        {"http://a:65536", "expected 1 to 65535"},
        {"http://a:80x", "port \"80x\" is none"},
        {"http://a:-1", "port \"-1\" is none"},
        {"http://::1", "IPv6 address stands in brackets"},
        {"http://a:80:81", "two colons"},
        {"http://[::1", "never closed"},
        {"http://[::1]x", "expected \":PORT\""},
        {"http://[::g]", "no IPv6 address"},
        {"http://[]", "no IPv6 address"},
        {"http://[1.2.3.4]", "no IPv6 address"},
        {"http://user@a", "no user"},
        {"http://user:pw@a", "no user"},
        {"http://a?x=1", "no query"},
        {"http://a/b?x=1", "no query"},
        {"http://a/b#c", "no fragment"},
        {"http://b\xc3\xbc"
         "cher.test",
         "A-label (xn--"},
        {"http://a..b", "empty label"},
        {"http://.a", "empty label"},
        {"http://*.", "empty label"},
        {"http://a!b", "\"!\" is not in any name"},
        {"http://a%41", "\"%\" is not in any name"},
        {"http://*", "a wildcard is \"*.\" and a name"},
        {"http://a.*.b", "a wildcard is \"*.\" and a name"},
        {"http://*a.b", "a wildcard is \"*.\" and a name"},
        {"http://*.*.b", "a wildcard is \"*.\" and a name"},
        {"http://*.1.2.3.4", "not before an address"},
        {"http://1.2.3.400", "ends in a number"},
        {"http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test", "longer than 63"},
        {"ssh://git.test", "carries no host name"},
        {"ssh://*.test:22", "carries no host name"},
        {"tcp://db.test:5432", "carries no host name"},
        {"tcp://127.0.0.1:5432", "`listen: {PORT: {bind: [127.0.0.1]}}`"},
        {"tls://192.0.2.1", "never addresses"},
        {"tcps://[::1]:5432", "never addresses"},
        {"tls://a/x", "tls has no path"},
        {"ssh://:22/x", "ssh has no path"},
        {"http://a/v1/*", "leave out the \"*\""},
        {"http://a//b", "empty segment"},
        {"http://a/b//", "empty segment"},
        {"http://a/%2", "without two hexadecimal digits"},
        {"http://a/%zz", "without two hexadecimal digits"},
        {"http://a/\xc3\xa9", "percent-encode it"},
        {"http://a/b\\c", "backslash"},
        {"http://a/b%2Fc", "encoded slash"},
        {"http://a/b%5cc", "encoded slash"},
        {"http://a/b;c", "has a \";\""},
        {"http://a/b%3bc", "has a \";\""},
        {"http://a/b%00", "has a \";\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url_key key = {.port = 7};
        struct arena arena = {0};
        struct error error = {0};

        cr_assert_eq(url_key_parse(slice_str(cases[i].text), &arena, &key, &error), -1, "%s", cases[i].text);
        cr_assert(strstr(error.text, cases[i].says), "%s: %s", cases[i].text, error.text);
        cr_assert_eq(key.port, 7, "%s: out was touched", cases[i].text);
        arena_fini(&arena);
    }
}

Test(url_key, host_that_is_too_long_is_refused)
{
    char text[7 + 300] = "http://";
    struct arena arena = {0};
    struct error error = {0};
    struct url_key key;

    for (size_t i = 0; i < 300; i++)
        text[7 + i] = i % 50 == 49 ? '.' : 'a';
    cr_assert_eq(url_key_parse(slice_of(text, sizeof(text)), &arena, &key, &error), -1);
    cr_assert(strstr(error.text, "longer than 253"), "%s", error.text);
    arena_fini(&arena);
}
