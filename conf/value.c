#include "conf/value.h"

#include "conf/header.h"

struct switch_word {
    struct slice text;
    bool value;
};

static const struct switch_word SWITCH_WORDS[] = {
    {SLICE("true"), true}, {SLICE("on"), true}, {SLICE("false"), false}, {SLICE("off"), false}};

/* YAML 1.1 called these switches too; 1.2 does not, so they are refused with a hint. */
static const struct switch_word OLD_SWITCH_WORDS[] = {{SLICE("yes"), true}, {SLICE("y"), true},
                                                      {SLICE("1"), true},   {SLICE("no"), false},
                                                      {SLICE("n"), false},  {SLICE("0"), false}};

static bool switch_find(const struct switch_word *words, size_t count, struct slice text, bool *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq_nocase(words[i].text, text))
            continue;
        *out = words[i].value;
        return true;
    }
    return false;
}

bool value_is_switch(struct slice text, bool *meant)
{
    return switch_find(SWITCH_WORDS, ARRAY_LEN(SWITCH_WORDS), text, meant) ||
           switch_find(OLD_SWITCH_WORDS, ARRAY_LEN(OLD_SWITCH_WORDS), text, meant);
}

void value_boolean(struct reader *reader, const struct place *place, const struct field *field,
                   const struct node *node, void *out)
{
    struct conf_text text;
    bool meant;

    if (!reader_text(reader, field, node, &text) ||
        switch_find(SWITCH_WORDS, ARRAY_LEN(SWITCH_WORDS), text.text, out))
        return;
    reader_refuse(reader, field, node, NULL, &text);
    if (switch_find(OLD_SWITCH_WORDS, ARRAY_LEN(OLD_SWITCH_WORDS), text.text, &meant))
        diagnostics_hint(reader->diagnostics, "did you mean \"%s\"?", meant ? "true" : "false");
}

void value_suggest_choice(struct reader *reader, const struct field *field, struct slice text)
{
    struct slice choices[CHOICES_MAX];
    const char *words[CHOICES_MAX + 1] = {0};
    size_t count = field_choices(field, choices);

    for (size_t i = 0; i < count; i++)
        words[i] = arena_copy(&reader->conf->arena, choices[i]).data;
    diagnostics_suggest(reader->diagnostics, text, words);
}

int value_find_choice(const struct field *field, struct slice text)
{
    struct slice choices[CHOICES_MAX];
    size_t count = field_choices(field, choices);

    for (size_t i = 0; i < count; i++) {
        if (slice_eq(choices[i], text))
            return (int)i;
    }
    return -1;
}

void value_choice(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    struct conf_text text;
    int choice;

    if (!reader_text(reader, field, node, &text))
        return;
    choice = value_find_choice(field, text.text);
    if (choice >= 0) {
        *(int *)out = choice;
        return;
    }
    reader_refuse(reader, field, node, NULL, &text);
    value_suggest_choice(reader, field, text.text);
}

static void refuse_number(struct reader *reader, const struct field *field, const struct node *node,
                          enum quantity kind, const struct conf_text *text)
{
    struct text guess = {0};

    reader_refuse(reader, field, node, NULL, text);
    if (quantity_guess(kind, text->text, &guess))
        diagnostics_hint(reader->diagnostics, "did you mean \"%s\"?", guess.data);
    else if (field->word)
        diagnostics_suggest(reader->diagnostics, text->text, (const char *const[]){field->word, NULL});
    text_fini(&guess);
}

static void refuse_range(struct reader *reader, const struct field *field, enum quantity kind,
                         const struct conf_text *text)
{
    struct text least = {0}, most = {0};

    quantity_describe(kind, field->min, &least);
    quantity_describe(kind, field->max, &most);
    diagnostics_error(reader->diagnostics, text->mark, "\"%s\" must be between %s and %s, not %.*s",
                      field->name, least.data, most.data, FMT_SLICE(slice_head(text->text, 200)));
    if (field->word)
        diagnostics_hint(reader->diagnostics, "or \"%s\"", field->word);
    text_fini(&least);
    text_fini(&most);
}

