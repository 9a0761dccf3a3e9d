#include "base/digits.h"

#include <string.h>

static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Parts of IPv4 addresses, statuses, most counts: without a loop. */
static size_t write_below_1000(unsigned value, char *out)
{
    size_t at = 0;

    if (value < 10) {
        out[0] = (char)('0' + value);
        return 1;
    }
    if (value >= 100)
        out[at++] = (char)('0' + value / 100);
    memcpy(out + at, &PAIRS[2 * (value % 100)], 2);
    return at + 2;
}

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
    size_t count, at;

    if (value < 1000)
        return write_below_1000((unsigned)value, out);
    count = at = count_digits(value);
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
