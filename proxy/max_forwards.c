#include "proxy/max_forwards.h"

#include "base/digits.h"
#include "base/macro.h"

/* "The lesser of the received value decremented by one and the recipient's maximum supported value." */
enum { MOST_FORWARDS = 255 };

static bool read_count(struct slice digits, unsigned *count)
{
    *count = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        *count = MIN(*count * 10 + (unsigned)(digits.data[i] - '0'), MOST_FORWARDS + 1u);
    }
    return digits.len > 0;
}

static struct field *find(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_MAX_FORWARDS)
            return &fields->items[i];
    }
    return NULL;
}

enum max_forwards max_forwards_spend(struct head *head, struct arena *arena)
{
    struct field *field;
    unsigned count;
    char digits[DIGITS_MAX];

    if ((head->method != METHOD_OPTIONS && head->method != METHOD_TRACE) || !(field = find(&head->fields)))
        return MAX_FORWARDS_ON;
    if (fields_count(&head->fields, FIELD_MAX_FORWARDS) > 1 || !read_count(field->value, &count))
        return MAX_FORWARDS_BAD;
    if (count == 0)
        return MAX_FORWARDS_END;
    field->value = arena_copy(arena, slice_of(digits, digits_write(count - 1, digits)));
    return MAX_FORWARDS_ON;
}
