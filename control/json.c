#include "control/json.h"

#include <time.h>

#include "base/mem.h"

json_t *json_of_slice(struct slice text)
{
    json_t *json = json_stringn(text.data ? text.data : "", text.len);
    char *ascii;

    if (json)
        return json;
    ascii = mem_string(text);
    for (size_t i = 0; i < text.len; i++)
        ascii[i] = (unsigned char)ascii[i] < 0x80 ? ascii[i] : '?';
    json = json_stringn(ascii, text.len);
    mem_free(ascii);
    return json;
}

json_t *json_of_lines(struct slice text)
{
    json_t *lines = json_array();

    while (text.len) {
        ptrdiff_t end = slice_find(text, '\n');
        struct slice line = slice_head(text, end < 0 ? text.len : (size_t)end);

        json_array_append_new(lines, json_of_slice(line));
        text = slice_from(text, end < 0 ? line.len : line.len + 1);
    }
    return lines;
}

json_t *json_of_time(int64_t seconds)
{
    const time_t at = (time_t)seconds;
    char text[32];
    struct tm parts;

    if (seconds == 0 || !gmtime_r(&at, &parts))
        return json_null();
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

static int add(const char *bytes, size_t len, void *argument)
{
    text_add(argument, slice_of(bytes, len));
    return 0;
}

void json_print(const json_t *json, struct text *out)
{
    json_dump_callback(json, add, out, JSON_COMPACT | JSON_ENCODE_ANY);
    text_add_char(out, '\n');
}

const char *json_text_of(const json_t *object, const char *key)
{
    return json_text(json_object_get(object, key));
}

const char *json_text(const json_t *json)
{
    const char *text = json_string_value(json);

    return text ? text : "";
}

/* Of C0, DEL, or C1 (U+0080 to U+009F, two bytes of UTF-8). @return its code; 0: none that is shown */
static unsigned control_at(const unsigned char *at)
{
    if ((at[0] < ' ' && at[0] != '\n' && at[0] != '\t') || at[0] == 0x7f)
        return at[0];
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? at[1] : 0;
}

static bool has_controls(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at && !control_at(at))
        at++;
    return *at;
}

static void show_controls(json_t *json)
{
    const unsigned char *at = (const unsigned char *)json_string_value(json);
    struct text shown = {0};

    if (!has_controls(json_string_value(json)))
        return;
    for (unsigned code; *at; at += code > 0x7f ? 2 : 1) {
        code = control_at(at);
        if (code)
            text_printf(&shown, "\\u%04X", code);
        else
            text_add_char(&shown, (char)*at);
    }
    json_string_set(json, shown.data);
    text_fini(&shown);
}

/* jansson bounds the depth of what it reads. */
void json_show_controls(json_t *json)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_string(json))
        show_controls(json);
    json_array_foreach(json, i, item) json_show_controls(item);
    json_object_foreach(json, key, item) json_show_controls(item);
}

int64_t json_number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *json_library_version(void)
{
    return jansson_version_str();
}
