/** What our answers in JSON need besides jansson. */
#ifndef CONTROL_JSON_H
#define CONTROL_JSON_H

#include <jansson.h>

#include "base/text.h"

/** A new string; bytes that are no UTF-8 (file names may have such) become "?". */
json_t *json_of_slice(struct slice text);
/** An array of the lines of a text. */
json_t *json_of_lines(struct slice text);
/** Seconds since 1970 as "2026-01-31T23:59:59Z"; null for 0. */
json_t *json_of_time(int64_t seconds);
/** Adds it on one line. */
void json_print(const json_t *json, struct text *out);

/** The text of a member, or "" where there is none. Lent by *object*. */
const char *json_text_of(const json_t *object, const char *key);
/** That text itself, or "" when it is none. */
const char *json_text(const json_t *json);
/** Before a person reads it: whoever listens at a socket may send what a terminal obeys. Each control character of its
 *  texts, in the array or object and all that is in it, becomes "\u001B" as it is written; but for tabs and line breaks. */
void json_show_controls(json_t *json);

/** The number of a member, or 0. */
int64_t json_number_of(const json_t *object, const char *key);

/** Of jansson. */
const char *json_library_version(void);

#endif
