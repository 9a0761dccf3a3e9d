#include "conf/excerpt.h"

#include "base/utf8.h"

/* In characters: what is shown before and after the mark's beginning when the line is longer. */
enum { SHOWN_BEFORE = 80, SHOWN_AFTER = 80 };

struct line {
    struct slice bytes;
    size_t at; /* of the mark, in bytes */
};

static struct line line_around(struct mark mark)
{
    struct slice all = mark.source->bytes;
    size_t at = MIN(mark.offset, all.len);
    const char *newline = at ? memrchr(all.data, '\n', at) : NULL;
    size_t start = newline ? (size_t)(newline + 1 - all.data) : 0;
    struct slice bytes = slice_from(all, start);
    ptrdiff_t end = slice_find(bytes, '\n');

    if (end >= 0)
        bytes.len = (size_t)end;
    if (bytes.len && bytes.data[bytes.len - 1] == '\r')
        bytes.len--;
    return (struct line){.bytes = bytes, .at = MIN(at - start, bytes.len)};
}

/* A byte that begins no character counts as one. */
static size_t character_length(struct slice s)
{
    return MAX(utf8_length(s), (size_t)1);
}

static unsigned count_characters(struct slice s)
{
    unsigned count = 0;

    for (; s.len; s = slice_from(s, character_length(s)))
        count++;
    return count;
}

/* C0, DEL and C1 would move the cursor of a terminal, or worse. */
static bool is_printable(struct slice character)
{
    unsigned char first = (unsigned char)character.data[0];

    if (utf8_length(character) == 0)
        return false;
    if (first == 0xc2 && (unsigned char)character.data[1] < 0xa0)
        return false;
    return first == '\t' || (first >= 0x20 && first != 0x7f);
}

static void add_character(struct text *text, struct slice character)
{
    if (is_printable(character))
        text_add(text, character);
    else
        text_add_literal(text, "\xef\xbf\xbd");
}

void excerpt_add_clean(struct text *text, struct slice bytes)
{
    while (bytes.len) {
        size_t length = character_length(bytes);

        add_character(text, slice_head(bytes, length));
        bytes = slice_from(bytes, length);
    }
}

static void add_shown(struct excerpt *excerpt, struct line line, unsigned first)
{
    unsigned seen = 0, last = excerpt->column + SHOWN_AFTER;
    size_t at = 0;

    if (first > 0) {
        text_add_literal(&excerpt->line, "\xe2\x80\xa6"); /* an ellipsis */
        text_add_char(&excerpt->padding, ' ');
    }
    while (at < line.bytes.len) {
        struct slice rest = slice_from(line.bytes, at);
        size_t length = character_length(rest);

        if (seen == last) {
            text_add_literal(&excerpt->line, "\xe2\x80\xa6");
            break;
        }
        if (seen++ >= first) {
            add_character(&excerpt->line, slice_head(rest, length));
            if (at < line.at)
                text_add_char(&excerpt->padding, rest.data[0] == '\t' ? '\t' : ' ');
        }
        at += length;
    }
}

void excerpt_make(struct excerpt *excerpt, struct mark mark)
{
    struct line line = line_around(mark);
    struct slice spanned = slice_head(slice_from(line.bytes, line.at), mark.length);
    unsigned before = count_characters(slice_head(line.bytes, line.at));

    *excerpt = (struct excerpt){.column = before + 1};
    excerpt->carets = MIN(MAX(count_characters(spanned), 1u), (unsigned)SHOWN_AFTER);
    add_shown(excerpt, line, before > SHOWN_BEFORE ? before - SHOWN_BEFORE : 0);
}

void excerpt_fini(struct excerpt *excerpt)
{
    text_fini(&excerpt->line);
    text_fini(&excerpt->padding);
}
