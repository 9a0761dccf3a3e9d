/* Floods of HTTP/2, one connection each, as fast as it can: bounded in what they make us do, and cut. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/scene.h"
#include "h2/flood.h"

TestSuite(h2_floods, .init = scene_open, .timeout = 180);

enum { ROUND = 20, CANCEL = 8, WINDOW_MOST = 0x7fffffff };

#define FLOOD(name, ...)                                                                                     \
    Test(h2_floods, name)                                                                                    \
    {                                                                                                        \
        flood_play(#name, (struct flood){__VA_ARGS__});                                                      \
    }

static uint32_t begin(struct flood *flood, struct frames *out, const char *method, const char *path,
                      unsigned flags)
{
    const uint32_t id = flood->next_id;

    frames_put_request(out, id, method, path, "a.test", flags);
    flood->next_id += 2;
    return id;
}

/** A request that a backend has until it is left. */
static uint32_t begin_held(struct flood *flood, struct frames *out)
{
    return begin(flood, out, "GET", FLOOD_PATH_HELD, FLAG_END_STREAM);
}

/* ---- resets (CVE-2023-44487) ---- */

static void reset_rapidly(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put_u32(out, FRAME_RST_STREAM, begin_held(flood, out), CANCEL);
}
FLOOD(rapid_reset, reset_rapidly)

/** So that each request has reached the backend. @return the request of the round before; 0: none */
static uint32_t begin_slowly(struct flood *flood, struct frames *out)
{
    poll(NULL, 0, 3);
    begin_held(flood, out);
    return flood->rounds ? flood->next_id - 4 : 0;
}

static void reset_slowly(struct flood *flood, struct frames *out)
{
    const uint32_t id = begin_slowly(flood, out);

    if (id)
        frames_put_u32(out, FRAME_RST_STREAM, id, CANCEL);
}
FLOOD(resets_of_requests_under_way, reset_slowly)

/** A hundred at once, then all are left. */
static void reset_hundreds(struct flood *flood, struct frames *out)
{
    const uint32_t first = flood->next_id;

    for (int i = 0; i < 100; i++)
        begin_held(flood, out);
    for (uint32_t id = first; id < flood->next_id; id += 2)
        frames_put_u32(out, FRAME_RST_STREAM, id, CANCEL);
}
FLOOD(resets_by_the_hundred, reset_hundreds)

/* ---- resets that we are made to send (CVE-2025-8671) ---- */

static void overflow_windows(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, begin_held(flood, out), WINDOW_MOST);
}
FLOOD(made_you_reset_by_window_overflow, overflow_windows)

static void overflow_windows_slowly(struct flood *flood, struct frames *out)
{
    const uint32_t id = begin_slowly(flood, out);

    if (id)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, id, WINDOW_MOST);
}
FLOOD(made_you_reset_of_requests_under_way, overflow_windows_slowly)

static void update_by_nothing(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, begin_held(flood, out), 0);
}
FLOOD(made_you_reset_by_window_of_0, update_by_nothing)

static void send_behind_end(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put(out, FRAME_DATA, 0, begin_held(flood, out), "x", 1);
}
FLOOD(made_you_reset_by_data_behind_the_end, send_behind_end)

static void head_behind_end(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put_request(out, begin_held(flood, out), "GET", "/", "a.test", FLAG_END_STREAM);
}
FLOOD(made_you_reset_by_headers_behind_the_end, head_behind_end)

static void send_short_priority(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        frames_put(out, FRAME_PRIORITY, 0, begin_held(flood, out), "\0\0\0", 3);
}
FLOOD(made_you_reset_by_short_priority, send_short_priority)

static void depend_on_self(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++) {
        const uint32_t id = begin_held(flood, out);

        frames_put_head(out, 5, FRAME_PRIORITY, 0, id);
        frames_add_u32(out, id);
        frames_add_u8(out, 15);
    }
}
FLOOD(made_you_reset_by_dependence_on_itself, depend_on_self, .is_endured = true)

