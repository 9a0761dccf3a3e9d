#include "h2/frames.h"

#include <stdlib.h>
#include <string.h>

#include "e2e/scene.h"

void frames_add(struct frames *frames, const void *bytes, size_t count)
{
    if (frames->len + count > frames->room) {
        frames->room = 2 * (frames->len + count) + 64;
        frames->bytes = realloc(frames->bytes, frames->room);
        if (!frames->bytes)
            abort();
    }
    if (count > 0)
        memcpy(frames->bytes + frames->len, bytes, count);
    frames->len += count;
}

void frames_add_u8(struct frames *frames, unsigned value)
{
    const uint8_t byte = (uint8_t)value;

    frames_add(frames, &byte, 1);
}

void frames_add_u16(struct frames *frames, unsigned value)
{
    frames_add_u8(frames, value >> 8);
    frames_add_u8(frames, value);
}

void frames_add_u32(struct frames *frames, uint32_t value)
{
    frames_add_u16(frames, value >> 16);
    frames_add_u16(frames, value & 0xffff);
}

void frames_fill(struct frames *frames, int byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        frames_add_u8(frames, (unsigned)byte);
}

void frames_free(struct frames *frames)
{
    free(frames->bytes);
    *frames = (struct frames){0};
}

void frames_put_head(struct frames *frames, size_t length, unsigned type, unsigned flags, uint32_t stream)
{
    frames_add_u8(frames, (unsigned)(length >> 16));
    frames_add_u16(frames, length & 0xffff);
    frames_add_u8(frames, type);
    frames_add_u8(frames, flags);
    frames_add_u32(frames, stream);
}

void frames_put(struct frames *frames, unsigned type, unsigned flags, uint32_t stream, const void *payload,
                size_t count)
{
    frames_put_head(frames, count, type, flags, stream);
    frames_add(frames, payload, count);
}

void frames_put_u32(struct frames *frames, unsigned type, uint32_t stream, uint32_t value)
{
    frames_put_head(frames, 4, type, 0, stream);
    frames_add_u32(frames, value);
}

void frames_put_preface(struct frames *frames, const void *settings, size_t count)
{
    frames_add(frames, H2_CLIENT_PREFACE, sizeof H2_CLIENT_PREFACE - 1);
    frames_put(frames, FRAME_SETTINGS, 0, 0, settings, count);
}

void frames_put_request(struct frames *frames, uint32_t stream, const char *method, const char *path,
                        const char *host, unsigned flags)
{
    struct frames block = {0};

    fields_put_text(&block, ":method", method);
    fields_put_text(&block, ":scheme", "http");
    fields_put_text(&block, ":path", path);
    fields_put_text(&block, ":authority", host);
    frames_put(frames, FRAME_HEADERS, FLAG_END_HEADERS | flags, stream, block.bytes, block.len);
    frames_free(&block);
}

/* ---- fields ---- */

void fields_put_number(struct frames *block, unsigned prefix, unsigned first, uint64_t value)
{
    const uint64_t most = (1U << prefix) - 1;

    if (value < most) {
        frames_add_u8(block, first | (unsigned)value);
        return;
    }
    frames_add_u8(block, first | (unsigned)most);
    for (value -= most; value >= 0x80; value >>= 7)
        frames_add_u8(block, 0x80 | (unsigned)(value & 0x7f));
    frames_add_u8(block, (unsigned)value);
}

void fields_put(struct frames *block, enum field_kind kind, const char *name, size_t name_len,
                const char *value, size_t value_len)
{
    frames_add_u8(block, kind);
    fields_put_number(block, 7, 0, name_len);
    frames_add(block, name, name_len);
    fields_put_number(block, 7, 0, value_len);
    frames_add(block, value, value_len);
}

void fields_put_text(struct frames *block, const char *name, const char *value)
{
    fields_put(block, FIELD_PLAIN, name, strlen(name), value, strlen(value));
}

const char *error_code_name(uint32_t code)
{
    static const char *const names[] = {"NO_ERROR",
                                        "PROTOCOL_ERROR",
                                        "INTERNAL_ERROR",
                                        "FLOW_CONTROL_ERROR",
                                        "SETTINGS_TIMEOUT",
                                        "STREAM_CLOSED",
                                        "FRAME_SIZE_ERROR",
                                        "REFUSED_STREAM",
                                        "CANCEL",
                                        "COMPRESSION_ERROR",
                                        "CONNECT_ERROR",
                                        "ENHANCE_YOUR_CALM",
                                        "INADEQUATE_SECURITY",
                                        "HTTP_1_1_REQUIRED"};

    return code < sizeof names / sizeof *names ? names[code] : scene_text("0x%x", code);
}
