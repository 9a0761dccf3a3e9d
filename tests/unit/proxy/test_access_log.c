#include <criterion/criterion.h>

#include "proxy/access_log.h"

static struct address address_of(const char *text, uint16_t port)
{
    struct ip ip;

    cr_assert(ip_parse(slice_str(text), &ip));
    return address_from_ip(ip, port);
}

struct scene {
    struct address client, local, back_local, back_remote;
    struct access_entry entry;
    struct text line;
};

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){
        .client = address_of("192.0.2.7", 40000),
        .local = address_of("::1", 443),
        .back_local = address_of("127.0.0.1", 50000),
        .back_remote = address_of("127.0.0.1", 3000),
    };
    scene->entry = (struct access_entry){
        .kind = "https",
        .id = 0x0123456789abcdefULL,
        .unix_ms = 1700000000123,
        .client = &scene->client,
        .local = &scene->local,
        .back_local = &scene->back_local,
        .back_remote = &scene->back_remote,
        .method = SLICE("GET"),
        .target = SLICE("/a?b=c"),
        .host = SLICE("app.test"),
        .user_agent = SLICE("curl/8"),
        .version = "1.1",
        .status = 200,
        .bytes_in = 5,
        .bytes_out = 77,
        .route = SLICE("https://app.test"),
        .backend = SLICE("127.0.0.1:3000"),
        .when = {.started = 1000, .connected = 1200, .answered = 1900, .ended = 2000},
    };
    setenv("TZ", "UTC", 1);
}

static const char *line_of(struct scene *scene, enum access_format format)
{
    text_clear(&scene->line);
    access_log_format(&scene->line, &scene->entry, format);
    return scene->line.data;
}

Test(access_log, combined_line_begins_as_every_log_reader_expects)
{
    struct scene scene;

    scene_init(&scene);
    cr_assert_str_eq(
        line_of(&scene, ACCESS_COMBINED),
        "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"GET /a?b=c HTTP/1.1\" 200 77 \"-\" \"curl/8\" "
        "id=0123456789abcdef kind=https host=\"app.test\" route=\"https://app.test\" "
        "backend=127.0.0.1:3000 client=192.0.2.7:40000 local=[::1]:443 from=127.0.0.1:50000 "
        "to=127.0.0.1:3000 in=5 us=200/700/100/1000 tries=0 end=ok\n");
    text_fini(&scene.line);
}

Test(access_log, json_line_has_every_field)
{
    struct scene scene;

    scene_init(&scene);
    scene.entry.fault = FAULT_BACK_RESET;
    scene.entry.detail = SLICE("it \"fell\"");
    cr_assert_str_eq(line_of(&scene, ACCESS_JSON),
                     "{\"time\":\"2023-11-14T22:13:20.123Z\",\"id\":\"0123456789abcdef\",\"kind\":\"https\","
                     "\"method\":\"GET\",\"target\":\"/a?b=c\",\"host\":\"app.test\",\"version\":\"1.1\","
                     "\"status\":200,\"user_agent\":\"curl/8\",\"route\":\"https://app.test\","
                     "\"backend\":\"127.0.0.1:3000\",\"client\":\"192.0.2.7:40000\",\"local\":\"[::1]:443\","
                     "\"from\":\"127.0.0.1:50000\",\"to\":\"127.0.0.1:3000\",\"bytes_in\":5,\"bytes_out\":77,"
                     "\"connect_us\":200,\"wait_us\":700,\"answer_us\":100,\"total_us\":1000,\"tries\":0,"
                     "\"reused\":false,\"end\":\"backend_reset\",\"detail\":\"it \\\"fell\\\"\"}\n");
    text_fini(&scene.line);
}

Test(access_log, client_text_cannot_break_out_of_its_quotes)
{
    struct scene scene;

    scene_init(&scene);
    scene.entry.user_agent = SLICE("a\" 200\n\x01\xff\\");
    cr_assert_not_null(strstr(line_of(&scene, ACCESS_COMBINED), "\"a\\x22 200\\x0a\\x01\\xff\\x5c\" id="));
    cr_assert_eq(strchr(scene.line.data, '\n'), scene.line.data + scene.line.len - 1);
    cr_assert_not_null(
        strstr(line_of(&scene, ACCESS_JSON), "\"user_agent\":\"a\\\" 200\\u000a\\u0001\xef\xbf\xbd\\\\\""));
    text_fini(&scene.line);
}

Test(access_log, raw_connection_is_named_by_its_kind)
{
    struct scene scene;

    scene_init(&scene);
    scene.entry = (struct access_entry){.kind = "ssh", .client = &scene.client, .fault = FAULT_TUNNEL_IDLE};
    cr_assert_not_null(strstr(line_of(&scene, ACCESS_COMBINED), "] \"ssh\" 0 0 \"-\" \"-\" "));
    cr_assert_not_null(strstr(scene.line.data, " to=- "));
    cr_assert_not_null(strstr(scene.line.data, " end=tunnel_idle\n"));
    text_fini(&scene.line);
}
