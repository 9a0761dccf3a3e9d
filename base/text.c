#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/digits.h"
#include "base/mem.h"
#include "base/utf8.h"

void text_grow(struct text *text, size_t len)
{
    size_t cap = MAX(text->cap * 2, text->len + len + 1);

    text->cap = MAX(cap, (size_t)64);
    text->data = mem_resize(text->data, text->cap);
}

void text_add_u64(struct text *text, uint64_t value)
{
    char *at = text_reserve(text, DIGITS_MAX);

    text->len += digits_write(value, at);
    text->data[text->len] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    ASSERT(len >= 0);
    vsnprintf(text_reserve(text, (size_t)len), (size_t)len + 1, format, again);
    text->len += (size_t)len;
    va_end(again);
    va_end(args);
}

void text_add_json(struct text *text, struct slice value)
{
    text_add_char(text, '"');
    while (value.len) {
        unsigned char c = (unsigned char)value.data[0];
        size_t len = utf8_length(value);

        if (len == 0) {
            text_add_literal(text, "\xef\xbf\xbd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            text_add_char(text, '\\');
            text_add_char(text, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            text_printf(text, "\\u%04x", c);
        } else {
            text_add(text, slice_head(value, len));
        }
        value = slice_from(value, len);
    }
    text_add_char(text, '"');
}

void text_add_html(struct text *text, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        switch (value.data[i]) {
        case '&':
            text_add_literal(text, "&amp;");
            break;
        case '<':
            text_add_literal(text, "&lt;");
            break;
        case '>':
            text_add_literal(text, "&gt;");
            break;
        case '"':
            text_add_literal(text, "&quot;");
            break;
        case '\'':
            text_add_literal(text, "&#39;");
            break;
        default:
            text_add_char(text, value.data[i]);
        }
    }
}

void text_clear(struct text *text)
{
    text->len = 0;
    if (text->data)
        text->data[0] = '\0';
}

void text_fini(struct text *text)
{
    mem_free(text->data);
    *text = (struct text){0};
}
