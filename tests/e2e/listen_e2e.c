/* Listeners that change while clients connect all the time: nobody is refused, nobody is reset. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/caller.h"
#include "e2e/portico.h"
#include "e2e/server.h"

SUITE(listen);

enum { CROWD = 12, RELOADS = 50 };

/* How soon after the beginning of its connection a request must be sent to be answered for certain: a little less than the time
 * in which a listener goes, of those that leave, and of the last ones. */
enum { ASKED_FOR_A_RELOAD_MS = 1500, ASKED_FOR_A_STOP_MS = 80 };

/** Threads that connect, ask once and close, again and again. */
struct crowd {
    int port, promised_ms;
    atomic_bool stops;
    atomic_int answered, refused, reset, other;
    atomic_int late; /* failed, and had asked later than that */
    pthread_t threads[CROWD];
    atomic_int born;
};

/* Some ask at once, others after the time in which a listener may go. */
static const int DELAYS_MS[] = {0, 0, 0, 20, 20, 60};

/** @param asked_ms  when the request was sent */
static bool ask_at(int fd, int delay_ms, int64_t *asked_ms)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    char answer[4096];
    size_t length = 0;
    ssize_t got;

    if (delay_ms)
        poll(NULL, 0, delay_ms);
    got = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    *asked_ms = now_ms();
    if (got < 0)
        return false;
    while ((got = recv(fd, answer + length, sizeof answer - length, 0)) > 0)
        length += (size_t)got;
    return got == 0 && length > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void *come_and_go(void *argument)
{
    struct crowd *crowd = argument;
    const int delay_ms = DELAYS_MS[atomic_fetch_add(&crowd->born, 1) % 6];
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)crowd->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    while (!crowd->stops) {
        const int64_t began_ms = now_ms();
        int64_t asked_ms = began_ms;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        errno = 0;
        if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 && ask_at(fd, delay_ms, &asked_ms))
            crowd->answered++;
        else if (errno == ECONNREFUSED)
            crowd->refused++;
        else if (asked_ms - began_ms > crowd->promised_ms)
            crowd->late++;
        else if (errno == ECONNRESET || errno == EPIPE)
            crowd->reset++;
        else
            crowd->other++;
        close(fd);
        poll(NULL, 0, 1); /* the machine has other things to do */
    }
    return NULL;
}

static void crowd_start(struct crowd *crowd, int port, int promised_ms)
{
    *crowd = (struct crowd){.port = port, .promised_ms = promised_ms};
    for (int i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&crowd->threads[i], NULL, come_and_go, crowd), 0);
}

static void crowd_stop(struct crowd *crowd)
{
    crowd->stops = true;
    for (int i = 0; i < CROWD; i++)
        pthread_join(crowd->threads[i], NULL);
}

/* Always with 127.0.0.1 in it. */
static const char *const BINDS[] = {"0.0.0.0", "127.0.0.1", "127.0.0.1, 127.0.0.2", "127.0.0.2, 0.0.0.0"};

static const char *yaml(struct backend *backend, int port, int version)
{
    return scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 2\nlog: {access: off}\nstate: %s\n"
                      "listen: {%d: {bind: [%s]}}\n",
                      port, backend->port, scene_path("state"), port, BINDS[version % 4]);
}

Test(listen, addresses_change_fifty_times_and_nobody_is_refused_or_reset)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("%s", yaml(backend, port, 1));
    struct crowd crowd;

    crowd_start(&crowd, port, ASKED_FOR_A_RELOAD_MS);
    for (int i = 2; i < RELOADS + 2; i++) {
        scene_file("portico.yaml", "%s", yaml(backend, port, i));
        process_signal(portico, SIGHUP);
        cr_assert(portico_logs(portico, scene_text(" reloaded version=%d ", i)), "%s",
                  transcript_copy(&portico->err));
        poll(NULL, 0, 20); /* some connect in between, and some across */
    }
    crowd_stop(&crowd);
    cr_expect_eq(crowd.refused, 0, "%d of %d refused", crowd.refused, crowd.answered);
    cr_expect_eq(crowd.reset, 0, "%d of %d reset", crowd.reset, crowd.answered);
    cr_expect_eq(crowd.other, 0, "%d of %d failed otherwise", crowd.other, crowd.answered);
    cr_expect_gt(crowd.answered, 10 * RELOADS);
    cr_expect_eq(portico_stop(portico), 0);
}

