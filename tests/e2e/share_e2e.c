/* limits.connections_per_client: a client's share, over all workers. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/portico.h"

SUITE(share);

enum { SHARE = 5 };

/** From another address of this machine: another client. */
static struct wire *connect_from(const char *address, int port)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons((uint16_t)port);
    cr_assert_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return wire_of(fd);
}

static int ask_on(struct wire *wire)
{
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    return answer_read(wire).status;
}

static int ask_from(const char *address, int port)
{
    struct wire *wire = connect_from(address, port);
    int status = ask_on(wire);

    wire_close(wire);
    return status;
}

Test(share, one_connection_more_is_503_and_others_are_served)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico =
        portico_start("routes: {\"http://:%d\": %d}\nlimits: {connections_per_client: %d}\nworkers: 2\n",
                      port, backend->port, SHARE);
    struct wire *held[SHARE], *surplus;
    struct answer answer;

    for (int i = 0; i < SHARE; i++) {
        held[i] = connect_from("127.0.0.2", port);
        cr_assert_eq(ask_on(held[i]), 200);
    }
    for (int i = 0; i < 20; i++) { /* whichever worker it reaches */
        surplus = connect_from("127.0.0.2", port);
        wire_send(surplus, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); /* accepting waits for it */
        answer = answer_read(surplus);
        cr_expect_eq(answer.status, 503, "connection %d", SHARE + 1 + i);
        cr_expect_eq(strlen(field_of(answer.head, "X-Portico-Error")), 16);
        cr_expect(wire_sees_end(surplus));
        wire_close(surplus);
    }
    cr_expect_eq(ask_from("127.0.0.3", port), 200, "another client has a share of its own");
    cr_expect(portico_logs(portico, "reason=too_many_connections"));
    cr_expect_eq(ask_on(held[0]), 200, "those that stand go on");
    wire_close(held[0]);
    cr_expect(WAIT_FOR(ask_from("127.0.0.2", port) == 200, PATIENCE_MS), "a place was free again");
    for (int i = 1; i < SHARE; i++)
        wire_close(held[i]);
    for (int i = 0; i < 50; i++)
        cr_assert(WAIT_FOR(ask_from("127.0.0.2", port) == 200, PATIENCE_MS), "round %d", i);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(share, where_more_than_http_is_spoken_one_more_is_closed)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *first, *second;

    portico_start(
        "routes: {\"http://:%1$d\": %2$d, \"ssh://:%1$d\": %2$d}\nlimits: {connections_per_client: 1}\n",
        port, backend->port);
    first = wire_connect(port);
    cr_assert_eq(ask_on(first), 200);
    second = wire_connect(port);
    cr_expect(wire_sees_end(second));
    cr_expect_eq(ask_on(first), 200);
}

/* What was sent is unread then, and whoever keeps the connection must not keep a descriptor of ours. */
Test(share, who_is_closed_holds_nothing)
{
    enum { SURPLUS = 60 };
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), before;
    struct process *portico =
        portico_start("routes: {\"http://:%1$d\": %2$d, \"tls://a.test:%1$d\": %2$d}\nworkers: 1\n"
                      "limits: {connections_per_client: 1}\n",
                      port, backend->port);
    struct wire *first = wire_connect(port);

    cr_assert_eq(ask_on(first), 200);
    before = fd_count(portico->pid);
    for (int i = 0; i < SURPLUS; i++) {
        struct wire *surplus = wire_connect(port);

        wire_send(surplus, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        wire_read_all(surplus);
    }
    cr_expect_lt(fd_count(portico->pid), before + SURPLUS / 4);
    cr_expect_eq(ask_on(first), 200);
}

Test(share, a_trusted_proxy_speaks_for_many)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *held[4];

    portico_start(
        "routes: {\"http://:%d\": %d}\ntrusted_proxies: [127.0.0.2]\nlimits: {connections_per_client: 1}\n",
        port, backend->port);
    for (int i = 0; i < 4; i++) {
        held[i] = connect_from("127.0.0.2", port);
        cr_expect_eq(ask_on(held[i]), 200);
    }
    cr_expect_eq(ask_from("127.0.0.3", port), 200);
}

Test(share, tunnels_count_until_they_end)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct wire *first, *second;

    portico_start("routes: {\"tcp://:%d\": %d}\nlimits: {connections_per_client: 1}\n", port, backend->port);
    first = wire_connect(port);
    cr_assert_eq(ask_on(first), 200);
    second = wire_connect(port);
    cr_expect(wire_sees_end(second));
    wire_close(first);
    cr_expect(WAIT_FOR(ask_on(second = wire_connect(port)) == 200, PATIENCE_MS));
}
