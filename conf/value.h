/** The values that are one text: numbers, switches, choices, paths. Each reads as its field type says. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/reader.h"

read_function value_boolean, value_number, value_choice, value_word, value_file, value_url, value_path,
    value_output;

/** Are all bytes visible ASCII? */
bool value_is_visible(struct slice text);

#endif