/* Who connected and asked at once is answered; who comes later is refused. */
Test(listen, a_stop_resets_nobody_who_has_asked)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico;
    struct crowd crowd;

    for (int i = 0; i < 3; i++) {
        portico = portico_start("%s", yaml(backend, port, i));
        crowd_start(&crowd, port, ASKED_FOR_A_STOP_MS);
        cr_assert(WAIT_FOR(crowd.answered > 100, PATIENCE_MS));
        process_signal(portico, SIGTERM);
        cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
        crowd_stop(&crowd);
        cr_expect_eq(crowd.reset, 0, "%d of %d reset", crowd.reset, crowd.answered);
        cr_expect_eq(crowd.other, 0, "%d of %d failed otherwise", crowd.other, crowd.answered);
        cr_expect_gt(crowd.refused, 0);
    }
}

/* Whoever connects to a port and says nothing is held back by the kernel for a second. */
Test(listen, a_silent_connection_outlives_the_listener_that_it_came_to)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start("%s", yaml(backend, port, 1));
    struct wire *wires[8];

    for (int i = 0; i < 8; i++)
        wires[i] = wire_connect(port);
    scene_file("portico.yaml", "%s", yaml(backend, port, 0));
    process_signal(portico, SIGHUP);
    cr_assert(portico_logs(portico, " reloaded version=2 "), "%s", transcript_copy(&portico->err));
    for (int i = 0; i < 8; i++) {
        if (i % 2)
            poll(NULL, 0, 400);
        wire_send(wires[i], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        cr_expect_eq(answer_read(wires[i]).status, 200, "%d", i);
    }
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(listen, a_port_may_go_and_come_back_at_once)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), other = scene_port();
    const char *stays =
        scene_text("state: %s\nroutes: {\"http://b.test:%d\": %d", scene_path("state"), other, backend->port);
    const char *both = scene_text("%s, \"http://a.test:%d\": %d}\n", stays, port, backend->port);
    struct process *portico = portico_start("%s", both);

    for (int i = 0; i < 6; i++) {
        scene_file("portico.yaml", "%s%s", i % 2 ? both : stays, i % 2 ? "" : "}\n");
        process_signal(portico, SIGHUP);
        cr_assert(portico_logs(portico, scene_text(" reloaded version=%d ", i + 2)), "%s",
                  transcript_copy(&portico->err));
        cr_expect_eq(wire_can_connect(port), i % 2);
    }
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

/** Reloads one after the other, the last one of that version. @return how long it took since then */
static int64_t reload_all(struct process *portico, const char *stays, const char *const *ways, int count,
                          int *version, int64_t since_ms)
{
    for (int i = 0; i < count; i++) {
        scene_file("portico.yaml", "%s%s}\n", stays, ways[i]);
        process_signal(portico, SIGHUP);
        cr_assert(portico_logs(portico, scene_text(" reloaded version=%d ", ++*version)), "%s",
                  transcript_copy(&portico->err));
    }
    return now_ms() - since_ms;
}

/* It began with a route that is gone, as is the one of after that: the last one there was has it. Who takes it resets it,
 * so that the client needs no TLS of his. The kernel holds him back for a second only: where the reloads are not over by
 * then, all begins again. */
Test(listen, a_port_that_went_is_served_as_it_was_last)
{
    enum { TRIES = 5, HELD_MS = 900 };
    struct server *one = server_start("one", SERVER_RESETS_AT_ONCE);
    struct server *two = server_start("two", SERVER_RESETS_AT_ONCE);
    const int port = scene_port(), other = scene_port();
    const char *stays = scene_text("state: %s\nroutes: {\"http://b.test:%d\": %d", scene_path("state"), other,
                                   server_start("stays", SERVER_ANSWERS)->port);
    const char *const ways[] = {"", scene_text(", \"tls://a.test:%d\": %d", port, two->port), "",
                                scene_text(", \"tls://a.test:%d\": %d", port, one->port)};
    struct process *portico = portico_start("%s%s}\n", stays, ways[3]);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    struct caller caller = {.fd = -1};
    int version = 1, tries = 0;
    int64_t took_ms;

    do {
        const int64_t began_ms = now_ms();

        cr_assert(caller_connect(&caller, port));
        took_ms = reload_all(portico, stays, ways, 3, &version, began_ms);
        if (took_ms < HELD_MS)
            break;
        caller_hang_up(&caller);
        reload_all(portico, stays, &ways[3], 1, &version, began_ms);
    } while (++tries < TRIES);
    cr_assert_lt(took_ms, HELD_MS, "three reloads took %d ms, again and again", (int)took_ms);
    cr_expect_not(caller_secure(&caller, tls, "a.test", NULL));
    cr_expect_eq(one->counts->connections, 0);
    cr_expect_gt(two->counts->connections, 0);
    caller_hang_up(&caller);
    SSL_CTX_free(tls);
    cr_expect_eq(portico_stop(portico), 0);
}
