#include "http/h1_body.h"

#include "base/macro.h"

/* A chunk, as states:
 *
 *   SIZE ──hex──► SIZE ──";"──► EXTENSION ⇄ QUOTED ⇄ QUOTED_PAIR
 *     └───CR──────► SIZE_LF ◄──CR──┘
 *   SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE, or after size 0 ──► TRAILERS */
enum state { SIZE, EXTENSION, QUOTED, QUOTED_PAIR, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILERS };

enum { SIZE_DIGITS_MAX = 16, EXTENSION_BYTES_MAX = 1024 };

void h1_body_begin(struct h1_body *body, enum h1_framing framing, uint64_t length)
{
    *body = (struct h1_body){.framing = (uint8_t)framing, .left = length};
}

static enum h1_step broken(struct h1_piece *piece, const char *detail)
{
    piece->detail = detail;
    return H1_STEP_BROKEN;
}

static struct slice cut(struct slice *bytes, uint64_t most)
{
    struct slice taken = slice_head(*bytes, (size_t)MIN(most, (uint64_t)bytes->len));

    *bytes = slice_from(*bytes, taken.len);
    return taken;
}

/* ---- chunk lines ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *take_size(struct h1_body *body, char c)
{
    int value = hex_value(c);

    if (value >= 0) {
        if (body->digits++ == SIZE_DIGITS_MAX || body->left > (UINT64_MAX >> 4))
            return "chunk size too large";
        body->left = body->left << 4 | (unsigned)value;
        return NULL;
    }
    if (body->digits == 0 || (c != ';' && c != '\r'))
        return "malformed chunk size";
    body->state = c == ';' ? EXTENSION : SIZE_LF;
    return NULL;
}

/* Extensions are dropped (RFC 9112 §7.1.1), so only where they end matters, and that both sides of this proxy
 * see the same end. */
static const char *take_extension(struct h1_body *body, char c)
{
    if (c == '\r' && body->state == EXTENSION) {
        body->state = SIZE_LF;
        return NULL;
    }
    if (body->extension_bytes++ == EXTENSION_BYTES_MAX)
        return "chunk extension too long";
    if (!field_value_is_valid(slice_of(&c, 1)))
        return "forbidden character in a chunk extension";
    switch (body->state) {
    case EXTENSION:
        if (c == '"')
            body->state = QUOTED;
        else if (c != ';' && c != '=' && c != ' ' && c != '\t' && !field_name_is_valid(slice_of(&c, 1)))
            return "forbidden character in a chunk extension";
        break;
    case QUOTED:
        body->state = c == '"' ? EXTENSION : c == '\\' ? QUOTED_PAIR : QUOTED;
        break;
    default:
        body->state = QUOTED;
    }
    return NULL;
}

static const char *take_line_end(struct h1_body *body, char c)
{
    if (body->state == DATA_CR) {
        body->state = DATA_LF;
        return c == '\r' ? NULL : "chunk longer than its size";
    }
    if (c != '\n')
        return "CR without LF in a chunk";
    body->digits = 0;
    body->extension_bytes = 0;
    if (body->state == DATA_LF)
        body->state = SIZE;
    else
        body->state = body->left ? DATA : TRAILERS;
    return NULL;
}

static const char *take_framing_byte(struct h1_body *body, char c)
{
    switch (body->state) {
    case SIZE:
        return take_size(body, c);
    case EXTENSION:
    case QUOTED:
    case QUOTED_PAIR:
        return take_extension(body, c);
    default:
        return take_line_end(body, c);
    }
}

/* ---- trailers ---- */

/* One line, without its CR LF; the same syntax as in a head (RFC 9112 §7.1.2). */
static const char *take_trailer(struct h1_piece *piece, struct slice line, size_t max)
{
    ptrdiff_t colon = slice_find(line, ':');
    struct fields *trailers = &piece->trailers;
    struct slice name, value;

    if (colon < 0 || !field_name_is_valid(slice_head(line, (size_t)colon)))
        return "malformed trailer name";
    name = slice_head(line, (size_t)colon);
    value = slice_trim(slice_from(line, (size_t)colon + 1));
    if (!field_value_is_valid(value))
        return "forbidden character in a trailer";
    if (trailers->count == MIN(max, trailers->cap))
        return "more trailers than the limit";
    if (trailer_is_allowed(name))
        trailers->items[trailers->count++] = (struct field){.name = name, .value = value};
    return NULL;
}

