/* Sockets that the process before us hands over, and as many workers as it may please. */
#include "proxy/listen_set.h"

#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/inherited.h"
#include "net/listener.h"
#include "proxy/snapshot.h"

struct rig {
    struct inherited inherited;
    struct snapshot snapshot;
    struct listen listen;
    struct listen_set *set;
    unsigned sockets;
};

static const struct ip LOOPBACK = {.family = 4, .bytes = {127, 0, 0, 1}};

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
    return cookie;
}

static int defers(int fd)
{
    int seconds = -1;
    socklen_t len = sizeof(seconds);

    cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &len), 0);
    return seconds;
}

/* Below those that the kernel gives to connections: one of these would speak against all addresses. */
static uint16_t free_port(void)
{
    enum { FIRST = 10240, LAST = 32700 };
    unsigned port = FIRST + (unsigned)getpid() * 37 % (LAST - FIRST);
    struct address any;

    do {
        port = port < LAST ? port + 1 : FIRST;
        any = address_from_ip((struct ip){.family = 4}, (uint16_t)port);
    } while (listener_try(&any) != 0);
    return (uint16_t)port;
}

static void hand_over(struct rig *rig, unsigned count)
{
    struct address address = address_from_ip(LOOPBACK, free_port());
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);

    *rig = (struct rig){.sockets = count};
    for (unsigned i = 0; i < count; i++) {
        int fd = listener_open(&address, false);

        cr_assert_geq(fd, 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
        address = address_from_sockaddr(&at);
        inherited_add(&rig->inherited, fd, true);
    }
    rig->listen = (struct listen){.address = address, .waits_for_client = true};
    rig->snapshot.listens = &rig->listen;
    rig->snapshot.listens_count = 1;
}

static void rig_fini(struct rig *rig)
{
    listen_set_close(rig->set, NULL);
    inherited_fini(&rig->inherited);
}

static unsigned places_of(const struct listen_set *set, uint64_t cookie)
{
    unsigned count = 0;

    for (size_t i = 0; i < set->count; i++) {
        cr_expect_geq(set->entries[i].fds[0], 0, "the first has one");
        for (unsigned k = 0; k < set->workers; k++)
            count += set->entries[i].fds[k] >= 0 && cookie_of(set->entries[i].fds[k]) == cookie;
    }
    return count;
}

static unsigned has(const struct listen_set *set, unsigned worker)
{
    unsigned count = 0;

    for (size_t i = 0; i < set->count; i++)
        count += set->entries[i].fds[worker] >= 0;
    return count;
}

static void expect_shared_out(unsigned sockets, unsigned workers)
{
    uint64_t cookies[8];
    struct error error = {0};
    struct rig rig;

    hand_over(&rig, sockets);
    for (unsigned i = 0; i < sockets; i++)
        cookies[i] = rig.inherited.sockets[i].cookie;
    cr_assert_eq(listen_set_open(NULL, NULL, &rig.inherited, &rig.snapshot, workers, &rig.set, &error), 0,
                 "%s", error.text);
    for (unsigned i = 0; i < sockets; i++)
        cr_expect_geq(places_of(rig.set, cookies[i]), 1, "%u of %u for %u", i, sockets, workers);
    for (unsigned i = 0; i < workers; i++)
        cr_expect_geq(has(rig.set, i), 1, "worker %u of %u, for %u", i, workers, sockets);
    rig_fini(&rig);
}

Test(listen_set, every_socket_has_a_worker_and_every_worker_a_socket)
{
    for (unsigned sockets = 1; sockets <= 8; sockets++) {
        for (unsigned workers = 1; workers <= 8; workers++)
            expect_shared_out(sockets, workers);
    }
}

Test(listen_set, as_many_sockets_as_workers_are_one_each)
{
    struct error error;
    struct rig rig;

    hand_over(&rig, 3);
    cr_assert_eq(listen_set_open(NULL, NULL, &rig.inherited, &rig.snapshot, 3, &rig.set, &error), 0);
    cr_expect_eq(rig.set->count, 1);
    for (unsigned i = 0; i < 3; i++)
        cr_expect_eq(places_of(rig.set, cookie_of(rig.set->entries[0].fds[i])), 1);
    rig_fini(&rig);
}

Test(listen_set, a_reload_keeps_all_of_them)
{
    struct listen_set *after;
    struct error error;
    struct rig rig;

    hand_over(&rig, 5);
    cr_assert_eq(listen_set_open(NULL, NULL, &rig.inherited, &rig.snapshot, 2, &rig.set, &error), 0);
    cr_assert_eq(listen_set_open(rig.set, NULL, NULL, &rig.snapshot, 2, &after, &error), 0);
    cr_expect_eq(after->count, rig.set->count);
    for (size_t i = 0; i < after->count; i++)
        cr_expect_arr_eq(after->entries[i].fds, rig.set->entries[i].fds, 2 * sizeof(int));
    listen_set_close(rig.set, after);
    rig.set = after;
    rig_fini(&rig);
}

/* Where the port moves to another address, the old one's socket does not speak against it. */
Test(listen_set, a_port_of_ours_may_be_opened_at_another_address)
{
    struct error error = {0};
    struct rig rig;

    hand_over(&rig, 1);
    rig.listen.address = address_from_ip((struct ip){.family = 4}, address_port(&rig.listen.address));
    cr_expect_eq(listen_set_open(NULL, NULL, &rig.inherited, &rig.snapshot, 1, &rig.set, &error), 0, "%s",
                 error.text);
    rig_fini(&rig);
}

Test(listen_set, another_process_s_settings_are_undone)
{
    struct error error;
    struct rig rig;

    hand_over(&rig, 1);
    cr_assert_eq(listen_set_open(NULL, NULL, &rig.inherited, &rig.snapshot, 2, &rig.set, &error), 0);
    cr_expect_gt(defers(rig.set->entries[0].fds[0]), 0);
    listener_set_waits(rig.set->entries[0].fds[1], false);
    cr_expect_eq(defers(rig.set->entries[0].fds[0]), 0, "it is the same socket");
    listen_set_restore(rig.set);
    cr_expect_gt(defers(rig.set->entries[0].fds[0]), 0);
    rig_fini(&rig);
}
