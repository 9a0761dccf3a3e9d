#include <criterion/criterion.h>

#include "http/date.h"

Test(date, is_imf_fixdate)
{
    char text[DATE_BYTES];

    date_write(text, 784111777);
    cr_expect(slice_eq(slice_of(text, DATE_BYTES), SLICE("Sun, 06 Nov 1994 08:49:37 GMT")));
    date_write(text, 951782399);
    cr_expect(slice_eq(slice_of(text, DATE_BYTES), SLICE("Mon, 28 Feb 2000 23:59:59 GMT")));
}

Test(date, now_is_whole)
{
    struct slice now = date_now();

    cr_expect_eq(now.len, DATE_BYTES);
    cr_expect(slice_ends(now, SLICE(" GMT")));
    cr_expect_eq(date_now().data, now.data);
}
