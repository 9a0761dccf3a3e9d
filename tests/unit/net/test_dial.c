#include "net/dial.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/watch.h"
#include "unit/net/party.h"

/* In place of the system's, which cannot be made to run out of ports: fails by these, where they are not 0. */
static int stream_error, datagram_error;
static unsigned fails_from; /* the how many-th stream, from 0 */

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    int type = 0, error;
    socklen_t type_len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len);
    error = type == SOCK_DGRAM ? datagram_error : stream_error;
    if (type == SOCK_STREAM && error && fails_from) {
        fails_from--;
        error = 0;
    }
    if (error == 0)
        return (int)syscall(SYS_connect, fd, to, len);
    errno = error;
    return -1;
}

/* Who waits for a dial. */
struct caller {
    struct loop *loop;
    struct stream *stream;
    int connected, failed;
    enum fault fault;
    int error;
    struct address address;
};

static void on_connected(void *owner, struct stream *stream)
{
    struct caller *caller = owner;

    caller->connected++;
    caller->stream = stream;
}

static void on_failed(void *owner, enum fault fault, int error_number, const struct address *address)
{
    struct caller *caller = owner;

    caller->failed++;
    caller->fault = fault;
    caller->error = error_number;
    caller->address = *address;
}

static const struct dial_events EVENTS = {on_connected, on_failed};

static const struct dial_options *dial_with(uint64_t timeout_ms, bool sends_first)
{
    static struct dial_options options;

    options = (struct dial_options){.timeout_ms = timeout_ms, .sends_first = sends_first};
    return &options;
}

static void caller_waits(struct caller *caller)
{
    cr_assert_eq(caller->connected + caller->failed, 0, "never from inside dial_start()");
    RUN_UNTIL(caller->loop, caller->connected + caller->failed);
    cr_assert_eq(caller->connected + caller->failed, 1);
}

static void caller_fini(struct caller *caller)
{
    if (caller->stream)
        stream_close(caller->stream);
    loop_free(caller->loop);
}

/* A TCP socket on a free port of 127.0.0.1; only with *backlog* >= 0 it listens. */
static int server_on(struct address *address, int backlog)
{
    struct sockaddr_storage at;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, 0);
    len = address_to_sockaddr(address, &at);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    if (backlog >= 0)
        cr_assert_eq(listen(fd, backlog), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *address = address_from_sockaddr(&at);
    return fd;
}

enum { CROWD = 4 };

/* A listening socket whose queue is full: the kernel drops further SYNs, as a black hole would. */
static void black_hole(struct address *address, int crowd[CROWD + 1])
{
    struct sockaddr_storage at;
    socklen_t len;

    crowd[CROWD] = server_on(address, 0);
    len = address_to_sockaddr(address, &at);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(crowd[i], (struct sockaddr *)&at, len); /* the last ones hang */
    }
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

Test(dial, connects_and_says_to_whom)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int server = server_on(&address, 4);

    dial_start(caller.loop, &address, 1, dial_with(1000, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.connected, 1);
    cr_assert(address_eq(caller.stream->peer, &address));
    close(server);
    caller_fini(&caller);
}

static struct ip ip_of(const char *text)
{
    struct ip ip;

    cr_assert(ip_parse(slice_str(text), &ip));
    return ip;
}

Test(dial, comes_from_the_sources_of_that_family_in_turn)
{
    static const char *const expected[] = {"127.0.0.2", "127.0.0.3", "127.0.0.2"};
    const struct ip sources[] = {ip_of("127.0.0.2"), ip_of("::1"), ip_of("127.0.0.3")};
    struct address address;
    int server = server_on(&address, 4);

    for (unsigned turn = 0; turn < ARRAY_LEN(expected); turn++) {
        struct caller caller = {.loop = test_loop()};
        const struct dial_options options = {
            .timeout_ms = 1000, .sources = sources, .sources_count = ARRAY_LEN(sources), .turn = turn};
        char text[ADDRESS_TEXT];

        dial_start(caller.loop, &address, 1, &options, &EVENTS, &caller);
        caller_waits(&caller);
        cr_assert_eq(caller.connected, 1);
        cr_expect_str_eq(address_describe_ip(caller.stream->local, text), expected[turn]);
        caller_fini(&caller);
    }
    close(server);
}

