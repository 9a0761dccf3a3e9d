#include "http/fields.h"

#include "base/macro.h"

static const struct slice id_names[FIELD_ID_COUNT] = {
    [FIELD_OTHER] = {"", 0},
#define FIELD_NAME(id, name) [FIELD_##id] = {name, sizeof(name) - 1},
#include "http/field_names.def"
#undef FIELD_NAME
};

/* Ids by a cheap key of the name, open addressing; 0 ends a run. Filled before main() and never changed. */
enum { ID_SLOTS = 256 };
static uint8_t id_slots[ID_SLOTS];

static unsigned id_key(struct slice name)
{
    unsigned first = (unsigned char)name.data[0] | 0x20;
    unsigned last = (unsigned char)name.data[name.len - 1] | 0x20;

    return (unsigned)(name.len * 7 + first * 5 + last * 29) % ID_SLOTS;
}

__attribute__((constructor)) static void id_slots_fill(void)
{
    for (unsigned id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++) {
        unsigned at = id_key(id_names[id]);

        while (id_slots[at])
            at = (at + 1) % ID_SLOTS;
        id_slots[at] = (uint8_t)id;
    }
}

enum field_id field_id_of(struct slice name)
{
    if (name.len == 0)
        return FIELD_OTHER;
    for (unsigned at = id_key(name); id_slots[at]; at = (at + 1) % ID_SLOTS) {
        if (slice_eq_nocase(name, id_names[id_slots[at]]))
            return (enum field_id)id_slots[at];
    }
    return FIELD_OTHER;
}

struct slice field_id_name(enum field_id id)
{
    return id_names[id];
}

void fields_add(struct fields *fields, struct arena *arena, struct slice name, struct slice value)
{
    if (fields->count == fields->cap) {
        size_t cap = MAX(fields->cap * 2, (size_t)8);
        struct field *items = arena_alloc(arena, cap * sizeof(*items));

        if (fields->count)
            memcpy(items, fields->items, fields->count * sizeof(*items));
        fields->items = items;
        fields->cap = cap;
    }
    fields->items[fields->count++] =
        (struct field){.name = name, .value = slice_trim(value), .id = field_id_of(name)};
}

const struct field *fields_find(const struct fields *fields, enum field_id id)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id)
            return &fields->items[i];
    }
    return NULL;
}

const struct field *fields_find_name(const struct fields *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (slice_eq_nocase(fields->items[i].name, name))
            return &fields->items[i];
    }
    return NULL;
}

size_t fields_count(const struct fields *fields, enum field_id id)
{
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++)
        count += fields->items[i].id == id;
    return count;
}

void fields_remove_name(struct fields *fields, struct slice name)
{
    size_t kept = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (!slice_eq_nocase(fields->items[i].name, name))
            fields->items[kept++] = fields->items[i];
    }
    fields->count = kept;
}

void fields_remove(struct fields *fields, enum field_id id)
{
    size_t kept = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != id)
            fields->items[kept++] = fields->items[i];
    }
    fields->count = kept;
}

static const bool is_token_char[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

bool field_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_char[(unsigned char)name.data[i]])
            return false;
    }
    return name.len > 0;
}

bool field_value_is_valid(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool trailer_is_allowed(struct slice name)
{
    static const struct slice refused[] = {
        {"age", 3},
        {"authorization", 13},
        {"cache-control", 13},
        {"content-encoding", 16},
        {"content-range", 13},
        {"expires", 7},
        {"if-match", 8},
        {"if-none-match", 13},
        {"if-range", 8},
        {"pragma", 6},
        {"range", 5},
        {"retry-after", 11},
        {"set-cookie", 10},
        {"www-authenticate", 16},
        {"if-modified-since", 17},
        {"if-unmodified-since", 19},
        {"vary", 4},
    };

    if (field_id_of(name) != FIELD_OTHER || slice_find(name, '_') >= 0 ||
        slice_starts_nocase(name, SLICE("x-forwarded-")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (slice_eq_nocase(name, refused[i]))
            return false;
    }
    return true;
}
