#include "http/date.h"

static void put_two(char *out, int value)
{
    out[0] = (char)('0' + value / 10 % 10);
    out[1] = (char)('0' + value % 10);
}

/* Not strftime(): day and month must not depend on the locale. */
void date_write(char *out, time_t when)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = {0};

    gmtime_r(&when, &tm);
    memcpy(out, "Xxx, 00 Xxx 0000 00:00:00 GMT", DATE_BYTES);
    memcpy(out, days + 3 * tm.tm_wday, 3);
    put_two(out + 5, tm.tm_mday);
    memcpy(out + 8, months + 3 * tm.tm_mon, 3);
    put_two(out + 12, (tm.tm_year + 1900) / 100);
    put_two(out + 14, (tm.tm_year + 1900) % 100);
    put_two(out + 17, tm.tm_hour);
    put_two(out + 20, tm.tm_min);
    put_two(out + 23, tm.tm_sec);
}

struct slice date_now(void)
{
    static _Thread_local time_t second;
    static _Thread_local char text[DATE_BYTES];
    time_t now = time(NULL);

    if (now != second || text[0] == '\0') {
        date_write(text, now);
        second = now;
    }
    return slice_of(text, DATE_BYTES);
}
