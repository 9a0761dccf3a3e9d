/* The JSON Schema (draft 2020-12), for editors. It says what forms there are; ranges of durations and sizes,
 * and what several keys mean together, only the loader knows. */
#include "conf/conf.h"
#include "conf/fields.h"

#define TOKEN       "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
#define ENVIRONMENT "{\"$ref\": \"#/$defs/environment\"}"

/* What one text of a type looks like; NULL: made from the field's own data. */
static const char *const SCALARS[FIELD_TYPE_COUNT] = {
    [FIELD_BOOLEAN] = "{\"enum\": [true, false, \"on\", \"off\"]}",
    [FIELD_DURATION] = "{\"type\": \"string\", \"pattern\": \"^[0-9]+(ms|s|m|h)$\"}",
    [FIELD_SIZE] = "{\"type\": \"string\", \"pattern\": \"^[0-9]+(B|KiB|MiB|GiB|TiB)$\"}",
    [FIELD_STATUSES] =
        "{\"type\": [\"string\", \"integer\"], \"pattern\": \"^[2-5][0-9]{2}(-[2-5][0-9]{2})?$\", "
        "\"minimum\": 200, \"maximum\": 599}",
    [FIELD_TOKEN] = "{\"type\": [\"string\", \"integer\"], \"pattern\": \"" TOKEN "\"}",
    [FIELD_WORD] = "{\"type\": [\"string\", \"integer\"]}",
    [FIELD_FILE] = "{\"type\": \"string\", \"minLength\": 1}",
    [FIELD_URL] = "{\"type\": \"string\", \"pattern\": \"^(/|[Hh][Tt][Tt][Pp][Ss]?://)\"}",
    [FIELD_PATH_AND_QUERY] = "{\"type\": \"string\", \"pattern\": \"^/[^#]*$\"}",
    [FIELD_PATH] = "{\"type\": \"string\", \"pattern\": \"^/[^?#]*$\"}",
    [FIELD_OUTPUT] = "{\"anyOf\": [{\"type\": \"string\", \"minLength\": 1}, {\"const\": \"off\"}]}",
    [FIELD_ADDRESS] = "{\"type\": [\"string\", \"integer\"]}",
    [FIELD_METHODS] = "{\"type\": \"string\", \"pattern\": \"" TOKEN "\"}",
    [FIELD_NAMES] = "{\"type\": \"string\", \"pattern\": \"" TOKEN "\"}",
    [FIELD_NETWORKS] = "{\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$\"}",
    [FIELD_ADDRESSES] = "{\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f.:]+$\"}",
    [FIELD_SERVERS] = "{\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f.:\\\\[\\\\]]+$\"}",
    [FIELD_HEADERS] = "{\"type\": [\"string\", \"number\", \"boolean\"]}",
    [FIELD_QUERY] = "{\"type\": [\"string\", \"number\", \"boolean\"]}",
};

static void add_choices(const struct field *field, struct text *out)
{
    struct slice choices[CHOICES_MAX];
    size_t count = field_choices(field, choices);

    text_add_literal(out, "{\"enum\": [");
    for (size_t i = 0; i < count; i++) {
        text_add(out, i ? SLICE(", ") : SLICE(""));
        if (field->type == FIELD_COUNT)
            text_add(out, choices[i]);
        else
            text_add_json(out, choices[i]);
    }
    text_add_literal(out, "]}");
}

/* A scalar: its own form, its word, or a text that the environment completes. */
static void add_scalar(const struct field *field, struct text *out)
{
    text_add_literal(out, "{\"anyOf\": [");
    if (field->choices)
        add_choices(field, out);
    else if (field->type == FIELD_COUNT)
        text_printf(out, "{\"type\": \"integer\", \"minimum\": %ju, \"maximum\": %ju}", (uintmax_t)field->min,
                    (uintmax_t)field->max);
    else
        text_add(out, slice_str(SCALARS[field->type]));
    if (field->word)
        text_printf(out, ", {\"const\": \"%s\"}", field->word);
    text_add_literal(out, ", " ENVIRONMENT "]}");
}

