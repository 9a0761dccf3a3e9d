/* Every row of the corpus against the real binary: whole, cut in two at every byte, and byte by byte. The
 * outcome is the same each time, on both sides, and an honest client is served after each, or each crowd of them.
 * With sanitizers a row is cut at every fourth byte, from another one on each time: the plain build cuts at all. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/cases.h"
#include "corpus/client.h"
#include "corpus/recorder.h"
#include "e2e/portico.h"

TestSuite(corpus, .init = scene_open, .timeout = 400);

/* ---- the stage ---- */

static struct {
    int port;
    struct recorder *recorder;
    uint32_t keys; /* clients so far */
} stage;

static void stage_open(void)
{
    stage.port = scene_port();
    stage.recorder = recorder_start("ab", stage.port, getenv("CORPUS_KEEP"));
    portico_start("routes:\n"
                  "  http://a.test:%1$d: %2$d\n"
                  "  http://a.test:%1$d/admin: %3$d\n"
                  "  http://*.w.test:%1$d: %2$d\n"
                  "  http://127.0.0.1:%1$d: %2$d\n"
                  "  http://[::1]:%1$d: %2$d\n"
                  "  http://b.test:%1$d: %3$d\n"
                  "  http://small.test:%1$d: {to: %2$d, limits: {body: 8B}}\n"
                  "  http://strip.test:%1$d/in: {to: %2$d, strip_prefix: true}\n"
                  "  http://gone.test:%1$d: {respond: 410}\n"
                  "  http://old.test:%1$d: {redirect: /new}\n"
                  "limits: " CORPUS_LIMITS "\n"
                  "log: {access: off}\n",
                  stage.port, recorder_port(stage.recorder, 'a'), recorder_port(stage.recorder, 'b'));
}

/* ---- one client ---- */

struct call {
    struct client client; /* first: a call is found by it */
    const struct request_case *row;
    size_t cut; /* so many bytes first, then the rest; 0: all at once */
    uint32_t key;
};

static void call_connect(struct call *call)
{
    call->key = ++stage.keys;
    cr_assert_lt(call->key, RECORDER_KEYS);
    client_connect(&call->client, stage.port, recorder_address(call->key));
}

static void call_send(const struct call *call, size_t from, size_t to)
{
    client_send(&call->client, call->row->bytes + from, to - from);
}

/* ---- what the client was told ---- */

static size_t content_length(const char *head)
{
    return strtoul(field_of(head, "Content-Length"), NULL, 10);
}

/** Our own errors say that they are, in the head and in the content. */
static bool is_own_error(const char *head, const char *content)
{
    const char *id = field_of(head, "X-Portico-Error");

    return strlen(id) == 16 && (!content || strstr(content, id));
}

/** Content as a word: blanks and ends of lines would divide it. */
static char *word_of(const char *content, size_t len)
{
    char *word = scene_alloc(len + 1), *at = word;

    for (size_t i = 0; i < len; i++) {
        if (content[i] != '\r')
            *at++ = content[i] == ' ' ? '_' : content[i] == '\n' ? '|' : content[i];
    }
    return word;
}

/** @return bytes used by the answer at the front, 0: incomplete; *word* is one of cases.h */
static size_t read_answer(const char *bytes, size_t len, bool is_bodyless, char **word)
{
    const char *end = len ? memmem(bytes, len, "\r\n\r\n", 4) : NULL;
    char *head, *content;
    size_t used, content_len;
    int status = 0;

    if (!end)
        return 0;
    used = (size_t)(end - bytes) + 4;
    head = scene_text("%.*s", (int)used, bytes);
    content_len = is_bodyless ? 0 : content_length(head);
    if (len < used + content_len)
        return 0;
    content = word_of(bytes + used, content_len);
    sscanf(head, "HTTP/1.1 %3d ", &status);
    if (status == 200)
        *word = is_bodyless ? scene_text("200:-") : scene_text("200:%s", content);
    else if (status >= 400)
        *word = scene_text("%d%s", status, is_own_error(head, is_bodyless ? NULL : content) ? "" : "!");
    else
        *word = scene_text("%d", status);
    return used + content_len;
}

/** The outcome so far; *answers*: how many are complete. */
static char *client_outcome(const struct call *call, size_t *answers)
{
    const char *expected = call->row->client;
    char *outcome = scene_text("%s", ""), *word;
    size_t at = 0, used;

    *answers = 0;
    for (;;) {
        bool is_bodyless = strcspn(expected, " ") == 5 && expected[4] == '-';

        used = read_answer(call->client.bytes + at, call->client.len - at, is_bodyless, &word);
        if (used == 0)
            break;
        outcome = scene_text("%s%s%s", outcome, *outcome ? " " : "", word);
        at += used;
        ++*answers;
        expected += strcspn(expected, " ");
        expected += strspn(expected, " ");
    }
    if (at < call->client.len && call->client.was_ended)
        return scene_text("%s%scut", outcome, *outcome ? " " : "");
    if (call->client.was_ended && !call->client.was_shut)
        return scene_text("%s%send", outcome, *outcome ? " " : "");
    return outcome;
}

static size_t answers_expected(const struct request_case *row)
{
    size_t count = 0;

    for (const char *at = row->client; *at; at += strspn(at, " ")) {
        count += *at >= '0' && *at <= '9';
        at += strcspn(at, " ");
    }
    return count;
}

