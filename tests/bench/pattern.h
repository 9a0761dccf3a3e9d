/** The bytes of every body, so that either end can check all of them without keeping a copy. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/** Writes the first len bytes of the pattern. */
void pattern_fill(char *out, size_t len);

/** Whether these bytes are those of the pattern from offset on. */
bool pattern_holds(const char *bytes, size_t len, size_t offset);

#endif
