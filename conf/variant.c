#include "conf/variant.h"

#include "conf/value.h"

/* `balance: client` is meant as {hash: client}: the word belongs to a key of the map. */
static const struct field *find_inner(const struct field *field, struct slice text)
{
    for (const struct field *inner = NULL; (inner = field_next(field->sub, inner));) {
        if (inner->type == FIELD_VARIANT && value_find_choice(inner, text) >= 0)
            return inner;
    }
    return NULL;
}

static void suggest(struct reader *reader, const struct field *field, struct slice text)
{
    const struct field *inner = find_inner(field, text);
    bool is_on;

    if (inner)
        diagnostics_hint(reader->diagnostics, "did you mean {%s: %.*s}?", inner->name, FMT_SLICE(text));
    else if (value_is_switch(text, &is_on) &&
             value_find_choice(field, is_on ? SLICE("on") : SLICE("off")) >= 0)
        diagnostics_hint(reader->diagnostics, "did you mean \"%s\"?", is_on ? "on" : "off");
    else
        value_suggest_choice(reader, field, text);
}

static void read_map(struct reader *reader, const struct place *place, const struct field *field,
                     const struct node *node, void *out)
{
    struct slice choices[CHOICES_MAX];

    *(int *)out = (int)field_choices(field, choices);
    reader_subsection(reader, place, field, node, out);
}

/* What looks like the shorthand's value is read as one, anything else may be a word with a slip in it. */
static bool is_shorthand(const struct field *field, struct slice text)
{
    return section_row(field->sub)->shorthand && slice_find(text, '/') >= 0;
}

void variant_read(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    struct conf_text text;
    int choice;

    if (node->kind == NODE_MAP) {
        read_map(reader, place, field, node, out);
        return;
    }
    if (!reader_text(reader, field, node, &text))
        return;
    choice = value_find_choice(field, text.text);
    if (choice >= 0) {
        *(int *)out = choice;
    } else if (is_shorthand(field, text.text)) {
        read_map(reader, place, field, node, out);
    } else {
        reader_refuse(reader, field, node, NULL, &text);
        suggest(reader, field, text.text);
    }
}
