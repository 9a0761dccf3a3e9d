#include "net/socket_stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/tcp.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit/net/party.h"

/* A stream on one end, the bare socket of the peer on the other. */
struct scene {
    struct loop *loop;
    struct party us;
    int peer; /* -1 once closed */
};

static void scene_on(struct scene *scene, int fds[2])
{
    scene->loop = test_loop();
    scene->peer = fds[0];
    party_own(&scene->us, socket_stream_new(scene->loop, fds[1], NULL, false));
}

static void scene_tcp(struct scene *scene)
{
    int fds[2];

    tcp_pair(fds);
    scene_on(scene, fds);
}

static void scene_unix(struct scene *scene)
{
    int fds[2];

    unix_pair(fds);
    scene_on(scene, fds);
}

static void scene_fini(struct scene *scene)
{
    party_fini(&scene->us);
    if (scene->peer >= 0)
        close(scene->peer);
    loop_free(scene->loop);
}

static void peer_sends(struct scene *scene, const char *text)
{
    cr_assert_eq(send(scene->peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void peer_closes(struct scene *scene)
{
    close(scene->peer);
    scene->peer = -1;
}

static void peer_resets(struct scene *scene)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(scene->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    peer_closes(scene);
}

/* What one recv() of the peer gives, waited for; "" is the end, "!" an error. */
static const char *peer_hears(struct scene *scene, char *buffer, size_t size)
{
    ssize_t got = -1;
    uint64_t give_up_us = loop_now_us() + 10 * 1000 * 1000;

    while (loop_now_us() < give_up_us) {
        got = recv(scene->peer, buffer, size - 1, 0);
        if (got >= 0 || errno != EAGAIN)
            break;
        run_a_little(scene->loop);
    }
    if (got < 0)
        return errno == EAGAIN ? "(silence)" : "!";
    buffer[got] = '\0';
    return buffer;
}

static struct slice got(const struct scene *scene)
{
    return text_slice(&scene->us.got);
}

static void assert_got(const struct scene *scene, const char *expected)
{
    cr_assert(slice_eq(got(scene), slice_str(expected)), "got \"%.*s\", not \"%s\"", FMT_SLICE(got(scene)),
              expected);
}

/* Reading. */

Test(socket_stream, bytes_arrive_and_eof_comes_once_behind_them)
{
    struct scene s;

    scene_tcp(&s);
    stream_want(s.us.stream, true);
    peer_sends(&s, "hello");
    peer_closes(&s);
    RUN_UNTIL(s.loop, s.us.eofs);
    settle(s.loop);
    assert_got(&s, "hello");
    cr_assert_eq(s.us.eofs, 1);
    cr_assert_eq(s.us.closeds, 0);
    cr_assert_eq(s.us.stream->bytes_in, 5);
    scene_fini(&s);
}

Test(socket_stream, nothing_is_lent_before_it_is_wanted)
{
    struct scene s;

    scene_tcp(&s);
    peer_sends(&s, "early");
    settle(s.loop);
    cr_assert_eq(s.us.calls, 0);
    stream_want(s.us.stream, true);
    cr_assert_eq(s.us.calls, 0, "not from inside stream_want()");
    RUN_UNTIL(s.loop, s.us.calls);
    assert_got(&s, "early");
    scene_fini(&s);
}

Test(socket_stream, rest_is_kept_and_lent_again_in_front_of_new_bytes)
{
    struct scene s;

    scene_tcp(&s);
    s.us.use_limit = 0;
    stream_want(s.us.stream, true);
    peer_sends(&s, "one ");
    RUN_UNTIL(s.loop, s.us.calls == 1);
    settle(s.loop);
    cr_assert_eq(s.us.calls, 1, "the same rest is not lent again by itself");
    cr_assert_eq(stream_raw_fd(s.us.stream), -1);
    s.us.use_limit = SIZE_MAX;
    peer_sends(&s, "two");
    RUN_UNTIL(s.loop, s.us.calls == 2);
    assert_got(&s, "one two");
    scene_fini(&s);
}

Test(socket_stream, rest_is_lent_again_when_asked_for)
{
    struct scene s;

    scene_tcp(&s);
    s.us.use_limit = 1;
    stream_want(s.us.stream, true);
    peer_sends(&s, "abc");
    RUN_UNTIL(s.loop, s.us.calls == 1);
    for (size_t calls = 2; calls <= 3; calls++) {
        stream_want(s.us.stream, true);
        cr_assert_eq(s.us.calls, calls - 1);
        loop_run_once(s.loop);
        cr_assert_eq(s.us.calls, calls);
    }
    assert_got(&s, "abc");
    scene_fini(&s);
}

static void want_again(struct party *party, struct slice lent)
{
    stream_want(party->stream, true);
}

Test(socket_stream, asking_again_inside_bytes_ends_when_nothing_is_used)
{
    struct scene s;

    scene_tcp(&s);
    s.us.use_limit = 0;
    s.us.on_bytes = want_again;
    stream_want(s.us.stream, true);
    peer_sends(&s, "partial");
    RUN_UNTIL(s.loop, s.us.calls);
    settle(s.loop);
    cr_assert_leq(s.us.calls, 2);
    s.us.use_limit = 2;
    peer_sends(&s, "!");
    RUN_UNTIL(s.loop, s.us.got.len == 8);
    assert_got(&s, "partial!");
    scene_fini(&s);
}

static void stop_reading(struct party *party, struct slice lent)
{
    stream_want(party->stream, false);
}

static void note_got(struct party *party)
{
    *(size_t *)party->context = party->got.len;
}

Test(socket_stream, eof_waits_for_the_rest_that_was_asked_for_inside_bytes)
{
    struct scene s;
    size_t got_at_eof = 0;

    scene_unix(&s);
    s.us.use_limit = 1;
    s.us.on_bytes = want_again;
    s.us.on_eof = note_got;
    s.us.context = &got_at_eof;
    peer_sends(&s, "abc");
    peer_closes(&s);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.eofs);
    settle(s.loop);
    assert_got(&s, "abc");
    cr_assert_eq(got_at_eof, 3);
    cr_assert_eq(s.us.eofs, 1);
    scene_fini(&s);
}

Test(socket_stream, a_break_waits_for_the_rest_that_was_asked_for_inside_bytes)
{
    struct scene s;

    scene_tcp(&s);
    s.us.use_limit = 1;
    s.us.on_bytes = want_again;
    peer_sends(&s, "abc");
    peer_resets(&s);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.closeds);
    assert_got(&s, "abc");
    scene_fini(&s);
}

Test(socket_stream, want_off_inside_bytes_stops_after_them)
{
    struct scene s;

    scene_tcp(&s);
    s.us.on_bytes = stop_reading;
    stream_want(s.us.stream, true);
    peer_sends(&s, "one");
    RUN_UNTIL(s.loop, s.us.calls == 1);
    peer_sends(&s, "two");
    peer_closes(&s);
    settle(s.loop);
    cr_assert_eq(s.us.calls, 1);
    cr_assert_eq(s.us.eofs, 0);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.calls == 2);
    settle(s.loop);
    cr_assert_eq(s.us.eofs, 0, "the end is not told while reading is off");
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.eofs == 1);
    assert_got(&s, "onetwo");
    scene_fini(&s);
}

