#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

static struct mark whole(const struct source *source)
{
    return (struct mark){.source = source};
}

/* One byte more than allowed is enough for source_check() to refuse it. */
static int read_all(int fd, struct text *out)
{
    enum { CHUNK = 64 * 1024 };

    while (out->len <= SOURCE_MAX_BYTES) {
        ssize_t got = read(fd, text_reserve(out, CHUNK), CHUNK);

        if (got == 0)
            return 0;
        if (got > 0)
            out->len += (size_t)got;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int source_read(const char *path, struct slice *bytes, struct diagnostics *diagnostics)
{
    struct source source = {.name = slice_str(path)};
    struct text text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = -1;

    if (fd < 0) {
        diagnostics_error(diagnostics, whole(&source), "cannot open: %s", strerror(errno));
        return -1;
    }
    if (read_all(fd, &text) < 0) {
        diagnostics_error(diagnostics, whole(&source), "cannot read: %s", strerror(errno));
        goto out;
    }
    *bytes = text_slice(&text);
    text = (struct text){0}; /* moved */
    rc = 0;
out:
    close(fd);
    text_fini(&text);
    return rc;
}

struct slice source_text(struct slice bytes)
{
    static const struct slice MARK = {"\xef\xbb\xbf", 3};

    return slice_starts(bytes, MARK) ? slice_from(bytes, MARK.len) : bytes;
}

static struct mark mark_at(const struct source *source, size_t offset)
{
    struct mark mark = {.source = source, .offset = (uint32_t)offset, .length = 1, .line = 1};

    for (size_t i = 0; i < offset; i++)
        mark.line += source->bytes.data[i] == '\n';
    return mark;
}

/* @return the length of the character, 0 when it may not stand here */
static size_t allowed_length(struct slice rest)
{
    unsigned char c = (unsigned char)rest.data[0];

    if (c >= 0x80)
        return utf8_length(rest);
    if (c == '\r')
        return rest.len > 1 && rest.data[1] == '\n' ? 1 : 0;
    return (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' ? 1 : 0;
}

static int refuse_byte(const struct source *source, size_t offset, struct diagnostics *diagnostics)
{
    unsigned char c = (unsigned char)source->bytes.data[offset];

    if (c >= 0x80)
        diagnostics_error(diagnostics, mark_at(source, offset),
                          "byte 0x%02x is not UTF-8: save the file as UTF-8", c);
    else if (c == '\r')
        diagnostics_error(diagnostics, mark_at(source, offset), "a carriage return without a line feed");
    else
        diagnostics_error(diagnostics, mark_at(source, offset),
                          "control character 0x%02x: this is not a text file", c);
    return -1;
}

int source_check(const struct source *source, struct diagnostics *diagnostics)
{
    if (source->bytes.len > SOURCE_MAX_BYTES) {
        diagnostics_error(diagnostics, whole(source), "larger than %d MiB", SOURCE_MAX_BYTES >> 20);
        return -1;
    }
    for (size_t at = 0; at < source->bytes.len;) {
        size_t length = allowed_length(slice_from(source->bytes, at));

        if (length == 0)
            return refuse_byte(source, at, diagnostics);
        at += length;
    }
    return 0;
}

struct mark source_mark(const struct source *source, unsigned line, unsigned column)
{
    struct slice rest = source->bytes;
    struct mark mark = {.source = source, .length = 1, .line = 1};

    while (mark.line < line) {
        ptrdiff_t newline = slice_find(rest, '\n');

        if (newline < 0 || (size_t)newline + 1 == rest.len)
            break;
        rest = slice_from(rest, (size_t)newline + 1);
        mark.line++;
    }
    if (mark.line < line) /* past the end: behind the last character */
        column = UINT32_MAX;
    while (--column && rest.len && rest.data[0] != '\n')
        rest = slice_from(rest, MAX(utf8_length(rest), (size_t)1));
    mark.offset = (uint32_t)(rest.data ? rest.data - source->bytes.data : 0);
    return mark;
}
