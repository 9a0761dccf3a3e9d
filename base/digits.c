#include "base/digits.h"

#include <string.h>

size_t digits_write(uint64_t value, char *out)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

void digits_write_hex64(uint64_t value, char out[HEX64_LEN])
{
    static const char HEX[] = "0123456789abcdef";

    for (int i = 0; i < HEX64_LEN; i++)
        out[i] = HEX[(value >> (60 - 4 * i)) & 15];
}
