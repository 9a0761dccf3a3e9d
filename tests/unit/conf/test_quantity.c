#include <criterion/criterion.h>

#include "conf/quantity.h"

struct quantity_case {
    const char *text;
    enum quantity kind;
    bool is_fine;
    uint64_t value;
    const char *guess; /* when it is not fine; NULL: none */
};

static const struct quantity_case CASES[] = {
    {"500ms", QUANTITY_DURATION, true, 500},
    {"15s", QUANTITY_DURATION, true, 15000},
    {"5m", QUANTITY_DURATION, true, 300000},
    {"1h", QUANTITY_DURATION, true, 3600000},
    {"0s", QUANTITY_DURATION, true, 0},
    {"007s", QUANTITY_DURATION, true, 7000},
    {"15", QUANTITY_DURATION, false, 0, "15s"},
    {"15 s", QUANTITY_DURATION, false, 0, "15s"},
    {"15sec", QUANTITY_DURATION, false, 0, "15s"},
    {"2 hours", QUANTITY_DURATION, false, 0, "2h"},
    {"1H", QUANTITY_DURATION, false, 0, "1h"},
    {"1d", QUANTITY_DURATION, false, 0, NULL},
    {"1h30m", QUANTITY_DURATION, false, 0, NULL},
    {"1.5s", QUANTITY_DURATION, false, 0, NULL},
    {"-1s", QUANTITY_DURATION, false, 0, NULL},
    {"+1s", QUANTITY_DURATION, false, 0, NULL},
    {"s", QUANTITY_DURATION, false, 0, NULL},
    {"", QUANTITY_DURATION, false, 0, NULL},
    {"99999999999999999999s", QUANTITY_DURATION, false, 0, "99999999999999999999s"},
    {"18446744073709551615ms", QUANTITY_DURATION, false, 0, NULL},
    {"512B", QUANTITY_SIZE, true, 512},
    {"32KiB", QUANTITY_SIZE, true, 32768},
    {"10MiB", QUANTITY_SIZE, true, 10485760},
    {"1GiB", QUANTITY_SIZE, true, 1073741824},
    {"2TiB", QUANTITY_SIZE, true, 2199023255552},
    {"10MB", QUANTITY_SIZE, false, 0, "10MiB"},
    {"10m", QUANTITY_SIZE, false, 0, "10MiB"},
    {"64k", QUANTITY_SIZE, false, 0, "64KiB"},
    {"1024", QUANTITY_SIZE, false, 0, "1024B"},
    {"10 MiB", QUANTITY_SIZE, false, 0, "10MiB"},
    {"10Mib", QUANTITY_SIZE, false, 0, "10MiB"},
    {"16777216TiB", QUANTITY_SIZE, false, 0, NULL},
    {"0", QUANTITY_COUNT, true, 0},
    {"128", QUANTITY_COUNT, true, 128},
    {"18446744073709551614", QUANTITY_COUNT, true, UINT64_MAX - 1},
    {"18446744073709551615", QUANTITY_COUNT, false, 0, NULL},
    {"0x10", QUANTITY_COUNT, false, 0, NULL},
    {"1e3", QUANTITY_COUNT, false, 0, NULL},
};

Test(quantity, takes_a_whole_number_and_one_unit)
{
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        uint64_t value = 77;
        bool is_fine = quantity_parse(CASES[i].kind, slice_str(CASES[i].text), &value);

        cr_expect_eq(is_fine, CASES[i].is_fine, "%s", CASES[i].text);
        cr_expect_eq(value, CASES[i].is_fine ? CASES[i].value : 77, "%s", CASES[i].text);
    }
}

Test(quantity, guesses_what_habits_mean)
{
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct text guess = {0};

        if (!CASES[i].is_fine && CASES[i].guess &&
            quantity_guess(CASES[i].kind, slice_str(CASES[i].text), &guess))
            cr_expect_str_eq(guess.data, CASES[i].guess);
        else if (!CASES[i].is_fine)
            cr_expect_eq(guess.len, 0, "%s", CASES[i].text);
        text_fini(&guess);
    }
}

Test(quantity, is_described_in_the_largest_unit_that_divides_it)
{
    static const struct {
        enum quantity kind;
        uint64_t value;
        const char *text;
    } DESCRIBED[] = {
        {QUANTITY_DURATION, 0, "0ms"},          {QUANTITY_DURATION, 1500, "1500ms"},
        {QUANTITY_DURATION, 90000, "90s"},      {QUANTITY_DURATION, 7200000, "2h"},
        {QUANTITY_SIZE, 1025, "1025B"},         {QUANTITY_SIZE, 32768, "32KiB"},
        {QUANTITY_SIZE, 1ULL << 50, "1024TiB"}, {QUANTITY_COUNT, 128, "128"},
    };

    for (size_t i = 0; i < ARRAY_LEN(DESCRIBED); i++) {
        struct text text = {0};

        quantity_describe(DESCRIBED[i].kind, DESCRIBED[i].value, &text);
        cr_expect_str_eq(text.data, DESCRIBED[i].text);
        text_fini(&text);
    }
}
