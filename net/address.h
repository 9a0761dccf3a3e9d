/** Socket addresses: IPv4, IPv6, unix; and CIDR ranges of the first two. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "base/macro.h"
#include "base/slice.h"

/** A value of 32 bytes, since each connection holds two; all zero is "none".
 *  Paths of unix sockets are kept for the process's life, each once: they come from the operator. */
struct address {
    union {
        sa_family_t family; /* AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX */
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct {
            sa_family_t unix_family;
            const char *path; /* NULL for an unnamed peer; "@" in front: the abstract namespace (Linux) */
        } un;
    };
};

/** "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock", "unix:" for an unnamed peer; NUL-terminated. */
enum { ADDRESS_TEXT = 128 };
const char *address_describe(const struct address *address, char out[ADDRESS_TEXT]);
/** The IP alone, without port and brackets; "unix" for a unix socket. */
const char *address_describe_ip(const struct address *address, char out[ADDRESS_TEXT]);
/** 0 for unix sockets. */
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
/** IPv4-mapped IPv6 becomes IPv4. All zero with family 0 for unix sockets. */
struct ip address_ip(const struct address *address);
struct address address_from_ip(struct ip ip, uint16_t port);
/** @return -1 when the path is empty, too long for a sockaddr_un, or has a NUL in it */
int address_from_path(struct slice path, struct address *out) NODISCARD;
bool address_eq(const struct address *a, const struct address *b);

/** As the kernel wants it. @return its length */
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *out);
/** As the kernel gives it, but IPv4-mapped IPv6, which sockets of both families have, becomes IPv4; the paths of
 *  unix peers are dropped, since peers choose them. */
struct address address_from_sockaddr(const struct sockaddr_storage *from);

#endif
