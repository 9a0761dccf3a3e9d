/** Reads maps with fixed keys into structs, as conf/fields.def says, and reports every mistake on the way:
 *  what is wrong keeps its default, and reading goes on. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include "conf/conf.h"
#include "conf/fields.h"
#include "conf/node.h"

struct reader;

/** Where in the configuration a value is, for messages: "timeouts of route https://shop.test/". */
struct place {
    const struct place *outer; /* NULL: the file */
    const char *title;
    struct slice name; /* may be empty */
};

/** Reads one value. @param out  the member that the field names */
typedef void read_function(struct reader *reader, const struct place *place, const struct field *field,
                           const struct node *node, void *out);

struct reader {
    struct conf *conf;
    struct diagnostics *diagnostics;
    read_function *const *types; /* by enum field_type */
    const struct node *routes;   /* put off until all defaults for them are known */
};

/** Reads a map's keys into the section's owner; nothing at all counts as an empty map. */
void reader_section(struct reader *reader, const struct place *place, enum section_id section,
                    const struct node *node, void *owner);
/** The same for a field of type FIELD_SECTION. */
read_function reader_subsection;
/** Writes the defaults of a section, and of the sections in it. */
void reader_defaults(struct reader *reader, enum section_id section, void *owner);

/** A text with its environment variables replaced. @return false when there is none; that is reported */
bool reader_text(struct reader *reader, const struct field *field, const struct node *node,
                 struct conf_text *out);
/** Reports `"key" must be …, not …`.
 *  @param expected  NULL: what the field says
 *  @param text      NULL: the node as a whole is wrong */
void reader_refuse(struct reader *reader, const struct field *field, const struct node *node,
                   const char *expected, const struct conf_text *text);
/** Reports a key that nobody knows, with a suggestion. */
void reader_refuse_key(struct reader *reader, const struct place *place, enum section_id section,
                       const struct node *key);

#endif
