/** IP addresses and CIDR ranges as values, without a socket. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/slice.h"

struct ip {
    uint8_t family;    /* 4, 6, or 0 for none */
    uint8_t bytes[16]; /* network order; the first 4 for IPv4 */
};

struct cidr {
    struct ip ip;
    uint8_t bits;
};

/** "192.0.2.1", "2001:db8::1" (no brackets, no zone). IPv4-mapped IPv6 becomes IPv4. @return false when it is
 * neither */
bool ip_parse(struct slice text, struct ip *out);
bool ip_eq(struct ip a, struct ip b);
enum { IP_TEXT = 48 };
const char *ip_describe(struct ip ip, char out[IP_TEXT]);
/** "10.0.0.0/8" or a single address. @return false also when bits are set behind the prefix */
bool cidr_parse(struct slice text, struct cidr *out);
bool cidr_has(const struct cidr *cidr, struct ip ip);

#endif
