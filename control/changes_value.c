#include "control/changes_parts.h"

/* ---- traits ---- */

static bool is_same(const struct trait *trait, const void *a, const void *b)
{
    switch (trait->type) {
    case TRAIT_SWITCH:
        return *(const bool *)a == *(const bool *)b;
    case TRAIT_UNSIGNED:
        return *(const unsigned *)a == *(const unsigned *)b;
    case TRAIT_TEXT:
        return slice_eq(*(const struct slice *)a, *(const struct slice *)b);
    case TRAIT_COUNT:
    case TRAIT_DURATION:
    case TRAIT_SIZE:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    }
    return false;
}

static void add_number(const struct trait *trait, uint64_t value, struct text *out)
{
    enum quantity kind = trait->type == TRAIT_DURATION ? QUANTITY_DURATION
                         : trait->type == TRAIT_SIZE   ? QUANTITY_SIZE
                                                       : QUANTITY_COUNT;

    if (value == 0 && trait->zero)
        text_add(out, slice_str(trait->zero));
    else
        quantity_describe(kind, value, out);
}

static void add_value(const struct trait *trait, const void *at, struct text *out)
{
    struct slice text;

    switch (trait->type) {
    case TRAIT_SWITCH:
        text_add(out, *(const bool *)at ? SLICE("on") : SLICE("off"));
        break;
    case TRAIT_UNSIGNED:
        add_number(trait, *(const unsigned *)at, out);
        break;
    case TRAIT_TEXT:
        text = *(const struct slice *)at;
        text_add(out, text.len || !trait->zero ? text : slice_str(trait->zero));
        break;
    case TRAIT_COUNT:
    case TRAIT_DURATION:
    case TRAIT_SIZE:
        add_number(trait, *(const uint64_t *)at, out);
        break;
    }
}

void traits_compare(const struct trait *traits, size_t count, const void *before, const void *after,
                    struct change_line *line)
{
    for (size_t i = 0; i < count; i++) {
        const char *was = (const char *)before + traits[i].offset,
                   *is = (const char *)after + traits[i].offset;
        struct text texts[2] = {{0}, {0}};

        if (is_same(&traits[i], was, is))
            continue;
        add_value(&traits[i], was, &texts[0]);
        add_value(&traits[i], is, &texts[1]);
        change_line_compare(line, traits[i].name, text_slice(&texts[0]), text_slice(&texts[1]));
        text_fini(&texts[0]);
        text_fini(&texts[1]);
    }
}

/* ---- sections of numbers ---- */

static uint64_t number_at(const void *owner, const struct field *field)
{
    uint64_t number;

    memcpy(&number, (const char *)owner + field->offset, sizeof(number));
    return number;
}

static void describe_number(const struct field *field, uint64_t value, struct text *out)
{
    enum quantity kind;

    if (value == SETTING_NONE)
        text_add(out, slice_str(field->word ? field->word : "none"));
    else if (field_quantity(field, &kind))
        quantity_describe(kind, value, out);
}

/* The file's value and the route's were the same, and are: whoever follows the file says nothing of its own. */
static bool follows(const struct change_numbers *numbers, const struct field *field)
{
    return numbers->base_before &&
           number_at(numbers->before, field) == number_at(numbers->base_before, field) &&
           number_at(numbers->after, field) == number_at(numbers->base_after, field);
}

void numbers_compare(const struct change_numbers *numbers,
                     void (*each)(void *argument, const char *name, struct slice before, struct slice after),
                     void *argument)
{
    for (const struct field *field = NULL; (field = field_next(numbers->section, field));) {
        uint64_t was = number_at(numbers->before, field), is = number_at(numbers->after, field);
        struct text name = {0}, texts[2] = {{0}, {0}};

        if (was == is || follows(numbers, field))
            continue;
        text_printf(&name, "%s.%s", section_row(numbers->section)->id, field->name);
        describe_number(field, was, &texts[0]);
        describe_number(field, is, &texts[1]);
        each(argument, name.data, text_slice(&texts[0]), text_slice(&texts[1]));
        text_fini(&texts[0]);
        text_fini(&texts[1]);
        text_fini(&name);
    }
}
