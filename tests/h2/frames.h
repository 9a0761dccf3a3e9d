/** HTTP/2 frames made by hand, right and wrong ones: bytes that grow (RFC 9113 §4, §6), and fields as HPACK's plainest
 *  representations (RFC 7541 §6). Memory lives as long as the test's scene, unless freed. */
#ifndef H2_FRAMES_H
#define H2_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define H2_CLIENT_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum frame_type {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
    FRAME_PRIORITY_UPDATE = 16, /* RFC 9218 §7.1 */
};

enum frame_flag {
    FLAG_END_STREAM = 1,
    FLAG_ACK = 1,
    FLAG_END_HEADERS = 4,
    FLAG_PADDED = 8,
    FLAG_PRIORITY = 0x20
};

enum { FRAME_HEAD = 9 };

struct frames {
    uint8_t *bytes;
    size_t len, room;
};

void frames_add(struct frames *frames, const void *bytes, size_t count);
void frames_add_u8(struct frames *frames, unsigned value);
void frames_add_u16(struct frames *frames, unsigned value);
void frames_add_u32(struct frames *frames, uint32_t value);
void frames_fill(struct frames *frames, int byte, size_t count);
void frames_free(struct frames *frames);

/** One frame whose length is told as it is. */
void frames_put(struct frames *frames, unsigned type, unsigned flags, uint32_t stream, const void *payload,
                size_t count);
/** Its head alone, with any length. */
void frames_put_head(struct frames *frames, size_t length, unsigned type, unsigned flags, uint32_t stream);
/** A frame of one number: RST_STREAM, WINDOW_UPDATE. */
void frames_put_u32(struct frames *frames, unsigned type, uint32_t stream, uint32_t value);
/** What a connection begins with: the preface and SETTINGS with those bytes (none: NULL). */
void frames_put_preface(struct frames *frames, const void *settings, size_t count);
/** HEADERS, complete, of a request without more than it needs. @param flags  END_STREAM or 0 */
void frames_put_request(struct frames *frames, uint32_t stream, const char *method, const char *path,
                        const char *host, unsigned flags);

/** How a field is represented (RFC 7541 §6.2). */
enum field_kind { FIELD_PLAIN = 0x00, FIELD_INDEXED_NEXT = 0x40, FIELD_NEVER_INDEXED = 0x10 };
/** A literal with a literal name, both without Huffman code. */
void fields_put(struct frames *block, enum field_kind kind, const char *name, size_t name_len,
                const char *value, size_t value_len);
/** The same, of text. */
void fields_put_text(struct frames *block, const char *name, const char *value);
/** RFC 7541 §5.1. @param prefix  in bits  @param first  the bits in front of it */
void fields_put_number(struct frames *block, unsigned prefix, unsigned first, uint64_t value);

/** "PROTOCOL_ERROR"; "0x99" of an unknown one (RFC 9113 §7). */
const char *error_code_name(uint32_t code);

#endif
