/** Numbers as text, without printf: for what is written on every request. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

enum { DIGITS_MAX = 20, HEX64_LEN = 16 };

/** Decimal, no NUL. @return how many characters, 1..DIGITS_MAX */
size_t digits_write(uint64_t value, char *out);
/** All 16 lower-case hex digits, no NUL. */
void digits_write_hex64(uint64_t value, char out[HEX64_LEN]);

#endif