static void add_one_or_list(const struct field *field, struct text *out)
{
    text_add_literal(out, "{\"anyOf\": [");
    add_scalar(field, out);
    text_printf(out, ", {\"type\": \"array\", \"minItems\": %d, \"items\": ", field->may_be_empty ? 0 : 1);
    add_scalar(field, out);
    text_add_literal(out, "}]}");
}

static void add_pairs(const struct field *field, struct text *out)
{
    text_add_literal(out, "{\"type\": \"object\", ");
    if (field->type == FIELD_HEADERS)
        text_add_literal(out, "\"propertyNames\": {\"pattern\": \"" TOKEN "\"}, ");
    text_add_literal(out, "\"additionalProperties\": {\"anyOf\": [");
    text_add(out, slice_str(SCALARS[field->type]));
    if (field->may_lack_value)
        text_add_literal(out, ", {\"type\": \"null\"}");
    if (field->is_edit)
        text_printf(out, ", {\"type\": \"array\", \"items\": %s}", SCALARS[field->type]);
    text_add_literal(out, "]}}");
}

static void add_value(const struct field *field, struct text *out);

/* A word, a map, or what stands for the map. */
static void add_variant(const struct field *field, struct text *out)
{
    const struct section *sub = section_row(field->sub);

    text_add_literal(out, "{\"anyOf\": [");
    add_choices(field, out);
    text_printf(out, ", {\"$ref\": \"#/$defs/%s\"}", sub->id);
    if (sub->shorthand) {
        text_add_literal(out, ", ");
        add_value(field_find(field->sub, slice_str(sub->shorthand)), out);
    }
    text_add_literal(out, ", " ENVIRONMENT "]}");
}

static void add_section_value(const struct field *field, struct text *out)
{
    const struct section *sub = section_row(field->sub);

    if (!sub->shorthand) {
        text_printf(out, "{\"$ref\": \"#/$defs/%s\"}", sub->id);
        return;
    }
    text_printf(out, "{\"anyOf\": [{\"$ref\": \"#/$defs/%s\"}, ", sub->id);
    add_value(field_find(field->sub, slice_str(sub->shorthand)), out);
    text_add_literal(out, "]}");
}

static void add_value(const struct field *field, struct text *out)
{
    switch (field->type) {
    case FIELD_METHODS:
    case FIELD_NAMES:
    case FIELD_NETWORKS:
    case FIELD_ADDRESSES:
    case FIELD_SERVERS:
        add_one_or_list(field, out);
        break;
    case FIELD_HEADERS:
    case FIELD_QUERY:
        add_pairs(field, out);
        break;
    case FIELD_SECTION:
        add_section_value(field, out);
        break;
    case FIELD_VARIANT:
        add_variant(field, out);
        break;
    case FIELD_TARGETS:
        text_add_literal(out, "{\"$ref\": \"#/$defs/targets\"}");
        break;
    case FIELD_ROUTES:
        text_add_literal(out, "{\"$ref\": \"#/$defs/routes\"}");
        break;
    case FIELD_BACKENDS:
        text_add_literal(out, "{\"$ref\": \"#/$defs/backends\"}");
        break;
    case FIELD_LISTEN:
        text_add_literal(out, "{\"$ref\": \"#/$defs/ports\"}");
        break;
    case FIELD_EXPECTATIONS:
        text_add_literal(out, "{\"type\": [\"object\", \"null\"], \"additionalProperties\": {\"type\": "
                              "\"string\", \"minLength\": 1}}");
        break;
    case FIELD_CERTIFICATES:
        text_add_literal(out, "{\"$ref\": \"#/$defs/certificates\"}");
        break;
    default:
        add_scalar(field, out);
    }
}

/* A description beside a $ref is fine since draft 2019-09. */
static void add_property(const struct field *field, struct text *out)
{
    text_printf(out, "      \"%s\": {\"description\": ", field->name);
    text_add_json(out, slice_str(field->help));
    if (field->initial) {
        text_add_literal(out, ", \"default\": ");
        if (field->type == FIELD_BOOLEAN && field->initial[0] != 'o')
            text_add(out, slice_str(field->initial));
        else if (field->type == FIELD_COUNT && field->initial[0] <= '9')
            text_add(out, slice_str(field->initial));
        else
            text_add_json(out, slice_str(field->initial));
    }
    text_add_literal(out, ", \"allOf\": [");
    add_value(field, out);
    text_add_literal(out, "]}");
}

