#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/digits.h"

static struct ip unmapped(struct ip ip)
{
    static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct ip v4 = {.family = 4};

    if (ip.family != 6 || memcmp(ip.bytes, MAPPED, sizeof(MAPPED)) != 0)
        return ip;
    memcpy(v4.bytes, ip.bytes + 12, 4);
    return v4;
}

bool ip_parse(struct slice text, struct ip *out)
{
    char buffer[INET6_ADDRSTRLEN];
    struct ip ip = {0};

    if (text.len == 0 || text.len >= sizeof(buffer) || memchr(text.data, '\0', text.len))
        return false;
    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET, buffer, ip.bytes) == 1)
        ip.family = 4;
    else if (inet_pton(AF_INET6, buffer, ip.bytes) == 1)
        ip.family = 6;
    else
        return false;
    *out = unmapped(ip);
    return true;
}

bool ip_eq(struct ip a, struct ip b)
{
    return a.family == b.family && memcmp(a.bytes, b.bytes, a.family == 4 ? 4 : 16) == 0;
}

/* On every request's way: no printf. */
static void describe_v4(const uint8_t bytes[4], char *out)
{
    for (int i = 0; i < 4; i++) {
        out += digits_write(bytes[i], out);
        *out++ = i < 3 ? '.' : '\0';
    }
}

const char *ip_describe(struct ip ip, char out[IP_TEXT])
{
    if (ip.family == 4)
        describe_v4(ip.bytes, out);
    else if (ip.family == 0 || !inet_ntop(AF_INET6, ip.bytes, out, IP_TEXT))
        memcpy(out, "none", sizeof("none"));
    return out;
}

static bool bit_at(struct ip ip, unsigned at)
{
    return ip.bytes[at / 8] & (0x80u >> (at % 8));
}

bool cidr_parse(struct slice text, struct cidr *out)
{
    ptrdiff_t slash = slice_find(text, '/');
    struct cidr cidr;
    uint64_t bits;
    unsigned width;

    if (!ip_parse(slash < 0 ? text : slice_head(text, (size_t)slash), &cidr.ip))
        return false;
    width = cidr.ip.family == 4 ? 32 : 128;
    bits = width;
    if (slash >= 0 && !slice_to_u64(slice_from(text, (size_t)slash + 1), width, &bits))
        return false;
    cidr.bits = (uint8_t)bits;
    for (unsigned at = cidr.bits; at < width; at++) {
        if (bit_at(cidr.ip, at))
            return false;
    }
    *out = cidr;
    return true;
}

bool cidr_has(const struct cidr *cidr, struct ip ip)
{
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;

    if (cidr->ip.family != ip.family || memcmp(cidr->ip.bytes, ip.bytes, whole) != 0)
        return false;
    return rest == 0 || ((cidr->ip.bytes[whole] ^ ip.bytes[whole]) >> (8 - rest)) == 0;
}
