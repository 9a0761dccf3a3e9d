#include "base/utf8.h"

static bool is_tail(struct slice s, size_t at, unsigned char low, unsigned char high)
{
    return at < s.len && (unsigned char)s.data[at] >= low && (unsigned char)s.data[at] <= high;
}

/* The table of RFC 3629 §4: the second byte's range depends on the first. */
size_t utf8_length(struct slice s)
{
    unsigned char c;

    if (s.len == 0)
        return 0;
    c = (unsigned char)s.data[0];
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return is_tail(s, 1, 0x80, 0xbf) ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        unsigned char low = c == 0xe0 ? 0xa0 : 0x80, high = c == 0xed ? 0x9f : 0xbf;

        return is_tail(s, 1, low, high) && is_tail(s, 2, 0x80, 0xbf) ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        unsigned char low = c == 0xf0 ? 0x90 : 0x80, high = c == 0xf4 ? 0x8f : 0xbf;

        return is_tail(s, 1, low, high) && is_tail(s, 2, 0x80, 0xbf) && is_tail(s, 3, 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}
