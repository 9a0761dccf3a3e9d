#include "base/slice.h"

/* Eight letters at a time. A byte of at most 0x7f that is 'A' or more sets its top bit in *from_a*, one that is
 * behind 'Z' in *past_z*; no sum carries into the next byte. */
static uint64_t lower_8(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, sevens = word & (0x7f * ones);
    const uint64_t from_a = sevens + (0x80 - 'A') * ones, past_z = sevens + (0x7f - 'Z') * ones;

    return word | ((from_a & ~past_z & ~word & (0x80 * ones)) >> 2);
}

static bool eq_nocase_8(const char *a, const char *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x == y || lower_8(x) == lower_8(y);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    size_t at = 0;

    if (a.len != b.len)
        return false;
    for (; at + 8 <= a.len; at += 8) {
        if (!eq_nocase_8(a.data + at, b.data + at))
            return false;
    }
    if (at && at < a.len) /* the last eight again, rather than the rest one by one */
        return eq_nocase_8(a.data + a.len - 8, b.data + a.len - 8);
    for (; at < a.len; at++) {
        if (ascii_lower(a.data[at]) != ascii_lower(b.data[at]))
            return false;
    }
    return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq(slice_head(s, prefix.len), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq_nocase(slice_head(s, prefix.len), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

ptrdiff_t slice_find(struct slice s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

    return at ? at - s.data : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

bool slice_next_item(struct slice *rest, struct slice *item)
{
    while (rest->len) {
        ptrdiff_t comma = slice_find(*rest, ',');
        size_t len = comma < 0 ? rest->len : (size_t)comma;

        *item = slice_trim(slice_head(*rest, len));
        *rest = slice_from(*rest, comma < 0 ? len : len + 1);
        if (item->len)
            return true;
    }
    return false;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.data[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

/* FNV-1a, finished with a murmur mix so that the low bits serve as a table index. */
uint64_t slice_hash(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.data[i]) * 0x100000001b3ULL;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    return h ^ (h >> 33);
}