static bool expects_end(const struct request_case *row)
{
    const size_t len = strlen(row->client);

    return len >= 3 &&
           (strcmp(row->client + len - 3, "end") == 0 || strcmp(row->client + len - 3, "cut") == 0);
}

/** Who expects no end makes one behind the last answer: nothing more may come. */
static bool on_news(struct client *client)
{
    struct call *call = (struct call *)client;
    size_t answers;

    client_outcome(call, &answers);
    if (!client->was_ended && !client->was_shut && !expects_end(call->row) &&
        answers >= answers_expected(call->row))
        client_shut(client);
    return client->was_ended;
}

/* ---- many clients ---- */

static void calls_await(struct call *calls, size_t count)
{
    struct client **clients = calloc(count, sizeof *clients);

    for (size_t i = 0; i < count; i++)
        clients[i] = &calls[i].client;
    clients_await(clients, count, on_news);
    free(clients);
}

static const char *how(const struct call *call)
{
    if (call->cut == SIZE_MAX)
        return "byte by byte";
    return call->cut ? scene_text("cut at %zu", call->cut) : "whole";
}

static bool call_check(struct call *call)
{
    const struct request_case *row = call->row;
    size_t answers;
    const char *client = client_outcome(call, &answers), *back = recorder_entries(stage.recorder, call->key);
    bool has_part = !row->may_begin && recorder_has_part(stage.recorder, call->key);
    bool is_right =
        strcmp(client, row->client) == 0 && strcmp(back, row->back) == 0 && !has_part && call->client.fd < 0;

    if (call->client.fd >= 0)
        client = scene_text("%s, and no end", client);
    cr_expect(is_right, "%s (%s), %s:\n    client: %s\n  expected: %s\n      back: %s%s\n  expected: %s",
              row->name, row->source, how(call), client, row->client, back, has_part ? " and a part" : "",
              row->back);
    return is_right;
}

/** A row that fails is told once. @param wrong  the last one that did */
static void calls_check(struct call *calls, size_t count, const struct request_case **wrong)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].row != *wrong && !call_check(&calls[i]))
            *wrong = calls[i].row;
        free(calls[i].client.bytes);
        if (calls[i].client.fd >= 0)
            client_close(&calls[i].client);
    }
}

static void assert_all_honest(void)
{
    assert_honest(stage.port, "a.test", "a");
    assert_honest(stage.port, "b.test", "b");
    cr_assert_null(recorder_garbage(stage.recorder), "%s", recorder_garbage(stage.recorder));
}

static void calls_shut(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].row->shuts) {
            client_shut(&calls[i].client);
            calls[i].client.was_shut = false; /* its end counts */
        }
    }
}

Test(corpus, each_row_whole_and_an_honest_request_behind)
{
    const struct request_case *wrong = NULL;

    stage_open();
    for (size_t i = 0; i < request_cases_count; i++) {
        struct call call = {.row = &request_cases[i]};

        call_connect(&call);
        call_send(&call, 0, call.row->len);
        calls_shut(&call, 1);
        calls_await(&call, 1);
        assert_all_honest();
        calls_check(&call, 1, &wrong);
    }
    assert_all_honest();
}

/* So many at once, of whatever rows: what each waits for, all wait for together. */
enum { CROWD = 1500, SANITIZED_STEP = 4 };

/** Their first parts are sent. */
static void calls_finish(struct call *calls, size_t count, const struct request_case **wrong)
{
    pause_ms(3);
    for (size_t i = 0; i < count; i++)
        call_send(&calls[i], calls[i].cut, calls[i].row->len);
    calls_shut(calls, count);
    calls_await(calls, count);
    assert_all_honest();
    calls_check(calls, count, wrong);
}

Test(corpus, each_row_cut_at_every_byte)
{
    static struct call calls[CROWD];
    const struct request_case *wrong = NULL;
    const size_t step = scene_has_sanitizers() ? SANITIZED_STEP : 1;
    size_t count = 0;

    stage_open();
    for (size_t i = 0; i < request_cases_count; i++) {
        const struct request_case *row = &request_cases[i];

        for (size_t cut = 1 + i % step; cut < row->len; cut += step) {
            calls[count] = (struct call){.row = row, .cut = cut};
            call_connect(&calls[count]);
            call_send(&calls[count], 0, cut);
            if (++count == CROWD) {
                calls_finish(calls, count, &wrong);
                count = 0;
            }
        }
    }
    calls_finish(calls, count, &wrong);
}

/* All rows side by side, so that a pause between two bytes costs little. */
Test(corpus, each_row_byte_by_byte)
{
    struct call *calls = calloc(request_cases_count, sizeof *calls);
    const struct request_case *wrong = NULL;
    size_t longest = 0;

    stage_open();
    for (size_t i = 0; i < request_cases_count; i++) {
        calls[i] = (struct call){.row = &request_cases[i], .cut = SIZE_MAX};
        call_connect(&calls[i]);
        if (calls[i].row->len > longest)
            longest = calls[i].row->len;
    }
    for (size_t at = 0; at < longest; at++) {
        for (size_t i = 0; i < request_cases_count; i++) {
            if (at < calls[i].row->len)
                call_send(&calls[i], at, at + 1);
        }
        pause_ms(1);
    }
    calls_shut(calls, request_cases_count);
    calls_await(calls, request_cases_count);
    assert_all_honest();
    calls_check(calls, request_cases_count, &wrong);
    free(calls);
}
