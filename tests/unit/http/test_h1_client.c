#include "base/flow.h"
#include "base/mem.h"
#include "rig.h"

#define OK(fields) "HTTP/1.1 200 OK\r\n" fields "\r\n"
#define CHUNKED    "Transfer-Encoding: chunked\r\n"
#define SENT_GET   "GET /x HTTP/1.1\r\nHost: b.test\r\n\r\n"

static void say(struct rig *rig, const char *text)
{
    rig_say(rig, slice_str(text));
}

static struct rig *rig_after_get(void)
{
    struct rig *rig = rig_client();

    rig_head(rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    return rig;
}

static enum http_progress progress_of(const struct rig *rig)
{
    return rig->end->ops->progress(rig->end);
}

static void begin_again(struct rig *rig)
{
    cr_assert(h1_client_is_reusable(rig->client));
    rig_begin(rig);
}

/* ---- requests ---- */

Test(h1_client, request_has_host_first_and_its_framing)
{
    static const struct {
        const char *name;
        struct slice method;
        enum body_kind body;
        const char *data, *received;
    } cases[] = {
        {"GET", {"GET", 3}, BODY_NONE, NULL, SENT_GET},
        {"POST without content",
         {"POST", 4},
         BODY_NONE,
         NULL,
         "POST /x HTTP/1.1\r\nHost: b.test\r\nContent-Length: 0\r\n\r\n"},
        {"PUT with a length",
         {"PUT", 3},
         BODY_LENGTH,
         "abc",
         "PUT /x HTTP/1.1\r\nHost: b.test\r\nContent-Length: 3\r\n\r\nabc"},
        {"POST of unknown length",
         {"POST", 4},
         BODY_UNKNOWN,
         "abc",
         "POST /x HTTP/1.1\r\nHost: b.test\r\n" CHUNKED "\r\n3\r\nabc\r\n0\r\n\r\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *rig = rig_client();

        rig_head(rig, rig_request(cases[i].method, cases[i].body, 3), !cases[i].data);
        if (cases[i].data)
            rig_data(rig, slice_str(cases[i].data), true);
        rig_expect_received(rig, cases[i].received);
        cr_expect_eq(progress_of(rig), HTTP_UNANSWERED, "%s", cases[i].name);
        rig_free(rig);
    }
}

Test(h1_client, fields_expectation_and_upgrade_are_written)
{
    struct rig *rig = rig_client();
    struct head head = rig_request(SLICE("POST"), BODY_LENGTH, 3);

    head.expects_continue = true;
    fields_add(&head.fields, &rig->arena, SLICE("Via"), SLICE("1.1 p"));
    rig_head(rig, head, false);
    rig_expect_received(rig, "POST /x HTTP/1.1\r\nHost: b.test\r\nVia: 1.1 p\r\nExpect: "
                             "100-continue\r\nContent-Length: 3\r\n\r\n");
    rig_free(rig);
    rig = rig_client();
    head = rig_request(SLICE("GET"), BODY_NONE, 0);
    head.protocol = SLICE("websocket");
    rig_head(rig, head, false);
    rig_expect_received(
        rig, "GET /x HTTP/1.1\r\nHost: b.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    rig_free(rig);
}

Test(h1_client, request_trailers_follow_chunks)
{
    struct rig *rig = rig_client();
    struct fields trailers = {0};

    fields_add(&trailers, &rig->arena, SLICE("A"), SLICE("b"));
    rig_head(rig, rig_request(SLICE("POST"), BODY_UNKNOWN, 0), false);
    rig_data(rig, SLICE("x"), false);
    rig->end->ops->trailers(rig->end, &trailers);
    rig_expect_received(rig,
                        "POST /x HTTP/1.1\r\nHost: b.test\r\n" CHUNKED "\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n");
    rig_free(rig);
}

/* ---- answers ---- */

Test(h1_client, answers_end_where_their_framing_says)
{
    static const struct {
        const char *name, *answer, *log;
        bool is_reusable;
    } cases[] = {
        {"length", OK("A: b\r\nContent-Length: 5\r\n") "hello", "200 A=b length 5|hello last|", true},
        {"empty", OK("Content-Length: 0\r\n"), "200 last|", true},
        {"chunks", OK(CHUNKED) "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "200 unknown|hel|lo last|", true},
        {"trailers", OK(CHUNKED) "2\r\nlo\r\n0\r\nT: u\r\n\r\n", "200 unknown|lo|trailers T=u|", true},
        {"204", "HTTP/1.1 204 No Content\r\n\r\n", "204 last|", true},
        {"304 with a length", "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", "304 last|", true},
        {"close", OK("Connection: close\r\nContent-Length: 2\r\n") "hi", "200 length 2|hi last|", false},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 length 2|hi last|", false},
        {"bytes behind", OK("Content-Length: 2\r\n") "hi?", "200 length 2|hi last|", false},
        {"bytes behind a head", OK("Content-Length: 0\r\n") "?", "200 last|", false},
        {"interim ones", "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 y\r\nL: m\r\n\r\n" OK("Content-Length: 0\r\n"),
         "100|103 L=m|200 last|", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *rig = rig_after_get();

        say(rig, cases[i].answer);
        rig_expect_log(rig, cases[i].log);
        cr_expect_eq(h1_client_is_reusable(rig->client), cases[i].is_reusable, "%s", cases[i].name);
        cr_expect_eq(progress_of(rig), HTTP_ANSWERED);
        rig_free(rig);
    }
}

Test(h1_client, answer_may_come_byte_by_byte)
{
    struct rig *rig = rig_after_get();
    const char *text = "HTTP/1.1 100 x\r\n\r\n" OK(CHUNKED) "2\r\nlo\r\n0\r\nT: u\r\n\r\n";

    for (; *text; text++)
        rig_say(rig, slice_of(text, 1));
    rig_expect_log(rig, "100|200 unknown|l|o|trailers T=u|");
    cr_expect(h1_client_is_reusable(rig->client));
    rig_free(rig);
}

Test(h1_client, until_close_ends_at_the_end)
{
    struct rig *rig = rig_after_get();

    say(rig, "HTTP/1.0 200 OK\r\n\r\nhello");
    rig_shut(rig);
    rig_expect_log(rig, "200 unknown|hello| last|");
    cr_expect(!h1_client_is_reusable(rig->client));
    rig_free(rig);
}

Test(h1_client, answer_to_head_has_no_content)
{
    struct rig *rig = rig_client();

    rig_head(rig, rig_request(SLICE("HEAD"), BODY_NONE, 0), true);
    say(rig, OK("Content-Length: 5\r\n"));
    rig_expect_log(rig, "200 last|");
    cr_expect(h1_client_is_reusable(rig->client));
    rig_free(rig);
}

Test(h1_client, connection_serves_one_request_after_the_other)
{
    struct rig *rig = rig_after_get();

    say(rig, OK("Keep-Alive: timeout=5\r\nContent-Length: 0\r\n"));
    begin_again(rig);
    cr_expect_eq(h1_client_keep_ms(rig->client), 4000);
    cr_expect_eq(progress_of(rig), HTTP_UNPROCESSED);
    rig_head(rig, rig_request(SLICE("GET"), BODY_NONE, 0), true);
    rig_expect_received(rig, SENT_GET SENT_GET);
    rig_free(rig);
}

/* ---- broken answers ---- */

Test(h1_client, broken_answers_reset_the_exchange)
{
    static const struct {
        const char *name, *answer;
        bool shuts;
        const char *log;
    } cases[] = {
        {"nothing", "", true, "reset backend_reset|"},
        {"half a head", "HTTP/1.1 200", true, "reset backend_truncated|"},
        {"half a counted body", OK("Content-Length: 5\r\n") "he", true,
         "200 length 5|he|reset backend_truncated|"},
        {"no last chunk", OK(CHUNKED) "2\r\nhe\r\n", true, "200 unknown|he|reset backend_truncated|"},
        {"noise", "hello", false, "reset backend_bad_answer|"},
        {"broken chunk", OK(CHUNKED) "zz\r\n", false, "200 unknown|reset backend_bad_answer|"},
        {"unasked upgrade", "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false,
         "reset backend_bad_answer|"},
        {"two lengths", OK("Content-Length: 5\r\nContent-Length: 5\r\n") "hello", false,
         "reset backend_bad_answer|"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *rig = rig_after_get();

        if (*cases[i].answer)
            say(rig, cases[i].answer);
        if (cases[i].shuts)
            rig_shut(rig);
        rig_expect_log(rig, cases[i].log);
        cr_expect(!h1_client_is_reusable(rig->client), "%s", cases[i].name);
        rig_free(rig);
    }
}

Test(h1_client, endless_interim_answers_are_refused)
{
    struct rig *rig = rig_after_get();

    for (int i = 0; i < 17; i++)
        say(rig, "HTTP/1.1 102 x\r\n\r\n");
    cr_expect(slice_ends(text_slice(&rig->log), SLICE("102|reset backend_bad_answer|")));
    rig_free(rig);
}

Test(h1_client, bytes_or_an_end_while_idle_close_it)
{
    for (int ends = 0; ends < 2; ends++) {
        struct rig *rig = rig_after_get();

        say(rig, OK("Content-Length: 0\r\n"));
        if (ends)
            rig_shut(rig);
        else
            say(rig, "HTTP/1.1 408 late\r\n\r\n");
        rig_expect_log(rig, "200 last|idle_closed|");
        rig_free(rig);
    }
}

Test(h1_client, early_answer_is_passed_on_and_spoils_the_connection)
{
    struct rig *rig = rig_client();

    rig_head(rig, rig_request(SLICE("POST"), BODY_LENGTH, 1000), false);
    rig_data(rig, SLICE("abc"), false);
    rig_settle(rig);
    say(rig, "HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n");
    rig_expect_log(rig, "413 last|");
    cr_expect(!h1_client_is_reusable(rig->client));
    rig_data(rig, SLICE("more"), true);
    rig_free(rig);
}

Test(h1_client, reset_by_the_exchange_closes)
{
    struct rig *rig = rig_after_get();

    rig_settle(rig);
    rig->end->ops->reset(rig->end, FAULT_CLIENT_GONE);
    rig_until_end(rig);
    rig_expect_log(rig, "");
    cr_expect(!h1_client_is_reusable(rig->client));
    cr_expect_eq(progress_of(rig), HTTP_UNANSWERED);
    rig_free(rig);
}

/* ---- backpressure and upgrade ---- */

Test(h1_client, answer_content_stops_at_the_high_mark)
{
    struct rig *rig = rig_after_get();
    static char bytes[60000];
    size_t given;

    rig->holds_credit = true;
    say(rig, OK("Content-Length: 180000\r\n"));
    for (int i = 0; i < 3; i++)
        rig_say(rig, slice_of(bytes, sizeof(bytes)));
    given = rig->uncredited;
    cr_expect_gt(given, 0);
    cr_expect_leq(given, LOOP_SCRATCH_BYTES);
    rig->holds_credit = false;
    rig->uncredited = 0;
    rig->end->ops->credit(rig->end, given);
    rig_settle(rig);
    cr_expect(slice_ends(text_slice(&rig->log), SLICE(" last|")));
    cr_expect(h1_client_is_reusable(rig->client));
    rig_free(rig);
}

static struct rig *rig_with_upgrade(void)
{
    struct rig *rig = rig_client();
    struct head head = rig_request(SLICE("GET"), BODY_NONE, 0);

    head.protocol = SLICE("websocket");
    rig_head(rig, head, false);
    return rig;
}

Test(h1_client, upgrade_opens_a_tunnel_that_keeps_half_closes)
{
    struct rig *rig = rig_with_upgrade();

    say(rig, "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly");
    rig_expect_log(rig, "101 upgrade|early|");
    text_clear(&rig->received);
    rig_data(rig, SLICE("up"), false);
    rig_shut(rig);
    rig_expect_log(rig, " last|");
    rig_data(rig, SLICE("bye"), true);
    rig_until_end(rig);
    cr_expect(slice_ends(text_slice(&rig->received), SLICE("upbye")));
    cr_expect(!h1_client_is_reusable(rig->client));
    rig_free(rig);
}

static void close_client(struct rig *rig)
{
    h1_client_close(rig->client);
}

/* As backends/ does: who hears the last of a tunnel gives the connection back at once. */
Test(h1_client, what_waits_in_a_tunnel_arrives_when_the_backend_ends_last)
{
    enum { LEN = 8 * 1024 * 1024 };
    struct rig *rig = rig_with_upgrade();
    char *bytes = mem_zeroed(1, LEN);

    say(rig, "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    rig->on_last = close_client;
    rig_data(rig, slice_of(bytes, LEN), true);
    cr_assert_gt(stream_queued(h1_client_stream(rig->client)), 0, "nothing waits: the test shows nothing");
    rig_shut(rig);
    cr_assert(slice_ends(text_slice(&rig->log), SLICE(" last|")));
    text_clear(&rig->received);
    rig_until_received(rig, LEN);
    rig_until_end(rig);
    cr_expect_not(rig->peer_saw_reset);
    rig->client = NULL;
    rig_free(rig);
    mem_free(bytes);
}

Test(h1_client, declined_upgrade_leaves_the_connection_reusable)
{
    struct rig *rig = rig_with_upgrade();

    say(rig, OK("Content-Length: 2\r\n") "hi");
    rig_expect_log(rig, "200 length 2|hi last|");
    cr_expect(h1_client_is_reusable(rig->client));
    rig_free(rig);
}
