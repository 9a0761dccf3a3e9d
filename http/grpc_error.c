#include "http/grpc_error.h"

#include <stdio.h>

#include "base/macro.h"

bool grpc_is_content_type(struct slice content_type)
{
    static const struct slice NAME = {"application/grpc", 16};
    struct slice rest;

    if (!slice_starts_nocase(content_type, NAME))
        return false;
    rest = slice_from(content_type, NAME.len);
    return rest.len == 0 || rest.data[0] == '+' || rest.data[0] == ';' || rest.data[0] == ' ';
}

/* What a caller that sees only the HTTP status would take it for ("HTTP to gRPC Status Code Mapping"), and closer where we
 * know more. */
static const char *grpc_status(int status)
{
    switch (status) {
    case 400:
        return "13"; /* INTERNAL */
    case 404:
        return "12"; /* UNIMPLEMENTED */
    case 413:
    case 414:
    case 431:
        return "8"; /* RESOURCE_EXHAUSTED */
    case 502:
    case 503:
    case 504:
        return "14"; /* UNAVAILABLE */
    default:
        return "2"; /* UNKNOWN */
    }
}

/* Percent-encoded as gRPC wants it. */
static struct slice encoded_message(struct arena *arena, struct slice sentence)
{
    char *out = arena_alloc(arena, 3 * sentence.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < sentence.len; i++) {
        unsigned char byte = (unsigned char)sentence.data[i];

        if (byte >= 0x20 && byte < 0x7f && byte != '%')
            out[len++] = (char)byte;
        else
            len += (size_t)snprintf(out + len, 4, "%%%02X", byte);
    }
    return slice_of(out, len);
}

struct answer grpc_error_make(struct arena *arena, int status, struct slice sentence, struct slice id)
{
    struct answer answer = {.status = 200, .content_type = SLICE("application/grpc")};

    fields_add(&answer.fields, arena, SLICE("Grpc-Status"), slice_str(grpc_status(status)));
    fields_add(&answer.fields, arena, SLICE("Grpc-Message"), encoded_message(arena, sentence));
    fields_add(&answer.fields, arena, SLICE("X-Portico-Error"), arena_copy(arena, id));
    return answer;
}
