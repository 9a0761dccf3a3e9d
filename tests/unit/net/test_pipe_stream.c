#include "net/pipe_stream.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/mem.h"
#include "unit/net/party.h"

struct pair {
    struct loop *loop;
    struct party a, b;
};

static void pair_init(struct pair *pair)
{
    struct stream *a, *b;

    pair->loop = test_loop();
    pipe_stream_pair(pair->loop, &a, &b);
    party_own(&pair->a, a);
    party_own(&pair->b, b);
}

static void pair_fini(struct pair *pair)
{
    party_fini(&pair->a);
    party_fini(&pair->b);
    loop_free(pair->loop);
}

static void assert_got(const struct party *party, const char *expected)
{
    cr_assert(slice_eq(text_slice(&party->got), slice_str(expected)), "got \"%.*s\", not \"%s\"",
              FMT_SLICE(text_slice(&party->got)), expected);
}

Test(pipe_stream, bytes_and_eof_arrive_from_the_loop)
{
    struct pair p;

    pair_init(&p);
    stream_want(p.b.stream, true);
    cr_assert_eq(party_say(&p.a, "hello ", STREAM_NOW), 0);
    cr_assert_eq(party_say(&p.a, "you", STREAM_LATER), 3);
    stream_shut(p.a.stream);
    cr_assert_eq(p.b.calls, 0);
    settle(p.loop);
    assert_got(&p.b, "hello you");
    cr_assert_eq(p.b.eofs, 1);
    cr_assert_eq(p.a.drained, 1);
    cr_assert_eq(party_say(&p.b, "answer", STREAM_NOW), 0);
    stream_want(p.a.stream, true);
    settle(p.loop);
    assert_got(&p.a, "answer");
    cr_assert_eq(stream_raw_fd(p.a.stream), -1);
    pair_fini(&p);
}

Test(pipe_stream, full_pipe_holds_the_writer_until_the_reader_reads)
{
    struct pair p;

    pair_init(&p);
    pipe_stream_set_capacity(p.b.stream, 4);
    cr_assert_eq(party_say(&p.a, "0123456789", STREAM_NOW), 6);
    settle(p.loop);
    cr_assert_eq(p.a.drained, 0);
    cr_assert_eq(stream_queued(p.a.stream), 6);
    cr_assert_eq(p.a.stream->bytes_out, 4);
    stream_want(p.b.stream, true);
    settle(p.loop);
    assert_got(&p.b, "0123456789");
    cr_assert_eq(p.b.calls, 3);
    cr_assert_eq(p.a.drained, 1);
    pair_fini(&p);
}

Test(pipe_stream, rest_is_kept_and_lent_again_when_asked_for)
{
    struct pair p;

    pair_init(&p);
    p.b.use_limit = 1;
    stream_want(p.b.stream, true);
    party_say(&p.a, "abc", STREAM_NOW);
    settle(p.loop);
    cr_assert_eq(p.b.calls, 1);
    stream_want(p.b.stream, true);
    settle(p.loop);
    cr_assert_eq(p.b.calls, 2);
    party_say(&p.a, "d", STREAM_NOW);
    settle(p.loop);
    cr_assert_eq(p.b.calls, 3);
    cr_assert_eq(p.b.last_lent, 2);
    assert_got(&p.b, "abc");
    pair_fini(&p);
}

static void want_again(struct party *party, struct slice lent)
{
    stream_want(party->stream, true);
}

static void note_got(struct party *party)
{
    *(size_t *)party->context = party->got.len;
}

Test(pipe_stream, eof_waits_for_the_rest_that_was_asked_for_inside_bytes)
{
    struct pair p;
    size_t got_at_eof = 0;

    pair_init(&p);
    p.b.use_limit = 1;
    p.b.on_bytes = want_again;
    p.b.on_eof = note_got;
    p.b.context = &got_at_eof;
    stream_want(p.b.stream, true);
    party_say(&p.a, "abc", STREAM_NOW);
    stream_shut(p.a.stream);
    settle(p.loop);
    assert_got(&p.b, "abc");
    cr_assert_eq(got_at_eof, 3);
    cr_assert_eq(p.b.eofs, 1);
    pair_fini(&p);
}

static void answer_inside_bytes(struct party *party, struct slice lent)
{
    stream_write(party->stream, &lent, 1, STREAM_NOW);
}

Test(pipe_stream, byte_by_byte_both_ways)
{
    struct pair p;
    char *message = mem_alloc(10000);
    struct slice all = slice_of(message, 10000);

    for (size_t i = 0; i < all.len; i++)
        message[i] = (char)(i * 31);
    pair_init(&p);
    pipe_stream_set_capacity(p.a.stream, 1);
    pipe_stream_set_capacity(p.b.stream, 1);
    p.b.on_bytes = answer_inside_bytes; /* an echo */
    stream_want(p.a.stream, true);
    stream_want(p.b.stream, true);
    stream_write(p.a.stream, &all, 1, STREAM_NOW);
    RUN_UNTIL(p.loop, p.a.got.len == all.len);
    cr_assert(slice_eq(text_slice(&p.a.got), all));
    mem_free(message);
    pair_fini(&p);
}

