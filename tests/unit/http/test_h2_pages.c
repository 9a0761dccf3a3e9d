#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macro.h"
#include "http/h2_memory.h"
#include "http/h2_pages.h"

enum { MANY = 200 };

static bool is_zero(const char *page)
{
    return page[0] == 0 && memcmp(page, page + 1, H2_PAGE_BYTES - 1) == 0;
}

static bool takes_memory(void *page)
{
    unsigned char is_resident = 0;

    cr_assert_eq(mincore(page, H2_PAGE_BYTES, &is_resident), 0);
    return is_resident & 1;
}

Test(h2_pages, are_zero_and_apart_and_zero_again_after_use)
{
    char *pages[MANY];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            pages[i] = h2_pages_take();
            cr_assert(is_zero(pages[i]), "page %d of round %d", i, round);
            memset(pages[i], i + 1, H2_PAGE_BYTES);
        }
        for (int i = 0; i < MANY; i++) {
            cr_assert_eq(pages[i][0], (char)(i + 1));
            cr_assert_eq(pages[i][H2_PAGE_BYTES - 1], (char)(i + 1));
            h2_pages_give(pages[i]);
        }
    }
}

Test(h2_pages, at_rest_one_of_zeros_takes_no_memory)
{
    char *page = h2_pages_take();

    page[77] = 1;
    page[77] = 0;
    cr_assert(takes_memory(page));
    h2_pages_rest(page);
    cr_assert_not(takes_memory(page));
    cr_assert(is_zero(page));
    h2_pages_give(page);
}

Test(h2_pages, at_rest_what_is_written_stays)
{
    char *page = h2_pages_take();

    page[H2_PAGE_BYTES - 1] = 'x';
    h2_pages_rest(page);
    cr_assert_eq(page[H2_PAGE_BYTES - 1], 'x');
    h2_pages_give(page);
}

/* ---- in a session ---- */

static int32_t begun;

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    begun = frame->hd.stream_id;
    return 0;
}

static void move(nghttp2_session *from, nghttp2_session *to)
{
    const uint8_t *bytes;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(from, &bytes)) > 0)
        cr_assert_eq(nghttp2_session_mem_recv(to, bytes, (size_t)len), len);
}

#define NV(name, value)                                                                                      \
    {                                                                                                        \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE     \
    }

static void ask_and_answer(nghttp2_session *client, nghttp2_session *server)
{
    nghttp2_nv request[] = {NV(":method", "GET"), NV(":scheme", "http"), NV(":path", "/"),
                            NV(":authority", "a")};
    nghttp2_nv answer[] = {NV(":status", "204")};
    int32_t id = nghttp2_submit_request(client, NULL, request, ARRAY_LEN(request), NULL, NULL);

    move(client, server);
    cr_assert_eq(begun, id);
    cr_assert_eq(nghttp2_submit_response(server, id, answer, ARRAY_LEN(answer), NULL), 0);
    move(server, client);
}

Test(h2_memory, a_session_goes_on_after_a_rest)
{
    struct h2_memory memory = {0};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    nghttp2_session *client, *server;

    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_option_new(&options);
    nghttp2_option_set_no_closed_streams(options, 1);
    server = h2_memory_server_new(&memory, callbacks, NULL, options);
    cr_assert_eq(nghttp2_session_client_new(&client, callbacks, NULL), 0);
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0);
    nghttp2_submit_settings(server, NGHTTP2_FLAG_NONE,
                            &(nghttp2_settings_entry){NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}, 1);
    move(client, server);
    move(server, client);
    for (int i = 0; i < 3; i++) {
        ask_and_answer(client, server);
        h2_memory_rest(&memory);
        cr_assert(!memory.table || !takes_memory(memory.table));
    }
    cr_assert(memory.table || nghttp2_version(0)->version_num > 0x013400);
    nghttp2_session_del(client);
    nghttp2_session_del(server);
    cr_assert_null(memory.table);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
}