static void add_required(enum section_id section, struct text *out)
{
    const char *between = "";

    text_add_literal(out, "      \"required\": [");
    for (const struct field *field = NULL; (field = field_next(section, field));) {
        if (!field->is_required)
            continue;
        text_printf(out, "%s\"%s\"", between, field->name);
        between = ", ";
    }
    text_add_literal(out, "],\n");
}

static void add_section(enum section_id section, struct text *out)
{
    const char *end = "\n";

    text_printf(out, "    \"%s\": {\n      \"description\": ", section_row(section)->id);
    text_add_json(out, slice_str(section_row(section)->help));
    text_add_literal(out, ",\n      \"type\": \"object\",\n      \"additionalProperties\": false,\n");
    add_required(section, out);
    if (section == SECTION_route)
        text_add_literal(out, "      \"oneOf\": [{\"required\": [\"to\"]}, {\"required\": [\"redirect\"]}, "
                              "{\"required\": [\"respond\"]}],\n");
    if (section == SECTION_when)
        text_add_literal(out, "      \"minProperties\": 1,\n");
    if (section == SECTION_hash)
        text_add_literal(out, "      \"minProperties\": 1, \"maxProperties\": 1,\n");
    text_add_literal(out, "      \"properties\": {");
    for (const struct field *field = NULL; (field = field_next(section, field)); end = ",\n") {
        text_add(out, slice_str(end));
        add_property(field, out);
    }
    text_add_literal(out, "\n      }\n    }");
}

/* What is no map with fixed keys. */
static const char OTHERS[] =
    "    \"environment\": {\"type\": \"string\", \"pattern\": "
    "\"\\\\$\\\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\\\}\"},\n"
    "    \"target_value\": {\"anyOf\": [{\"type\": [\"string\", \"integer\"]}, {\"$ref\": "
    "\"#/$defs/target\"}]},\n"
    "    \"targets\": {\"anyOf\": [{\"$ref\": \"#/$defs/target_value\"}, {\"type\": \"array\", \"minItems\": "
    "1, "
    "\"items\": {\"$ref\": \"#/$defs/target_value\"}}]},\n"
    "    \"routes\": {\n"
    "      \"type\": [\"object\", \"null\"],\n"
    "      \"patternProperties\": {\"^[^ ]+$\": {\"anyOf\": [{\"$ref\": \"#/$defs/targets\"}, "
    "{\"$ref\": \"#/$defs/route\"}, {\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": "
    "\"#/$defs/route\"}}]}},\n"
    "      \"additionalProperties\": false\n"
    "    },\n"
    "    \"backends\": {\n"
    "      \"type\": [\"object\", \"null\"],\n"
    "      \"patternProperties\": {\"^[A-Za-z0-9_-]+$\": {\"anyOf\": [{\"$ref\": \"#/$defs/targets\"}, "
    "{\"$ref\": \"#/$defs/pool\"}]}},\n"
    "      \"additionalProperties\": false\n"
    "    },\n"
    "    \"certificates\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"anyOf\": "
    "[{\"type\": \"string\"}, {\"$ref\": \"#/$defs/certificate\"}]}}]},\n";

static void add_ports(struct text *out)
{
    const struct field bind = {.type = FIELD_SECTION, .sub = SECTION_listen};

    text_add_literal(out, "    \"ports\": {\n      \"type\": \"object\",\n"
                          "      \"patternProperties\": {\"^[1-9][0-9]{0,4}$\": ");
    add_section_value(&bind, out);
    text_add_literal(out, "},\n      \"additionalProperties\": false\n    }");
}

void conf_schema(struct text *out)
{
    text_add_literal(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                          "  \"title\": \"Portico\",\n  \"$ref\": \"#/$defs/root\",\n  \"$defs\": {\n");
    text_add(out, slice_str(OTHERS));
    for (enum section_id section = 0; section < SECTION_COUNT; section++) {
        add_section(section, out);
        text_add_literal(out, ",\n");
    }
    add_ports(out);
    text_add_literal(out, "\n  }\n}\n");
}