static enum h1_step take_trailer_lines(struct h1_piece *piece, struct slice section, size_t max)
{
    while (section.len) {
        const char *end = memmem(section.data, section.len, "\r\n", 2);
        const char *problem = take_trailer(piece, slice_of(section.data, (size_t)(end - section.data)), max);

        if (problem)
            return broken(piece, problem);
        section = slice_from(section, (size_t)(end - section.data) + 2);
    }
    return piece->trailers.count ? H1_STEP_TRAILERS : H1_STEP_END;
}

/* Waits for the whole section, which stays with the stream until then. */
static enum h1_step take_trailers(struct h1_body *body, struct slice *bytes, struct h1_piece *piece,
                                  const struct h1_parse_limits *limits)
{
    size_t from = body->scanned_bytes > 3 ? body->scanned_bytes - 3 : 0;
    struct slice within = slice_head(*bytes, limits->head_bytes), section;
    const char *end;

    if (slice_starts(*bytes, SLICE("\r\n"))) {
        *bytes = slice_from(*bytes, 2);
        return H1_STEP_END;
    }
    end = from < within.len ? memmem(within.data + from, within.len - from, "\r\n\r\n", 4) : NULL;
    if (!end && bytes->len >= limits->head_bytes)
        return broken(piece, "trailers over the limit");
    body->scanned_bytes = (uint32_t)within.len;
    if (!end)
        return H1_STEP_MORE;
    section = slice_of(bytes->data, (size_t)(end - bytes->data) + 2);
    *bytes = slice_from(*bytes, section.len + 2);
    piece->trailers = (struct fields){.items = piece->items, .cap = H1_FIELDS_MAX};
    return take_trailer_lines(piece, section, limits->fields);
}

/* ---- content ---- */

/* The last chunk mostly lies right behind the data: one event instead of two, and one send at the other end.
 */
static bool take_plain_end(struct h1_body *body, struct slice *bytes)
{
    const struct slice end = SLICE("\r\n0\r\n\r\n");

    if (body->left || !slice_starts(*bytes, end))
        return false;
    *bytes = slice_from(*bytes, end.len);
    return true;
}

static enum h1_step next_of_chunks(struct h1_body *body, struct slice *bytes, struct h1_piece *piece,
                                   const struct h1_parse_limits *limits)
{
    while (bytes->len) {
        const char *problem;

        if (body->state == TRAILERS)
            return take_trailers(body, bytes, piece, limits);
        if (body->state == DATA) {
            piece->data = cut(bytes, body->left);
            body->left -= piece->data.len;
            if (body->left == 0)
                body->state = DATA_CR;
            piece->last = take_plain_end(body, bytes);
            return H1_STEP_DATA;
        }
        problem = take_framing_byte(body, bytes->data[0]);
        if (problem)
            return broken(piece, problem);
        *bytes = slice_from(*bytes, 1);
    }
    return H1_STEP_MORE;
}

enum h1_step h1_body_next(struct h1_body *body, struct slice *bytes, struct h1_piece *piece,
                          const struct h1_parse_limits *limits)
{
    piece->last = false;
    piece->detail = NULL;
    switch (body->framing) {
    case H1_CHUNKED:
        return next_of_chunks(body, bytes, piece, limits);
    case H1_COUNTED:
    case H1_OPEN:
        if (bytes->len == 0)
            return H1_STEP_MORE;
        piece->data = cut(bytes, body->framing == H1_OPEN ? UINT64_MAX : body->left);
        body->left -= body->framing == H1_OPEN ? 0 : piece->data.len;
        piece->last = body->framing == H1_COUNTED && body->left == 0;
        return H1_STEP_DATA;
    default:
        return H1_STEP_END;
    }
}