#if WATCH_IS_EPOLL /* whose streams show their descriptor */
/* Its port is chosen with the whole of the connection in view: one port may serve many of them. */
Test(dial, from_a_source_shares_ports_between_targets)
{
    const struct ip source = ip_of("127.0.0.2");
    const struct dial_options options = {.timeout_ms = 1000, .sources = &source, .sources_count = 1};
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int server = server_on(&address, 4), on = 0;
    socklen_t len = sizeof(on);

    dial_start(caller.loop, &address, 1, &options, &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.connected, 1);
    cr_assert_eq(
        getsockopt(caller.stream->ops->raw_fd(caller.stream), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, &len),
        0);
    cr_assert_eq(on, 1);
    close(server);
    caller_fini(&caller);
}
#endif

Test(dial, from_a_source_that_is_not_ours_fails)
{
    const struct ip source = ip_of("192.0.2.1");
    const struct dial_options options = {.timeout_ms = 1000, .sources = &source, .sources_count = 1};
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int server = server_on(&address, 4);

    dial_start(caller.loop, &address, 1, &options, &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.failed, 1);
    cr_assert_eq(caller.fault, FAULT_BACK_UNREACHABLE);
    cr_assert_eq(caller.error, EADDRNOTAVAIL);
    close(server);
    caller_fini(&caller);
}

Test(dial, banner_and_end_that_came_with_the_connection_are_not_lost)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    struct party party;
    int server = server_on(&address, 4), accepted;

    dial_start(caller.loop, &address, 1, dial_with(1000, false), &EVENTS, &caller);
    accepted = accept(server, NULL, NULL);
    cr_assert_eq(send(accepted, "220 hello", 9, 0), 9);
    close(accepted);
    caller_waits(&caller);
    party_own(&party, TAKE(caller.stream));
    stream_want(party.stream, true);
    RUN_UNTIL(caller.loop, party.eofs);
    cr_assert(slice_eq(text_slice(&party.got), SLICE("220 hello")));
    party_fini(&party);
    close(server);
    caller_fini(&caller);
}

Test(dial, refused)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int server = server_on(&address, -1);

    dial_start(caller.loop, &address, 1, dial_with(1000, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.failed, 1);
    cr_assert_eq(caller.fault, FAULT_BACK_REFUSED);
    cr_assert_eq(caller.error, ECONNREFUSED);
    cr_assert(address_eq(&caller.address, &address));
    close(server);
    caller_fini(&caller);
}

Test(dial, what_we_lack_ourselves_is_not_blamed_on_the_backend)
{
    static const struct {
        int stream_error, datagram_error;
        enum fault fault;
    } cases[] = {
        {EADDRNOTAVAIL, 0, FAULT_BACK_NO_LOCAL_PORT},
        {EADDRNOTAVAIL, EADDRNOTAVAIL, FAULT_BACK_UNREACHABLE}, /* no address of that family here */
        {EADDRINUSE, 0, FAULT_BACK_NO_LOCAL_PORT},
        {EMFILE, 0, FAULT_OVERLOADED},
        {ENETUNREACH, 0, FAULT_BACK_UNREACHABLE},
    };
    const uint64_t counted = dial_count_no_local_port();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller caller = {.loop = test_loop()};
        struct address address;
        int server = server_on(&address, 4);

        stream_error = cases[i].stream_error;
        datagram_error = cases[i].datagram_error;
        dial_start(caller.loop, &address, 1, dial_with(1000, true), &EVENTS, &caller);
        caller_waits(&caller);
        cr_expect_eq(caller.fault, cases[i].fault, "row %zu: %s", i, fault_row(caller.fault)->token);
        cr_expect_eq(caller.error, cases[i].stream_error);
        close(server);
        caller_fini(&caller);
    }
    cr_expect_eq(dial_count_no_local_port() - counted, 2);
}

