/** Host names in their normal form: lower case, no trailing dot, IPv6 compressed. Pure. */
#ifndef ROUTING_HOST_H
#define ROUTING_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { HOST_MAX = 253 };

struct host {
    char text[HOST_MAX + 3]; /* IPv6 without brackets; NUL-terminated */
    size_t len;
    bool is_ip;
    bool has_port;
    uint16_t port;
};

/** Reads host[:port] as RFC 9110 §7.2 and RFC 3986 §3.2.2 allow it: a registered name of letters, digits,
 * "-", "_" and dots (labels 1..63), an IPv4 address, or [IPv6]; port 1..65535. No userinfo, no
 * percent-encoding, no blanks, no comma, no empty port. A name whose last label is a number is an IPv4
 * address or nothing, as browsers have it (WHATWG URL, "ends in a number"); IPv4-mapped IPv6 is IPv4.
 * @return false when it is anything else; *out is then undefined */
bool host_parse(struct slice authority, struct host *out);
static inline struct slice host_name(const struct host *host)
{
    return slice_of(host->text, host->len);
}

#endif
