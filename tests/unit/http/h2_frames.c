#include "h2_frames.h"

#include <criterion/criterion.h>

#include "base/macro.h"

void h2_put_frame(struct text *out, unsigned type, unsigned flags, uint32_t stream_id, struct slice payload)
{
    const char head[9] = {(char)(payload.len >> 16),
                          (char)(payload.len >> 8),
                          (char)payload.len,
                          (char)type,
                          (char)flags,
                          (char)(stream_id >> 24),
                          (char)(stream_id >> 16),
                          (char)(stream_id >> 8),
                          (char)stream_id};

    text_add(out, slice_of(head, sizeof(head)));
    text_add(out, payload);
}

void h2_put_u32(struct text *out, unsigned type, unsigned flags, uint32_t stream_id, uint32_t value)
{
    const char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};

    h2_put_frame(out, type, flags, stream_id, slice_of(bytes, sizeof(bytes)));
}

/* RFC 7541 §5.1, with a prefix of 7 bits and no Huffman code. */
static void put_string(struct text *block, struct slice text)
{
    size_t rest = text.len;

    if (rest < 127) {
        text_add_char(block, (char)rest);
    } else {
        text_add_char(block, 127);
        for (rest -= 127; rest >= 128; rest >>= 7)
            text_add_char(block, (char)(rest | 128));
        text_add_char(block, (char)rest);
    }
    text_add(block, text);
}

void h2_put_line(struct text *block, struct slice name, struct slice value)
{
    text_add_char(block, 0); /* RFC 7541 §6.2.2 */
    put_string(block, name);
    put_string(block, value);
}

void h2_put_lines(struct text *block, const char *lines)
{
    while (*lines) {
        const char *end = strchr(lines, '\n'), *colon = strstr(lines + 1, ": ");

        cr_assert(end && colon && colon < end);
        h2_put_line(block, slice_of(lines, (size_t)(colon - lines)),
                    slice_of(colon + 2, (size_t)(end - colon - 2)));
        lines = end + 1;
    }
}

void h2_put_headers(struct text *out, uint32_t stream_id, unsigned flags, const char *lines)
{
    struct text block = {0};

    h2_put_lines(&block, lines);
    h2_put_frame(out, NGHTTP2_HEADERS, flags, stream_id, text_slice(&block));
    text_fini(&block);
}

/* ---- reading ---- */

void h2_reader_init(struct h2_reader *reader)
{
    *reader = (struct h2_reader){0};
    cr_assert_eq(nghttp2_hd_inflate_new(&reader->inflater), 0);
}

void h2_reader_fini(struct h2_reader *reader)
{
    nghttp2_hd_inflate_del(reader->inflater);
    text_fini(&reader->words);
}

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void read_block(struct h2_reader *reader, const uint8_t *at, size_t len)
{
    int flags = 0;

    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        ssize_t used = nghttp2_hd_inflate_hd2(reader->inflater, &nv, &flags, at, len, 1);

        cr_assert_geq(used, 0, "malformed header block: %s", nghttp2_strerror((int)used));
        at += used;
        len -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT && (nv.namelen != 4 || memcmp(nv.name, "date", 4) != 0))
            text_printf(&reader->words, " %.*s=%.*s%s", (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value,
                        nv.flags & NGHTTP2_NV_FLAG_NO_INDEX ? "!" : "");
    }
    nghttp2_hd_inflate_end_headers(reader->inflater);
}

static void read_settings(struct h2_reader *reader, unsigned flags, const uint8_t *at, size_t len)
{
    text_add(&reader->words, flags & ACK ? SLICE("SETTINGS ack") : SLICE("SETTINGS"));
    for (; len >= 6; at += 6, len -= 6)
        text_printf(&reader->words, " %u=%u", (unsigned)at[0] << 8 | at[1], u32_at(at + 2));
    text_add_char(&reader->words, '|');
}

static void read_data(struct h2_reader *reader, uint32_t id, bool ends, struct slice data)
{
    reader->data_bytes += data.len;
    if (data.len > 64)
        text_printf(&reader->words, "DATA %u %zu bytes%s|", id, data.len, ends ? " end" : "");
    else
        text_printf(&reader->words, "DATA %u %.*s%s|", id, FMT_SLICE(data), ends ? " end" : "");
}

static void read_frame(struct h2_reader *reader, unsigned type, unsigned flags, uint32_t id,
                       const uint8_t *at, size_t len)
{
    reader->frames[type]++;
    switch (type) {
    case NGHTTP2_DATA:
        read_data(reader, id, flags & END_STREAM, slice_of(at, len));
        break;
    case NGHTTP2_HEADERS:
        cr_assert(flags & END_HEADERS);
        text_printf(&reader->words, "HEADERS %u", id);
        read_block(reader, at, len);
        text_add(&reader->words, flags & END_STREAM ? SLICE(" end|") : SLICE("|"));
        break;
    case NGHTTP2_RST_STREAM:
        text_printf(&reader->words, "RST %u %u|", id, u32_at(at));
        break;
    case NGHTTP2_SETTINGS:
        if (!reader->quiet)
            read_settings(reader, flags, at, len);
        break;
    case NGHTTP2_PING:
        text_printf(&reader->words, "PING%s|", flags & ACK ? " ack" : "");
        break;
    case NGHTTP2_GOAWAY:
        text_printf(&reader->words, "GOAWAY %u %u|", u32_at(at), u32_at(at + 4));
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (!reader->quiet)
            text_printf(&reader->words, "WINDOW %u %u|", id, u32_at(at));
        break;
    default:
        text_printf(&reader->words, "frame %u|", type);
        break;
    }
}

size_t h2_read_frames(struct h2_reader *reader, struct slice bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    size_t left = bytes.len;

    while (left >= 9) {
        size_t len = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];

        if (left < 9 + len)
            break;
        read_frame(reader, at[3], at[4], u32_at(at + 5) & 0x7fffffff, at + 9, len);
        at += 9 + len;
        left -= 9 + len;
    }
    return bytes.len - left;
}