Test(dial, unix_socket_connects_and_a_missing_one_is_refused)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    struct sockaddr_storage at;
    socklen_t len;
    char path[64];
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(path, sizeof(path), "@portico-test-%d", (int)getpid());
    cr_assert_eq(address_from_path(slice_str(path), &address), 0);
    len = address_to_sockaddr(&address, &at);
    cr_assert_eq(bind(server, (struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(server, 1), 0);
    dial_start(caller.loop, &address, 1, dial_with(1000, false), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.connected, 1);
    close(server);
    caller_fini(&caller);

    caller = (struct caller){.loop = test_loop()};
    cr_assert_eq(address_from_path(SLICE("/nowhere/at/all.sock"), &address), 0);
    dial_start(caller.loop, &address, 1, dial_with(1000, false), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.fault, FAULT_BACK_REFUSED);
    cr_assert_eq(caller.error, ENOENT);
    caller_fini(&caller);
}

Test(dial, silence_ends_at_the_timeout)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int crowd[CROWD + 1];
    uint64_t start_us = loop_now_us();

    black_hole(&address, crowd);
    dial_start(caller.loop, &address, 1, dial_with(80, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.fault, FAULT_BACK_CONNECT_TIMEOUT);
    cr_assert_eq(caller.error, ETIMEDOUT);
    cr_assert_geq(loop_now_us() - start_us, 75U * 1000);
    close_all(crowd, ARRAY_LEN(crowd));
    caller_fini(&caller);
}

Test(dial, second_address_joins_after_a_delay_and_wins)
{
    struct caller caller = {.loop = test_loop()};
    struct address addresses[2];
    int crowd[CROWD + 1], server;
    uint64_t start_us = loop_now_us();

    black_hole(&addresses[0], crowd);
    server = server_on(&addresses[1], 4);
    dial_start(caller.loop, addresses, 2, dial_with(5000, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.connected, 1);
    cr_assert(address_eq(caller.stream->peer, &addresses[1]));
    cr_assert_geq(loop_now_us() - start_us, 240U * 1000);
    close(server);
    close_all(crowd, ARRAY_LEN(crowd));
    caller_fini(&caller);
}

/* @return milliseconds until the second of two addresses was connected to; the first one refuses */
static uint64_t ms_behind_a_refusal(void)
{
    struct caller caller = {.loop = test_loop()};
    struct address addresses[2];
    int refusing = server_on(&addresses[0], -1), server = server_on(&addresses[1], 4);
    uint64_t start_us = loop_now_us(), took_us;

    dial_start(caller.loop, addresses, 2, dial_with(5000, true), &EVENTS, &caller);
    caller_waits(&caller);
    took_us = loop_now_us() - start_us;
    cr_assert(address_eq(caller.stream->peer, &addresses[1]));
    close(refusing);
    close(server);
    caller_fini(&caller);
    return took_us / 1000;
}

Test(dial, refusal_starts_the_next_address_at_once)
{
    enum { AT_ONCE_MS = 240, TRIES = 5 }; /* less than an address has for itself; the machine may be busy */
    bool was_at_once = false;

    for (int i = 0; i < TRIES && !was_at_once; i++)
        was_at_once = ms_behind_a_refusal() < AT_ONCE_MS;
    cr_assert(was_at_once);
}

Test(dial, families_take_turns)
{
    struct caller caller = {.loop = test_loop()};
    struct address addresses[3];
    int first = server_on(&addresses[0], -1), last = server_on(&addresses[1], -1);

    /* 4a, 4b, 6 → tried as 4a, 6, 4b: the one that fails last is 4b */
    addresses[2] =
        address_from_ip((struct ip){.family = 6, .bytes = {[15] = 1}}, address_port(&addresses[0]));
    dial_start(caller.loop, addresses, 3, dial_with(5000, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.failed, 1);
    cr_assert(address_eq(&caller.address, &addresses[1]));
    close(first);
    close(last);
    caller_fini(&caller);
}

Test(dial, refusal_counts_more_than_no_way_to_the_other_family)
{
    struct caller caller = {.loop = test_loop()};
    struct address addresses[2];
    int refusing = server_on(&addresses[0], -1);

    addresses[1] = address_from_ip((struct ip){.family = 6, .bytes = {[15] = 1}}, 1);
    stream_error = ENETUNREACH;
    fails_from = 1;
    dial_start(caller.loop, addresses, 2, dial_with(5000, true), &EVENTS, &caller);
    caller_waits(&caller);
    cr_assert_eq(caller.fault, FAULT_BACK_REFUSED);
    cr_assert_eq(caller.error, ECONNREFUSED);
    cr_assert(address_eq(&caller.address, &addresses[0]));
    close(refusing);
    caller_fini(&caller);
}

Test(dial, cancelled_tells_nothing)
{
    struct caller caller = {.loop = test_loop()};
    struct address address;
    int server = server_on(&address, 4);

    dial_cancel(dial_start(caller.loop, &address, 1, dial_with(10, true), &EVENTS, &caller));
    settle(caller.loop);
    cr_assert_eq(caller.connected + caller.failed, 0);
    close(server);
    caller_fini(&caller);
}
