/* What systemd does for a service, played by the test: the notify socket, the watchdog, sockets that are opened before. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "e2e/upgrades.h"

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
        "STATUS=draining: requests left: 1, tunnels: 0, for at most 7 s|",
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
    cr_expect(hears(ear, "requests left: 1"));
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

Test(systemd, upgrade_names_the_new_main_process_which_then_speaks)
{
    struct backend *backend = backend_playing(play_half);
    struct ear *ear = ear_open(scene_path("notify"));
    int port = scene_port();
    struct process *portico = upgrades_start_by(
        scene_text("NOTIFY_SOCKET=%s WATCHDOG_USEC=100000 WATCHDOG_PID=$$ exec", scene_path("notify")),
        "routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    struct wire *wire = wire_connect(port);
    const char *heard;
    pid_t pid;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "half"));
    pid = upgrade_do();
    cr_assert(hears(ear, scene_text("MAINPID=%d|", (int)pid)));
    cr_expect(WAIT_FOR(count_of(ear, "READY=1|STATUS=serving version 1") == 2, PATIENCE_MS));
    heard = strstr(transcript_copy(&ear->heard), "MAINPID=");
    cr_expect_not_null(strstr(heard, "READY=1"), "it is ready once it may speak: %s",
                       transcript_copy(&ear->heard));
    cr_expect(WAIT_FOR(count_of(ear, "WATCHDOG=1|") >= 15, PATIENCE_MS), "and alive");
    backend->sent = 1;
    cr_expect_eq(exit_code_of(portico), 0);
    cr_expect_eq(count_of(ear, "STOPPING=1"), 0, "the service does not stop");
    upgrade_end(pid);
    cr_expect(hears(ear, "STOPPING=1"));
}

/* ---- sockets that were opened before ---- */

enum { SHARES_PORT = 1, BOTH_FAMILIES = 2 };

static int socket_at(const char *ip, int port, int how)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const int on = 1, only = !(how & BOTH_FAMILIES);
    const bool is_v6 = inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1;
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, ip, &v4.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (how & SHARES_PORT)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (is_v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    cr_assert_eq(
        is_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6) : bind(fd, (struct sockaddr *)&v4, sizeof v4), 0);
    cr_assert_eq(listen(fd, 64), 0);
    return fd;
}

static const char *link_of(const char *path)
{
    char target[PATH_MAX];
    const ssize_t length = readlink(path, target, sizeof target);

    return scene_text("%.*s", length < 0 ? 0 : (int)length, target);
}

/** How many descriptors of the process are that socket of ours. */
static int holds(struct process *process, int fd)
{
    const char *ours = link_of(scene_text("/proc/self/fd/%d", fd));
    DIR *files = opendir(scene_text("/proc/%d/fd", (int)process->pid));
    struct dirent *file;
    int count = 0;

    cr_assert_not_null(files);
    while ((file = readdir(files)))
        count += strcmp(link_of(scene_text("/proc/%d/fd/%s", (int)process->pid, file->d_name)), ours) == 0;
    closedir(files);
    return count;
}

static const char *one_address(int port, const struct backend *backend)
{
    return scene_text(
        "routes: {\"http://a.test:%d\": %d}\nlisten: {%d: {bind: [127.0.0.1]}}\nworkers: 2\nstate: %s\n",
        port, backend->port, port, scene_path("state"));
}

static struct process *start_with(const int *fds, int count, const char *more, const char *yaml)
{
    process_gives(fds, count);
    return portico_start_by(scene_text("LISTEN_PID=$$ LISTEN_FDS=%d %s", count, more), "%s", yaml);
}

static void serves_many(int port)
{
    for (int i = 0; i < 20; i++)
        assert_honest(port, "a.test", "ok");
}

