#include "conf/quantity.h"

struct unit {
    const char *name;
    uint64_t factor;
    const char *habits[8]; /* how else people write it, in lower case; ends with NULL */
};

/* Smallest first; a unit's factor divides that of the next. A kind ends with a NULL name. */
static const struct unit UNITS[][6] = {
    [QUANTITY_COUNT] = {{"", 1}},
    [QUANTITY_DURATION] =
        {
            {"ms", 1, {"msec", "millis", "milliseconds"}},
            {"s", 1000, {"", "s", "sec", "secs", "second", "seconds"}},
            {"m", 60 * 1000, {"m", "min", "mins", "minute", "minutes"}},
            {"h", 60 * 60 * 1000, {"h", "hr", "hrs", "hour", "hours"}},
        },
    [QUANTITY_SIZE] =
        {
            {"B", 1, {"", "b", "byte", "bytes"}},
            {"KiB", 1ULL << 10, {"k", "kb", "ki", "kib"}},
            {"MiB", 1ULL << 20, {"m", "mb", "mi", "mib"}},
            {"GiB", 1ULL << 30, {"g", "gb", "gi", "gib"}},
            {"TiB", 1ULL << 40, {"t", "tb", "ti", "tib"}},
        },
};

static struct slice take_digits(struct slice *text)
{
    size_t len = 0;
    struct slice digits;

    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9')
        len++;
    digits = slice_head(*text, len);
    *text = slice_from(*text, len);
    return digits;
}

bool quantity_parse(enum quantity kind, struct slice text, uint64_t *out)
{
    struct slice digits = take_digits(&text);

    for (const struct unit *unit = UNITS[kind]; unit->name; unit++) {
        uint64_t number;

        if (!slice_eq(text, slice_str(unit->name)))
            continue;
        /* UINT64_MAX itself means "none" to the settings. */
        if (!slice_to_u64(digits, (UINT64_MAX - 1) / unit->factor, &number))
            return false;
        *out = number * unit->factor;
        return true;
    }
    return false;
}

static bool is_habit(const struct unit *unit, struct slice text)
{
    for (const char *const *habit = unit->habits; *habit; habit++) {
        if (slice_eq_nocase(text, slice_str(*habit)))
            return true;
    }
    return false;
}

bool quantity_guess(enum quantity kind, struct slice text, struct text *out)
{
    struct slice rest = slice_trim(text), digits = take_digits(&rest);

    rest = slice_trim(rest);
    for (const struct unit *unit = UNITS[kind]; digits.len && unit->name; unit++) {
        if (!is_habit(unit, rest))
            continue;
        text_add(out, digits);
        text_add(out, slice_str(unit->name));
        return true;
    }
    return false;
}

void quantity_describe(enum quantity kind, uint64_t value, struct text *out)
{
    const struct unit *unit = UNITS[kind];

    while (value && unit[1].name && value % unit[1].factor == 0)
        unit++;
    text_add_u64(out, value / unit->factor);
    text_add(out, slice_str(unit->name));
}
