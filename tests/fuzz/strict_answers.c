#include "fuzz/strict_answers.h"

#include "base/macro.h"
#include "http/fields.h"

struct answer_head {
    unsigned status;
    bool has_length, is_chunked;
    uint64_t length;
};

/** Cuts the next line off, without its CR LF. @return false: there is none */
static bool take_line(struct slice *bytes, struct slice *line)
{
    const char *end = bytes->len ? memmem(bytes->data, bytes->len, "\r\n", 2) : NULL;

    if (!end)
        return false;
    *line = slice_of(bytes->data, (size_t)(end - bytes->data));
    *bytes = slice_from(*bytes, line->len + 2);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void read_status(struct answer_head *head, struct slice line)
{
    ASSERT(slice_starts(line, SLICE("HTTP/1.1 ")) && line.len >= 13 && line.data[12] == ' ');
    ASSERT(is_digit(line.data[9]) && is_digit(line.data[10]) && is_digit(line.data[11]));
    ASSERT(field_value_is_valid(slice_from(line, 13)));
    head->status = (unsigned)((line.data[9] - '0') * 100 + (line.data[10] - '0') * 10 + line.data[11] - '0');
    ASSERT(head->status >= 100 && head->status <= 599);
}

static void read_field(struct answer_head *head, struct slice line)
{
    ptrdiff_t colon = slice_find(line, ':');
    struct slice name, value;

    ASSERT(colon > 0 && (size_t)colon + 1 < line.len && line.data[colon + 1] == ' ');
    name = slice_head(line, (size_t)colon);
    value = slice_from(line, (size_t)colon + 2);
    ASSERT(field_name_is_valid(name) && field_value_is_valid(value));
    if (slice_eq_nocase(name, SLICE("Content-Length"))) {
        ASSERT(!head->has_length && slice_to_u64(value, 1000, &head->length));
        head->has_length = true;
    } else if (slice_eq_nocase(name, SLICE("Transfer-Encoding"))) {
        ASSERT(!head->is_chunked && slice_eq(value, SLICE("chunked")));
        head->is_chunked = true;
    }
}

static bool take_head(struct slice *bytes, struct answer_head *head)
{
    struct slice line;

    *head = (struct answer_head){0};
    if (!take_line(bytes, &line))
        return false;
    read_status(head, line);
    while (take_line(bytes, &line)) {
        if (line.len == 0)
            return true;
        read_field(head, line);
    }
    return false;
}

static bool take_bytes(struct slice *bytes, uint64_t count, struct text *out)
{
    if (bytes->len < count)
        return false;
    text_add(out, slice_head(*bytes, (size_t)count));
    *bytes = slice_from(*bytes, (size_t)count);
    return true;
}

static unsigned size_of_chunk(struct slice line)
{
    unsigned size = 0;

    ASSERT(line.len && line.len <= 4);
    for (size_t i = 0; i < line.len; i++) {
        const char c = ascii_lower(line.data[i]);

        ASSERT(is_digit(c) || (c >= 'a' && c <= 'f'));
        size = size * 16 + (unsigned)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return size;
}

static bool take_chunks(struct slice *bytes, struct text *out)
{
    struct answer_head trailers = {0};
    struct slice line;

    while (take_line(bytes, &line)) {
        unsigned size = size_of_chunk(line);

        if (size == 0)
            break;
        if (!take_bytes(bytes, size, out) || !take_line(bytes, &line))
            return false;
        ASSERT(line.len == 0);
    }
    while (take_line(bytes, &line)) {
        if (line.len == 0)
            return true;
        read_field(&trailers, line);
        ASSERT(!trailers.has_length && !trailers.is_chunked);
        text_add_char(out, '+');
        text_add(out, line);
    }
    return false;
}

/** @return false: it is not complete */
static bool take_content(struct slice *bytes, const struct answer_head *head, char asked, struct text *out)
{
    ASSERT(!head->is_chunked || (!head->has_length && asked != ASKED_BY_OLD));
    if (head->status == 204)
        ASSERT(!head->has_length && !head->is_chunked);
    if (head->status == 101)
        ASSERT(asked == ASKED_TO_UPGRADE && !head->has_length && !head->is_chunked);
    else if (head->status == 204 || head->status == 304 || asked == ASKED_FOR_HEAD)
        return true;
    else if (head->is_chunked)
        return take_chunks(bytes, out);
    else if (head->has_length)
        return take_bytes(bytes, head->length, out);
    else
        ASSERT(asked == ASKED_BY_OLD);
    return take_bytes(bytes, bytes->len, out); /* until close: nothing can stand behind it */
}

size_t strict_answers_read(struct slice bytes, struct slice asked, bool is_cut, struct text *out)
{
    struct answer_head head;
    size_t count = 0;

    while (bytes.len) {
        if (!take_head(&bytes, &head)) {
            ASSERT(is_cut);
            return count;
        }
        if (head.status < 200 && head.status != 101) {
            ASSERT(!head.has_length && !head.is_chunked);
            ASSERT(count == asked.len || asked.data[count] != ASKED_BY_OLD);
            continue;
        }
        ASSERT(count < asked.len);
        text_printf(out, "%u ", head.status);
        if (!take_content(&bytes, &head, asked.data[count], out)) {
            ASSERT(is_cut);
            return count;
        }
        text_add_char(out, '\n');
        count++;
    }
    return count;
}
