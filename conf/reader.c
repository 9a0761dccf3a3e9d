#include "conf/reader.h"

#include "base/error.h"
#include "conf/environment.h"

static void place_describe(const struct place *place, struct text *out)
{
    for (const char *before = " in "; place; place = place->outer, before = " of ") {
        text_printf(out, "%s%s", before, place->title);
        if (place->name.len)
            text_printf(out, " %.*s", FMT_SLICE(slice_head(place->name, 200)));
    }
}

void reader_refuse_key(struct reader *reader, const struct place *place, enum section_id section,
                       const struct node *key)
{
    const char *known[FIELD_NAMES_MAX];
    struct text where = {0};

    text_add_literal(&where, "");
    place_describe(place, &where);
    diagnostics_error(reader->diagnostics, key->mark, "unknown key \"%.*s\"%s",
                      FMT_SLICE(slice_head(key->text, 200)), where.data);
    section_keys(section, known);
    diagnostics_suggest(reader->diagnostics, key->text, known);
    text_fini(&where);
}

void reader_refuse(struct reader *reader, const struct field *field, const struct node *node,
                   const char *expected, const struct conf_text *text)
{
    struct text what = {0};

    if (expected)
        text_add(&what, slice_str(expected));
    else
        field_expectation(field, &what);
    if (text)
        diagnostics_error(reader->diagnostics, text->mark, "\"%s\" must be %s, not \"%.*s\"", field->name,
                          what.data, FMT_SLICE(slice_head(text->text, 200)));
    else if (node->kind == NODE_NULL)
        diagnostics_error(reader->diagnostics, node->mark, "\"%s\" has no value: it must be %s", field->name,
                          what.data);
    else
        diagnostics_error(reader->diagnostics, node->mark, "\"%s\" must be %s, not %s", field->name,
                          what.data, node_kind_name(node));
    text_fini(&what);
}

bool reader_text(struct reader *reader, const struct field *field, const struct node *node,
                 struct conf_text *out)
{
    struct conf_text text = {.mark = node->mark};
    struct error error;
    struct slice at;

    if (node->kind != NODE_SCALAR) {
        reader_refuse(reader, field, node, NULL, NULL);
        return false;
    }
    if (environment_expand(node->text, &reader->conf->arena, &text.text, &at, &error) < 0) {
        /* Only where text and source are the same does a part of one lie at the same place in the other. */
        if (node->is_plain && node->mark.length == node->text.len)
            text.mark = mark_within(node->mark, (uint32_t)(at.data - node->text.data), (uint32_t)at.len);
        diagnostics_error(reader->diagnostics, text.mark, "%s", error.text);
        return false;
    }
    *out = text;
    return true;
}

static void read_field(struct reader *reader, const struct place *place, const struct field *field,
                       const struct node *node, void *owner)
{
    reader->types[field->type](reader, place, field, node, (char *)owner + field->offset);
}

static void check_required(struct reader *reader, const struct place *place, enum section_id section,
                           const struct node *node)
{
    for (const struct field *field = NULL; (field = field_next(section, field));) {
        struct text where = {0};

        if (!field->is_required || node_get(node, slice_str(field->name), NULL))
            continue;
        text_add_literal(&where, "");
        place_describe(place, &where);
        diagnostics_error(reader->diagnostics, node->mark, "\"%s\" is missing%s", field->name, where.data);
        text_fini(&where);
    }
}

void reader_section(struct reader *reader, const struct place *place, enum section_id section,
                    const struct node *node, void *owner)
{
    const char *shorthand = section_row(section)->shorthand;

    if (node->kind == NODE_SCALAR || node->kind == NODE_LIST) {
        ASSERT(shorthand);
        read_field(reader, place, field_find(section, slice_str(shorthand)), node, owner);
        return;
    }
    for (uint32_t i = 0; node->kind == NODE_MAP && i < node->count; i += 2) {
        const struct field *field = field_find(section, node->items[i]->text);

        if (field)
            read_field(reader, place, field, node->items[i + 1], owner);
        else
            reader_refuse_key(reader, place, section, node->items[i]);
    }
    check_required(reader, place, section, node);
}

void reader_subsection(struct reader *reader, const struct place *place, const struct field *field,
                       const struct node *node, void *out)
{
    struct place inner = {.outer = place, .title = field->name};
    bool is_map = node->kind == NODE_MAP || node->kind == NODE_NULL;

    if (!is_map && !section_row(field->sub)->shorthand)
        reader_refuse(reader, field, node, NULL, NULL);
    else
        reader_section(reader, &inner, field->sub, node, out);
}

void reader_defaults(struct reader *reader, enum section_id section, void *owner)
{
    for (const struct field *field = NULL; (field = field_next(section, field));) {
        struct node node = {.kind = NODE_SCALAR, .is_plain = true};

        if (field->type == FIELD_SECTION || field->type == FIELD_VARIANT)
            reader_defaults(reader, field->sub, (char *)owner + field->offset);
        if (!field->initial)
            continue;
        node.text = slice_str(field->initial);
        read_field(reader, NULL, field, &node, owner);
    }
}
