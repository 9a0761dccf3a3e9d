/** Headers of the PROXY protocol, which tell a backend whose connection it is given (HAProxy's proxy-protocol.txt).
 *  They are the first bytes of a connection, in front of TLS. Pure. */
#ifndef NET_PROXY_PROTOCOL_H
#define NET_PROXY_PROTOCOL_H

#include "net/address.h"

/** Room for any of them; the longest is a line of version 1 with two IPv6 addresses. */
enum { PROXY_PROTOCOL_MAX = 107 };

/** IPv4-mapped IPv6 is told as IPv4. Other than two addresses of the same IP version (unix sockets, one of each) have
 *  no form that all receivers take: "PROXY UNKNOWN", AF_UNSPEC.
 *  @param from, to  who connected, and to which of our addresses. *from* NULL: nobody did, we connect on our own
 *                   behalf (checks): LOCAL, which in version 1 is UNKNOWN too; *to* is not looked at then
 *  @param out, size  at least PROXY_PROTOCOL_MAX bytes, the caller's; no NUL is written
 *  @return what was written there */
struct slice proxy_protocol_v1(const struct address *from, const struct address *to, char *out, size_t size);
struct slice proxy_protocol_v2(const struct address *from, const struct address *to, char *out, size_t size);

#endif
