#include "e2e/answer.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- fields ---- */

static const char *field_find(const char *head, const char *name)
{
    const size_t length = strlen(name);

    for (const char *line = head; line && *line;) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
        line = strstr(line, "\r\n");
        if (line)
            line += 2;
    }
    return NULL;
}

char *field_of(const char *head, const char *name)
{
    const char *value = head ? field_find(head, name) : NULL;

    if (!value)
        return scene_text("%s", "");
    value += strspn(value, " \t");
    return scene_text("%.*s", (int)strcspn(value, "\r"), value);
}

int field_count(const char *head, const char *name)
{
    int count = 0;

    while (head && (head = field_find(head, name)) != NULL)
        count++;
    return count;
}

/* ---- bodies ---- */

static void body_add(struct answer *answer, const char *bytes, size_t count)
{
    char *longer = scene_alloc(answer->length + count + 1);

    memcpy(longer, answer->body, answer->length);
    memcpy(longer + answer->length, bytes, count);
    answer->body = longer;
    answer->length += count;
}

static bool body_read_chunks(struct wire *wire, struct answer *answer)
{
    for (;;) {
        const char *size_line = wire_read_until(wire, "\r\n");
        const char *chunk, *end;
        size_t size;

        if (!size_line)
            return false;
        size = strtoul(size_line, NULL, 16);
        if (size == 0)
            break;
        chunk = wire_read_bytes(wire, size);
        end = wire_read_bytes(wire, 2);
        if (!chunk || !end || strcmp(end, "\r\n") != 0)
            return false;
        body_add(answer, chunk, size);
    }
    for (;;) {
        const char *line = wire_read_until(wire, "\r\n");

        if (!line)
            return false;
        if (strcmp(line, "\r\n") == 0)
            return true;
        answer->trailers = scene_text("%s%s", answer->trailers, line);
    }
}

static bool body_read(struct wire *wire, struct answer *answer)
{
    const char *bytes;

    if (answer->status < 200 || answer->status == 204 || answer->status == 304)
        return true;
    if (strcasecmp(field_of(answer->head, "Transfer-Encoding"), "chunked") == 0)
        return body_read_chunks(wire, answer);
    if (field_count(answer->head, "Content-Length")) {
        const size_t length = strtoul(field_of(answer->head, "Content-Length"), NULL, 10);

        bytes = wire_read_bytes(wire, length);
        if (bytes)
            body_add(answer, bytes, length);
        return bytes != NULL;
    }
    bytes = wire_read_all(wire);
    if (bytes)
        body_add(answer, bytes, strlen(bytes));
    return bytes != NULL;
}

struct answer answer_read_head(struct wire *wire)
{
    struct answer answer = {.body = scene_text("%s", ""), .trailers = scene_text("%s", "")};

    answer.head = wire_read_until(wire, "\r\n\r\n");
    if (!answer.head)
        answer.head = scene_text("%s", "");
    else if (sscanf(answer.head, "HTTP/1.%*1[01] %d", &answer.status) == 1)
        answer.complete = true;
    return answer;
}

struct answer answer_read(struct wire *wire)
{
    struct answer answer = answer_read_head(wire);

    answer.complete = answer.complete && body_read(wire, &answer);
    return answer;
}

/* ---- asking ---- */

struct answer ask(int port, const char *format, ...)
{
    struct wire *wire = wire_connect(port);
    struct answer answer;
    va_list values;
    char *request = NULL;
    int length;

    va_start(values, format);
    length = vasprintf(&request, format, values);
    va_end(values);
    cr_assert_gt(length, 0);
    wire_send_bytes(wire, request, (size_t)length);
    free(request);
    answer = answer_read(wire);
    wire_close(wire);
    return answer;
}

struct answer get(int port, const char *host, const char *path)
{
    return ask(port, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
}

void assert_honest(int port, const char *host, const char *body)
{
    struct answer answer = get(port, host, "/honest");

    cr_assert_eq(answer.status, 200, "an honest request got %d", answer.status);
    cr_assert_str_eq(answer.body, body);
}
