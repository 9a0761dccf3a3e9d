#include "corpus/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "e2e/answer.h"

struct reading {
    const char *at, *end; /* what is left */
    bool is_head, was_ended, was_reset;
};

/** One answer, as far as it is there. */
struct reply {
    char *head, *fields;
    char *content, *trailers;
    size_t content_len;
    int status;
    bool is_complete, is_garbage;
};

/* ---- heads ---- */

static bool is_clean(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
            return false;
    }
    return true;
}

static bool is_recent(const char *date)
{
    struct tm tm = {0};
    const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);

    return end && *end == 0 && llabs((long long)timegm(&tm) - (long long)time(NULL)) < 60;
}

/** Those that are Portico's own affair are checked elsewhere. */
static bool is_shown(const char *name, const char *value)
{
    return strcasecmp(name, "Content-Length") != 0 && strcasecmp(name, "Transfer-Encoding") != 0 &&
           strcasecmp(name, "Connection") != 0 && (strcasecmp(name, "Date") != 0 || !is_recent(value));
}

/** @return the section's fields as a row writes them; NULL: no fields */
static char *read_fields(const char *at, const char *end)
{
    char *fields = scene_text("%s", "");

    while (at < end) {
        const char *stop = memmem(at, (size_t)(end - at), "\r\n", 2), *colon;
        char *name;

        if (!stop || !is_clean(at, (size_t)(stop - at)))
            return NULL;
        colon = memchr(at, ':', (size_t)(stop - at));
        if (!colon || colon == at || colon[1] != ' ' || memchr(at, ' ', (size_t)(colon - at)))
            return NULL;
        name = scene_text("%.*s", (int)(colon - at), at);
        if (is_shown(name, scene_text("%.*s", (int)(stop - colon - 2), colon + 2)))
            fields = scene_text("%s%s%.*s", fields, *fields ? ", " : "", (int)(stop - at), at);
        at = stop + 2;
    }
    return fields;
}

static bool head_is_honest(const struct reply *reply)
{
    const int lengths = field_count(reply->head, "Content-Length"),
              codings = field_count(reply->head, "Transfer-Encoding");

    if (lengths + codings > (reply->status < 200 || reply->status == 204 ? 0 : 1))
        return false;
    if (codings && strcmp(field_of(reply->head, "Transfer-Encoding"), "chunked") != 0)
        return false;
    return reply->status < 200 || field_count(reply->head, "Date") > 0;
}

/** @return false when it is not there yet */
static bool read_head(struct reading *reading, struct reply *reply)
{
    const char *end = memmem(reading->at, (size_t)(reading->end - reading->at), "\r\n\r\n", 4), *line;

    if (!end)
        return false;
    end += 2;
    line = memmem(reading->at, (size_t)(end - reading->at), "\r\n", 2);
    reply->head = scene_text("%.*s", (int)(end - reading->at), reading->at);
    reply->fields = read_fields(line + 2, end);
    reply->is_garbage = strncmp(reply->head, "HTTP/1.1 ", 9) != 0 || reply->head[12] != ' ' ||
                        !is_clean(reading->at, (size_t)(line - reading->at)) || !reply->fields;
    reply->status = atoi(reply->head + 9);
    reply->is_garbage = reply->is_garbage || !head_is_honest(reply);
    reading->at = end + 2;
    return true;
}

/* ---- content ---- */

static void add_content(struct reading *reading, struct reply *reply, size_t len)
{
    const size_t there = (size_t)(reading->end - reading->at);
    const size_t taken = len < there ? len : there;
    char *longer = scene_alloc(reply->content_len + taken + 1);

    if (reply->content_len)
        memcpy(longer, reply->content, reply->content_len);
    memcpy(longer + reply->content_len, reading->at, taken);
    reply->content = longer;
    reply->content_len += taken;
    reading->at += taken;
}

/** @return the next line without its end, NULL: not there yet */
static const char *next_line(struct reading *reading, size_t *len)
{
    const char *line = reading->at, *stop = memmem(line, (size_t)(reading->end - line), "\r\n", 2);

    if (!stop)
        return NULL;
    *len = (size_t)(stop - line);
    reading->at = stop + 2;
    return line;
}