Test(socket_stream, many_single_bytes_arrive_in_order)
{
    struct scene s;
    const char *text = "a request that comes drop by drop";

    scene_tcp(&s);
    s.us.use_limit = 0; /* as a parser that waits for the whole */
    stream_want(s.us.stream, true);
    for (const char *at = text; *at; at++) {
        size_t calls = s.us.calls;

        cr_assert_eq(send(s.peer, at, 1, 0), 1);
        if (!at[1])
            s.us.use_limit = SIZE_MAX;
        RUN_UNTIL(s.loop, s.us.calls > calls);
        cr_assert_eq(s.us.last_lent, (size_t)(at - text) + 1);
    }
    assert_got(&s, text);
    scene_fini(&s);
}

static struct party next_owner;

static void hand_over(struct party *party, struct slice lent)
{
    party->is_gone = true;
    party_own(&next_owner, party->stream);
    stream_want(next_owner.stream, true);
}

Test(socket_stream, handed_over_inside_bytes_rest_and_eof_go_to_the_next_owner)
{
    struct scene s;

    scene_tcp(&s);
    s.us.use_limit = 4;
    s.us.on_bytes = hand_over;
    stream_want(s.us.stream, true);
    peer_sends(&s, "SSH-2.0");
    peer_closes(&s);
    RUN_UNTIL(s.loop, next_owner.eofs);
    assert_got(&s, "SSH-");
    cr_assert(slice_eq(text_slice(&next_owner.got), SLICE("2.0")));
    party_fini(&next_owner);
    scene_fini(&s);
}

