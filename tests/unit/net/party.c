#include "unit/net/party.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static size_t on_bytes(void *owner, struct slice lent)
{
    struct party *party = owner;
    size_t used = MIN(lent.len, party->use_limit);

    cr_assert_not(party->is_gone, "bytes() after the end");
    party->calls++;
    party->last_lent = lent.len;
    text_add(&party->got, slice_head(lent, used));
    if (party->on_bytes)
        party->on_bytes(party, lent);
    return used;
}

static void on_drained(void *owner)
{
    struct party *party = owner;

    cr_assert_not(party->is_gone, "drained() after the end");
    cr_assert_eq(stream_queued(party->stream), 0);
    party->drained++;
    if (party->on_drained)
        party->on_drained(party);
}

static void on_eof(void *owner)
{
    struct party *party = owner;

    cr_assert_not(party->is_gone, "eof() after the end");
    party->eofs++;
    if (party->on_eof)
        party->on_eof(party);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct party *party = owner;

    cr_assert_not(party->is_gone, "closed() after the end");
    party->closeds++;
    party->fault = fault;
    party->error = error_number;
    party->is_gone = true;
}

static const struct stream_events PARTY_EVENTS = {on_bytes, on_drained, on_eof, on_closed};

void party_own(struct party *party, struct stream *stream)
{
    cr_assert_not_null(stream);
    *party = (struct party){.stream = stream, .use_limit = SIZE_MAX};
    stream_own(stream, &PARTY_EVENTS, party);
}

void party_close(struct party *party)
{
    if (!party->is_gone)
        stream_close(party->stream);
    party->is_gone = true;
}

void party_fini(struct party *party)
{
    party_close(party);
    text_fini(&party->got);
}

size_t party_say(struct party *party, const char *text, unsigned flags)
{
    struct slice slice = slice_str(text);

    return stream_write(party->stream, &slice, 1, flags);
}

struct loop *test_loop(void)
{
    struct error error = {0};
    struct loop *loop = NULL;

    cr_assert_eq(loop_new(&loop, &error), 0, "%s", error.text);
    return loop;
}

void run_a_little(struct loop *loop)
{
    struct uv_loop_s *uv = loop_uv(loop);
    struct pollfd poller = {.fd = uv_backend_fd(uv), .events = POLLIN};
    int wait_ms = uv_backend_timeout(uv);

    poll(&poller, 1, wait_ms < 0 || wait_ms > 5 ? 5 : wait_ms);
    loop_run_once(loop);
}

void settle(struct loop *loop)
{
    for (unsigned i = 0; i < 10; i++)
        loop_run_once(loop);
}

void tcp_pair(int fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fds[0], (struct sockaddr *)&at, sizeof(at)), 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    cr_assert_geq(fds[1], 0);
    cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

void unix_pair(int fds[2])
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}
