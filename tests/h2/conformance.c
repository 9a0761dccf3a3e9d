/* Every row of cases.h against the real binary: whole, and cut in two at places spread over all its bytes. The outcome is
 * the same each time, on both sides, and behind each row an honest client is served by either version of HTTP. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/cases.h"
#include "corpus/client.h"
#include "corpus/recorder.h"
#include "e2e/portico.h"
#include "h2/cases.h"
#include "h2/peer.h"
#include "h2/script.h"

TestSuite(h2_conformance, .init = scene_open, .timeout = 400);

static struct {
    int port;
    struct recorder *recorder;
    uint32_t keys; /* clients so far */
} stage;

/** H2_PROXY_PORT names another proxy's instead, with a backend of its own that answers "a": what does it make of the
 *  rows? */
static void stage_open(void)
{
    const char *other = getenv("H2_PROXY_PORT");

    stage.port = other ? atoi(other) : scene_port();
    stage.recorder = recorder_start("ab", stage.port, NULL);
    if (other)
        return;
    portico_start("routes:\n"
                  "  http://a.test:%1$d: %2$d\n"
                  "  http://b.test:%1$d: %3$d\n"
                  "  http://*.w.test:%1$d: %2$d\n"
                  "  http://127.0.0.1:%1$d: %2$d\n"
                  "  http://[::1]:%1$d: %2$d\n"
                  "  http://small.test:%1$d: {to: %2$d, limits: {body: 8B}}\n"
                  "  http://gone.test:%1$d: {respond: 410}\n"
                  "limits: " CORPUS_LIMITS "\n"
                  "log: {access: off}\n",
                  stage.port, recorder_port(stage.recorder, 'a'), recorder_port(stage.recorder, 'b'));
}

/* ---- what the client was told ---- */

/** Our own errors say that they are, in the head and in the content. */
static bool is_own_error(const struct answer_stream *stream)
{
    const char *id = answer_field(stream, "x-portico-error");

    return id && strlen(id) == 16 && (stream->content_len == 0 || strstr(stream->content, id));
}

/** RFC 9113 §8.1: NO_ERROR asks for no more content behind a whole answer; §8.1.1: an error may be answered first. */
static bool is_reset_beside(const struct answer_stream *stream)
{
    enum { NO_ERROR, PROTOCOL_ERROR };

    return stream->is_ended && (stream->reset_code == NO_ERROR ||
                                (stream->status >= 400 && stream->reset_code == PROTOCOL_ERROR));
}

static char *stream_outcome(const struct answer_stream *stream, uint32_t id)
{
    char *text = scene_text("%u:", id);

    if (stream->interim)
        text = scene_text("%s%s", text, stream->interim);
    if (stream->status >= 400)
        text = scene_text("%s%d%s", text, stream->status, is_own_error(stream) ? "" : "!");
    else if (stream->status)
        text = scene_text("%s%d:%s", text, stream->status, stream->content_len ? stream->content : "");
    if (stream->status && !stream->is_ended)
        text = scene_text("%s...", text);
    if (stream->was_reset && !is_reset_beside(stream))
        text = scene_text("%s%srst=%s", text, stream->status ? "," : "", error_code_name(stream->reset_code));
    return text;
}

static char *streams_outcome(struct peer *peer)
{
    char *text = scene_text("%s", "");

    for (size_t i = 0; i < peer->streams_room; i++) {
        const struct answer_stream *stream = &peer->streams[i];

        if (stream->status || stream->interim || stream->was_reset)
            text = scene_text("%s%s%s", text, *text ? " " : "", stream_outcome(stream, 2 * (uint32_t)i + 1));
    }
    return text;
}

static char *connection_outcome(const struct peer *peer)
{
    if (peer->spoke_http1)
        return scene_text("http1%s", peer->was_ended ? "" : ", and no end");
    if (peer->has_goaway && peer->goaway_code)
        return scene_text("goaway=%s%s", error_code_name(peer->goaway_code),
                          peer->was_ended ? "" : ", and no end");
    if (peer->was_ended)
        return scene_text("%s", peer->has_goaway ? "end" : "cut");
    return scene_text("%s", "");
}

static char *client_outcome(struct peer *peer)
{
    char *streams = streams_outcome(peer), *connection = connection_outcome(peer);

    if (peer->garbage)
        return scene_text("garbage: %s", peer->garbage);
    if (!*streams && !*connection)
        return scene_text("nothing");
    return scene_text("%s%s%s", streams, *streams && *connection ? " " : "", connection);
}

/* ---- what it should be told ---- */

static bool is_of_connection(const char *word)
{
    return strncmp(word, "goaway", 6) == 0 || strncmp(word, "cut", 3) == 0 ||
           strncmp(word, "http1", 5) == 0 || strncmp(word, "end", 3) == 0;
}

static bool is_one(struct peer *peer, const char *expected)
{
    const char *outcome = is_of_connection(expected) ? connection_outcome(peer) : client_outcome(peer);

    return strcmp(outcome, expected) == 0 && !peer->garbage;
}

static bool is_expected(struct peer *peer, const char *alternatives)
{
    char *rest = scene_text("%s", alternatives), *divider;

    while ((divider = strstr(rest, " or "))) {
        *divider = 0;
        if (is_one(peer, rest))
            return true;
        rest = divider + 4;
    }
    return is_one(peer, rest);
}

/* ---- one row ---- */

struct call {
    const struct h2_case *row;
    struct peer *peer;
    uint32_t key;
    size_t cut, sent; /* 0: sent whole */
};

