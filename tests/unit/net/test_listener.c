#include "net/listener.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit/net/party.h"

enum { CLIENTS_MAX = 64 };

struct door {
    struct loop *loop;
    struct address address;
    int fd;
    struct listener *listener;
    struct stream *accepted[CLIENTS_MAX];
    size_t count;
    int clients[CLIENTS_MAX];
    size_t client_count;
    bool frees_listener, stops;
};

static void on_accepted(void *owner, struct stream *stream)
{
    struct door *door = owner;

    door->accepted[door->count++] = stream;
    if (door->frees_listener)
        listener_free(TAKE(door->listener), false);
    if (door->stops)
        loop_stop(door->loop);
}

static void door_init(struct door *door, bool waits_for_client)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    struct error error;

    *door = (struct door){.loop = test_loop()};
    door->address = address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, 0);
    door->fd = listener_open(&door->address, waits_for_client);
    cr_assert_geq(door->fd, 0);
    cr_assert_eq(getsockname(door->fd, (struct sockaddr *)&at, &len), 0);
    door->address = address_from_sockaddr(&at);
    door->listener = listener_new(door->loop, door->fd, waits_for_client, on_accepted, door, &error);
    cr_assert_not_null(door->listener);
}

static void door_fini(struct door *door)
{
    listener_free(door->listener, false);
    for (size_t i = 0; i < door->count; i++)
        stream_close(door->accepted[i]);
    for (size_t i = 0; i < door->client_count; i++)
        close(door->clients[i]);
    close(door->fd);
    loop_free(door->loop);
}

static int client_connects(struct door *door)
{
    struct sockaddr_storage at;
    socklen_t len = address_to_sockaddr(&door->address, &at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&at, len), 0);
    door->clients[door->client_count++] = fd;
    return fd;
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

Test(listener, accepted_streams_know_both_addresses_and_are_set_up)
{
    struct door door;
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    struct address client;
    int fd;

    door_init(&door, false);
    getsockname(client_connects(&door), (struct sockaddr *)&at, &len);
    client = address_from_sockaddr(&at);
    RUN_UNTIL(door.loop, door.count == 1);
    cr_assert(address_eq(door.accepted[0]->peer, &client));
    cr_assert(address_eq(door.accepted[0]->local, &door.address));
    fd = stream_raw_fd(door.accepted[0]);
    if (fd >= 0) {
        cr_assert_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        cr_assert_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    }
    door_fini(&door);
}

Test(listener, silent_clients_wait_in_the_kernel_where_the_client_speaks_first)
{
    struct door door;
    struct party party;
    int client;

    door_init(&door, true);
    client = client_connects(&door);
    settle(door.loop);
    cr_assert_eq(door.count, 0);
    cr_assert_eq(send(client, "GET /", 5, 0), 5);
    RUN_UNTIL(door.loop, door.count == 1);
    party_own(&party, door.accepted[--door.count]);
    stream_want(party.stream, true);
    RUN_UNTIL(door.loop, party.calls);
    cr_assert(slice_eq(text_slice(&party.got), SLICE("GET /")));
    party_fini(&party);
    door_fini(&door);
}

Test(listener, crowd_is_accepted_in_shares)
{
    struct door door;

    door_init(&door, false);
    for (unsigned i = 0; i < 40; i++)
        client_connects(&door);
    while (door.count < 40) {
        size_t before = door.count;

        run_a_little(door.loop);
        cr_assert_leq(door.count - before, 2 * 16);
    }
    door_fini(&door);
}

Test(listener, paused_accepts_nothing_until_resumed)
{
    struct door door;

    door_init(&door, false);
    listener_pause(door.listener);
    client_connects(&door);
    settle(door.loop);
    cr_assert_eq(door.count, 0);
    listener_resume(door.listener);
    RUN_UNTIL(door.loop, door.count == 1);
    door_fini(&door);
}

Test(listener, drain_accepts_what_waits_and_plain_free_does_not)
{
    for (int drain = 0; drain <= 1; drain++) {
        struct door door;

        door_init(&door, false);
        client_connects(&door);
        client_connects(&door);
        listener_free(TAKE(door.listener), drain);
        cr_assert_eq(door.count, drain ? 2 : 0);
        door_fini(&door);
    }
}

Test(listener, freed_inside_accepted)
{
    struct door door;

    door_init(&door, false);
    door.frees_listener = true;
    client_connects(&door);
    client_connects(&door);
    RUN_UNTIL(door.loop, door.count);
    settle(door.loop);
    cr_assert_eq(door.count, 1);
    door_fini(&door);
}

/* Leaves room for no further descriptor. @return the limit before */
static struct rlimit forbid_descriptors(void)
{
    struct rlimit before, now;
    int next = dup(0);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)next;
    close(next);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

