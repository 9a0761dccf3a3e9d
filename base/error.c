#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The parentheses keep the analyzer's macros of these names (error.h) out. */

int(error_set)(struct error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -1;
}

int(error_within)(struct error *error, const char *format, ...)
{
    char old[sizeof(error->text)];
    va_list args;
    size_t len;

    memcpy(old, error->text, sizeof(old));
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    len = strlen(error->text);
    snprintf(error->text + len, sizeof(error->text) - len, ": %s", old);
    return -1;
}
