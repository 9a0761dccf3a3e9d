/* Those who come in numbers and hold on: what each costs in memory stays within what is promised. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/slow.h"

SUITE(crowds);

enum {
    CROWD = 2000, /* so that what each leaves stands out of a process's few MiB */
    HEAD_LIMIT_KIB = 32,
    BUFFERS_KIB = 2 * 64, /* a direction each */
    SLACK_KIB = 4,
    PROMISE_KIB = HEAD_LIMIT_KIB + BUFFERS_KIB + SLACK_KIB,
    ANSWER_BYTES = 10 << 20,
};

/** Connected, not blocking, and with little room of its own. */
static int crowd_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NARROW_PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4 * KIB;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/** What each of a crowd says; as much of it as goes out while the crowd gathers. */
struct speech {
    struct bytes once;    /* first */
    struct bytes endless; /* then, again and again; empty: no more */
};

static size_t speak(int fd, const struct speech *speech, size_t said)
{
    for (;;) {
        const struct bytes part = said < speech->once.count ? speech->once : speech->endless;
        const size_t at = said < speech->once.count ? said
                          : part.count              ? (said - speech->once.count) % part.count
                                                    : 0;
        const ssize_t sent = part.count ? send(fd, part.bytes + at, part.count - at, MSG_NOSIGNAL) : 0;

        if (sent <= 0)
            return said;
        said += (size_t)sent;
    }
}

struct crowd {
    int fds[CROWD];
    size_t said[CROWD];
};

/** All have said what they can, and the memory stands still. */
static long crowd_gather(struct crowd *crowd, const struct speech *speech, pid_t portico)
{
    enum { STILL = 3, STILL_KIB = 256 };
    long last_kib = -1, now_kib;
    int still = 0;

    for (int i = 0; i < CROWD; i++) {
        crowd->fds[i] = crowd_connect();
        crowd->said[i] = speak(crowd->fds[i], speech, 0);
    }
    for (const int64_t end_ms = now_ms() + 2L * PATIENCE_MS; still < STILL && now_ms() < end_ms;
         last_kib = now_kib) {
        bool has_moved = false;

        for (int i = 0; i < CROWD; i++) {
            const size_t said = speak(crowd->fds[i], speech, crowd->said[i]);

            has_moved = has_moved || said != crowd->said[i];
            crowd->said[i] = said;
        }
        poll(NULL, 0, 200); /* what was sent is read meanwhile */
        now_kib = rss_kib(portico);
        still = has_moved || labs(now_kib - last_kib) > STILL_KIB ? 0 : still + 1;
    }
    return rss_kib(portico);
}

static void crowd_leave(struct crowd *crowd, pid_t portico)
{
    const struct linger now = {.l_onoff = 1};

    for (int i = 0; i < CROWD; i++) {
        struct pollfd ended = {.fd = crowd->fds[i], .events = POLLRDHUP};

        cr_assert_eq(poll(&ended, 1, 0), 0, "%d was sent away", i);
        setsockopt(crowd->fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(crowd->fds[i]);
    }
    cr_assert(WAIT_FOR(fd_count(portico) < 200, PATIENCE_MS), "%d descriptors stay", fd_count(portico));
}

/** A leak of 32 KiB each adds that to every round, and two to the last. Else a round differs from another by less, but by half
 * and more, as the kernel's buffers do. */
static bool has_leak(const long kib_each[3])
{
    return kib_each[2] - kib_each[0] > HEAD_LIMIT_KIB * 3 / 2;
}

/** One crowd after the other: none costs more than is promised, and what the first ones left is used again.
 * @param before_kib  of the Portico that no crowd has seen yet */
static void expect_crowds_within_promise(const char *name, const struct speech *speech, long before_kib,
                                         struct process *portico)
{
    enum { ROUNDS = 3 };
    static struct crowd crowd;
    long each_kib[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        each_kib[i] = (crowd_gather(&crowd, speech, portico->pid) - before_kib) / CROWD;
        cr_expect_geq(fd_count(portico->pid), CROWD, "%s: all are held", name);
        crowd_leave(&crowd, portico->pid);
        cr_expect_leq(each_kib[i], PROMISE_KIB, "%s: %ld KiB each", name, each_kib[i]);
    }
    cr_log_info("%s: KiB each of %d: %ld, %ld, %ld; %ld KiB before, %ld left\n", name, CROWD, each_kib[0],
                each_kib[1], each_kib[2], before_kib, rss_kib(portico->pid));
    cr_expect_not(has_leak(each_kib), "%s: %ld KiB each, then %ld, at last %ld", name, each_kib[0],
                  each_kib[1], each_kib[2]);
}

static struct process *crowd_portico(const char *routes)
{
    return portico_start("%slog: {access: off}\nlimits: {connections: 5000}\n"
                         "timeouts: {head: 60s, handshake: 60s, stall: 60s, answer: 60s, answer_idle: 60s}\n",
                         routes);
}

Test(crowds, many_heads_that_do_not_end_cost_what_is_promised, .timeout = 120)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: ";
    static char head[HEAD_LIMIT_KIB * KIB];
    struct backend *backend;
    struct process *portico;

    narrow_ground();
    scene_needs_plain_build();
    backend = backend_saying("ok");
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d}\n", NARROW_PORT, backend->port));
    memset(head, 'a', sizeof head);
    memcpy(head, begin, sizeof begin - 1);
    assert_honest(NARROW_PORT, "a.test", "ok");
    expect_crowds_within_promise("heads without end", &(struct speech){.once = {head, sizeof head - 1}},
                                 rss_kib(portico->pid), portico);
    assert_honest(NARROW_PORT, "a.test", "ok");
}

