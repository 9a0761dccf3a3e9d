#include "conf/fields.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    MINUTE = 60 * 1000,
    HOUR = 60 * MINUTE,
};

/* A month: longer than that is "none". */
#define MAX_MS    (30ULL * 24 * HOUR)
#define MAX_BYTES (1ULL << 50)

static const struct section SECTIONS[] = {
#define SECTION(id_, owner_, title_, help_, ...)                                                             \
    [SECTION_##id_] = {.id = #id_, .title = title_, .help = help_, __VA_ARGS__},
#define FIELD(...)
#include "conf/fields.def"
#undef SECTION
#undef FIELD
};

#define SECTION(id_, owner_, ...) typedef owner_ owner_of_##id_;
#define FIELD(...)
#include "conf/fields.def"
#undef SECTION
#undef FIELD

static const struct field FIELDS[] = {
#define SECTION(...)
#define FIELD(section_, name_, type_, member_, help_, ...)                                                   \
    {.section = SECTION_##section_,                                                                          \
     .name = #name_,                                                                                         \
     .type = FIELD_##type_,                                                                                  \
     .offset = offsetof(owner_of_##section_, member_),                                                       \
     .help = help_,                                                                                          \
     __VA_ARGS__},
#include "conf/fields.def"
#undef SECTION
#undef FIELD
};

static const char *const NOUNS[] = {
    [FIELD_BOOLEAN] = "true or false",
    [FIELD_COUNT] = "a whole number",
    [FIELD_DURATION] = "a duration such as 500ms, 15s, 5m or 1h",
    [FIELD_SIZE] = "a size such as 32KiB, 10MiB or 1GiB",
    [FIELD_CHOICE] = "a choice",
    [FIELD_STATUSES] = "a status such as 200, or a range such as 200-399",
    [FIELD_WORD] = "a name",
    [FIELD_TOKEN] = "a name without blanks and separators",
    [FIELD_FILE] = "a path",
    [FIELD_URL] = "a URL such as https://example.com/, or a path that begins with /",
    [FIELD_PATH] = "a path that begins with /",
    [FIELD_PATH_AND_QUERY] = "a path that begins with /",
    [FIELD_OUTPUT] = "stdout, stderr, off or a path",
    [FIELD_ADDRESS] = "a target such as 8080, host:port or unix:/run/app.sock",
    [FIELD_METHODS] = "a method such as GET, or a list of them",
    [FIELD_NAMES] = "a header field's name, or a list of them",
    [FIELD_HEADERS] = "a map of header fields",
    [FIELD_QUERY] = "a map of parameters",
    [FIELD_NETWORKS] = "a network such as 10.0.0.0/8, or a list of them",
    [FIELD_ADDRESSES] = "an IP address, or a list of them",
    [FIELD_SERVERS] =
        "an IP address such as 10.0.0.2, with a port such as 127.0.0.1:5353 or [::1]:53 or without, or a "
        "list of them",
    [FIELD_TARGETS] = "a target such as 8080, host:port or unix:/run/app.sock, or a list of them",
    [FIELD_SECTION] = "a map",
    [FIELD_ROUTES] = "a map of URLs and where they go",
    [FIELD_BACKENDS] = "a map of names and pools",
    [FIELD_LISTEN] = "a map of ports",
    [FIELD_EXPECTATIONS] = "a map of URLs and the routes that they take",
    [FIELD_CERTIFICATES] = "a list of directories and of maps with cert and key",
};

const struct section *section_row(enum section_id id)
{
    return &SECTIONS[id];
}

const struct field *field_next(enum section_id section, const struct field *field)
{
    const struct field *end = FIELDS + ARRAY_LEN(FIELDS);

    for (field = field ? field + 1 : FIELDS; field < end; field++) {
        if (field->section == section)
            return field;
    }
    return NULL;
}

const struct field *field_find(enum section_id section, struct slice name)
{
    for (const struct field *field = NULL; (field = field_next(section, field));) {
        if (slice_eq(name, slice_str(field->name)))
            return field;
    }
    return NULL;
}

void section_keys(enum section_id section, const char *out[FIELD_NAMES_MAX])
{
    size_t count = 0;

    for (const struct field *field = NULL; (field = field_next(section, field));) {
        ASSERT(count < FIELD_NAMES_MAX - 1);
        out[count++] = field->name;
    }
    out[count] = NULL;
}

size_t field_choices(const struct field *field, struct slice out[CHOICES_MAX])
{
    struct slice rest = slice_str(field->choices);
    size_t count = 0;

    while (rest.len) {
        ptrdiff_t bar = slice_find(rest, '|');
        size_t len = bar < 0 ? rest.len : (size_t)bar;

        ASSERT(count < CHOICES_MAX);
        out[count++] = slice_head(rest, len);
        rest = slice_from(rest, bar < 0 ? len : len + 1);
    }
    return count;
}

/* "a, b or c" */
static void add_alternatives(const struct slice *words, size_t count, struct text *out)
{
    for (size_t i = 0; i < count; i++) {
        text_add(out, words[i]);
        if (i + 1 < count)
            text_add(out, i + 2 < count ? SLICE(", ") : SLICE(" or "));
    }
}

static void add_choices(const struct field *field, struct text *out)
{
    struct slice choices[CHOICES_MAX];

    add_alternatives(choices, field_choices(field, choices), out);
}

/* A map's only keys are said; of one with many, that it is a map. */
static void describe_map(const struct field *field, struct text *out)
{
    const char *keys[FIELD_NAMES_MAX];
    struct slice words[2] = {{0}};
    size_t count = 0;

    section_keys(field->sub, keys);
    while (count < ARRAY_LEN(words) && keys[count]) {
        words[count] = slice_str(keys[count]);
        count++;
    }
    text_add_literal(out, "a map");
    if (keys[count])
        return;
    text_add_literal(out, " with ");
    add_alternatives(words, count, out);
}

static void add_variants(const struct field *field, struct text *out)
{
    const char *shorthand = section_row(field->sub)->shorthand;
    struct slice words[CHOICES_MAX + 2];
    size_t count = field_choices(field, words);
    struct text map = {0};

    if (shorthand)
        words[count++] = slice_str(NOUNS[field_find(field->sub, slice_str(shorthand))->type]);
    describe_map(field, &map);
    words[count++] = text_slice(&map);
    add_alternatives(words, count, out);
    text_fini(&map);
}

void field_expectation(const struct field *field, struct text *out)
{
    bool is_switch = field->type == FIELD_BOOLEAN && field->initial && field->initial[0] == 'o';

    if (field->type == FIELD_VARIANT)
        add_variants(field, out);
    else if (field->choices)
        add_choices(field, out);
    else
        text_add(out, slice_str(is_switch ? "on or off" : NOUNS[field->type]));
    if (field->word)
        text_printf(out, ", or %s", field->word);
}

bool field_quantity(const struct field *field, enum quantity *out)
{
    switch (field->type) {
    case FIELD_COUNT:
        *out = QUANTITY_COUNT;
        return true;
    case FIELD_DURATION:
        *out = QUANTITY_DURATION;
        return true;
    case FIELD_SIZE:
        *out = QUANTITY_SIZE;
        return true;
    default:
        return false;
    }
}
