#include "h2/script.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/scene.h"
#include "h2/peer.h"

/* ---- octets ---- */

static unsigned hex_octet(const char *at)
{
    cr_assert(isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]), "no hexadecimal octet: %s",
              at);
    return (unsigned)strtoul((char[]){at[0], at[1], 0}, NULL, 16);
}

/** %XX and, where *repeats*, @N. */
static void add_text(struct frames *out, const char *at, size_t len, bool repeats)
{
    const char *end = at + len;

    if (repeats && len > 1 && *at == '@') {
        frames_fill(out, 'x', strtoul(at + 1, NULL, 10));
        return;
    }
    for (; at < end; at++) {
        if (*at == '%') {
            frames_add_u8(out, hex_octet(at + 1));
            at += 2;
        } else {
            frames_add_u8(out, (unsigned char)*at);
        }
    }
}

static void add_hex(struct frames *out, const char *word)
{
    for (; *word; word += 2)
        frames_add_u8(out, hex_octet(word));
}

static void add_bytes(struct frames *out, const char *word)
{
    if (*word == '\'')
        add_text(out, word + 1, strlen(word + 1), false);
    else if (*word == '@')
        add_text(out, word, strlen(word), true);
    else
        add_hex(out, word);
}

/* ---- one step's words ---- */

enum { PSEUDO_FIELDS = 4, FIELDS_MAX = 64 };

struct field {
    enum field_kind kind;
    const char *text; /* NAME:=VALUE, or #hex */
    unsigned long times;
};

struct words {
    char *rest;
    unsigned flags;
    bool is_padded, has_length;
    size_t pad, length;
    const char *depends;
    struct field fields[FIELDS_MAX];
    size_t count;
};

static char *next_word(struct words *words)
{
    return strtok_r(NULL, " ", &words->rest);
}

static uint32_t next_number(struct words *words, int base)
{
    const char *word = next_word(words);

    cr_assert_not_null(word, "a number is missing");
    return (uint32_t)strtoul(word, NULL, base);
}

static size_t name_length(const char *field)
{
    const char *mark = strstr(field + (*field == ':'), ":=");

    cr_assert_not_null(mark, "no field: %s", field);
    return (size_t)(mark - field);
}

static struct field *field_named(struct words *words, const char *name, size_t len)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *text = words->fields[i].text;

        if (*text != '#' && name_length(text) == len && memcmp(text, name, len) == 0)
            return &words->fields[i];
    }
    return NULL;
}

static void drop_field(struct words *words, const char *name)
{
    struct field *field = field_named(words, name, strlen(name));

    cr_assert_not_null(field, "no such field: %s", name);
    memmove(field, field + 1, (size_t)(words->fields + words->count - field - 1) * sizeof *field);
    words->count--;
}

/** @param defaults  how many of the fields may be replaced */
static void keep_field(struct words *words, const char *word, size_t defaults)
{
    struct field field = {.kind = FIELD_PLAIN, .times = 1, .text = word}, *there;
    char *mark;

    if (isdigit((unsigned char)*word) && (field.times = strtoul(word, &mark, 10), *mark == '*'))
        field.text = mark + 1;
    if (*field.text == '+') {
        field.kind = FIELD_INDEXED_NEXT;
        field.text++;
    }
    cr_assert_lt(words->count, FIELDS_MAX);
    there = *field.text == ':' ? field_named(words, field.text, name_length(field.text)) : NULL;
    if (there && there < words->fields + defaults)
        *there = field;
    else
        words->fields[words->count++] = field;
}

static bool take_flag(struct words *words, const char *word)
{
    static const struct {
        const char *word;
        unsigned set, unset;
    } flags[] = {{"es", FLAG_END_STREAM, 0},
                 {"noes", 0, FLAG_END_STREAM},
                 {"eh", FLAG_END_HEADERS, 0},
                 {"noeh", 0, FLAG_END_HEADERS}};

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(flags[i].word, word) == 0) {
            words->flags = (words->flags | flags[i].set) & ~flags[i].unset;
            return true;
        }
    }
    return false;
}

static bool take_option(struct words *words, const char *word)
{
    if (strncmp(word, "pad=", 4) == 0) {
        words->is_padded = true;
        words->pad = strtoul(word + 4, NULL, 10);
    } else if (strncmp(word, "len=", 4) == 0) {
        words->has_length = true;
        words->length = strtoul(word + 4, NULL, 10);
    } else if (strncmp(word, "prio=", 5) == 0) {
        words->depends = word + 5;
    } else {
        return take_flag(words, word);
    }
    return true;
}

static void put_fields(struct frames *block, const struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        const struct field *field = &words->fields[i];
        struct frames name = {0}, value = {0};
        size_t len;

        if (*field->text == '#') {
            add_hex(block, field->text + 1);
            continue;
        }
        len = name_length(field->text);
        add_text(&name, field->text, len, false);
        add_text(&value, field->text + len + 2, strlen(field->text + len + 2), true);
        for (unsigned long time = 0; time < field->times; time++)
            fields_put(block, field->kind, (char *)name.bytes, name.len, (char *)value.bytes, value.len);
        frames_free(&name);
        frames_free(&value);
    }
}

static void put_frame(struct frames *out, const struct words *words, unsigned type, uint32_t stream,
                      const struct frames *content)
{
    struct frames payload = {0};
    unsigned flags = words->flags;

    if (words->is_padded) {
        flags |= FLAG_PADDED;
        frames_add_u8(&payload, (unsigned)words->pad);
    }
    if (words->depends) {
        flags |= FLAG_PRIORITY;
        frames_add_u32(&payload, (uint32_t)strtoul(words->depends, NULL, 0));
        frames_add_u8(&payload, 15);
    }
    frames_add(&payload, content->bytes, content->len);
    if (words->is_padded)
        frames_fill(&payload, 0, words->pad);
    frames_put_head(out, words->has_length ? words->length : payload.len, type, flags, stream);
    frames_add(out, payload.bytes, payload.len);
    frames_free(&payload);
}