static void send_too_much(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++) {
        struct frames block = {0};

        fields_put_text(&block, ":method", "POST");
        fields_put_text(&block, ":scheme", "http");
        fields_put_text(&block, ":path", FLOOD_PATH_SINK);
        fields_put_text(&block, ":authority", "a.test");
        fields_put_text(&block, "content-length", "1");
        frames_put(out, FRAME_HEADERS, FLAG_END_HEADERS, flood->next_id, block.bytes, block.len);
        frames_put(out, FRAME_DATA, 0, flood->next_id, "xx", 2);
        flood->next_id += 2;
        frames_free(&block);
    }
}
FLOOD(made_you_reset_by_more_than_its_length, send_too_much)

static void send_malformed_trailers(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++) {
        const uint32_t id = begin(flood, out, "POST", FLOOD_PATH_SINK, 0);
        struct frames block = {0};

        fields_put_text(&block, "X", "upper case");
        frames_put(out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, id, block.bytes, block.len);
        frames_free(&block);
    }
}
FLOOD(made_you_reset_by_malformed_trailers, send_malformed_trailers)

static void send_malformed(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        begin(flood, out, "GET", "no path", FLAG_END_STREAM);
}
FLOOD(malformed_requests, send_malformed)

/* ---- heads (CVE-2024-27316) ---- */

static void continue_forever(struct flood *flood, struct frames *out)
{
    static const char field[] = "\0\1x\x7f\x81\x7c";
    struct frames block = {0};

    if (flood->rounds == 0)
        frames_put(out, FRAME_HEADERS, FLAG_END_STREAM, 1, "\x82\x86\x84", 3);
    for (int i = 0; i < 4; i++) {
        block.len = 0;
        frames_add(&block, field, sizeof field - 1);
        frames_fill(&block, 'x', 16000);
        frames_put(out, FRAME_CONTINUATION, 0, 1, block.bytes, block.len);
    }
    frames_free(&block);
}
FLOOD(continuation_without_end, continue_forever)

static void continue_with_nothing(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        frames_put(out, FRAME_HEADERS, FLAG_END_STREAM, 1, "\x82\x86\x84", 3);
    for (int i = 0; i < 100; i++)
        frames_put(out, FRAME_CONTINUATION, 0, 1, NULL, 0);
}
FLOOD(continuation_of_nothing, continue_with_nothing)

static void continue_by_octets(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        frames_put(out, FRAME_HEADERS, FLAG_END_STREAM, 1, "\x82\x86\x84", 3);
    for (int i = 0; i < 100; i++)
        frames_put(out, FRAME_CONTINUATION, 0, 1, "\x90",
                   1); /* accept-encoding: gzip, deflate, of the static table */
}
FLOOD(continuation_of_single_octets, continue_by_octets)

static void bomb(struct flood *flood, struct frames *out)
{
    enum { ENTRY = 3900, REFERENCES = 16000 };
    struct frames block = {0};
    char *value = scene_alloc(ENTRY);

    memset(value, 'x', ENTRY);
    frames_add(&block, "\x82\x86\x84", 3);
    fields_put_text(&block, ":authority", "a.test");
    if (flood->rounds == 0)
        fields_put(&block, FIELD_INDEXED_NEXT, "x", 1, value, ENTRY);
    frames_fill(&block, 0xbe, flood->rounds == 0 ? 1000 : REFERENCES);
    frames_put(out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, flood->next_id, block.bytes,
               block.len);
    flood->next_id += 2;
    frames_free(&block);
}
FLOOD(hpack_bomb, bomb)

