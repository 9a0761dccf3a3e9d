#include <criterion/criterion.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/flow.h"
#include "base/mem.h"
#include "tls/tls_core.h"
#include "unit/tls/pki.h"
#include "unit/tls/tls_end.h"

TestSuite(tls_stream, .init = tls_set_up, .fini = tls_tear_down);

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
#define EACH_VERSION(version)                                                                                \
    for (size_t v_ = 0, version = 0; v_ < ARRAY_LEN(versions) && (version = (size_t)versions[v_]); v_++)

Test(tls_stream, carries_words_both_ways)
{
    EACH_VERSION(version)
    {
        struct tls_end server = {0}, client = {0};

        tls_ends_meet(&server, &client, (int)version);
        cr_expect_str_eq(tls_stream_version(server.stream),
                         version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        cr_expect(tls_stream_cipher(server.stream));
        cr_expect_str_eq(tls_stream_server_name(server.stream), "a.test");
        cr_expect_eq(tls_stream_alpn(server.stream).len, 0);
        cr_expect_not_null(tls_stream_identity(server.stream));
        tls_end_say(&client, "ping", STREAM_NOW);
        RUN_UNTIL(server.got.len == 4);
        tls_end_say(&server, "po", STREAM_LATER);
        tls_end_say(&server, "ng", STREAM_NOW);
        RUN_UNTIL(client.got.len == 4);
        cr_expect_str_eq(server.got.data, "ping");
        cr_expect_str_eq(client.got.data, "pong");
        cr_expect_eq(server.stream->bytes_in, 4);
        cr_expect_eq(server.stream->bytes_out, 4);
        cr_expect_gt(tls_stream_lower(server.stream)->bytes_in, 200);
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

static void *meet(void *ends)
{
    struct tls_end *both = ends;

    tls_ends_meet(&both[0], &both[1], TLS1_3_VERSION);
    return NULL;
}

/* As what a worker leaves is ended by the main thread. */
Test(tls_stream, that_outlives_its_thread_is_ended_by_another)
{
    struct tls_end ends[2] = {0};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, meet, ends), 0);
    pthread_join(thread, NULL);
    stream_end(ends[0].stream, false);
    ends[0].is_gone = true;
    RUN_UNTIL(ends[1].eofs == 1);
    tls_end_fini(&ends[0]);
    tls_end_fini(&ends[1]);
}

/* A log line is written right behind the answer, with which the stream may have ended. */
Test(tls_stream, its_facts_outlive_its_end_by_a_turn)
{
    struct tls_end server = {0}, client = {0};

    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    stream_end(server.stream, false);
    cr_expect_str_eq(tls_stream_version(server.stream), "TLSv1.3");
    cr_expect_str_eq(tls_stream_server_name(server.stream), "a.test");
    cr_expect_null(tls_stream_cipher(server.stream));
    server.is_gone = true;
    tls_end_fini(&server);
    tls_end_fini(&client);
}

enum { MUCH = 10 * 1024 * 1024 };

static char pattern_at(size_t i)
{
    return (char)(i * 31 + (i >> 13));
}

/* Slices of many sizes, several a write, until the stream has enough. */
static void pour(struct tls_end *end)
{
    static char bytes[50000];
    static const size_t sizes[] = {1, 100, 16384, 16385, 50000, 3};
    size_t waiting = 0;

    while (waiting < 64 * 1024 && end->to_send) {
        struct slice slices[3];
        size_t at = MUCH - end->to_send, len = 0, count = 0;

        while (count < ARRAY_LEN(slices) && len < end->to_send && len < sizeof(bytes)) {
            size_t size = MIN(sizes[(at + count) % ARRAY_LEN(sizes)], MIN(end->to_send, sizeof(bytes)) - len);

            slices[count++] = slice_of(bytes + len, size);
            len += size;
        }
        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern_at(at + i);
        end->to_send -= len;
        waiting = stream_write(end->stream, slices, count, at % 2 ? STREAM_LATER : STREAM_NOW);
    }
    if (end->to_send == 0)
        stream_shut(end->stream);
}

static void expect_pattern(const struct tls_end *end)
{
    size_t i = 0;

    cr_assert_eq(end->got.len, (size_t)MUCH);
    while (i < end->got.len && end->got.data[i] == pattern_at(i))
        i++;
    cr_expect_eq(i, (size_t)MUCH, "differs at %zu", i);
}

Test(tls_stream, carries_10_mib_both_ways_at_once_and_half_closes)
{
    EACH_VERSION(version)
    {
        struct tls_end server = {.on_drained = pour, .to_send = MUCH},
                       client = {.on_drained = pour, .to_send = MUCH};

        tls_ends_meet(&server, &client, (int)version);
        pour(&server);
        pour(&client);
        RUN_UNTIL(server.eofs && client.eofs);
        expect_pattern(&server);
        expect_pattern(&client);
        cr_expect_gt(server.drained, 1);
        cr_expect_eq(server.closeds + client.closeds, 0);
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

Test(tls_stream, half_closed_still_receives)
{
    EACH_VERSION(version)
    {
        struct tls_end server = {0}, client = {0};

        tls_ends_meet(&server, &client, (int)version);
        tls_end_say(&client, "question", STREAM_NOW);
        stream_shut(client.stream);
        RUN_UNTIL(server.eofs == 1);
        cr_expect_str_eq(server.got.data, "question");
        tls_end_say(&server, "answer", STREAM_NOW);
        RUN_UNTIL(client.got.len == 6);
        cr_expect_eq(client.eofs, 0);
        stream_shut(server.stream);
        RUN_UNTIL(client.eofs == 1);
        cr_expect_eq(server.closeds + client.closeds, 0);
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

Test(tls_stream, end_sends_what_is_left_and_close_notify)
{
    struct tls_end server = {0}, client = {0};

    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    tls_end_say(&server, "the last words", STREAM_LATER);
    stream_end(server.stream, true);
    server.is_gone = true;
    RUN_UNTIL(client.eofs == 1);
    cr_expect_str_eq(client.got.data, "the last words");
    tls_end_fini(&server);
    tls_end_fini(&client);
}

Test(tls_stream, close_is_no_end)
{
    struct tls_end server = {0}, client = {0};

    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    tls_end_close(&server);
    RUN_UNTIL(client.closeds == 1);
    cr_expect_eq(client.fault, FAULT_CLIENT_GONE);
    cr_expect_eq(client.eofs, 0);
    tls_end_fini(&server);
    tls_end_fini(&client);
}

Test(tls_stream, unused_bytes_are_lent_again_in_front_of_new_ones)
{
    struct tls_end server = {0}, client = {0};

    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    server.use_limit = 0;
    tls_end_say(&client, "abc", STREAM_NOW);
    RUN_UNTIL(server.calls == 1);
    settle();
    cr_expect_eq(server.calls, 1, "not again by itself");
    stream_want(server.stream, true);
    cr_expect_eq(server.calls, 1, "not from inside the call");
    RUN_UNTIL(server.calls == 2);
    cr_expect_eq(server.last_lent, 3);
    tls_end_say(&client, "def", STREAM_NOW);
    RUN_UNTIL(server.calls == 3);
    cr_expect_eq(server.last_lent, 6);
    server.use_limit = 4;
    stream_want(server.stream, true);
    RUN_UNTIL(server.got.len == 4);
    cr_expect_eq(server.stream->bytes_in, 4);
    stream_shut(client.stream);
    RUN_UNTIL(server.eofs == 1);
    server.use_limit = SIZE_MAX;
    stream_want(server.stream, true);
    RUN_UNTIL(server.got.len == 6);
    cr_expect_str_eq(server.got.data, "abcdef");
    cr_expect_eq(server.eofs, 1);
    tls_end_fini(&server);
    tls_end_fini(&client);
}

static void pause_in_bytes(struct tls_end *end, struct slice lent)
{
    stream_want(end->stream, false);
}

Test(tls_stream, paused_gets_nothing_and_goes_on_where_it_was)
{
    struct tls_end server = {.is_paused = true, .on_bytes = pause_in_bytes}, client = {.to_send = MUCH};

    client.on_drained = pour;
    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    pour(&client);
    settle();
    cr_expect_eq(server.calls, 0);
    for (size_t calls = 1; server.eofs == 0; calls++) {
        stream_want(server.stream, true);
        RUN_UNTIL(server.calls == calls || server.eofs);
        settle();
        cr_expect_leq(server.calls, calls);
        if (server.got.len == MUCH)
            server.on_bytes = NULL;
    }
    expect_pattern(&server);
    tls_end_fini(&server);
    tls_end_fini(&client);
}

static struct tls_end next_owner;

static size_t next_on_bytes(void *owner, struct slice lent)
{
    text_add(&next_owner.got, lent);
    return lent.len;
}

static const struct stream_events next_events = {.bytes = next_on_bytes};

static void hand_over(struct tls_end *end, struct slice lent)
{
    stream_own(end->stream, &next_events, &next_owner);
    stream_want(end->stream, true);
}

Test(tls_stream, handed_over_inside_bytes_lends_the_rest_to_the_next_owner)
{
    struct tls_end server = {.on_bytes = hand_over}, client = {0};

    tls_ends_meet(&server, &client, TLS1_3_VERSION);
    server.use_limit = 4;
    tls_end_say(&client, "headtail", STREAM_NOW);
    RUN_UNTIL(next_owner.got.len == 4);
    cr_expect_str_eq(server.got.data, "head");
    cr_expect_str_eq(next_owner.got.data, "tail");
    text_fini(&next_owner.got);
    tls_end_fini(&server);
    tls_end_fini(&client);
}

static void close_in_event(struct tls_end *end)
{
    tls_end_close(end);
}

static void close_in_bytes(struct tls_end *end, struct slice lent)
{
    tls_end_close(end);
}

static void end_in_bytes(struct tls_end *end, struct slice lent)
{
    tls_end_say(end, "bye", STREAM_LATER);
    stream_end(end->stream, true);
    end->is_gone = true;
}

Test(tls_stream, closed_inside_any_event_is_left_alone)
{
    static const struct tls_end cases[] = {
        {.on_established = close_in_event},
        {.on_bytes = close_in_bytes},
        {.on_bytes = end_in_bytes},
        {.on_eof = close_in_event},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_end server = cases[i], client = {0};

        tls_ends_meet(&server, &client, TLS1_3_VERSION);
        if (!client.is_gone) {
            tls_end_say(&client, "x", STREAM_NOW);
            stream_shut(client.stream);
        }
        RUN_UNTIL(server.is_gone && (client.closeds || client.eofs));
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

Test(tls_stream, closed_during_the_handshake_is_gone)
{
    struct tls_end server = {0}, client = {0};
    int fds[2];

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    tls_end_connect(&client, socket_end(fds[1]), "a.test", NULL, NULL);
    tls_end_close(&client);
    RUN_UNTIL(server.failed);
    cr_expect_eq(server.fault, FAULT_CLIENT_GONE);
    cr_expect_str_eq(server.detail, "the connection ended during the handshake");
    tls_end_fini(&server);
    tls_end_fini(&client);
}

Test(tls_stream, fin_without_close_notify_is_not_an_end)
{
    EACH_VERSION(version)
    {
        struct tls_end server = {0};
        int fds[2];
        SSL *ssl;

        socket_pair(fds, SOCK_STREAM);
        tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", (int)version), NULL);
        ssl = raw_client(fds[1], "a.test", (int)version, NULL);
        cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
        SSL_write(ssl, "a part", 6);
        shutdown(fds[1], SHUT_WR);
        RUN_UNTIL(server.closeds == 1);
        cr_expect_str_eq(server.got.data, "a part");
        cr_expect_eq(server.eofs, 0);
        cr_expect_eq(server.fault, FAULT_CLIENT_GONE);
        raw_free(ssl);
        tls_end_fini(&server);
    }
}

Test(tls_stream, broken_record_is_told_after_what_came_before)
{
    struct tls_end server = {0};
    int fds[2];
    char answer[256];
    SSL *ssl;

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    ssl = raw_client(fds[1], "a.test", TLS1_3_VERSION, NULL);
    cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
    SSL_write(ssl, "good", 4);
    cr_assert_eq(send(fds[1], "\x17\x03\x03\x00\x20not sealed by any key of theirs!", 37, 0), 37);
    RUN_UNTIL(server.closeds == 1);
    cr_expect_str_eq(server.got.data, "good");
    cr_expect_eq(server.fault, FAULT_TLS_BROKEN);
    cr_expect_eq(raw_read(ssl, answer, sizeof(answer)), 0);
    cr_expect_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    raw_free(ssl);
    tls_end_fini(&server);
}

Test(tls_stream, key_update_of_the_peer_is_followed_and_answered)
{
    struct tls_end server = {0};
    char answer[8] = "";
    int fds[2];
    SSL *ssl;

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    ssl = raw_client(fds[1], "a.test", TLS1_3_VERSION, NULL);
    cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        SSL_write(ssl, "x", 1);
        RUN_UNTIL(server.got.len == (size_t)i);
        tls_end_say(&server, "answer", STREAM_NOW);
        cr_expect_eq(raw_read(ssl, answer, 6), 6);
        cr_expect_str_eq(answer, "answer");
    }
    raw_free(ssl);
    tls_end_fini(&server);
}

Test(tls_stream, peer_that_asks_for_keys_without_end_and_reads_nothing_is_cut_off)
{
    struct tls_end server = {0};
    int fds[2];
    SSL *ssl;

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    ssl = raw_client(fds[1], "a.test", TLS1_3_VERSION, NULL);
    cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
    SSL_set0_rbio(ssl, BIO_new(BIO_s_null()));
    for (int i = 0; i < 200000 && !server.closeds; i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        if (SSL_do_handshake(ssl) != 1)
            run_a_little();
        ERR_clear_error();
        if (i % 256 == 0)
            settle();
    }
    cr_expect_eq(server.closeds, 1);
    cr_expect_eq(server.fault, FAULT_TLS_BROKEN);
    close(fds[1]);
    SSL_free(ssl);
    tls_end_fini(&server);
}

static int pad_ticket(SSL *ssl, void *argument)
{
    static char padding[2000];

    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), padding, sizeof(padding));
}

/* The peer's ticket came in part: OpenSSL reads its rest before it encrypts anything. */
Test(tls_stream, write_amid_a_message_of_the_peer_waits_for_its_rest)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct tls_end client = {.is_paused = true};
    char wire[8192], word[8] = "";
    int fds[2];
    ssize_t len;
    BIO *records;
    SSL *ssl;

    SSL_CTX_use_certificate_file(ctx, pki_path(test_directory, "ab.pem"), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(ctx, pki_path(test_directory, "ab.pem"), SSL_FILETYPE_PEM);
    SSL_CTX_set_session_ticket_cb(ctx, pad_ticket, NULL, NULL);
    SSL_CTX_set_max_send_fragment(ctx, 512);
    SSL_CTX_set_num_tickets(ctx, 0);
    socket_pair(fds, SOCK_STREAM);
    tls_end_connect(&client, socket_end(fds[0]), "a.test", NULL, NULL);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fds[1]);
    SSL_set_accept_state(ssl);
    cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
    RUN_UNTIL(client.established);
    records = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl, records);
    cr_assert_eq(SSL_new_session_ticket(ssl), 1);
    cr_assert_eq(SSL_do_handshake(ssl), 1);
    len = BIO_read(records, wire, sizeof(wire));
    cr_assert_gt(len, 2000);
    stream_want(client.stream, true);
    cr_assert_eq(send(fds[1], wire, 600, 0), 600);
    settle();
    client.drained = 0; /* of the handshake's own last words */
    cr_expect_gt(tls_end_say(&client, "wor", STREAM_NOW), 0);
    stream_want(client.stream, false);
    cr_expect_eq(tls_end_say(&client, "d", STREAM_NOW), 4);
    cr_expect_eq(stream_taken(client.stream), stream_taken(tls_stream_lower(client.stream)));
    cr_expect_eq(stream_queued(client.stream), 4);
    cr_assert_eq(send(fds[1], wire + 600, (size_t)len - 600, 0), len - 600);
    cr_expect_eq(raw_read(ssl, word, 4), 4);
    cr_expect_str_eq(word, "word");
    RUN_UNTIL(client.drained == 1);
    raw_free(ssl);
    SSL_CTX_free(ctx);
    tls_end_fini(&client);
}

static void answer_and_end(struct tls_end *end, struct slice lent)
{
    end_in_bytes(end, lent);
}

/* Over packets, so that each send is seen. */
Test(tls_stream, ticket_answer_and_close_notify_leave_in_one_send)
{
    struct tls_end server = {.on_bytes = answer_and_end};
    char answer[8] = "", packet[65536];
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    int fds[2], packets = 0;
    SSL *ssl;

    socket_pair(fds, SOCK_SEQPACKET);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    ssl = raw_client(-1, "a.test", TLS1_3_VERSION, NULL);
    SSL_set_bio(ssl, in, out);
    for (int i = 0; i < 200 && !(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN); i++) {
        ssize_t len;

        if (SSL_is_init_finished(ssl))
            SSL_read(ssl, answer, 3);
        else if (SSL_do_handshake(ssl) == 1)
            SSL_write(ssl, "?", 1);
        ERR_clear_error();
        while ((len = BIO_read(out, packet, sizeof(packet))) > 0)
            cr_assert_eq(send(fds[1], packet, (size_t)len, 0), len);
        run_a_little();
        len = recv(fds[1], packet, sizeof(packet), 0);
        packets += len > 0;
        if (len > 0)
            BIO_write(in, packet, (int)len);
    }
    cr_expect_str_eq(answer, "bye");
    cr_expect_eq(packets, 2, "the server's flight, and all the rest");
    cr_expect(SSL_SESSION_has_ticket(SSL_get_session(ssl)));
    SSL_free(ssl);
    close(fds[1]);
    tls_end_fini(&server);
}

Test(tls_stream, refusal_is_one_alert_and_the_end)
{
    struct slice expected = SLICE("\x15\x03\x03\x00\x02\x02\x70");
    char got[16];
    int fds[2];

    socket_pair(fds, SOCK_STREAM);
    tls_refuse(socket_end(fds[0]), TLS_ALERT_UNRECOGNIZED_NAME);
    settle();
    cr_assert_eq(recv(fds[1], got, sizeof(got), 0), (ssize_t)expected.len);
    cr_expect_arr_eq(got, expected.data, expected.len);
    cr_expect_eq(recv(fds[1], got, sizeof(got), 0), 0);
    close(fds[1]);
    settle();
}
