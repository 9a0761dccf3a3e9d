/** The values that are one text: numbers, switches, choices, paths. Each reads as its field type says. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/reader.h"

read_function value_boolean, value_number, value_choice, value_statuses, value_word, value_token, value_file,
    value_url, value_path, value_path_and_query, value_output;

/** Is it a word for on or off, also one of YAML 1.1, which are not taken but understood? */
bool value_is_switch(struct slice text, bool *meant);
/** @return the number of the choice, -1 for none of them */
int value_find_choice(const struct field *field, struct slice text);
/** Puts the choice that is nearest behind the newest message. */
void value_suggest_choice(struct reader *reader, const struct field *field, struct slice text);

/** Are all bytes visible ASCII? */
bool value_is_visible(struct slice text);

#endif
