/* llhttp reads what lies in files: paths come on standard input, one a line; for each request a line goes out, of
 * the file's number, method, target, Host and content, all but the number as hexadecimal digits. A file that is
 * refused, or breaks off, has a last line of its number, "!" and the reason. */
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum part { METHOD, TARGET, HOST, CONTENT, PARTS };

struct reading {
    size_t file;
    FILE *texts[PARTS]; /* each writes into its bytes */
    char *bytes[PARTS];
    size_t lens[PARTS];
    char name[8]; /* of the field; longer ones are none that is looked at */
    size_t name_len;
    int is_under_way;
};

static void parts_close(struct reading *reading)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (reading->texts[i])
            fclose(reading->texts[i]);
        free(reading->bytes[i]);
        reading->texts[i] = NULL;
        reading->bytes[i] = NULL;
    }
}

static int parts_add(struct reading *reading, enum part part, const char *at, size_t len)
{
    return reading->texts[part] && fwrite(at, 1, len, reading->texts[part]) == len ? 0 : -1;
}

static int on_begin(llhttp_t *parser)
{
    struct reading *reading = parser->data;

    reading->is_under_way = 1;
    for (size_t i = 0; i < PARTS; i++)
        reading->texts[i] = open_memstream(&reading->bytes[i], &reading->lens[i]);
    return 0;
}

static int on_method(llhttp_t *parser, const char *at, size_t len)
{
    return parts_add(parser->data, METHOD, at, len);
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    return parts_add(parser->data, TARGET, at, len);
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *reading = parser->data;

    for (size_t i = 0; i < len; i++, reading->name_len++) {
        if (reading->name_len < sizeof reading->name)
            reading->name[reading->name_len] = at[i];
    }
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *reading = parser->data;

    if (reading->name_len != 4 || strncasecmp(reading->name, "Host", 4) != 0)
        return 0;
    return parts_add(reading, HOST, at, len);
}

static int on_value_end(llhttp_t *parser)
{
    ((struct reading *)parser->data)->name_len = 0;
    return 0;
}

static int on_content(llhttp_t *parser, const char *at, size_t len)
{
    return parts_add(parser->data, CONTENT, at, len);
}

static int on_end(llhttp_t *parser)
{
    struct reading *reading = parser->data;

    printf("%zu", reading->file);
    for (size_t i = 0; i < PARTS; i++) {
        fflush(reading->texts[i]);
        putchar(' ');
        for (size_t at = 0; at < reading->lens[i]; at++)
            printf("%02x", (unsigned char)reading->bytes[i][at]);
    }
    putchar('\n');
    parts_close(reading);
    reading->is_under_way = 0;
    return 0;
}

static llhttp_settings_t settings(void)
{
    llhttp_settings_t settings;

    llhttp_settings_init(&settings);
    settings.on_message_begin = on_begin;
    settings.on_method = on_method;
    settings.on_url = on_url;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_end;
    settings.on_body = on_content;
    settings.on_message_complete = on_end;
    return settings;
}

/* A request for an upgrade is one as any other to who does not agree to it. */
static llhttp_errno_t execute(llhttp_t *parser, const char *bytes, size_t len)
{
    llhttp_errno_t outcome = llhttp_execute(parser, bytes, len);
    const char *end = bytes + len;

    while (outcome == HPE_PAUSED_UPGRADE) {
        const char *at = llhttp_get_error_pos(parser);

        llhttp_resume_after_upgrade(parser);
        outcome = llhttp_execute(parser, at, (size_t)(end - at));
    }
    return outcome;
}

static void read_bytes(size_t number, const char *bytes, size_t len)
{
    const llhttp_settings_t of_us = settings();
    struct reading reading = {.file = number};
    llhttp_errno_t outcome;
    llhttp_t parser;

    llhttp_init(&parser, HTTP_REQUEST, &of_us);
    parser.data = &reading;
    outcome = execute(&parser, bytes, len);
    if (outcome == HPE_OK)
        outcome = llhttp_finish(&parser);
    if (outcome != HPE_OK)
        printf("%zu ! %s %s\n", number, llhttp_errno_name(outcome), llhttp_get_error_reason(&parser));
    else if (reading.is_under_way)
        printf("%zu ! breaks off\n", number);
    parts_close(&reading);
}

static char *bytes_of(const char *path, size_t *len)
{
    char part[65536], *bytes = NULL;
    FILE *file = fopen(path, "rb"), *text = open_memstream(&bytes, len);
    size_t got;

    if (!file || !text) {
        perror(path);
        exit(1);
    }
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        fwrite(part, 1, got, text);
    fclose(file);
    fclose(text);
    return bytes;
}

int main(void)
{
    char *path = NULL;
    size_t room = 0, len;

    for (size_t number = 0; getline(&path, &room, stdin) > 0; number++) {
        char *bytes;

        path[strcspn(path, "\n")] = 0;
        bytes = bytes_of(path, &len);
        read_bytes(number, bytes, len);
        free(bytes);
    }
    free(path);
    return 0;
}