Test(socket_stream, eof_is_told_again_to_a_next_owner)
{
    struct scene s;

    scene_tcp(&s);
    stream_want(s.us.stream, true);
    peer_closes(&s);
    RUN_UNTIL(s.loop, s.us.eofs == 1);
    s.us.is_gone = true;
    party_own(&next_owner, s.us.stream);
    stream_want(next_owner.stream, true);
    RUN_UNTIL(s.loop, next_owner.eofs == 1);
    party_fini(&next_owner);
    scene_fini(&s);
}

/* Breaks. */

Test(socket_stream, reset_while_not_wanting_is_told)
{
    struct scene s;

    scene_tcp(&s);
    peer_resets(&s);
    RUN_UNTIL(s.loop, s.us.closeds);
    cr_assert_eq(s.us.fault, FAULT_CLIENT_GONE);
    cr_assert_eq(s.us.error, ECONNRESET);
    scene_fini(&s);
}

Test(socket_stream, bytes_before_a_reset_are_lent_while_wanted)
{
    struct scene s;

    scene_tcp(&s);
    peer_sends(&s, "the answer");
    peer_resets(&s);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.closeds);
    assert_got(&s, "the answer");
    cr_assert_eq(s.us.error, ECONNRESET);
    cr_assert_eq(s.us.eofs, 0);
    scene_fini(&s);
}

Test(socket_stream, write_after_the_peer_has_gone_is_swallowed_and_closed_follows)
{
    struct scene s;

    scene_unix(&s);
    peer_closes(&s);
    cr_assert_eq(party_say(&s.us, "hello?", STREAM_NOW), 0);
    cr_assert_eq(party_say(&s.us, "anyone?", STREAM_NOW), 0);
    cr_assert_eq(s.us.closeds, 0, "not from inside stream_write()");
    RUN_UNTIL(s.loop, s.us.closeds);
    cr_assert_eq(s.us.error, EPIPE);
    scene_fini(&s);
}

Test(socket_stream, both_sides_shut_loses_no_byte)
{
    struct scene s;

    scene_tcp(&s);
    stream_shut(s.us.stream);
    peer_sends(&s, "last words");
    peer_closes(&s);
    settle(s.loop);
    cr_assert_eq(s.us.closeds, 0);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.eofs);
    assert_got(&s, "last words");
    scene_fini(&s);
}

Test(socket_stream, after_the_peers_end_we_still_write)
{
    struct scene s;
    char heard[64];

    scene_tcp(&s);
    stream_want(s.us.stream, true);
    shutdown(s.peer, SHUT_WR);
    RUN_UNTIL(s.loop, s.us.eofs);
    cr_assert_eq(party_say(&s.us, "answer", STREAM_NOW), 0);
    stream_shut(s.us.stream);
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "answer");
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "");
    settle(s.loop);
    cr_assert_eq(s.us.closeds, 0, "the stream stays until its owner closes it");
    scene_fini(&s);
}

/* Writing. */

Test(socket_stream, later_and_now_leave_in_one_segment)
{
    struct scene s;
    char heard[64];

    scene_tcp(&s);
    cr_assert_eq(party_say(&s.us, "head,", STREAM_LATER), 5);
    cr_assert_eq(recv(s.peer, heard, sizeof(heard), 0), -1);
    cr_assert_eq(party_say(&s.us, "body", STREAM_NOW), 0);
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "head,body");
    RUN_UNTIL(s.loop, s.us.drained == 1);
    scene_fini(&s);
}

