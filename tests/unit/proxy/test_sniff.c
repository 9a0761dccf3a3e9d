#include <criterion/criterion.h>

#include "base/macro.h"
#include "proxy/sniff.h"

struct opening_case {
    const char *name;
    struct slice bytes;
    enum sniffed expected;
};

#define CASE(name, literal, expected)                                                                        \
    {                                                                                                        \
        name, {literal, sizeof(literal) - 1}, expected                                                       \
    }

static const struct opening_case CASES[] = {
    CASE("nothing", "", SNIFF_MORE),
    CASE("a request", "GET / HTTP/1.1\r\n", SNIFF_HTTP),
    CASE("a method without its blank", "GET", SNIFF_MORE),
    CASE("a method that goes on", "GETX /", SNIFF_OTHER),
    CASE("WebDAV", "PROPFIND /x HTTP/1.1", SNIFF_HTTP),
    CASE("h2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SNIFF_HTTP),
    CASE("lower case is no method", "get / HTTP/1.1", SNIFF_OTHER),
    CASE("SSH", "SSH-2.0-OpenSSH_9.2\r\n", SNIFF_SSH),
    CASE("S could be SSH or SEARCH", "S", SNIFF_MORE),
    CASE("SSH without its dash", "SSH ", SNIFF_OTHER),
    CASE("a handshake record", "\x16\x03\x01\x02\x00\x01", SNIFF_TLS),
    CASE("a handshake record's first byte", "\x16", SNIFF_MORE),
    CASE("a handshake type of no version", "\x16\x02", SNIFF_OTHER),
    CASE("an alert record", "\x15\x03\x01", SNIFF_OTHER),
    CASE("a PostgreSQL start-up", "\x00\x00\x00\x08\x04\xd2\x16\x2f", SNIFF_OTHER),
    CASE("a mail client", "EHLO x\r\n", SNIFF_OTHER),
};

Test(sniff, first_bytes_decide)
{
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        cr_expect_eq(sniff_first_bytes(CASES[i].bytes), CASES[i].expected, "%s", CASES[i].name);
}

Test(sniff, every_prefix_of_a_known_opening_waits_for_more)
{
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct slice bytes = CASES[i].bytes;
        enum sniffed whole = sniff_first_bytes(bytes);

        for (size_t n = 0; whole != SNIFF_OTHER && n < bytes.len; n++) {
            enum sniffed now = sniff_first_bytes(slice_head(bytes, n));

            cr_expect(now == SNIFF_MORE || now == whole, "%s, %zu bytes", CASES[i].name, n);
        }
    }
}
