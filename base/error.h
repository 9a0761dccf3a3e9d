/** What went wrong on the control path, as a text that a person can act on.
 *  Functions return 0, or -1 with *error set and every out argument untouched. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/macro.h"

/** In the caller's memory; all zero is "no error". */
struct error {
    char text[1024];
};

/** Replaces the text. @return -1, so that `return error_set(…)` reads well */
int error_set(struct error *error, const char *format, ...) PRINTF(2, 3);
/** Puts context in front: "context: text". @return -1 */
int error_within(struct error *error, const char *format, ...) PRINTF(2, 3);

#ifdef __clang_analyzer__
/* It sees one file at a time, so it is told that the answer is always -1. */
#define error_set(...)    __extension__({ (void)error_set(__VA_ARGS__), -1; })
#define error_within(...) __extension__({ (void)error_within(__VA_ARGS__), -1; })
#endif

#endif
