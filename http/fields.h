/** Field lines of a head or trailer section (RFC 9110 §5), in order, names as they came.
 *  Slices are lent, usually by the head's own bytes. */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

enum field_id {
    FIELD_OTHER,
#define FIELD_NAME(id, name) FIELD_##id,
#include "http/field_names.def"
#undef FIELD_NAME
    FIELD_ID_COUNT
};

struct field {
    struct slice name;
    struct slice value; /* trimmed */
    enum field_id id;
};

struct fields {
    struct field *items;
    size_t count, cap; /* items live in an arena */
};

/** The id of a name in any case, FIELD_OTHER for one that has none. */
enum field_id field_id_of(struct slice name);
/** Its canonical lower-case name. */
struct slice field_id_name(enum field_id id);

/** Slices are kept as they are: copy them into the arena first when they do not live as long. */
void fields_add(struct fields *fields, struct arena *arena, struct slice name, struct slice value);
/** The first with that id, or NULL. */
const struct field *fields_find(const struct fields *fields, enum field_id id);
/** The first with that name in any case, or NULL. */
const struct field *fields_find_name(const struct fields *fields, struct slice name);
size_t fields_count(const struct fields *fields, enum field_id id);
/** Removes all with that name. */
void fields_remove_name(struct fields *fields, struct slice name);
void fields_remove(struct fields *fields, enum field_id id);

/** RFC 9110 §5.6.2 token; §5.5 field-value without CR, LF, NUL and other controls but HTAB. */
bool field_name_is_valid(struct slice name);
bool field_value_is_valid(struct slice value);

/** May this field stand in a trailer section (RFC 9110 §6.5.1)? Others are dropped, so that nothing that the
 *  head decided is decided anew. */
bool trailer_is_allowed(struct slice name);

#endif
