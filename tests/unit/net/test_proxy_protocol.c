#include "net/proxy_protocol.h"

#include <criterion/criterion.h>

#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define V4_SOURCE  "\xc0\x00\x02\x07"
#define V4_TARGET  "\x7f\x00\x00\x01"
#define V6_SOURCE  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6_TARGET  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6_LONGEST "\xff\xff\xff\xfe\xff\xfd\xff\xfc\xff\xfb\xff\xfa\xff\xf9\xff\xf8"

static const struct {
    const char *from; /* NULL: LOCAL; "unix": a unix socket's unnamed peer */
    uint16_t from_port;
    const char *to;
    uint16_t to_port;
    struct slice v1, v2;
} CASES[] = {
    {"192.0.2.7", 56324, "127.0.0.1", 443, SLICE("PROXY TCP4 192.0.2.7 127.0.0.1 56324 443\r\n"),
     SLICE(SIGNATURE "\x21\x11\x00\x0c" V4_SOURCE V4_TARGET "\xdc\x04\x01\xbb")},
    {"2001:db8::7", 1, "::1", 65535, SLICE("PROXY TCP6 2001:db8::7 ::1 1 65535\r\n"),
     SLICE(SIGNATURE "\x21\x21\x00\x24" V6_SOURCE V6_TARGET "\x00\x01\xff\xff")},
    {"ffff:fffe:fffd:fffc:fffb:fffa:fff9:fff8", 65535, "ffff:fffe:fffd:fffc:fffb:fffa:fff9:fff8", 65534,
     SLICE("PROXY TCP6 ffff:fffe:fffd:fffc:fffb:fffa:fff9:fff8 ffff:fffe:fffd:fffc:fffb:fffa:fff9:fff8 65535 "
           "65534"
           "\r\n"),
     SLICE(SIGNATURE "\x21\x21\x00\x24" V6_LONGEST V6_LONGEST "\xff\xff\xff\xfe")},
    {"192.0.2.7", 80, "::1", 80, SLICE("PROXY UNKNOWN\r\n"), SLICE(SIGNATURE "\x21\x00\x00\x00")},
    {"::1", 80, "192.0.2.7", 80, SLICE("PROXY UNKNOWN\r\n"), SLICE(SIGNATURE "\x21\x00\x00\x00")},
    {"unix", 0, "unix", 0, SLICE("PROXY UNKNOWN\r\n"), SLICE(SIGNATURE "\x21\x00\x00\x00")},
    {"unix", 0, "127.0.0.1", 80, SLICE("PROXY UNKNOWN\r\n"), SLICE(SIGNATURE "\x21\x00\x00\x00")},
    {NULL, 0, "127.0.0.1", 80, SLICE("PROXY UNKNOWN\r\n"), SLICE(SIGNATURE "\x20\x00\x00\x00")},
};

static struct address address_of(const char *text, uint16_t port)
{
    struct ip ip;

    if (strcmp(text, "unix") == 0)
        return (struct address){.un = {.unix_family = AF_UNIX}};
    cr_assert(ip_parse(slice_str(text), &ip), "%s", text);
    return address_from_ip(ip, port);
}

Test(proxy_protocol, is_written_byte_for_byte)
{
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct address to = address_of(CASES[i].to, CASES[i].to_port), from;
        const struct address *source = CASES[i].from ? &from : NULL;
        char out[PROXY_PROTOCOL_MAX];
        struct slice v1, v2;

        if (CASES[i].from)
            from = address_of(CASES[i].from, CASES[i].from_port);
        v1 = proxy_protocol_v1(source, &to, out, sizeof(out));
        cr_expect(slice_eq(v1, CASES[i].v1), "row %zu: %.*s", i, FMT_SLICE(v1));
        v2 = proxy_protocol_v2(source, &to, out, sizeof(out));
        cr_expect(slice_eq(v2, CASES[i].v2), "row %zu: %zu bytes", i, v2.len);
    }
}

static struct address mapped(const char *ipv4, uint16_t port)
{
    struct address plain = address_of(ipv4, port), address = {.in6 = {.sin6_family = AF_INET6}};

    address.in6.sin6_addr.s6_addr[10] = address.in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(address.in6.sin6_addr.s6_addr + 12, &plain.in.sin_addr, 4);
    address_set_port(&address, port);
    return address;
}

Test(proxy_protocol, ipv4_that_came_by_a_socket_of_ipv6_is_ipv4)
{
    struct address plain = address_of("192.0.2.7", 56324), from = mapped("192.0.2.7", 56324),
                   to = mapped("127.0.0.1", 443);
    char out[PROXY_PROTOCOL_MAX];

    cr_expect(slice_eq(proxy_protocol_v1(&from, &to, out, sizeof(out)), CASES[0].v1));
    cr_expect(slice_eq(proxy_protocol_v2(&from, &to, out, sizeof(out)), CASES[0].v2));
    cr_expect(slice_eq(proxy_protocol_v2(&plain, &to, out, sizeof(out)), CASES[0].v2), "one of each");
}

Test(proxy_protocol, of_our_own_needs_no_address)
{
    char out[PROXY_PROTOCOL_MAX];

    cr_expect(slice_eq(proxy_protocol_v1(NULL, NULL, out, sizeof(out)), SLICE("PROXY UNKNOWN\r\n")));
    cr_expect(slice_eq(proxy_protocol_v2(NULL, NULL, out, sizeof(out)), SLICE(SIGNATURE "\x20\x00\x00\x00")));
}
