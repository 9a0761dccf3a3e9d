#include "base/digits.h"

#include <string.h>

static size_t count_digits(uint64_t value)
{
    size_t count = 1;

    for (; value >= 100; value /= 100)
        count += 2;
    return count + (value >= 10);
}

/* Two at a time: half the divisions. */
size_t digits_write(uint64_t value, char *out)
{
    static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    const size_t count = count_digits(value);
    size_t at = count;

    for (; at >= 2; value /= 100) {
        at -= 2;
        memcpy(out + at, PAIRS + 2 * (value % 100), 2);
    }
    if (at)
        out[0] = (char)('0' + value);
    return count;
}

void digits_write_hex64(uint64_t value, char out[HEX64_LEN])
{
    static const char HEX[] = "0123456789abcdef";

    for (int i = 0; i < HEX64_LEN; i++)
        out[i] = HEX[(value >> (60 - 4 * i)) & 15];
}
