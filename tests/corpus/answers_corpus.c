/* Every row of what a backend may send, against the real binary: whole, cut in two at every byte, and piece by
 * piece. The client is told the same each time; its next request gets its own answer, on the same connection to
 * the backend or on another one, as the row says. With sanitizers a row is cut at every fourth byte, from another one
 * on each time: the plain build cuts at all. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/client.h"
#include "corpus/player.h"
#include "corpus/reply.h"
#include "e2e/portico.h"

TestSuite(answers, .init = scene_open, .timeout = 400);

/* Rows longer than this are cut at their ends and here and there, and come in large pieces. */
enum { LONG_ROW = 1500, LONG_STEP = 1021, LONG_ENDS = 40, SANITIZED_STEP = 4 };

/* For Portico to close what it will not use again, before the next request comes. */
enum { SETTLE_MS = 8000 };

/* ---- the stage ---- */

static struct {
    int port;
    struct player *player;
    unsigned asked; /* honest requests so far: each has a path of its own */
} stage;

/* One worker, so that every request finds the connections that the last one left. */
static void stage_open(void)
{
    char *routes = scene_text("%s", "");

    stage.port = scene_port();
    stage.player = player_start();
    for (size_t i = 0; i < PLAYER_DOORS; i++)
        routes = scene_text("%1$s  http://d%2$zu.test:%3$d: %4$d\n"
                            "  http://d%2$zu.test:%3$d/slow: "
                            "{to: %4$d, timeouts: {answer: 1500ms, answer_idle: 1500ms}}\n",
                            routes, i, stage.port, player_port(stage.player, i));
    portico_start("workers: 1\nroutes:\n%slimits: " CORPUS_LIMITS "\nlog: {access: off}\n", routes);
}

/* ---- one call ---- */

struct call {
    struct client client; /* first: a call is found by it */
    const struct answer_case *row;
    size_t door;
    struct play play;
    size_t row_len; /* of the client's bytes: what the row's answer was */
    bool is_warm;   /* the connection has served before */
    bool is_hasty;  /* the next request comes right behind the row's */
    char *outcome, *path, *next;
};

static char *request_of(const struct call *call, const char *format, const char *path)
{
    char *text = scene_text("%s", "");

    for (const char *at = format; *at; at++) {
        if (*at == '%')
            text = scene_text("%s%s", text, path);
        else if (*at == '@')
            text = scene_text("%sd%zu.test", text, call->door);
        else
            text = scene_text("%s%c", text, *at);
    }
    return text;
}

static bool asks_head(const struct call *call)
{
    return strncmp(call->row->request, "HEAD ", 5) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/** Where the last answer begins. */
static size_t last_answer_at(const char *outcome)
{
    const char *last = outcome, *semicolon;

    while ((semicolon = strstr(last, "; ")))
        last = semicolon + 2;
    return (size_t)(last - outcome);
}

/* What came before a cut depends on time: nothing may have come that is not in the row. */
static bool outcome_is(const char *outcome, const char *expected)
{
    const size_t last_at = last_answer_at(expected);
    const char *quote;
    size_t len = strlen(outcome);

    if (strcmp(outcome, expected) == 0)
        return true;
    if (!ends_with(expected, " cut") || !ends_with(outcome, "cut"))
        return false;
    if (len == last_at + strlen("cut")) /* no byte of the last answer */
        return strncmp(outcome, expected, last_at) == 0;
    quote = strchr(expected + last_at, '"');
    len -= strlen("\" cut");
    return quote && len > (size_t)(quote - expected) && strncmp(outcome, expected, len) == 0;
}

/** Our answer, and no byte of the one that the row cuts. */
static bool outcome_is_ours(const char *outcome, const struct answer_case *row)
{
    const bool is_kept = !row->is_early && !strstr(row->request, "HTTP/1.0");
    const size_t last_at = last_answer_at(row->client);

    return ends_with(row->client, " cut") && strncmp(outcome, row->client, last_at) == 0 &&
           strcmp(outcome + last_at, is_kept ? "502" : "502; end") == 0;
}

/** Head and mistake are read at once: then no byte of the answer has left when the mistake is seen. */
static bool comes_at_once(const struct call *call)
{
    return call->play.first == call->row->len && call->row->len <= LONG_ROW &&
           call->row->end == ANSWER_KEEPS && strcmp(call->row->request, ASK_SLOW) != 0;
}

/** The backend is to stop before the row's end. */
static bool stops_early(const struct call *call)
{
    return call->play.len < call->row->len;
}

static bool is_as_expected(const struct call *call)
{
    if (stops_early(call))
        return ends_with(call->outcome, "cut") || ends_with(call->outcome, "502") ||
               ends_with(call->outcome, "502; end");
    if (call->is_hasty)
        return strcmp(call->outcome, scene_text("%s; 200 \"%s\"", call->row->client, call->path)) == 0;
    if (outcome_is_ours(call->outcome, call->row))
        return true;
    return outcome_is(call->outcome, call->row->client) &&
           !(ends_with(call->row->client, " cut") && comes_at_once(call));
}

static bool on_row_news(struct client *client)
{
    struct call *call = (struct call *)client;

    call->outcome = replies_describe(client, client->len, asks_head(call));
    return is_as_expected(call);
}

static bool on_honest_news(struct client *client)
{
    struct call *call = (struct call *)client;
    const struct client rest = {.bytes = client->bytes + call->row_len};

    call->next = replies_describe(&rest, client->len - call->row_len, false);
    return strchr(call->next, '"') && !strstr(call->next, " ...");
}

static const char *honest_request(struct call *call, const char *path)
{
    call->path = scene_text("/%s/%u", path, ++stage.asked);
    return request_of(call, ASK_GET, call->path);
}

static void ask_honestly(struct call *call, const char *path)
{
    const char *request = honest_request(call, path);

    call->next = scene_text("%s", "nothing");
    if (call->client.fd < 0)
        client_connect(&call->client, stage.port, 0);
    client_send(&call->client, request, strlen(request));
}

static bool is_own_answer(const struct call *call)
{
    return strcmp(call->next, scene_text("200 \"%s\"", call->path)) == 0;
}

/* ---- many calls, each at a door of its own ---- */

static void calls_await(struct call *calls, size_t count, bool (*on_news)(struct client *client))
{
    struct client *clients[PLAYER_DOORS];

    for (size_t i = 0; i < count; i++)
        clients[i] = &calls[i].client;
    clients_await(clients, count, on_news);
}

static void calls_warm(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        calls[i].is_warm = true;
        ask_honestly(&calls[i], "warm");
    }
    calls_await(calls, count, on_honest_news);
    for (size_t i = 0; i < count; i++) {
        cr_assert(is_own_answer(&calls[i]), "%s", calls[i].next);
        client_close(&calls[i].client);
        calls[i].client.len = 0;
    }
}

