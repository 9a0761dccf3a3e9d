/** The keys of the configuration as data: conf/fields.def. */
#ifndef CONF_FIELDS_H
#define CONF_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "conf/conf.h"
#include "conf/quantity.h"

/** What a key's value is, and what is stored. */
enum field_type {
    FIELD_BOOLEAN,  /* bool */
    FIELD_COUNT,    /* uint64_t */
    FIELD_DURATION, /* uint64_t, milliseconds */
    FIELD_SIZE,     /* uint64_t, bytes */
    FIELD_CHOICE,   /* int */
    FIELD_VARIANT, /* one of the choices, or a map with fixed keys: the owner of the section, which begins with an
                        int: the number of the choice, or how many there are when it is a map */
    FIELD_STATUSES, /* struct conf_range */
    FIELD_WORD,     /* struct conf_text, and so on: visible ASCII without blanks */
    FIELD_TOKEN,    /* RFC 9110 §5.6.2 */
    FIELD_FILE,     /* a file's path */
    FIELD_URL,      /* http(s) URL or absolute path */
    FIELD_PATH,     /* absolute path of a URL */
    FIELD_PATH_AND_QUERY,
    FIELD_OUTPUT,    /* stdout, stderr, off, or a file's path */
    FIELD_ADDRESS,   /* a target, unread */
    FIELD_METHODS,   /* struct conf_texts */
    FIELD_NAMES,     /* struct conf_texts: of header fields */
    FIELD_HEADERS,   /* struct conf_pairs */
    FIELD_QUERY,     /* struct conf_pairs */
    FIELD_NETWORKS,  /* struct conf_networks */
    FIELD_ADDRESSES, /* struct conf_addresses */
    FIELD_SERVERS,   /* struct conf_servers */
    FIELD_TARGETS,   /* struct conf_targets */
    FIELD_SECTION,   /* the owner of the section */
    FIELD_ROUTES,    /* these five: struct conf itself */
    FIELD_BACKENDS,
    FIELD_LISTEN,
    FIELD_EXPECTATIONS,
    FIELD_CERTIFICATES,
    FIELD_TYPE_COUNT
};

enum section_id {
#define SECTION(id, ...) SECTION_##id,
#define FIELD(...)
#include "conf/fields.def"
#undef SECTION
#undef FIELD
    SECTION_COUNT
};

/** What the section "route" fills: `to` and everything else, before they go to their places. */
struct conf_route_form {
    struct conf_targets to;
    struct conf_pool pool;
    struct conf_options options;
};

struct section {
    const char *id, *title, *help, *shorthand;
};

/** One row of fields.def, where the members are explained. */
struct field {
    enum section_id section;
    enum field_type type;
    const char *name, *help, *initial, *word, *choices;
    size_t offset;
    uint64_t min, max;
    enum section_id sub;
    bool is_required;
    bool is_edit;        /* HEADERS: names that the connection owns are refused, a value may be a list */
    bool may_lack_value; /* HEADERS, QUERY */
    bool may_be_empty;   /* lists, WORD */
    bool is_of_pool;     /* of a route: a key of its own pool */
};

const struct section *section_row(enum section_id id);
/** The next field of a section, in the order of the table. @param field  NULL: the first */
const struct field *field_next(enum section_id section, const struct field *field);
/** NULL when the section has no such key. */
const struct field *field_find(enum section_id section, struct slice name);

enum { FIELD_NAMES_MAX = 40 };
/** The keys of a section, for suggestions; ends with NULL. */
void section_keys(enum section_id section, const char *out[FIELD_NAMES_MAX]);

enum { CHOICES_MAX = 8 };
/** The choices of a field, cut at "|". @return how many */
size_t field_choices(const struct field *field, struct slice out[CHOICES_MAX]);

/** What the value must be, to stand behind "must be". */
void field_expectation(const struct field *field, struct text *out);
/** @return false when the field is no number */
bool field_quantity(const struct field *field, enum quantity *out);

#endif