static void read_trailers(struct reading *reading, struct reply *reply)
{
    const char *section = reading->at, *line;
    size_t len;

    while ((line = next_line(reading, &len))) {
        if (len > 0)
            continue;
        reply->is_complete = true;
        reply->trailers = read_fields(section, line);
        reply->is_garbage |= !reply->trailers;
        return;
    }
}

static void read_chunks(struct reading *reading, struct reply *reply)
{
    size_t len, size;
    const char *line;

    while ((line = next_line(reading, &len))) {
        if (len == 0 || len > 8 || strspn(line, "0123456789abcdef") != len) {
            reply->is_garbage = true;
            return;
        }
        size = strtoul(line, NULL, 16);
        if (size == 0) {
            read_trailers(reading, reply);
            return;
        }
        add_content(reading, reply, size);
        line = next_line(reading, &len);
        if (!line || len > 0) {
            reply->is_garbage = line != NULL;
            return;
        }
    }
}

static void read_content(struct reading *reading, struct reply *reply)
{
    size_t length;

    if (reply->status == 101) {
        add_content(reading, reply, SIZE_MAX);
        reply->is_complete = true;
    } else if (reply->status < 200 || reply->status == 204 || reply->status == 304 || reading->is_head) {
        reply->is_complete = true;
    } else if (field_count(reply->head, "Transfer-Encoding")) {
        add_content(reading, reply, 0);
        read_chunks(reading, reply);
    } else if (field_count(reply->head, "Content-Length")) {
        length = strtoul(field_of(reply->head, "Content-Length"), NULL, 10);
        add_content(reading, reply, length);
        reply->is_complete = reply->content_len == length;
    } else {
        add_content(reading, reply, SIZE_MAX);
        reply->is_complete = reading->was_ended && !reading->was_reset;
    }
}

/* ---- words ---- */

/** Our own errors say that they are, in the head and in the content. */
static bool is_own_error(const struct reply *reply)
{
    const char *id = field_of(reply->head, "X-Portico-Error");

    return strlen(id) == 16 && (!reply->content || strstr(reply->content, id));
}

/** Of an answer that has no content, but could have it: how long that would have been. */
static const char *declared(const struct reply *reply)
{
    if (reply->content || reply->status < 200 || reply->status == 204)
        return "";
    if (field_count(reply->head, "Transfer-Encoding"))
        return " (chunked)";
    if (field_count(reply->head, "Content-Length"))
        return scene_text(" (%s)", field_of(reply->head, "Content-Length"));
    return "";
}

static char *reply_describe(const struct reply *reply)
{
    char *text = scene_text("%d", reply->status);

    if (is_own_error(reply))
        return text;
    if (reply->fields && *reply->fields)
        text = scene_text("%s {%s}", text, reply->fields);
    if (reply->content)
        text = scene_text("%s \"%s\"", text, reply->content);
    if (reply->trailers && *reply->trailers)
        text = scene_text("%s +{%s}", text, reply->trailers);
    return scene_text("%s%s", text, declared(reply));
}

/** How it ended, behind what was told. */
static char *with_end(const char *all, const struct client *client, bool is_part, bool has_final)
{
    const char *behind = *all ? "; " : "";

    if (is_part)
        return scene_text("%s %s", all, client->was_ended ? "cut" : "...");
    if (!client->was_ended)
        return scene_text("%s", all);
    return scene_text("%s%s%s", all, behind, has_final ? "end" : "cut");
}

char *replies_describe(const struct client *client, size_t len, bool is_head)
{
    struct reading reading = {client->bytes, client->bytes + len, is_head, client->was_ended,
                              client->was_reset};
    char *all = scene_text("%s", "");
    bool is_part = false, has_final = false;

    while (reading.at < reading.end && !is_part) {
        struct reply reply = {0};

        if (!read_head(&reading, &reply))
            return with_end(scene_text("%s%s\"%s\"", all, *all ? "; " : "", reading.at), client, true, false);
        read_content(&reading, &reply);
        is_part = !reply.is_complete || reply.is_garbage;
        has_final |= reply.status >= 200 || reply.status == 101;
        all = scene_text("%s%s%s%s", all, *all ? "; " : "", reply_describe(&reply),
                         reply.is_garbage ? " garbage" : "");
    }
    return with_end(all, client, is_part, has_final);
}