static void calls_ask(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *request = request_of(&calls[i], calls[i].row->request, "/row");

        if (calls[i].is_hasty)
            request = scene_text("%s%s", request, honest_request(&calls[i], "last"));
        player_stage(stage.player, calls[i].door, &calls[i].play);
        calls[i].outcome = scene_text("%s", "nothing");
        client_connect(&calls[i].client, stage.port, 0);
        client_send(&calls[i].client, request, strlen(request));
    }
    calls_await(calls, count, on_row_news);
}

static bool is_to_be_reused(const struct call *call)
{
    return call->row->is_reused && !stops_early(call);
}

/** All bytes were sent, and what came of them was done. */
static bool are_settled(const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct played played = player_result(stage.player, calls[i].door);

        if (!played.is_over || (played.row_is_open && !is_to_be_reused(&calls[i])))
            return false;
    }
    return true;
}

/** Behind a tunnel, and behind what the row says nothing of, the client begins anew. */
static bool keeps_connection(const struct call *call)
{
    return !call->is_hasty && !stops_early(call) && !strstr(call->row->client, "101");
}

static void calls_end_rows(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        on_row_news(&calls[i].client);
        calls[i].row_len = calls[i].client.len;
        if (!keeps_connection(&calls[i]) && calls[i].client.fd >= 0)
            client_close(&calls[i].client);
    }
}

/* Where the connection was not to end, the next request comes on it. */
static void calls_ask_next(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].is_hasty)
            ask_honestly(&calls[i], "last");
    }
    calls_await(calls, count, on_honest_news);
}

/* ---- what is checked ---- */

static const char *how(const struct call *call)
{
    const char *where = stops_early(call)                    ? scene_text("stopped at %zu", call->play.len)
                        : call->play.first == call->row->len ? "whole"
                        : call->play.step < call->row->len   ? "piece by piece"
                                                             : scene_text("cut at %zu", call->play.first);

    return scene_text("%s%s%s", where, call->is_warm ? ", on a connection that was kept" : "",
                      call->is_hasty ? ", the next request right behind" : "");
}

/* RFC 9110 §9.2.2: what died on a kept connection before any byte of its answer may be sent once more. */
static unsigned times_expected(const struct call *call)
{
    const bool is_idempotent = strncmp(call->row->request, "POST ", 5) != 0;

    return call->is_warm && call->play.len == 0 && call->play.end != ANSWER_KEEPS && is_idempotent ? 2 : 1;
}