Test(socket_stream, later_alone_leaves_at_the_end_of_the_turn_and_is_drained)
{
    struct scene s;
    char heard[64];

    scene_tcp(&s);
    party_say(&s.us, "a", STREAM_LATER);
    cr_assert_eq(party_say(&s.us, "b", STREAM_LATER), 2);
    loop_run_once(s.loop);
    cr_assert_eq(s.us.drained, 1);
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "ab");
    cr_assert_eq(s.us.stream->bytes_out, 2);
    scene_fini(&s);
}

/* Segments that the peer's kernel has received. */
static unsigned segments_in(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_segs_in;
}

Test(socket_stream, last_bytes_and_the_end_leave_in_one_segment)
{
    for (int is_end = 0; is_end <= 1; is_end++) {
        struct scene s;
        unsigned before;
        char heard[64];

        scene_tcp(&s);
        before = segments_in(s.peer);
        party_say(&s.us, "answer", STREAM_LATER);
        if (is_end) {
            stream_end(s.us.stream, false);
            s.us.is_gone = true;
        } else {
            stream_shut(s.us.stream);
        }
        cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "answer");
        cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "");
        cr_assert_eq(segments_in(s.peer) - before, 1);
        scene_fini(&s);
    }
}

enum { BIG = 10 * 1024 * 1024 };

static char pattern(size_t at)
{
    return (char)(at * 31 + at / 4096);
}

static char *big_message(void)
{
    char *message = mem_alloc(BIG);

    for (size_t i = 0; i < BIG; i++)
        message[i] = pattern(i);
    return message;
}

/* Two streams; *a* sends and the slow reader *b* stops after each portion, and the other way round. */
struct traffic {
    struct party a, b;
    size_t sent_a, sent_b;
    const char *message;
};

static void send_some(struct party *party, size_t *sent, const char *message)
{
    while (*sent < BIG) {
        struct slice piece = slice_of(message + *sent, MIN((size_t)100000, BIG - *sent));

        *sent += piece.len;
        if (stream_write(party->stream, &piece, 1, *sent % 3 ? STREAM_NOW : STREAM_LATER) > 0)
            return;
    }
}

static void more_from_a(struct party *party)
{
    struct traffic *traffic = party->context;

    send_some(&traffic->a, &traffic->sent_a, traffic->message);
}

static void more_from_b(struct party *party)
{
    struct traffic *traffic = party->context;

    send_some(&traffic->b, &traffic->sent_b, traffic->message);
}

static void traffic_between(int fds[2])
{
    struct loop *loop = test_loop();
    struct traffic t = {0};
    char *message = big_message();

    party_own(&t.a, socket_stream_new(loop, fds[0], NULL, false));
    party_own(&t.b, socket_stream_new(loop, fds[1], NULL, false));
    t.message = message;
    t.a.context = t.b.context = &t;
    t.a.on_drained = more_from_a;
    t.b.on_drained = more_from_b;
    t.a.on_bytes = t.b.on_bytes = stop_reading;
    t.b.use_limit = 50000; /* keeps the rest */
    send_some(&t.a, &t.sent_a, message);
    send_some(&t.b, &t.sent_b, message);
    for (unsigned i = 0; t.a.got.len < BIG || t.b.got.len < BIG; i++) {
        cr_assert_lt(i, 200000U);
        stream_want(t.a.stream, true);
        if (i % 2)
            stream_want(t.b.stream, true);
        run_a_little(loop);
    }
    cr_assert_eq(memcmp(t.a.got.data, message, BIG), 0);
    cr_assert_eq(memcmp(t.b.got.data, message, BIG), 0);
    cr_assert_eq(t.a.stream->bytes_out, BIG);
    cr_assert_eq(t.b.stream->bytes_in, BIG);
    party_fini(&t.a);
    party_fini(&t.b);
    mem_free(message);
    loop_free(loop);
}

Test(socket_stream, ten_megabytes_both_ways_past_slow_readers)
{
    int fds[2];

    tcp_pair(fds);
    traffic_between(fds);
    unix_pair(fds);
    traffic_between(fds);
}

/* The end without the owner. */

