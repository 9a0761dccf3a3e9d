/** Socket addresses: IPv4, IPv6, unix; and CIDR ranges of the first two. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "base/macro.h"
#include "base/slice.h"

struct address {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_storage storage;
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
/** @return -1 when the path is too long for a sockaddr_un */
int address_from_path(struct slice path, struct address *out) NODISCARD;

#endif
