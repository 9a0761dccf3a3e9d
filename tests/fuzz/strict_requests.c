#include "fuzz/strict_requests.h"

#include <string.h>
#include <strings.h>

#include "base/macro.h"

static bool take_line(struct slice *bytes, struct slice *line)
{
    const char *end = bytes->len ? memmem(bytes->data, bytes->len, "\r\n", 2) : NULL;

    if (!end)
        return false;
    *line = (struct slice){bytes->data, (size_t)(end - bytes->data)};
    bytes->data += line->len + 2;
    bytes->len -= line->len + 2;
    return true;
}

static bool is_token(struct slice text)
{
    static const char allowed[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t i = 0; i < text.len; i++) {
        if (!text.data[i] || !strchr(allowed, text.data[i]))
            return false;
    }
    return text.len > 0;
}

static bool is_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return text.len == 0 || (!strchr(" \t", text.data[0]) && !strchr(" \t", text.data[text.len - 1]));
}

static bool is_target(struct slice text)
{
    if (text.len == 1 && text.data[0] == '*')
        return true;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f || text.data[i] == '#')
            return false;
    }
    return text.len > 0 && text.data[0] == '/';
}

static bool is_named(struct slice text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.data, name, text.len) == 0;
}

static void read_line(struct strict_request *request, struct slice line)
{
    static const char version[] = " HTTP/1.1";
    const char *blank = memchr(line.data, ' ', line.len);

    ASSERT(blank && line.len > sizeof version);
    ASSERT(memcmp(line.data + line.len - (sizeof version - 1), version, sizeof version - 1) == 0);
    request->method = (struct slice){line.data, (size_t)(blank - line.data)};
    request->target = (struct slice){blank + 1, line.len - request->method.len - 1 - (sizeof version - 1)};
    ASSERT(is_token(request->method) && is_target(request->target));
}

static uint64_t number_of(struct slice digits, unsigned base)
{
    static const char digits_all[] = "0123456789abcdef";
    uint64_t number = 0;

    ASSERT(digits.len > 0 && digits.len < 20);
    for (size_t i = 0; i < digits.len; i++) {
        const char *digit = memchr(digits_all, digits.data[i] | (base == 16 ? 0x20 : 0), base);

        ASSERT(digit);
        number = number * base + (uint64_t)(digit - digits_all);
    }
    return number;
}

static void read_field(struct strict_request *request, struct slice line)
{
    const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    struct slice name, value;

    ASSERT(colon && colon + 1 < line.data + line.len && colon[1] == ' ');
    name = (struct slice){line.data, (size_t)(colon - line.data)};
    value = (struct slice){colon + 2, line.len - name.len - 2};
    ASSERT(is_token(name) && is_value(value));
    if (is_named(name, "host")) {
        ASSERT(!request->host.data && value.len > 0);
        request->host = value;
    } else if (is_named(name, "content-length")) {
        ASSERT(!request->has_length);
        request->has_length = true;
        request->length = number_of(value, 10);
    } else if (is_named(name, "transfer-encoding")) {
        ASSERT(!request->is_chunked && value.len == 7 && memcmp(value.data, "chunked", 7) == 0);
        request->is_chunked = true;
    } else if (is_named(name, "upgrade")) {
        ASSERT(!request->upgrades);
        request->upgrades = true;
    } else if (!is_named(name, "connection") && !is_named(name, "te") && !is_named(name, "expect") &&
               strncasecmp(name.data, "sec-websocket-", MIN(name.len, (size_t)14)) != 0) {
        request->fields++;
    }
}

/** @return false: it goes on */
static bool read_chunks(struct strict_request *request, struct slice *bytes)
{
    struct strict_request trailers = {0};
    struct slice line;

    while (take_line(bytes, &line)) {
        const uint64_t size = number_of(line, 16);

        if (size == 0) {
            while (take_line(bytes, &line)) {
                if (line.len == 0)
                    return true;
                read_field(&trailers, line);
                ASSERT(!trailers.has_length && !trailers.is_chunked && !trailers.host.data);
            }
            return false;
        }
        request->length += size;
        if (bytes->len < size + 2)
            return false;
        ASSERT(memcmp(bytes->data + size, "\r\n", 2) == 0);
        bytes->data += size + 2;
        bytes->len -= size + 2;
    }
    return false;
}

static bool read_content(struct strict_request *request, struct slice *bytes)
{
    ASSERT(!(request->is_chunked && request->has_length));
    if (request->is_chunked)
        return read_chunks(request, bytes);
    if (bytes->len < request->length)
        return false;
    bytes->data += request->length;
    bytes->len -= request->length;
    return true;
}

struct strict_request strict_request_read(struct slice bytes)
{
    struct strict_request request = {0};
    struct slice line;

    ASSERT(take_line(&bytes, &line));
    read_line(&request, line);
    for (;;) {
        ASSERT(take_line(&bytes, &line));
        if (line.len == 0)
            break;
        read_field(&request, line);
    }
    ASSERT(request.host.data);
    request.is_complete = read_content(&request, &bytes);
    ASSERT(!request.is_complete || bytes.len == 0); /* nothing that could be a second one */
    return request;
}