static void end_with_slow_reader(bool linger)
{
    struct scene s;
    char *message = big_message();
    struct slice all = slice_of(message, BIG);
    char buffer[65536];
    size_t heard = 0;

    scene_tcp(&s);
    cr_assert_gt(stream_write(s.us.stream, &all, 1, STREAM_NOW), 0);
    stream_end(s.us.stream, linger);
    s.us.is_gone = true;
    peer_sends(&s, "noise that nobody reads");
    for (;;) {
        ssize_t n = recv(s.peer, buffer, sizeof(buffer), 0);

        if (n == 0)
            break;
        if (n < 0) {
            cr_assert_eq(errno, EAGAIN, "%s after %zu bytes", strerror(errno), heard);
            run_a_little(s.loop);
            continue;
        }
        cr_assert_eq(memcmp(buffer, message + heard, (size_t)n), 0);
        heard += (size_t)n;
    }
    cr_assert_eq(heard, BIG);
    mem_free(message);
    scene_fini(&s);
}

Test(socket_stream, end_lets_the_kept_bytes_go_out_to_a_slow_reader)
{
    end_with_slow_reader(true);
}

Test(socket_stream, lingering_end_reads_and_drops_until_the_peer_ends)
{
    struct scene s;
    char heard[64];

    scene_tcp(&s);
    party_say(&s.us, "413", STREAM_NOW);
    stream_end(s.us.stream, true);
    s.us.is_gone = true;
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "413");
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "");
    peer_sends(&s, "rest of a body");
    settle(s.loop);
    peer_sends(&s, "and more");
    settle(s.loop);
    cr_assert_eq(recv(s.peer, heard, sizeof(heard), 0), 0, "no reset");
    scene_fini(&s);
}

/* Unread bytes make a reset of the close; what was held back for the FIN must be out by then. */
Test(socket_stream, end_with_unread_bytes_does_not_take_the_answer_with_it)
{
    struct scene s;
    char heard[64];

    scene_tcp(&s);
    peer_sends(&s, "behind the last request");
    party_say(&s.us, "answer", STREAM_LATER);
    stream_end(s.us.stream, false);
    s.us.is_gone = true;
    cr_assert_str_eq(peer_hears(&s, heard, sizeof(heard)), "answer");
    scene_fini(&s);
}

Test(socket_stream, close_with_kept_bytes_is_a_reset)
{
    struct scene s;
    char *message = big_message();
    struct slice all = slice_of(message, BIG);
    ssize_t n;

    scene_tcp(&s);
    cr_assert_gt(stream_write(s.us.stream, &all, 1, STREAM_NOW), 0);
    party_close(&s.us);
    while ((n = recv(s.peer, message, BIG, 0)) > 0)
        ;
    cr_assert_eq(n, -1);
    cr_assert_eq(errno, ECONNRESET);
    mem_free(message);
    scene_fini(&s);
}

Test(socket_stream, loop_free_cuts_off_what_ends_by_itself)
{
    struct scene s;
    char *message = big_message();
    struct slice all = slice_of(message, BIG);

    scene_tcp(&s);
    stream_write(s.us.stream, &all, 1, STREAM_NOW);
    stream_end(s.us.stream, true);
    s.us.is_gone = true;
    mem_free(message);
    scene_fini(&s);
}

/* Closing inside each event; the address sanitizer watches. */

static void close_on_bytes(struct party *party, struct slice lent)
{
    party_close(party);
    cr_assert_eq(lent.data[0], 'x', "the lent bytes live until bytes() returns");
}

static void end_on_bytes(struct party *party, struct slice lent)
{
    stream_end(party->stream, true);
    party->is_gone = true;
    cr_assert_eq(lent.data[0], 'x');
}

static void close_on(struct party *party)
{
    party_close(party);
}

Test(socket_stream, closed_inside_bytes)
{
    for (int is_end = 0; is_end <= 1; is_end++) {
        for (int keeps_first = 0; keeps_first <= 1; keeps_first++) {
            struct scene s;

            scene_tcp(&s);
            s.us.use_limit = 0;
            stream_want(s.us.stream, true);
            if (keeps_first) {
                peer_sends(&s, "x");
                RUN_UNTIL(s.loop, s.us.calls);
            }
            s.us.on_bytes = is_end ? end_on_bytes : close_on_bytes;
            peer_sends(&s, "xyz");
            RUN_UNTIL(s.loop, s.us.is_gone);
            settle(s.loop);
            scene_fini(&s);
        }
    }
}

