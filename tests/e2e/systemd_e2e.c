/* What systemd does for a service, played by the test: the notify socket, the watchdog. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(systemd);

/* ---- the manager's ear ---- */

struct ear {
    int fd;
    struct transcript heard; /* a line a message, "|" for its newlines */
};

static void *listen_on(void *argument)
{
    struct ear *ear = argument;
    char message[4096];
    ssize_t got;

    while ((got = recv(ear->fd, message, sizeof message - 1, 0)) > 0) {
        for (char *at = message; at < message + got; at++)
            *at = *at == '\n' ? '|' : *at;
        message[got] = '\n';
        transcript_add(&ear->heard, message, (size_t)got + 1);
    }
    return NULL;
}

/** @param name  a path, or "@" and a name that is no file's */
static struct ear *ear_open(const char *name)
{
    struct ear *ear = scene_alloc(sizeof *ear);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    pthread_t thread;

    ear->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strncpy(at.sun_path, name, sizeof at.sun_path - 1);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    cr_assert_eq(bind(ear->fd, (struct sockaddr *)&at,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                 0);
    transcript_init(&ear->heard);
    cr_assert_eq(pthread_create(&thread, NULL, listen_on, ear), 0);
    pthread_detach(thread);
    return ear;
}

static bool hears(struct ear *ear, const char *text)
{
    return transcript_says(&ear->heard, text, PATIENCE_MS);
}

static int count_of(struct ear *ear, const char *text)
{
    int count = 0;

    for (char *at = transcript_copy(&ear->heard); (at = strstr(at, text)); at++)
        count++;
    return count;
}

/** They were all heard, one after the other. */
static void expect_order(struct ear *ear, const char *const *texts, size_t count)
{
    char *all = transcript_copy(&ear->heard), *at = all;

    for (size_t i = 0; i < count; i++) {
        at = strstr(at, texts[i]);
        cr_assert_not_null(at, "\"%s\" is missing, or not in its place:\n%s", texts[i], all);
        at++;
    }
}

static struct process *start_heard(const char *socket, const char *more, const char *yaml)
{
    return portico_start_by(scene_text("NOTIFY_SOCKET=%s %s exec", socket, more), "%s", yaml);
}

static uint64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void play_half(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    while (backend->sent == 0 && wire_is_silent(wire, 5)) {
    }
    wire_send(wire, "done");
    wire_read_all(wire);
}

Test(systemd, is_told_of_start_reloads_and_stop_in_order)
{
    static const char *const said[] = {
        "READY=1|STATUS=serving version 1 of portico.yaml: 1 routes|",
        "RELOADING=1|MONOTONIC_USEC=",
        "READY=1|STATUS=serving version 2 of portico.yaml: 1 routes|",
        "RELOADING=1|MONOTONIC_USEC=",
        "READY=1|STATUS=still serving version 2: the reload was refused: the configuration has errors|",
        "STOPPING=1|EXTEND_TIMEOUT_USEC=55000000|STATUS=draining: waiting for requests and tunnels to end, "
        "at most "
        "40 s|",
        "STATUS=draining: 1 of 2 workers still have connections|",
    };
    struct backend *backend = backend_playing(play_half);
    struct ear *ear = ear_open(scene_path("notify"));
    int port = scene_port();
    const char *yaml = scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 2\nstate: %s\n"
                                  "timeouts: {drain: 7s, drain_tunnels: 40s}\n",
                                  port, backend->port, scene_path("state"));
    uint64_t before_us = monotonic_us(), reload_us;
    struct process *portico = start_heard(scene_path("notify"), "", yaml);
    struct wire *wire = wire_connect(port);

    cr_assert(hears(ear, "version 1"));
    process_signal(portico, SIGHUP);
    cr_assert(hears(ear, "version 2 of"));
    scene_file("portico.yaml", "%swrokers: 1\n", yaml);
    process_signal(portico, SIGHUP);
    cr_assert(hears(ear, "still serving"));
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    process_signal(portico, SIGTERM);
    cr_expect(hears(ear, "1 of 2"));
    backend->sent = 1;
    cr_expect_not_null(wire_read_until(wire, "done"));
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
    expect_order(ear, said, sizeof said / sizeof *said);
    cr_expect_eq(count_of(ear, "READY=1"), 3);
    cr_expect_eq(count_of(ear, "WATCHDOG"), 0, "nobody asked for it");
    reload_us = strtoull(strstr(transcript_copy(&ear->heard), "MONOTONIC_USEC=") + strlen("MONOTONIC_USEC="),
                         NULL, 10);
    cr_expect(reload_us > before_us && reload_us < monotonic_us());
}

Test(systemd, hears_at_an_abstract_address_and_its_variables_go_no_further)
{
    const char *name = scene_text("@portico-e2e-%d", (int)getpid());
    struct ear *ear = ear_open(name);
    int port = scene_port();
    struct process *portico =
        start_heard(name, "WATCHDOG_USEC=60000000",
                    scene_text("routes: {\"http://a.test:%d\": 1}\nstate: %s\nlog: {access: "
                               "\"${NOTIFY_SOCKET:-no}-${WATCHDOG_USEC:-no}.log\"}\n",
                               port, scene_path("state")));

    cr_expect(hears(ear, "READY=1"));
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect(hears(ear, "STOPPING=1"));
    cr_expect_eq(access("no-no.log", F_OK), 0);
}

Test(systemd, watchdog_is_fed_while_serving_and_while_draining)
{
    struct backend *backend = backend_playing(play_half);
    struct ear *ear = ear_open(scene_path("notify"));
    int port = scene_port(), before;
    struct process *portico =
        start_heard(scene_path("notify"), "WATCHDOG_USEC=100000",
                    scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 2\nstate: %s\n", port,
                               backend->port, scene_path("state")));
    struct wire *wire = wire_connect(port);

    cr_expect(WAIT_FOR(count_of(ear, "WATCHDOG=1|") >= 5, PATIENCE_MS), "%s", transcript_copy(&ear->heard));
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    process_signal(portico, SIGTERM);
    cr_assert(hears(ear, "STOPPING=1"));
    before = count_of(ear, "WATCHDOG=1|");
    cr_expect(WAIT_FOR(count_of(ear, "WATCHDOG=1|") >= before + 5, PATIENCE_MS));
    backend->sent = 1;
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

Test(systemd, that_does_not_listen_keeps_nobody_from_serving)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = start_heard(
        scene_path("nobody"), "", scene_text("routes: {\"http://a.test:%d\": %d}\n", port, backend->port));

    cr_expect(portico_logs(portico, "notify_failed"));
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}