Test(pipe_stream, clean_close_is_an_end_and_then_writing_breaks)
{
    struct pair p;

    pair_init(&p);
    stream_want(p.b.stream, true);
    party_say(&p.a, "bye", STREAM_NOW);
    party_close(&p.a);
    settle(p.loop);
    assert_got(&p.b, "bye");
    cr_assert_eq(p.b.eofs, 1);
    cr_assert_eq(p.b.closeds, 0);
    cr_assert_eq(party_say(&p.b, "wait", STREAM_NOW), 0);
    cr_assert_eq(p.b.closeds, 0);
    settle(p.loop);
    cr_assert_eq(p.b.closeds, 1);
    cr_assert_eq(p.b.error, EPIPE);
    pair_fini(&p);
}

Test(pipe_stream, close_with_unread_or_unsent_bytes_is_a_reset)
{
    for (int is_unsent = 0; is_unsent <= 1; is_unsent++) {
        struct pair p;

        pair_init(&p);
        pipe_stream_set_capacity(p.b.stream, 2);
        party_say(is_unsent ? &p.a : &p.b, "abc", STREAM_NOW);
        party_close(&p.a);
        stream_want(p.b.stream, true);
        settle(p.loop);
        assert_got(&p.b, is_unsent ? "ab" : "");
        cr_assert_eq(p.b.closeds, 1);
        cr_assert_eq(p.b.error, ECONNRESET);
        cr_assert_eq(p.b.eofs, 0);
        pair_fini(&p);
    }
}

Test(pipe_stream, broken_from_outside)
{
    struct pair p;

    pair_init(&p);
    pipe_stream_break(p.a.stream, ETIMEDOUT);
    cr_assert_eq(p.a.closeds, 0);
    settle(p.loop);
    cr_assert_eq(p.a.error, ETIMEDOUT);
    cr_assert_eq(p.b.error, ECONNRESET);
    cr_assert_eq(p.a.closeds + p.b.closeds, 2);
    pair_fini(&p);
}

Test(pipe_stream, end_lets_the_rest_go_out)
{
    struct pair p;

    pair_init(&p);
    pipe_stream_set_capacity(p.b.stream, 2);
    party_say(&p.b, "never read", STREAM_NOW);
    party_say(&p.a, "abcdef", STREAM_NOW);
    stream_end(p.a.stream, true);
    p.a.is_gone = true;
    settle(p.loop);
    stream_want(p.b.stream, true);
    settle(p.loop);
    assert_got(&p.b, "abcdef");
    cr_assert_eq(p.b.eofs, 1);
    pair_fini(&p);
}

Test(pipe_stream, both_may_leave_each_other_with_bytes_under_way)
{
    struct pair p;

    pair_init(&p);
    pipe_stream_set_capacity(p.b.stream, 2);
    party_say(&p.a, "abcdef", STREAM_NOW);
    stream_end(p.a.stream, true);
    p.a.is_gone = true;
    settle(p.loop);
    party_close(&p.b);
    settle(p.loop);
    pair_fini(&p);

    pair_init(&p);
    pipe_stream_set_capacity(p.b.stream, 2);
    party_say(&p.a, "abcdef", STREAM_NOW);
    stream_end(p.a.stream, false);
    p.a.is_gone = true;
    p.b.is_gone = true; /* left to loop_free(), together with the rest */
    stream_close(p.b.stream);
    pair_fini(&p);
}

static void close_on_bytes(struct party *party, struct slice lent)
{
    party_close(party);
    cr_assert_eq(lent.data[0], 'x', "the lent bytes live until bytes() returns");
}

static void close_on(struct party *party)
{
    party_close(party);
}

Test(pipe_stream, closed_inside_each_event)
{
    struct pair p;

    pair_init(&p);
    p.b.on_bytes = close_on_bytes;
    p.b.use_limit = 0;
    stream_want(p.b.stream, true);
    party_say(&p.a, "xyz", STREAM_NOW);
    settle(p.loop);
    cr_assert(p.b.is_gone);
    pair_fini(&p);

    pair_init(&p);
    p.b.on_eof = close_on;
    p.a.on_drained = close_on;
    stream_want(p.b.stream, true);
    party_say(&p.a, "xyz", STREAM_LATER);
    settle(p.loop);
    cr_assert(p.a.is_gone && p.b.is_gone);
    pair_fini(&p);
}
