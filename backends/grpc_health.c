#include "backends/grpc_health.h"

#include <string.h>

#include "base/macro.h"

/* Length-prefixed messages: a flag, and four bytes of length, in network order. */
enum { PREFIX = 5, VARINT_MAX = 10, MESSAGE_TOLD_MAX = 200 };

/* Of protocol buffers: what a field's tag says of its value. */
enum wire_type { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

/* Both messages have one field, with this number: `service`, and `status`. */
enum { FIELD_ONE = 1, SERVING = 1 };

/* ---- question ---- */

static size_t write_varint(char *out, size_t value)
{
    size_t len = 0;

    for (; value >= 0x80; value >>= 7)
        out[len++] = (char)(value | 0x80);
    out[len++] = (char)value;
    return len;
}

/* A field that is as by default is left out. */
static size_t write_service(char *out, struct slice service)
{
    size_t len = 1;

    if (service.len == 0)
        return 0;
    out[0] = FIELD_ONE << 3 | WIRE_BYTES;
    len += write_varint(out + len, service.len);
    memcpy(out + len, service.data, service.len);
    return len + service.len;
}

struct slice grpc_health_question(struct slice service, struct arena *arena)
{
    char *out = arena_alloc(arena, PREFIX + 1 + VARINT_MAX + service.len);
    size_t len = write_service(out + PREFIX, service);

    out[0] = 0; /* not compressed */
    for (size_t i = 0; i < 4; i++)
        out[1 + i] = (char)(len >> (24 - 8 * i));
    return slice_of(out, PREFIX + len);
}

/* ---- answer ---- */

void grpc_health_take(struct grpc_health_answer *answer, struct slice bytes)
{
    size_t room = sizeof(answer->bytes) - answer->len;

    answer->is_too_long |= bytes.len > room;
    if (bytes.len && !answer->is_too_long)
        memcpy(answer->bytes + answer->len, bytes.data, bytes.len);
    answer->len += answer->is_too_long ? 0 : bytes.len;
}

static bool read_varint(struct slice *rest, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < MIN(rest->len, (size_t)VARINT_MAX); i++) {
        unsigned char byte = (unsigned char)rest->data[i];

        *out |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = slice_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool skip(struct slice *rest, uint64_t len)
{
    if (len > rest->len)
        return false;
    *rest = slice_from(*rest, (size_t)len);
    return true;
}

/* Of a later version of the message. */
static bool skip_value(struct slice *rest, unsigned wire_type)
{
    uint64_t value;

    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(rest, &value);
    case WIRE_64:
        return skip(rest, 8);
    case WIRE_BYTES:
        return read_varint(rest, &value) && skip(rest, value);
    case WIRE_32:
        return skip(rest, 4);
    default:
        return false;
    }
}

/* @return false: it is no such message */
static bool read_message(struct slice rest, uint64_t *status)
{
    uint64_t tag;

    *status = 0;
    while (rest.len) {
        if (!read_varint(&rest, &tag))
            return false;
        if (tag == (FIELD_ONE << 3 | WIRE_VARINT) ? !read_varint(&rest, status)
                                                  : !skip_value(&rest, (unsigned)tag & 7))
            return false;
    }
    return true;
}

/* One message, which is not compressed, since nothing else was offered. */
static bool read_answer(const struct grpc_health_answer *answer, uint64_t *status)
{
    const unsigned char *bytes = (const unsigned char *)answer->bytes;
    size_t len;

    if (answer->is_too_long || answer->len < PREFIX || bytes[0] != 0)
        return false;
    len = (size_t)bytes[1] << 24 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 8 | bytes[4];
    return len == answer->len - PREFIX && read_message(slice_of(answer->bytes + PREFIX, len), status);
}

/* ---- verdict ---- */

static const char *status_name(uint64_t status)
{
    static const char *const NAMES[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};

    return status < ARRAY_LEN(NAMES) ? NAMES[status] : NULL;
}

static struct slice judge_message(const struct grpc_health_answer *answer, struct arena *arena)
{
    uint64_t status;

    if (!read_answer(answer, &status))
        return arena_printf(arena, "answered what is no message of grpc.health.v1");
    if (status == SERVING)
        return SLICE("");
    return status_name(status) ? arena_printf(arena, "answered %s", status_name(status))
                               : arena_printf(arena, "answered the status %llu, which grpc.health.v1 has not",
                                              (unsigned long long)status);
}

/* What a code means here. */
static const struct code {
    const char *name, *means;
} CODES[] = {
    {"OK", ""},
    {"CANCELLED", ""},
    {"UNKNOWN", ""},
    {"INVALID_ARGUMENT", ""},
    {"DEADLINE_EXCEEDED", ""},
    {"NOT_FOUND", ": it does not know that service"},
    {"ALREADY_EXISTS", ""},
    {"PERMISSION_DENIED", ""},
    {"RESOURCE_EXHAUSTED", ""},
    {"FAILED_PRECONDITION", ""},
    {"ABORTED", ""},
    {"OUT_OF_RANGE", ""},
    {"UNIMPLEMENTED", ": it has no health service"},
    {"INTERNAL", ""},
    {"UNAVAILABLE", ""},
    {"DATA_LOSS", ""},
    {"UNAUTHENTICATED", ""},
};

struct slice grpc_health_judge(const struct grpc_health_answer *answer, struct slice status,
                               struct slice message, struct arena *arena)
{
    uint64_t code;

    if (!status.data)
        return arena_printf(arena, "answered without grpc-status");
    if (!slice_to_u64(status, UINT32_MAX, &code))
        return arena_printf(arena, "answered with a grpc-status that is no number");
    if (code == 0)
        return judge_message(answer, arena);
    if (code < ARRAY_LEN(CODES))
        return arena_printf(arena, "grpc-status %u (%s)%s", (unsigned)code, CODES[code].name,
                            CODES[code].means);
    message = slice_head(message, MIN(message.len, (size_t)MESSAGE_TOLD_MAX));
    return arena_printf(arena, "grpc-status %u: %.*s", (unsigned)code, FMT_SLICE(message));
}