Test(socket_stream, closed_inside_eof_and_drained)
{
    struct scene s;

    scene_tcp(&s);
    s.us.on_eof = close_on;
    stream_want(s.us.stream, true);
    peer_closes(&s);
    RUN_UNTIL(s.loop, s.us.is_gone);
    scene_fini(&s);

    scene_tcp(&s);
    s.us.on_drained = close_on;
    stream_want(s.us.stream, true);
    peer_sends(&s, "unread");
    party_say(&s.us, "later", STREAM_LATER);
    RUN_UNTIL(s.loop, s.us.is_gone);
    cr_assert_eq(s.us.drained, 1);
    scene_fini(&s);
}

/* Shares of a turn. */

Test(socket_stream, fast_peer_gets_a_share_of_each_turn_and_loses_nothing)
{
    struct scene s;
    char *message = big_message();
    size_t sent = 0, most = 0;

    scene_unix(&s);
    stream_want(s.us.stream, true);
    while (s.us.got.len < BIG) {
        size_t before = s.us.got.len;
        ssize_t n = send(s.peer, message + sent, BIG - sent, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        loop_run_once(s.loop);
        most = MAX(most, s.us.got.len - before);
    }
    cr_assert_leq(most, (size_t)4 * LOOP_SCRATCH_BYTES);
    cr_assert_eq(memcmp(s.us.got.data, message, BIG), 0);
    mem_free(message);
    scene_fini(&s);
}

Test(socket_stream, burst_beyond_a_share_is_read_on_without_another_edge)
{
    struct scene s;
    char *message = big_message();
    int size = 1024 * 1024;
    size_t sent = 0;
    ssize_t n;

    scene_unix(&s);
    setsockopt(s.peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    while ((n = send(s.peer, message + sent, 16384, MSG_NOSIGNAL)) > 0)
        sent += (size_t)n;
    cr_assert_gt(sent, 4 * LOOP_SCRATCH_BYTES, "the kernel took %zu", sent);
    stream_want(s.us.stream, true);
    RUN_UNTIL(s.loop, s.us.got.len == sent);
    mem_free(message);
    scene_fini(&s);
}

/* Past the stream. */

static unsigned raw_events;

static void on_raw_ready(void *owner, unsigned events)
{
    raw_events |= events;
}

Test(socket_stream, raw_reports_edges_and_nothing_else)
{
    struct scene s;
    char heard[8];
    int fd;

    scene_tcp(&s);
    settle(s.loop);
    fd = stream_raw_fd(s.us.stream);
    if (fd < 0) { /* not on the portable way */
        scene_fini(&s);
        return;
    }
    stream_raw(s.us.stream, on_raw_ready, &s);
    peer_sends(&s, "ping");
    RUN_UNTIL(s.loop, raw_events & 1);
    cr_assert_eq(recv(fd, heard, sizeof(heard), 0), 4);
    raw_events = 0;
    peer_closes(&s);
    RUN_UNTIL(s.loop, raw_events & 4);
    cr_assert_eq(s.us.calls, 0);
    cr_assert_eq(s.us.eofs, 0);
    scene_fini(&s);
}

/* What the peer's system has, whether the peer reads it or not; not what waits on our side. */
Test(socket_stream, taken_grows_as_the_peer_reads)
{
    static char block[1 << 20];
    struct scene s;
    struct slice bytes = slice_of(block, sizeof(block));
    uint64_t taken;

    scene_tcp(&s);
    for (int i = 0; i < 16; i++)
        stream_write(s.us.stream, &bytes, 1, STREAM_NOW);
    settle(s.loop);
    taken = stream_taken(s.us.stream);
    cr_assert_gt(taken, 0);
    cr_assert_lt(taken, s.us.stream->bytes_out, "the peer's buffer is full before ours is empty");
    cr_assert_eq(stream_taken(s.us.stream), taken, "nothing moves");
    RUN_UNTIL(s.loop, recv(s.peer, block, sizeof(block), 0) >= 0 && stream_taken(s.us.stream) > taken);
    scene_fini(&s);
}