Test(systemd, socket_without_reuseport_is_shared_and_outlives_us)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), fd = socket_at("127.0.0.1", port, 0);
    struct process *portico = start_with(&fd, 1, "LISTEN_FDNAMES=web exec", one_address(port, backend));
    struct wire *between;

    cr_expect(portico_logs(portico, scene_text("name=\"web\" address=127.0.0.1:%d sockets=shared", port)));
    cr_expect_eq(holds(portico, fd), 2, "one a worker");
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);

    between = wire_connect(port);
    wire_send(between, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    portico = start_with(&fd, 1, "exec", one_address(port, backend));
    cr_expect_eq(answer_read(between).status, 200, "who came between two of us waits for the second");
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(systemd, socket_with_reuseport_is_one_workers_and_the_others_open_theirs)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), fd = socket_at("127.0.0.1", port, SHARES_PORT);
    struct process *portico = start_with(&fd, 1, "exec", one_address(port, backend));

    cr_expect(portico_logs(portico, "sockets=one_a_worker"));
    cr_expect_eq(holds(portico, fd), 1);
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect(wire_can_connect(port), "it still listens");
}

Test(systemd, several_sockets_of_one_address_are_all_served)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    int fds[3];
    struct process *portico;

    for (int i = 0; i < 3; i++)
        fds[i] = socket_at("127.0.0.1", port, SHARES_PORT);
    portico = start_with(fds, 3, "exec", one_address(port, backend));
    for (int i = 0; i < 3; i++)
        cr_expect_eq(holds(portico, fds[i]), 2);
    serves_many(port);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"));
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
}

static int holds_as(pid_t pid, int fd)
{
    return holds(&(struct process){.pid = pid}, fd);
}

static void upgrades_keep(int how, int in_the_first)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), more = scene_port();
    int fds[2] = {socket_at("127.0.0.1", port, how), socket_at("127.0.0.1", more, 0)};
    const char *one =
        scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 2\nlisten: {%d: {bind: [127.0.0.1]}}\n",
                   port, backend->port, port);
    struct process *portico;
    struct strangers *strangers;
    pid_t pid = 0;

    upgrades_program();
    process_gives(fds, 2);
    portico = upgrades_start_by("LISTEN_PID=$$ LISTEN_FDS=2 exec", "%s", one);
    strangers = strangers_start(port);
    cr_expect_eq(holds(portico, fds[0]), in_the_first);
    for (int i = 0; i < 2; i++) {
        pid = upgrade_do();
        cr_expect_eq(holds_as(pid, fds[0]), 2);
        cr_expect_eq(holds_as(pid, fds[1]), 0);
        serves_many(port);
    }
    cr_expect_eq(exit_code_of(portico), 0);
    upgrades_write(
        "routes: {\"http://a.test:%d\": %d, \"http://a.test:%d\": %d}\nworkers: 2\nlisten: {%d: {bind: "
        "[127.0.0.1]}, %d: {bind: [127.0.0.1]}}\n",
        port, backend->port, more, backend->port, port, more);
    pid = upgrade_do();
    cr_expect_eq(holds_as(pid, fds[1]), 2, "one that was given up comes back");
    serves_many(more);
    strangers_stop(strangers);
    cr_expect_eq(strangers->lost, 0, "%d of %d", strangers->lost, strangers->served);
    upgrade_end(pid);
    cr_expect(wire_can_connect(port), "the sockets outlive us");
}

Test(systemd, upgrade_keeps_sockets_and_finds_again_what_was_given_up)
{
    upgrades_keep(0, 2);
}

Test(systemd, upgrade_keeps_sockets_beside_which_the_other_workers_have_theirs)
{
    upgrades_keep(SHARES_PORT, 1);
}

