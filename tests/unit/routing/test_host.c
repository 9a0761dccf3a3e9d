#include "routing/host.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(host, valid_authority_gives_its_normal_form)
{
    static const struct {
        const char *text, *host;
        int port;
        bool is_ip;
    } cases[] = {
        {"example.com", "example.com", 0, false},
        {"EXAMPLE.Com", "example.com", 0, false},
        {"example.com.", "example.com", 0, false},
        {"example.com.:80", "example.com", 80, false},
        {"a", "a", 0, false},
        {"a_b.example", "a_b.example", 0, false},
        {"-a-.example", "-a-.example", 0, false},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", 0, false},
        {"example.com:1", "example.com", 1, false},
        {"example.com:65535", "example.com", 65535, false},
        {"example.com:00080", "example.com", 80, false},
        {"127.0.0.1", "127.0.0.1", 0, true},
        {"127.0.0.1.", "127.0.0.1", 0, true},
        {"127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"[::1]", "::1", 0, true},
        {"[0:0:0:0:0:0:0:1]:443", "::1", 443, true},
        {"[2001:DB8::A]", "2001:db8::a", 0, true},
        {"[::ffff:192.0.2.1]", "192.0.2.1", 0, true},
        {"[::ffff:7F00:1]:80", "127.0.0.1", 80, true},
        {"[::127.0.0.1]", "::127.0.0.1", 0, true},
        {"127.0.0.1.example", "127.0.0.1.example", 0, false},
        {"1.example", "1.example", 0, false},
        {"example.1x", "example.1x", 0, false},
        {"example.0xg", "example.0xg", 0, false},
        {"0x.example", "0x.example", 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct host host;

        cr_assert(host_parse(slice_str(cases[i].text), &host), "%s", cases[i].text);
        cr_assert_str_eq(host.text, cases[i].host, "%s", cases[i].text);
        cr_assert_eq(host.len, strlen(cases[i].host), "%s", cases[i].text);
        cr_assert_eq(host.is_ip, cases[i].is_ip, "%s", cases[i].text);
        cr_assert_eq(host.has_port, cases[i].port != 0, "%s", cases[i].text);
        cr_assert_eq(host.port, cases[i].port, "%s", cases[i].text);
    }
}

Test(host, anything_else_is_refused)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"empty", ""},
        {"a dot", "."},
        {"two dots", "a..b"},
        {"dot in front", ".a"},
        {"two dots at the end", "a.."},
        {"no name", ":80"},
        {"no port", "a:"},
        {"port 0", "a:0"},
        {"port too high", "a:65536"},
        {"port too long", "a:000080"},
        {"port that is 80 in 16 bits", "a:65616"},
        {"port that is 80 in 64 bits", "a:18446744073709551696"},
        {"name behind the port", "a:80.b"},
        {"port with sign", "a:+80"},
        {"port with letter", "a:8o"},
        {"two ports", "a:80:80"},
        {"user", "user@a"},
        {"escape", "a%2eb"},
        {"blank in front", " a"},
        {"blank behind", "a "},
        {"list", "a,b"},
        {"semicolon", "a;b"},
        {"quotes", "\"a\""},
        {"exclamation mark", "a!"},
        {"ideographic full stop", "a\xe3\x80\x82"
                                  "b"},
        {"soft hyphen", "a\xc2\xad"},
        {"path", "a/b"},
        {"wildcard", "*.a"},
        {"backslash", "a\\b"},
        {"not ASCII", "b\xc3\xbc"
                      "cher"},
        {"IPv6 without brackets", "::1"},
        {"never closed", "[::1"},
        {"only brackets", "[]"},
        {"IPv4 in brackets", "[127.0.0.1]"},
        {"zone", "[fe80::1%eth0]"},
        {"text behind brackets", "[::1]a"},
        {"text in front of brackets", "a[::1]"},
        {"two pairs of brackets", "[[::1]]"},
        {"empty brackets and a port", "[]:80"},
        {"escaped zone", "[::1%25lo]"},
        {"address of the future", "[v6.::1]"},
        {"nine groups", "[0:0:0:0:0:0:0:0:1]"},
        {"five digits", "[::00001]"},
        {"no port behind brackets", "[::1]:"},
        {"ends in a number", "a.1"},
        {"number", "1"},
        {"short IPv4", "127.1"},
        {"long IPv4", "1.2.3.4.5"},
        {"part of IPv4 too high", "1.2.3.256"},
        {"octal IPv4", "1.2.3.04"},
        {"octal number", "017700000001"},
        {"empty part of IPv4", "127.0..1"},
        {"hexadecimal IPv4 in capitals", "0X7F.0.0.0X1"},
        {"number behind a name and a dot at the end", "a.1."},
        {"hexadecimal number", "a.0x7f"},
        {"0x", "a.0x"},
    };
    struct host host;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_assert_not(host_parse(slice_str(cases[i].text), &host), "%s", cases[i].name);
    cr_assert_not(host_parse(SLICE("a\0b"), &host));
}

Test(host, lengths_are_limited_as_in_dns)
{
    char text[HOST_MAX + 2];
    struct host host;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 64 == 63 ? '.' : 'a';
    cr_assert(host_parse(slice_of(text, 63), &host));
    text[63] = 'a';
    cr_assert_not(host_parse(slice_of(text, 64), &host));
    text[63] = '.';
    text[252] = 'a';
    cr_assert(host_parse(slice_of(text, 253), &host));
    cr_assert_eq(host.len, 253);
    text[253] = '.';
    cr_assert(host_parse(slice_of(text, 254), &host));
    text[253] = 'a';
    cr_assert_not(host_parse(slice_of(text, 254), &host));
}
