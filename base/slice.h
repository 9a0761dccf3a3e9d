/** A view of bytes that someone else owns: pointer and length, no NUL. Passed by value. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t len;
};

/** A slice of a string literal. */
#define SLICE(literal) ((struct slice){("" literal), sizeof(literal) - 1})
/** For printf: "%.*s", FMT_SLICE(s) */
#define FMT_SLICE(s) (int)(s).len, (s).data

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

static inline struct slice slice_str(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/** What is left after the first *n* bytes; n <= s.len. */
static inline struct slice slice_from(struct slice s, size_t n)
{
    return (struct slice){s.data + n, s.len - n};
}

static inline struct slice slice_head(struct slice s, size_t n)
{
    return (struct slice){s.data, n < s.len ? n : s.len};
}

/** Of all of them together. */
static inline size_t slices_len(const struct slice *slices, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    return len;
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/** Equal but for the case of ASCII letters. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/** Index of the first *c*, or -1. */
ptrdiff_t slice_find(struct slice s, char c);
/** Without blanks and tabs at both ends (OWS, RFC 9110 §5.6.3). */
struct slice slice_trim(struct slice s);
/** Cuts the next item of a comma-separated list (RFC 9110 §5.6.1) off *rest*, trimmed; empty ones are
 * skipped. Quoted strings are not interpreted. @return false when there is none left */
bool slice_next_item(struct slice *rest, struct slice *item);
/** Decimal digits only, no sign, no blanks. @return false on anything else, or past *max* */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out);
/** Of 64 bits. Not for keys that outsiders insert. */
uint64_t slice_hash(struct slice s);

#endif