void value_number(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    struct conf_text text;
    enum quantity kind;
    uint64_t number;

    if (!field_quantity(field, &kind) || !reader_text(reader, field, node, &text))
        return;
    if (field->word && slice_eq(text.text, slice_str(field->word)))
        *(uint64_t *)out = SETTING_NONE;
    else if (!quantity_parse(kind, text.text, &number) ||
             (field->choices && value_find_choice(field, text.text) < 0))
        refuse_number(reader, field, node, kind, &text);
    else if (number < field->min || number > field->max)
        refuse_range(reader, field, kind, &text);
    else
        *(uint64_t *)out = number;
}

/* "200" or "200-399" */
void value_statuses(struct reader *reader, const struct place *place, const struct field *field,
                    const struct node *node, void *out)
{
    struct conf_text text;
    struct slice low, high;
    uint64_t min, max;
    ptrdiff_t dash;

    if (!reader_text(reader, field, node, &text))
        return;
    dash = slice_find(text.text, '-');
    low = dash < 0 ? text.text : slice_head(text.text, (size_t)dash);
    high = dash < 0 ? text.text : slice_from(text.text, (size_t)dash + 1);
    if (!slice_to_u64(low, UINT32_MAX, &min) || !slice_to_u64(high, UINT32_MAX, &max) || min > max)
        reader_refuse(reader, field, node, NULL, &text);
    else if (min < field->min || max > field->max)
        refuse_range(reader, field, QUANTITY_COUNT, &text);
    else
        *(struct conf_range *)out = (struct conf_range){(unsigned)min, (unsigned)max};
}

bool value_is_visible(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    }
    return true;
}

static void read_checked(struct reader *reader, const struct field *field, const struct node *node, void *out,
                         bool (*is_fine)(struct slice text))
{
    struct conf_text text;

    if (!reader_text(reader, field, node, &text))
        return;
    if (is_fine(text.text))
        *(struct conf_text *)out = text;
    else
        reader_refuse(reader, field, node, NULL, &text);
}

static bool is_word(struct slice text)
{
    return text.len && value_is_visible(text);
}

static bool is_word_or_empty(struct slice text)
{
    return value_is_visible(text);
}

/* Whatever a file system takes: the file is not opened here. */
static bool is_file(struct slice text)
{
    return text.len && slice_find(text, '\n') < 0 && slice_find(text, '\0') < 0;
}

static bool is_path_and_query(struct slice text)
{
    return slice_starts(text, SLICE("/")) && value_is_visible(text) && slice_find(text, '#') < 0;
}

static bool is_path(struct slice text)
{
    return is_path_and_query(text) && slice_find(text, '?') < 0;
}

/* "//host" would be another host to a browser (RFC 3986 §4.2). */
static bool is_url(struct slice text)
{
    static const struct slice SCHEMES[] = {SLICE("http://"), SLICE("https://")};

    if (!value_is_visible(text))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
        if (slice_starts_nocase(text, SCHEMES[i]))
            return text.len > SCHEMES[i].len && text.data[SCHEMES[i].len] != '/';
    }
    return slice_starts(text, SLICE("/")) && !slice_starts(text, SLICE("//"));
}

static bool is_output(struct slice text)
{
    return is_file(text) && !slice_eq_nocase(text, SLICE("on")) && !slice_eq_nocase(text, SLICE("true")) &&
           !slice_eq_nocase(text, SLICE("false"));
}

void value_token(struct reader *reader, const struct place *place, const struct field *field,
                 const struct node *node, void *out)
{
    read_checked(reader, field, node, out, header_is_token);
}

void value_word(struct reader *reader, const struct place *place, const struct field *field,
                const struct node *node, void *out)
{
    read_checked(reader, field, node, out, field->may_be_empty ? is_word_or_empty : is_word);
}

void value_file(struct reader *reader, const struct place *place, const struct field *field,
                const struct node *node, void *out)
{
    read_checked(reader, field, node, out, is_file);
}

void value_url(struct reader *reader, const struct place *place, const struct field *field,
               const struct node *node, void *out)
{
    read_checked(reader, field, node, out, is_url);
}

void value_path(struct reader *reader, const struct place *place, const struct field *field,
                const struct node *node, void *out)
{
    read_checked(reader, field, node, out, is_path);
}

void value_path_and_query(struct reader *reader, const struct place *place, const struct field *field,
                          const struct node *node, void *out)
{
    read_checked(reader, field, node, out, is_path_and_query);
}

void value_output(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    read_checked(reader, field, node, out, is_output);
}