static void send_step(struct call *call, const struct frames *bytes)
{
    const bool is_cut = call->cut > call->sent && call->cut < call->sent + bytes->len;
    const size_t first = is_cut ? call->cut - call->sent : bytes->len;

    peer_send(call->peer, bytes->bytes, first);
    if (is_cut) {
        pause_ms(2);
        peer_send(call->peer, bytes->bytes + first, bytes->len - first);
    }
    call->sent += bytes->len;
}

static void play_step(struct call *call, const struct script_step *step)
{
    struct peer *peer = call->peer;
    const unsigned acks = peer->ping_acks;
    const int64_t end_ms = now_ms() + PATIENCE_MS;

    send_step(call, &step->bytes);
    if (step->wait == WAIT_PING) {
        while (peer->ping_acks == acks && !peer->was_ended && now_ms() < end_ms)
            peer_read(peer, 50);
        peer_acknowledge(peer);
    } else if (step->wait == WAIT_STREAM) {
        peer_await(peer, step->stream);
    }
}

static size_t play(struct call *call)
{
    static struct script script;

    script_read(&script, call->row->script);
    for (size_t i = 0; i < script.count; i++)
        play_step(call, &script.steps[i]);
    script_free(&script);
    return call->sent;
}

static void await_outcome(struct call *call)
{
    const int64_t end_ms = now_ms() + PATIENCE_MS;

    while (!is_expected(call->peer, call->row->client) && !call->peer->was_ended && now_ms() < end_ms)
        peer_read(call->peer, 20);
    if (call->peer->was_ended || is_of_connection(call->row->client))
        return;
    peer_acknowledge(call->peer);
    peer_sync(call->peer); /* nothing more may come */
}

static bool is_back_right(struct call *call, char **told)
{
    const char *expected = call->row->back, *entries = recorder_entries(stage.recorder, call->key);
    const bool has_part = recorder_has_part(stage.recorder, call->key);

    *told = scene_text("%s%s", entries, has_part ? " and a part" : "");
    if (getenv("H2_PROXY_PORT") || strcmp(expected, "any") == 0)
        return true;
    if (strncmp(expected, "part", 4) == 0)
        return strcmp(entries, expected[4] ? expected + 5 : "") == 0;
    return strcmp(entries, expected) == 0 && !has_part;
}

/** @return bytes sent */
static size_t call_play(struct call *call)
{
    size_t sent;

    call->key = ++stage.keys;
    call->peer = peer_open(stage.port, recorder_address(call->key));
    sent = play(call);
    await_outcome(call);
    return sent;
}

static bool call_check(struct call *call)
{
    const struct h2_case *row = call->row;
    const char *client = client_outcome(call->peer);
    bool is_told = is_expected(call->peer, row->client), is_right;
    char *back;

    is_right = is_back_right(call, &back) && is_told;
    cr_expect(is_right, "%s (%s), %s:\n    client: %s\n  expected: %s\n      back: %s\n  expected: %s",
              row->name, row->source, call->cut ? scene_text("cut at %zu", call->cut) : "whole", client,
              row->client, back, row->back);
    peer_close(call->peer);
    return is_right;
}

static void assert_honest_h2(const char *host)
{
    struct peer *peer = peer_open(stage.port, 0);
    struct frames frames = {0};

    frames_put_preface(&frames, NULL, 0);
    frames_put_request(&frames, 1, "GET", "/", host, FLAG_END_STREAM);
    peer_send(peer, frames.bytes, frames.len);
    frames_free(&frames);
    cr_assert(peer_await(peer, 1) && peer_stream(peer, 1)->status == 200, "an honest request: %s",
              client_outcome(peer));
    peer_close(peer);
}

static void assert_all_honest(void)
{
    if (getenv("H2_PROXY_PORT"))
        return;
    assert_honest(stage.port, "a.test", "a");
    assert_honest(stage.port, "b.test", "b");
    assert_honest_h2("a.test");
    cr_assert_null(recorder_garbage(stage.recorder), "%s", recorder_garbage(stage.recorder));
}

/** Rows of one section alone, for who works on it: H2_SECTION="9113 6.1". */
static bool is_wanted(const struct h2_case *row)
{
    const char *section = getenv("H2_SECTION");

    return !section || strstr(row->source, section) || strstr(row->name, section);
}

Test(h2_conformance, each_row_whole_and_honest_requests_behind)
{
    size_t count = 0;

    stage_open();
    for (size_t i = 0; i < h2_cases_count; i++) {
        struct call call = {.row = &h2_cases[i]};

        if (!is_wanted(call.row))
            continue;
        call_play(&call);
        assert_all_honest();
        call_check(&call);
        count++;
    }
    fprintf(stderr, "h2_conformance: %zu cases\n", count);
}

enum { CUTS = 12 };

Test(h2_conformance, each_row_cut_in_two)
{
    stage_open();
    for (size_t i = 0; i < h2_cases_count; i++) {
        struct call whole = {.row = &h2_cases[i]};
        size_t len;

        if (!is_wanted(whole.row))
            continue;
        len = call_play(&whole);
        if (!call_check(&whole))
            continue;
        for (size_t n = 0; n < CUTS; n++) {
            struct call call = {.row = &h2_cases[i], .cut = 1 + (n * len + i % len) / CUTS};

            call_play(&call);
            if (!call_check(&call))
                break;
        }
    }
    assert_all_honest();
}