/* ---- steps ---- */

static void put_heading(struct frames *out, struct words *words, unsigned type, const char *method)
{
    static const char *const rest[] = {":scheme:=http", ":path:=/", ":authority:=a.test"};
    const uint32_t stream = next_number(words, 10);
    struct frames block = {0};
    size_t defaults = 0;
    char *word;

    if (method) {
        keep_field(words, scene_text(":method:=%s", method), 0);
        for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
            keep_field(words, rest[i], 0);
        defaults = PSEUDO_FIELDS;
    }
    while ((word = next_word(words))) {
        if (*word == '-')
            drop_field(words, word + 1);
        else if (!take_option(words, word))
            keep_field(words, word, defaults);
    }
    put_fields(&block, words);
    put_frame(out, words, type, stream, &block);
    frames_free(&block);
}

static void put_get(struct frames *out, struct words *words)
{
    words->flags = FLAG_END_HEADERS | FLAG_END_STREAM;
    put_heading(out, words, FRAME_HEADERS, "GET");
}

static void put_post(struct frames *out, struct words *words)
{
    words->flags = FLAG_END_HEADERS;
    put_heading(out, words, FRAME_HEADERS, "POST");
}

static void put_head(struct frames *out, struct words *words)
{
    words->flags = FLAG_END_HEADERS;
    put_heading(out, words, FRAME_HEADERS, NULL);
}

static void put_continuation(struct frames *out, struct words *words)
{
    words->flags = FLAG_END_HEADERS;
    put_heading(out, words, FRAME_CONTINUATION, NULL);
}

static void put_bytes(struct frames *out, struct words *words, unsigned type, uint32_t stream)
{
    struct frames content = {0};
    char *word;

    while ((word = next_word(words))) {
        if (!take_option(words, word))
            add_bytes(&content, word);
    }
    put_frame(out, words, type, stream, &content);
    frames_free(&content);
}

static void put_data(struct frames *out, struct words *words)
{
    put_bytes(out, words, FRAME_DATA, next_number(words, 10));
}

static void put_any(struct frames *out, struct words *words)
{
    const unsigned type = next_number(words, 16), flags = next_number(words, 16);
    const uint32_t stream = next_number(words, 10);

    words->flags = flags;
    put_bytes(out, words, type, stream);
}

static void put_raw(struct frames *out, struct words *words)
{
    char *word;

    while ((word = next_word(words)))
        add_bytes(out, word);
}

static void put_settings(struct frames *out, struct words *words)
{
    struct frames content = {0};
    unsigned flags = 0;
    char *word;

    while ((word = next_word(words))) {
        if (strcmp(word, "ack") == 0) {
            flags = FLAG_ACK;
            continue;
        }
        frames_add_u16(&content, (unsigned)strtoul(word, &word, 10));
        frames_add_u32(&content, (uint32_t)strtoul(word + 1, NULL, 10));
    }
    frames_put(out, FRAME_SETTINGS, flags, 0, content.bytes, content.len);
    frames_free(&content);
}

static void put_rst(struct frames *out, struct words *words)
{
    const uint32_t stream = next_number(words, 10);

    frames_put_u32(out, FRAME_RST_STREAM, stream, next_number(words, 10));
}

static void put_window(struct frames *out, struct words *words)
{
    const uint32_t stream = next_number(words, 10);

    frames_put_u32(out, FRAME_WINDOW_UPDATE, stream, next_number(words, 10));
}

static void put_ping(struct frames *out, struct words *words)
{
    (void)words;
    frames_put(out, FRAME_PING, 0, 0, "a ping..", 8);
}

static const struct {
    const char *verb;
    void (*put)(struct frames *out, struct words *words);
} verbs[] = {
    {"get", put_get},   {"post", put_post}, {"head", put_head},     {"cont", put_continuation},
    {"data", put_data}, {"frame", put_any}, {"raw", put_raw},       {"settings", put_settings},
    {"rst", put_rst},   {"ping", put_ping}, {"window", put_window},
};

static struct script_step *next_step(struct script *script)
{
    cr_assert_lt(script->count + 1, SCRIPT_STEPS);
    return &script->steps[++script->count];
}

static void read_step(struct script *script, char *text)
{
    struct script_step *step = &script->steps[script->count];
    struct words words = {0};
    const char *verb = strtok_r(text, " ", &words.rest);

    if (!verb)
        return;
    if (strcmp(verb, "sync") == 0) {
        frames_put(&step->bytes, FRAME_PING, 0, 0, PEER_SYNC, PEER_SYNC_BYTES);
        step->wait = WAIT_PING;
        next_step(script);
        return;
    }
    if (strcmp(verb, "await") == 0) {
        step->wait = WAIT_STREAM;
        step->stream = next_number(&words, 10);
        next_step(script);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].verb, verb) == 0) {
            verbs[i].put(&step->bytes, &words);
            return;
        }
    }
    cr_assert(false, "no such step: %s", verb);
}

void script_read(struct script *script, const char *text)
{
    static const char bare[] = "bare";
    char *copy = scene_text("%s", text), *rest, *part;

    memset(script, 0, sizeof *script);
    if (strncmp(copy, bare, sizeof bare - 1) == 0)
        copy += sizeof bare - 1;
    else
        frames_put_preface(&script->steps[0].bytes, NULL, 0);
    for (part = strtok_r(copy, ";", &rest); part; part = strtok_r(NULL, ";", &rest))
        read_step(script, part);
    script->count++;
}

void script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++)
        frames_free(&script->steps[i].bytes);
}
