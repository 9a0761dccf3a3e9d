#include "routing/path.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What may stand in a path as it is. More than RFC 3986 §3.3 has, since browsers send | and ^ raw too. */
static bool is_path_char(char c)
{
    return c > ' ' && c < 0x7f && c != '\\' && c != '?' && c != '#';
}

/* RFC 3986 §2.3: encoded or not, these mean the same. */
static bool is_unreserved(char c)
{
    char letter = ascii_lower(c);

    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* The byte that the escape at the front of *at* stands for, or -1. */
static int escaped_byte(struct slice at)
{
    int high, low;

    if (at.len < 3)
        return -1;
    high = hex_value(at.data[1]);
    low = hex_value(at.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_normal_escape(struct slice at)
{
    int byte = escaped_byte(at);

    return byte >= 0 && !is_unreserved((char)byte) && at.data[1] < 'a' && at.data[2] < 'a';
}

/* "." and "..", where a segment begins. */
static bool is_dot_segment(struct slice at)
{
    size_t dots = 0;

    while (dots < at.len && dots < 2 && at.data[dots] == '.')
        dots++;
    return dots && (dots == at.len || at.data[dots] == '/');
}

bool path_is_normal(struct slice path)
{
    if (path.len == 0 || path.data[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];

        if (!is_path_char(c))
            return false;
        if (c == '/' && is_dot_segment(slice_from(path, i + 1)))
            return false;
        if (c == '%' && !is_normal_escape(slice_from(path, i)))
            return false;
    }
    return true;
}

/* @return bytes written for the escape */
static size_t put_escape(int byte, unsigned readings, char *out)
{
    static const char HEX[] = "0123456789ABCDEF";

    if (readings & PATH_DECODED && is_unreserved((char)byte)) {
        out[0] = (char)byte;
        return 1;
    }
    if ((readings & PATH_SLASHES && byte == '/') || (readings & PATH_BACKSLASHES && byte == '\\')) {
        out[0] = '/';
        return 1;
    }
    out[0] = '%';
    out[1] = HEX[byte >> 4];
    out[2] = HEX[byte & 15];
    return 3;
}

static ptrdiff_t decode(struct slice path, unsigned readings, char *out)
{
    bool is_behind = false; /* a ";", up to the next slash */
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        size_t put = 1;

        if (!is_path_char(c))
            return -1;
        is_behind = c != '/' && (is_behind || (readings & PATH_PARAMETERS && c == ';'));
        if (c == '%') {
            int byte = escaped_byte(slice_from(path, i));

            if (byte < 0)
                return -1;
            put = put_escape(byte, readings, out + len);
            i += 2;
        } else {
            out[len] = c;
        }
        len += is_behind ? 0 : put;
    }
    return (ptrdiff_t)len;
}

/* Which of the readings that cut does so here. */
static unsigned cut_at(struct slice at)
{
    int byte = at.data[0] == '%' ? escaped_byte(at) : at.data[0];

    return byte == ';' ? PATH_CUT : byte == '\0' ? PATH_CUT_NUL | PATH_ENDED_NUL : 0;
}

/* C takes NUL for the end. */
static size_t end_at_nul(const char *path, size_t len)
{
    size_t end = 0;

    while (end < len && !(cut_at(slice_of(path + end, len - end)) & PATH_ENDED_NUL))
        end++;
    return end;
}

/* In place: what stands behind the end of a segment goes, up to the next slash. Tomcat and its kin take ";" and what
 * follows for parameters. */
static size_t cut_segments(char *path, size_t len, unsigned readings)
{
    size_t written = 0;
    bool is_behind = false;

    for (size_t read = 0; read < len; read++) {
        is_behind = path[read] != '/' && (is_behind || cut_at(slice_of(path + read, len - read)) & readings);
        if (!is_behind)
            path[written++] = path[read];
    }
    return written;
}

/* In place. */
static size_t merge_slashes(char *path, size_t len)
{
    size_t written = 1;

    for (size_t read = 1; read < len; read++) {
        if (path[read] != '/' || path[written - 1] != '/')
            path[written++] = path[read];
    }
    return written;
}

/* RFC 3986 §5.2.4, in place. Each turn reads one "/segment"; written never overtakes read. */
static size_t remove_dot_segments(char *path, size_t len)
{
    size_t read = 0, written = 0;

    while (read < len) {
        struct slice segment = slice_of(path + read + 1, len - read - 1);
        ptrdiff_t slash = slice_find(segment, '/');
        bool is_last = slash < 0, is_dot = is_dot_segment(segment);

        if (!is_last)
            segment.len = (size_t)slash;
        read += 1 + segment.len;
        if (is_dot && segment.len == 2) {
            while (written && path[--written] != '/')
                ;
        }
        if (!is_dot) {
            path[written] = '/';
            memmove(path + written + 1, segment.data, segment.len);
            written += 1 + segment.len;
        } else if (is_last) {
            path[written++] = '/';
        }
    }
    return written;
}

ptrdiff_t path_read(struct slice path, unsigned readings, char *out)
{
    ptrdiff_t decoded = path.len && path.data[0] == '/' ? decode(path, readings, out) : -1;
    size_t len = (size_t)decoded;

    if (decoded < 0)
        return -1;
    if (readings & PATH_ENDED_NUL)
        len = end_at_nul(out, len);
    if (readings & (PATH_CUT | PATH_CUT_NUL))
        len = cut_segments(out, len, readings & (PATH_CUT | PATH_CUT_NUL));
    if (readings & PATH_MERGED)
        len = merge_slashes(out, len);
    if (readings & PATH_WITHOUT_DOTS)
        len = remove_dot_segments(out, len);
    if (readings & PATH_MERGED_LAST)
        len = merge_slashes(out, len);
    return (ptrdiff_t)len;
}

ptrdiff_t path_normalise(struct slice path, char *out)
{
    return path_read(path, PATH_DECODED | PATH_WITHOUT_DOTS, out);
}

static unsigned readings_of(int byte, bool is_escaped, bool begins_segment)
{
    switch (byte) {
    case '/':
        return is_escaped ? PATH_SLASHES | PATH_MERGED : 0;
    case '\\':
        return PATH_BACKSLASHES | PATH_MERGED;
    case ';':
        return (is_escaped ? 0 : PATH_PARAMETERS) | PATH_CUT | PATH_MERGED;
    case '\0':
        return PATH_CUT_NUL | PATH_ENDED_NUL | PATH_MERGED;
    case '.':
        return (is_escaped ? PATH_DECODED : 0) | (begins_segment ? PATH_WITHOUT_DOTS : 0);
    default:
        return is_escaped && is_unreserved((char)byte) ? PATH_DECODED : 0;
    }
}

/* A slash, or what somebody may take for one. */
static bool is_some_slash(int byte)
{
    return byte == '/' || byte == '\\';
}

unsigned path_readings(struct slice path)
{
    unsigned readings = 0;
    bool begins_segment = false;

    for (size_t i = 0; i < path.len; i++) {
        bool is_escaped = path.data[i] == '%';
        int byte = is_escaped ? escaped_byte(slice_from(path, i)) : path.data[i];

        readings |= readings_of(byte, is_escaped, begins_segment);
        begins_segment = is_some_slash(byte);
        i += is_escaped && byte >= 0 ? 2 : 0;
    }
    if (readings & PATH_MERGED && readings & PATH_WITHOUT_DOTS)
        readings |= PATH_MERGED_LAST;
    return readings;
}