static const char *problem_of(const struct call *call, struct played *played)
{
    const bool is_reused = played->next_on == played->row_on;

    if (played->unexpected)
        return played->unexpected;
    if (played->times != times_expected(call))
        return scene_text("the backend was asked %u times", played->times);
    if (!is_as_expected(call) || (!call->is_hasty && !is_own_answer(call)))
        return "told something else";
    if (is_reused != is_to_be_reused(call))
        return is_reused ? "the backend's connection was used again"
                         : "the backend's connection was not used again";
    if (!is_to_be_reused(call) && !WAIT_FOR(!player_result(stage.player, call->door).row_is_open, SETTLE_MS))
        return "the backend's connection is still open";
    return NULL;
}

static bool call_check(struct call *call)
{
    const struct answer_case *row = call->row;
    struct played played = player_result(stage.player, call->door);
    const char *problem;

    problem = problem_of(call, &played);
    cr_expect_null(
        problem, "%s (%s), %s: %s\n    client: %s\n  expected: %s\n      next: %s\n  expected: 200 \"%s\"",
        row->name, row->source, how(call), problem, call->outcome, row->client, call->next, call->path);
    return !problem;
}

static void calls_close(struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].client.fd >= 0)
            client_close(&calls[i].client);
        free(calls[i].client.bytes);
        calls[i].client = (struct client){.fd = -1};
    }
}

/** Of each row only the first that fails is told. @return the last row that failed, NULL: none */
static const struct answer_case *calls_run(struct call *calls, size_t count)
{
    const struct answer_case *wrong = NULL;

    calls_ask(calls, count);
    calls_end_rows(calls, count);
    (void)WAIT_FOR(are_settled(calls, count), SETTLE_MS);
    calls_ask_next(calls, count);
    for (size_t i = 0; i < count; i++) {
        if (calls[i].row != wrong && !call_check(&calls[i]))
            wrong = calls[i].row;
    }
    calls_close(calls, count);
    return wrong;
}

static struct call call_of(const struct answer_case *row, size_t door, size_t first, size_t step,
                           int pause_ms)
{
    return (struct call){.client.fd = -1,
                         .row = row,
                         .door = door,
                         .play = {.bytes = row->bytes,
                                  .len = row->len,
                                  .first = first,
                                  .step = step,
                                  .pause_ms = pause_ms,
                                  .end = row->end,
                                  .is_early = row->is_early}};
}

/* ---- the tests ---- */

static bool may_be_hasty(const struct answer_case *row)
{
    return row->end == ANSWER_KEEPS && !row->is_early && strncmp(row->request, "HEAD ", 5) != 0 &&
           !strstr(row->client, "end") && !strstr(row->client, "cut") && !strstr(row->client, "101");
}

static struct call hasty(const struct answer_case *row, size_t door)
{
    struct call call = call_of(row, door, row->len, row->len, 0);

    call.is_hasty = may_be_hasty(row);
    return call;
}

/** All rows, some at a time. */
static void run_each(struct call (*call_make)(const struct answer_case *row, size_t door), bool is_warm)
{
    struct call calls[PLAYER_DOORS];

    for (size_t from = 0; from < answer_cases_count; from += PLAYER_DOORS) {
        size_t count = answer_cases_count - from;

        if (count > PLAYER_DOORS)
            count = PLAYER_DOORS;
        for (size_t i = 0; i < count; i++)
            calls[i] = call_make(&answer_cases[from + i], i);
        if (is_warm)
            calls_warm(calls, count);
        calls_run(calls, count);
    }
}

static struct call whole(const struct answer_case *row, size_t door)
{
    return call_of(row, door, row->len, row->len, 3);
}

static struct call piece_by_piece(const struct answer_case *row, size_t door)
{
    const size_t piece = row->len > LONG_ROW ? LONG_STEP : 1;

    return call_of(row, door, piece, piece, 1);
}

Test(answers, each_row_whole)
{
    stage_open();
    run_each(whole, false);
}

Test(answers, each_row_piece_by_piece)
{
    stage_open();
    run_each(piece_by_piece, false);
}

Test(answers, each_row_on_a_kept_connection)
{
    stage_open();
    run_each(whole, true);
}

/* What came with an answer counts before the next request is sent, without a pause. */
Test(answers, each_row_with_the_next_request_right_behind)
{
    stage_open();
    run_each(hasty, false);
    run_each(hasty, true);
}

/** @return the next place behind that one */
static size_t next_cut(const struct answer_case *row, size_t at)
{
    const size_t step = scene_has_sanitizers() ? SANITIZED_STEP : 1;

    if (row->len <= LONG_ROW || at < LONG_ENDS || at + LONG_ENDS >= row->len)
        return at + step;
    return at + LONG_STEP < row->len - LONG_ENDS ? at + LONG_STEP : row->len - LONG_ENDS;
}

