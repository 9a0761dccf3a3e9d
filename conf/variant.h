/** The values that are one of a few words or, where a word is not enough, a map with fixed keys. */
#ifndef CONF_VARIANT_H
#define CONF_VARIANT_H

#include "conf/reader.h"

/** A text that is none of the words stands for the section's shorthand, if it has one. */
read_function variant_read;

#endif