Test(systemd, socket_with_reuseport_of_another_user_is_shared)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), fd;
    struct process *portico;

    scene_needs_root();
    fd = socket_at("127.0.0.1", port, SHARES_PORT);
    sh("mkdir state && chown nobody state");
    portico = start_with(&fd, 1, "exec setpriv --reuid 65534 --regid 65534 --clear-groups",
                         one_address(port, backend));
    cr_expect(portico_logs(portico, "sockets=shared"));
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(systemd, sockets_that_no_route_names_are_closed_with_a_warning)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), other = scene_port();
    int fds[3] = {socket_at("127.0.0.1", other, 0), socket_at("127.0.0.1", port, 0), 0};
    struct process *portico;

    fds[2] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    portico = start_with(fds, 3, "LISTEN_FDNAMES=old:web:udp exec", one_address(port, backend));
    cr_expect(portico_logs(portico, "inherited_unused fd=5 name=\"udp\""), "%s",
              transcript_copy(&portico->err));
    cr_expect(
        portico_logs(portico, scene_text("inherited_unused fd=3 name=\"old\" address=127.0.0.1:%d", other)));
    cr_expect_eq(holds(portico, fds[0]) + holds(portico, fds[2]), 0);
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(systemd, reload_keeps_inherited_sockets_while_a_route_names_them)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), more = scene_port(), fd = socket_at("127.0.0.1", port, 0);
    const char *yaml = scene_text("%slog: {access: first.log}\n", one_address(port, backend));
    struct process *portico = start_with(&fd, 1, "exec", yaml);

    scene_file(
        "portico.yaml",
        "routes: {\"http://a.test:%d\": %d, \"http://a.test:%d\": %d}\nlisten: {%d: {bind: [127.0.0.1]}}\n"
        "workers: 2\nstate: %s\nlog: {access: \"${LISTEN_FDS:-unset}.log\"}\n",
        port, backend->port, more, backend->port, port, scene_path("state"));
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(holds(portico, fd), 2);
    cr_expect_eq(access("unset.log", F_OK), 0, "the variables are gone");
    serves_many(port);
    serves_many(more);
    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": %d}\nstate: %s\n", more, backend->port,
               scene_path("state"));
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=3"), "%s", transcript_copy(&portico->err));
    cr_expect(WAIT_FOR(holds(portico, fd) == 0, PATIENCE_MS));
    serves_many(more);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(systemd, socket_of_both_families_serves_both)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port(), fd = socket_at("::", port, BOTH_FAMILIES);
    struct process *portico = start_with(
        &fd, 1, "exec", scene_text("routes: {\"http://a.test:%d\": %d}\nworkers: 2\n", port, backend->port));
    struct wire *wire;

    serves_many(port);
    cr_expect(portico_access_logs(portico, "127.0.0.1 - - ["));
    cr_expect_null(strstr(transcript_copy(&portico->out), "ffff"), "not as a mapped address");
    wire = wire_connect_v6(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "version=2"), "%s", transcript_copy(&portico->err));
    cr_expect_eq(holds(portico, fd), 2);
    serves_many(port);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(systemd, socket_of_both_families_is_not_used_for_ipv6_alone)
{
    int port = scene_port(), fd = socket_at("::", port, BOTH_FAMILIES);
    struct run run;

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": 1}\nlisten: {%d: {bind: [\"::\"]}}\n", port,
               port);
    process_gives(&fd, 1);
    run = sh("LISTEN_PID=$$ LISTEN_FDS=1 exec %s run -c portico.yaml", portico_binary());
    cr_expect_eq(run.status, 4, "%d: %s", run.status, run.all);
    cr_expect_not_null(strstr(run.all, "BindIPv6Only=ipv6-only"), "%s", run.all);
    cr_expect_not_null(strstr(run.all, "is held by"), "%s", run.all);
}

Test(systemd, sockets_for_another_process_are_left_alone)
{
    int port = scene_port(), fd = socket_at("127.0.0.1", port, 0);
    struct run run;

    scene_file("portico.yaml", "routes: {\"http://a.test:%d\": 1}\nlisten: {%d: {bind: [127.0.0.1]}}\n", port,
               port);
    process_gives(&fd, 1);
    run = sh("LISTEN_PID=1 LISTEN_FDS=1 exec %s run -c portico.yaml", portico_binary());
    cr_expect_eq(run.status, 4, "%d: %s", run.status, run.all);
    cr_expect_not_null(strstr(run.all, "is held by"), "%s", run.all);
}