Test(listener, without_descriptors_it_pauses_without_spinning_and_recovers)
{
    for (int is_resumed = 0; is_resumed <= 1; is_resumed++) {
        struct door door;
        struct rlimit before;
        unsigned turn;

        door_init(&door, false);
        settle(door.loop);
        client_connects(&door);
        before = forbid_descriptors();
        run_a_little(door.loop);
        settle(door.loop);
        cr_assert_eq(door.count, 0);
        setrlimit(RLIMIT_NOFILE, &before);
        if (is_resumed) {
            listener_resume(door.listener);
            settle(door.loop);
        } else {
            door.stops = true;
            turn = loop_turn(door.loop);
            loop_run(door.loop);
            cr_assert_lt(loop_turn(door.loop) - turn, 20);
        }
        cr_assert_eq(door.count, 1);
        door_fini(&door);
    }
}

Test(listener, deaf_takes_the_port_from_nobody)
{
    struct door door;

    door_init(&door, false);
    listener_deafen(door.fd);
    cr_expect_not(listener_is_taken(&door.address));
    door_fini(&door);
}

/* Explaining. */

Test(listener, names_who_holds_the_port)
{
    struct door door;
    struct error error = {0};
    char expected[64];

    door_init(&door, false);
    cr_assert(listener_is_taken(&door.address));
    cr_assert_eq(errno, EADDRINUSE);
    listener_explain(&door.address, EADDRINUSE, &error);
    snprintf(expected, sizeof(expected), "(pid %d): stop it, or give Portico another port", (int)getpid());
    cr_assert(strstr(error.text, expected), "%s", error.text);
    snprintf(expected, sizeof(expected), "port %u of 127.0.0.1 is held by ", address_port(&door.address));
    cr_assert(strstr(error.text, expected), "%s", error.text);
    listener_free(TAKE(door.listener), false);
    close(door.fd);
    door.fd = -1;
    cr_assert_not(listener_is_taken(&door.address));
    listener_explain(&door.address, EADDRINUSE, &error);
    cr_assert(strstr(error.text, "another process"), "%s", error.text);
    door_fini(&door);
}

/* A program gives itself its name, and the message goes to a terminal. */
Test(listener, a_holder_whose_name_is_not_to_be_printed_is_named_without)
{
    struct door door;
    struct error error = {0};

    door_init(&door, false);
    cr_assert_eq(prctl(PR_SET_NAME, "a\033[1m\nb\x7f"), 0);
    listener_explain(&door.address, EADDRINUSE, &error);
    cr_assert(strstr(error.text, " is held by a?[1m"), "%s", error.text);
    cr_assert_null(strpbrk(error.text, "\033\n\x7f"), "%s", error.text);
    door_fini(&door);
}

Test(listener, one_holder_of_all_addresses_is_found_for_one_of_them)
{
    struct door door;
    struct address any = address_from_ip((struct ip){.family = 4}, 0);
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    struct error error = {0};
    char expected[64];
    int fd = listener_open(&any, false);

    door_init(&door, false);
    cr_assert_geq(fd, 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    any = address_from_sockaddr(&at);
    address_set_port(&door.address, address_port(&any));
    listener_explain(&door.address, EADDRINUSE, &error);
    snprintf(expected, sizeof(expected), "(pid %d)", (int)getpid());
    cr_assert(strstr(error.text, expected), "%s", error.text);
    close(fd);
    door_fini(&door);
}

static const struct {
    const char *ip;
    int error;
    const char *says[2];
} EXPLAINED[] = {
    {"0.0.0.0", EACCES, {"port 80 needs a privilege this process lacks", "setcap cap_net_bind_service=+ep"}},
    {"::", EACCES, {"port 80 needs", "net.ipv4.ip_unprivileged_port_start=80"}},
    {"192.0.2.77", EADDRNOTAVAIL, {"port 80 of 192.0.2.77", "on no interface of this machine"}},
    {"::1", EAFNOSUPPORT, {"port 80 of ::1", "has no IPv6"}},
    {"127.0.0.1", EINVAL, {"port 80 of 127.0.0.1 cannot be opened", "Invalid argument"}},
};

Test(listener, explains_each_failure)
{
    for (size_t i = 0; i < ARRAY_LEN(EXPLAINED); i++) {
        struct error error = {0};
        struct address address;
        struct ip ip;

        cr_assert(ip_parse(slice_str(EXPLAINED[i].ip), &ip));
        address = address_from_ip(ip, 80);
        listener_explain(&address, EXPLAINED[i].error, &error);
        for (unsigned part = 0; part < 2; part++)
            cr_assert(strstr(error.text, EXPLAINED[i].says[part]), "%s", error.text);
    }
}

Test(listener, address_of_nobody_cannot_be_opened)
{
    struct ip ip;
    struct address address;

    cr_assert(ip_parse(SLICE("192.0.2.77"), &ip)); /* TEST-NET-1, RFC 5737 */
    address = address_from_ip(ip, 0);
    cr_assert_eq(listener_open(&address, false), -1);
    cr_assert_eq(errno, EADDRNOTAVAIL);
}