static size_t first_cut(size_t from, size_t row)
{
    return scene_has_sanitizers() ? from + row % SANITIZED_STEP : from;
}

/** Rows at every byte of them, each until it fails; as many at once as there are doors. */
static void run_at_each_byte(bool (*is_meant)(const struct answer_case *row), size_t from,
                             struct call (*call_make)(const struct answer_case *row, size_t door, size_t at))
{
    static struct call calls[PLAYER_DOORS];
    const struct answer_case *wrong = NULL;
    size_t count = 0;

    for (size_t i = 0; i < answer_cases_count; i++) {
        const struct answer_case *row = &answer_cases[i];

        if (!is_meant(row))
            continue;
        for (size_t at = first_cut(from, i); at < row->len && row != wrong; at = next_cut(row, at)) {
            calls[count] = call_make(row, count, at);
            if (++count == PLAYER_DOORS) {
                wrong = calls_run(calls, count);
                count = 0;
            }
        }
    }
    calls_run(calls, count);
}

static bool any(const struct answer_case *row)
{
    return true;
}

static struct call cut_at(const struct answer_case *row, size_t door, size_t at)
{
    return call_of(row, door, at, row->len, 3);
}

Test(answers, each_row_cut_at_every_byte)
{
    stage_open();
    run_at_each_byte(any, 1, cut_at);
}

static struct call closed_at(const struct answer_case *row, size_t door, size_t at)
{
    struct call call = call_of(row, door, at, row->len, 3);

    call.play.len = at;
    call.play.end = ANSWER_CLOSES;
    return call;
}

static struct call reset_at(const struct answer_case *row, size_t door, size_t at)
{
    struct call call = closed_at(row, door, at);

    call.play.end = ANSWER_RESETS;
    return call;
}

/* Where a connection can be used again the answer says where it ends: then no part of it is whole. */
static bool says_its_end(const struct answer_case *row)
{
    return row->is_reused;
}

Test(answers, none_that_stops_early_looks_complete)
{
    stage_open();
    run_at_each_byte(says_its_end, 0, closed_at);
    run_at_each_byte(says_its_end, 0, reset_at);
}

/* ---- content that has to wait for its client ---- */

/* More than all buffers on the way hold. */
enum { FLOOD_BYTES = 16 * 1024 * 1024, FLOOD_PAUSE_MS = 100 };

static struct answer_case flood_of(const char *head, const char *behind)
{
    char *content = scene_alloc(FLOOD_BYTES + 1), *bytes;

    memset(content, 'x', FLOOD_BYTES);
    bytes = scene_text("%s%s%s", head, content, behind);
    return (struct answer_case){
        .name = head, .source = "9112 9.2", .request = ASK_GET, .bytes = bytes, .len = strlen(bytes)};
}

static bool on_flood_news(struct client *client)
{
    const struct call *call = (struct call *)client;

    return client->len > FLOOD_BYTES && ends_with(client->bytes + FLOOD_BYTES, call->path);
}

static void flood_check(const struct call *call)
{
    const char *bytes = call->client.bytes;
    const size_t len = call->client.len;
    const struct played played = player_result(stage.player, call->door);
    size_t shown = 0;

    cr_assert_gt(len, FLOOD_BYTES, "%s: the answer did not come", call->row->name);
    for (size_t i = 0; i < len; i++)
        shown += bytes[i] == 'x';
    cr_expect_eq(shown, FLOOD_BYTES, "%s: %zu bytes of the content came", call->row->name, shown);
    cr_expect_null(memmem(bytes, len, "poison", 6), "%s: what was behind the content was shown",
                   call->row->name);
    cr_expect(ends_with(bytes + FLOOD_BYTES, call->path), "%s: no answer to the next request",
              call->row->name);
    cr_expect_neq(played.next_on, played.row_on, "%s: the connection was used again", call->row->name);
}

/* Reading stops and goes on many times before the last byte, and what is behind it is seen last of all. */
Test(answers, what_is_behind_content_that_had_to_wait_is_never_shown)
{
    const struct answer_case floods[] = {flood_of(OK("Content-Length: 16777216\r\n"), POISON),
                                         flood_of(OK_CHUNKED "1000000\r\n", "\r\n0\r\n\r\n" POISON)};

    stage_open();
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        struct call call = call_of(&floods[i], i, floods[i].len, floods[i].len, 0);
        const char *request =
            scene_text("%s%s", request_of(&call, ASK_GET, "/row"), honest_request(&call, "last"));

        player_stage(stage.player, call.door, &call.play);
        client_connect(&call.client, stage.port, 0);
        client_send(&call.client, request, strlen(request));
        pause_ms(FLOOD_PAUSE_MS);
        calls_await(&call, 1, on_flood_news);
        flood_check(&call);
        calls_close(&call, 1);
    }
}