static void send_large_heads(struct flood *flood, struct frames *out)
{
    enum { PART = 15000, PARTS = 3 }; /* past the default limit of 32 KiB */
    struct frames block = {0};
    char *value = scene_alloc(PART);

    memset(value, 'x', PART);
    frames_add(&block, "\x82\x86\x84", 3);
    fields_put_text(&block, ":authority", "a.test");
    frames_put(out, FRAME_HEADERS, FLAG_END_STREAM, flood->next_id, block.bytes, block.len);
    for (int i = 0; i < PARTS; i++) {
        block.len = 0;
        fields_put(&block, FIELD_PLAIN, "x", 1, value, PART);
        frames_put(out, FRAME_CONTINUATION, i == PARTS - 1 ? FLAG_END_HEADERS : 0, flood->next_id,
                   block.bytes, block.len);
    }
    flood->next_id += 2;
    frames_free(&block);
}
FLOOD(heads_past_the_limit, send_large_heads)

static void resize_tables(struct flood *flood, struct frames *out)
{
    struct frames block = {0};

    for (int i = 0; i < 1000; i++)
        frames_add(&block, i % 2 ? "\x3f\xe1\x1f" : "\x20\x20\x20", 3);
    frames_add(&block, "\x82\x86\x84", 3);
    fields_put_text(&block, ":authority", "none.test");
    frames_put(out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, flood->next_id, block.bytes,
               block.len);
    flood->next_id += 2;
    frames_free(&block);
}
FLOOD(table_sizes_in_front_of_heads, resize_tables, .is_endured = true)

/* ---- frames that cost and do nothing ---- */

static void send_nothing(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        begin(flood, out, "POST", FLOOD_PATH_SINK, 0);
    for (int i = 0; i < 100; i++)
        frames_put(out, FRAME_DATA, 0, 1, NULL, 0);
}
FLOOD(data_of_nothing, send_nothing)

/** As much of it as the windows allow. */
static void send_padded(struct flood *flood, struct frames *out, size_t size)
{
    static const uint8_t padded[1 + 1 + 255] = {255};
    const int64_t stream_window = 65535 + peer_stream(flood->peer, 1)->window;
    const int64_t window = stream_window < flood->peer->window ? stream_window : flood->peer->window;

    if (flood->rounds == 0)
        begin(flood, out, "POST", FLOOD_PATH_SINK, 0);
    for (int i = 0; i < 100 && flood->content + (int64_t)size <= window; i++) {
        frames_put(out, FRAME_DATA, FLAG_PADDED, 1, padded, size);
        flood->content += (int64_t)size;
    }
}

static void send_padding(struct flood *flood, struct frames *out)
{
    send_padded(flood, out, 1 + 255);
}
FLOOD(data_of_padding_alone, send_padding)

static void send_single_octets(struct flood *flood, struct frames *out)
{
    send_padded(flood, out, 1 + 1 + 255);
}
/* Each costs little: many thousands have to come through the window, on a busy machine too. */
FLOOD(data_of_an_octet_and_255_of_padding, send_single_octets, .times_as_long = FLOOD_LONGEST)

/** As much as the connection's window allows, which opens all the time. */
static void send_to_closed(struct flood *flood, struct frames *out)
{
    static const uint8_t content[1000];

    if (flood->rounds == 0)
        frames_put_u32(out, FRAME_RST_STREAM, begin(flood, out, "POST", FLOOD_PATH_SINK, 0), CANCEL);
    for (int i = 0; i < 10 && flood->content + (int64_t)sizeof content <= flood->peer->window; i++) {
        frames_put(out, FRAME_DATA, 0, 1, content, sizeof content);
        flood->content += (int64_t)sizeof content;
    }
}
FLOOD(data_on_a_closed_stream, send_to_closed)

static void head_to_closed(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        frames_put_u32(out, FRAME_RST_STREAM, begin(flood, out, "POST", FLOOD_PATH_SINK, 0), CANCEL);
    for (int i = 0; i < 100; i++)
        frames_put_request(out, 1, "GET", "/", "a.test", FLAG_END_STREAM);
}
FLOOD(heads_on_a_closed_stream, head_to_closed)

