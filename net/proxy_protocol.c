#include "net/proxy_protocol.h"

#include "base/digits.h"

/* Version 2 (§2.2): signature, version and command, family and transport, length, addresses, ports. */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { UNSPEC = 0x00, TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };

static const char SIGNATURE[12] = {'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* 4 or 6; 0: not both of the same. */
static unsigned common_family(const struct address *from, const struct address *to)
{
    struct ip source, destination;

    if (!from)
        return 0;
    source = address_ip(from);
    destination = address_ip(to);
    return source.family == destination.family ? source.family : 0;
}

static char *put(char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

/* --- Version 1 */

static char *put_ip(char *at, const struct address *address)
{
    char text[IP_TEXT];

    ip_describe(address_ip(address), text);
    at = put(at, text, strlen(text));
    *at++ = ' ';
    return at;
}

static char *put_port_text(char *at, const struct address *address, char behind)
{
    at += digits_write(address_port(address), at);
    *at++ = behind;
    return at;
}

struct slice proxy_protocol_v1(const struct address *from, const struct address *to, char *out, size_t size)
{
    unsigned family = common_family(from, to);
    char *at = out;

    ASSERT(size >= PROXY_PROTOCOL_MAX);
    if (family == 0)
        return slice_of(out, (size_t)(put(at, "PROXY UNKNOWN\r\n", 15) - out));
    at = put(at, family == 4 ? "PROXY TCP4 " : "PROXY TCP6 ", 11);
    at = put_ip(at, from);
    at = put_ip(at, to);
    at = put_port_text(at, from, ' ');
    at = put_port_text(at, to, '\r');
    *at++ = '\n';
    return slice_of(out, (size_t)(at - out));
}

/* --- Version 2 */

static char *put_16(char *at, unsigned number)
{
    *at++ = (char)(number >> 8);
    *at++ = (char)(number & 0xff);
    return at;
}

static char *put_start(char *at, int command, int family, unsigned len)
{
    at = put(at, SIGNATURE, sizeof(SIGNATURE));
    *at++ = (char)command;
    *at++ = (char)family;
    return put_16(at, len);
}

static char *put_addresses(char *at, const struct address *from, const struct address *to, size_t len)
{
    at = put(at, address_ip(from).bytes, len);
    at = put(at, address_ip(to).bytes, len);
    at = put_16(at, address_port(from));
    return put_16(at, address_port(to));
}

struct slice proxy_protocol_v2(const struct address *from, const struct address *to, char *out, size_t size)
{
    unsigned family = common_family(from, to);
    size_t len = family == 4 ? 4 : 16;
    char *at = out;

    ASSERT(size >= PROXY_PROTOCOL_MAX);
    if (family == 0)
        return slice_of(out, (size_t)(put_start(at, from ? COMMAND_PROXY : COMMAND_LOCAL, UNSPEC, 0) - out));
    at = put_start(at, COMMAND_PROXY, family == 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, (unsigned)(2 * len + 4));
    at = put_addresses(at, from, to, len);
    return slice_of(out, (size_t)(at - out));
}