Test(crowds, many_hellos_that_do_not_end_cost_what_is_promised, .timeout = 120)
{
    static char padding[15 * KIB] = {0, 21, (15 * KIB - 4) >> 8, (char)((15 * KIB - 4) & 0xff)};
    struct backend *backend;
    struct certificate leaf;
    struct process *portico;
    struct bytes hello, in_bytes;
    long before_kib;

    narrow_ground();
    scene_needs_plain_build();
    backend = backend_saying("ok");
    leaf = leaf_for("DNS:a.test");
    portico =
        crowd_portico(scene_text("routes: {\"https://a.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n",
                                 NARROW_PORT, backend->port, leaf.cert, leaf.key));
    hello = hello_make((struct hello_terms){.extensions = {padding, sizeof padding}});
    in_bytes = hello_in_records((struct bytes){hello.bytes, 10000}, 1);
    cr_expect_str_eq(hello_try(NARROW_PORT, hello_for("a.test")), "served");
    before_kib = rss_kib(portico->pid);
    expect_crowds_within_promise(
        "hellos without end", &(struct speech){.once = {hello.bytes, hello.count - 1}}, before_kib, portico);
    expect_crowds_within_promise("hellos in records of a byte", &(struct speech){.once = in_bytes},
                                 before_kib, portico);
    cr_expect_str_eq(hello_try(NARROW_PORT, hello_for("a.test")), "served");
}

/** Takes every connection, reads what comes, and sends as much of a long answer as goes out. */
static void *pour_to_all(void *arg)
{
    static struct pollfd fds[2 * CROWD];
    static size_t sent[2 * CROWD];
    const char *head = scene_text("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", ANSWER_BYTES);
    const struct speech speech = {.once = bytes_of(head), .endless = {letters(64 * KIB), 64 * KIB}};
    size_t count = 1;
    char part[KIB];

    fds[0] = (struct pollfd){.fd = *(int *)arg, .events = POLLIN};
    while (poll(fds, count, -1) > 0) {
        for (int fd; fds[0].revents && count < COUNT(fds) &&
                     (fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            sent[count] = 0;
            fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
        for (size_t i = count; i-- > 1;) {
            if (!fds[i].revents)
                continue;
            if (fds[i].revents & POLLIN && recv(fds[i].fd, part, sizeof part, 0) > 0)
                fds[i].events |= POLLOUT;
            else if (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) {
                close(fds[i].fd);
                fds[i] = fds[--count];
                sent[i] = sent[count];
                continue;
            }
            if (fds[i].events & POLLOUT)
                sent[i] = speak(fds[i].fd, &speech, sent[i]);
        }
    }
    return NULL;
}

/** A listening socket of a backend that is none of backend.h's threads. */
static int crowd_listen(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), room = 4 * KIB;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); /* those that it takes have the same */
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fd, 2 * CROWD), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

Test(crowds, many_answers_that_nobody_takes_cost_what_is_promised, .timeout = 120)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    static int listener;
    struct backend *quick;
    struct process *portico;
    pthread_t pouring;
    int port;

    narrow_ground();
    scene_needs_plain_build();
    quick = backend_saying("ok");
    listener = crowd_listen(&port);
    cr_assert_eq(pthread_create(&pouring, NULL, pour_to_all, &listener), 0);
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n",
                                       NARROW_PORT, port, NARROW_PORT, quick->port));
    assert_honest(NARROW_PORT, "b.test", "ok");
    expect_crowds_within_promise("answers not taken", &(struct speech){.once = {request, sizeof request - 1}},
                                 rss_kib(portico->pid), portico);
    assert_honest(NARROW_PORT, "b.test", "ok");
}

Test(crowds, many_uploads_that_nobody_takes_cost_what_is_promised, .timeout = 120)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10485760\r\n\r\n";
    const struct bytes content = {letters(64 * KIB), 64 * KIB};
    struct backend *quick;
    struct process *portico;
    int port;

    narrow_ground();
    scene_needs_plain_build();
    quick = backend_saying("ok");
    crowd_listen(&port); /* the kernel takes connections, nobody reads */
    portico = crowd_portico(scene_text("routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n",
                                       NARROW_PORT, port, NARROW_PORT, quick->port));
    assert_honest(NARROW_PORT, "b.test", "ok");
    expect_crowds_within_promise("uploads not taken",
                                 &(struct speech){.once = {head, sizeof head - 1}, .endless = content},
                                 rss_kib(portico->pid), portico);
    assert_honest(NARROW_PORT, "b.test", "ok");
}
