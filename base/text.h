/** A growing text: log lines, answers, printed tables. NUL-terminated after every call. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdint.h>

#include "base/macro.h"
#include "base/slice.h"

/** In the owner's memory; all zero is an empty text. */
struct text {
    char *data;
    size_t len, cap;
};

/** For text_reserve() alone. */
void text_grow(struct text *text, size_t len);

/** Room for *len* more bytes and a NUL; write there, then add to text->len. */
static inline char *text_reserve(struct text *text, size_t len)
{
    if (UNLIKELY(text->len + len + 1 > text->cap))
        text_grow(text, len);
    return text->data + text->len;
}

/* Inline, as lines are made of many short pieces: a literal is then a store or two. */
static inline void text_add(struct text *text, struct slice bytes)
{
    char *at = text_reserve(text, bytes.len);

    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    text->len += bytes.len;
    at[bytes.len] = '\0';
}

static inline void text_add_char(struct text *text, char c)
{
    text_add(text, slice_of(&c, 1));
}

void text_add_u64(struct text *text, uint64_t value);
void text_printf(struct text *text, const char *format, ...) PRINTF(2, 3);
/** As a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *text, struct slice value);
/** With & < > " ' escaped. */
void text_add_html(struct text *text, struct slice value);
void text_clear(struct text *text);
void text_fini(struct text *text);

static inline struct slice text_slice(const struct text *text)
{
    return slice_of(text->data, text->len);
}

#define text_add_literal(text, literal) text_add((text), SLICE(literal))

#endif
