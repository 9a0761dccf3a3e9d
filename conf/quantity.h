/** Numbers with a unit: durations (500ms, 15s, 5m, 1h), sizes (512B, 32KiB, 10MiB, 1GiB), and bare counts. */
#ifndef CONF_QUANTITY_H
#define CONF_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/text.h"

enum quantity {
    QUANTITY_COUNT,
    QUANTITY_DURATION, /* in milliseconds */
    QUANTITY_SIZE,     /* in bytes */
};

/** A whole number and exactly one unit, nothing between. @return false on anything else */
bool quantity_parse(enum quantity kind, struct slice text, uint64_t *out);
/** What somebody who wrote "10MB", "15 sec" or "15" may have meant. @return false when nothing comes to mind
 */
bool quantity_guess(enum quantity kind, struct slice text, struct text *out);
/** In the largest unit that divides it. */
void quantity_describe(enum quantity kind, uint64_t value, struct text *out);

#endif