static void ping(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++)
        frames_put(out, FRAME_PING, 0, 0, "12345678", 8);
}
FLOOD(pings, ping)
FLOOD(pings_whose_answers_are_not_read, ping, .reads_nothing = true)

static void set(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++)
        frames_put(out, FRAME_SETTINGS, 0, 0, "\0\4\0\1\0\0", 6);
}
FLOOD(settings, set)
FLOOD(settings_whose_answers_are_not_read, set, .reads_nothing = true)

static void set_many(struct flood *flood, struct frames *out)
{
    struct frames settings = {0};

    for (uint32_t i = 0; i < 2000; i++) {
        frames_add_u16(&settings, i % 2 ? 1 : 4);
        frames_add_u32(&settings, i);
    }
    frames_put(out, FRAME_SETTINGS, 0, 0, settings.bytes, settings.len);
    frames_free(&settings);
}
FLOOD(settings_of_thousands, set_many)

static void prioritise(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++) {
        frames_put(out, FRAME_PRIORITY, 0, flood->next_id, "\0\0\0\0\x10", 5);
        flood->next_id += 2;
    }
}
FLOOD(priority, prioritise)

static void update_priorities(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++) {
        frames_put_head(out, 7, FRAME_PRIORITY_UPDATE, 0, 0);
        frames_add_u32(out, flood->next_id);
        frames_add(out, "u=1", 3);
        flood->next_id += 2;
    }
}
FLOOD(priority_update, update_priorities)

static void update_windows(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, 0, 1);
}
FLOOD(window_update_by_1, update_windows)

static void update_stream_windows(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        begin_held(flood, out);
    for (int i = 0; i < 100; i++)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, 1, 1);
}
FLOOD(window_update_of_a_stream_by_1, update_stream_windows)

static void send_unknown(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < 100; i++)
        frames_put(out, 0xfa, 0, 0, NULL, 0);
}
FLOOD(frames_of_unknown_types, send_unknown)

/* ---- what is asked for and not taken ---- */

static void ask_without_window(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0)
        frames_put(out, FRAME_SETTINGS, 0, 0, "\0\4\0\0\0\0", 6);
    for (int i = 0; flood->rounds == 0 && i < 100; i++)
        begin(flood, out, "GET", FLOOD_PATH_LARGE, FLAG_END_STREAM);
}
FLOOD(hundred_large_answers_without_a_window, ask_without_window, .is_endured = true)

static void ask_without_reading(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0) {
        frames_put(out, FRAME_SETTINGS, 0, 0, "\0\4\x7f\xff\xff\xff", 6);
        frames_put_u32(out, FRAME_WINDOW_UPDATE, 0, WINDOW_MOST - 65535);
    }
    for (int i = 0; flood->rounds == 0 && i < 100; i++)
        begin(flood, out, "GET", FLOOD_PATH_LARGE, FLAG_END_STREAM);
}
FLOOD(hundred_large_answers_that_are_not_read, ask_without_reading, .is_endured = true, .reads_nothing = true)

/** A window that opens by an octet. */
static void take_by_octets(struct flood *flood, struct frames *out)
{
    if (flood->rounds == 0) {
        ask_without_window(flood, out);
        return;
    }
    for (uint32_t id = 1; id < flood->next_id; id += 2)
        frames_put_u32(out, FRAME_WINDOW_UPDATE, id, 1);
}
FLOOD(hundred_large_answers_taken_by_octets, take_by_octets)

static void never_finish(struct flood *flood, struct frames *out)
{
    for (int i = 0; i < ROUND; i++)
        begin(flood, out, "POST", FLOOD_PATH_SINK, 0);
}
FLOOD(requests_that_are_never_finished, never_finish)

static void begin_hundred(struct flood *flood, struct frames *out)
{
    for (int i = 0; flood->rounds == 0 && i < 100; i++)
        begin(flood, out, "POST", FLOOD_PATH_SINK, 0);
}
FLOOD(hundred_requests_that_are_never_finished, begin_hundred, .is_endured = true)
