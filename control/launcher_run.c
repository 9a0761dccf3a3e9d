#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/launcher.h"
#include "control/launcher_parts.h"
#include "control/upgrade_message.h"
#include "net/port_holder.h"

/* One thread, and no way out but launcher_run(): this process is a copy of one that had just begun, and must not end as
 * that one would. */

enum { NO_PROGRAM = 127 };

/* What stops or reloads a Portico may be sent to all of its processes at once. */
static const int IGNORED[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};

struct keeper {
    struct launcher_start start;
    struct sigaction actions[ARRAY_LEN(IGNORED)]; /* of the start */
    sigset_t mask;                                /* likewise */
    int children;                                 /* signalfd: one of them has ended */
    pid_t child;                                  /* 0: none */
};

/* ---- the new process ---- */

static void set_number(const char *variable, long number)
{
    char text[32];

    snprintf(text, sizeof(text), "%ld", number);
    setenv(variable, text, 1);
}

static void be_as_at_the_start(const struct keeper *keeper)
{
    for (size_t i = 0; i < ARRAY_LEN(IGNORED); i++)
        sigaction(IGNORED[i], &keeper->actions[i], NULL);
    sigprocmask(SIG_SETMASK, &keeper->mask, NULL);
    if (keeper->start.sockets_count)
        set_number("LISTEN_PID", getpid());
    if (keeper->start.has_watchdog)
        set_number("WATCHDOG_PID", getpid());
}

static NORETURN void become_program(const struct keeper *keeper, int fd)
{
    struct upgrade_message failed = {.kind = UPGRADE_FAILED};
    struct error error;

    be_as_at_the_start(keeper);
    set_number(LAUNCHER_VARIABLE, fd);
    fcntl(fd, F_SETFD, 0);
    execv(keeper->start.program, keeper->start.argv);
    error_set(&error, "%s cannot be executed: %s", keeper->start.program, strerror(errno));
    failed.bytes = slice_str(error.text);
    (void)!upgrade_send(fd, &failed);
    _exit(NO_PROGRAM);
}

/* ---- orders and reports ---- */

static void report(const struct keeper *keeper, int kind, pid_t pid, int value)
{
    const struct launcher_report said = {.kind = kind, .pid = pid, .value = value};

    (void)!send(keeper->start.socket, &said, sizeof(said), MSG_NOSIGNAL);
}

static void reap(struct keeper *keeper, int options)
{
    int status;

    if (keeper->child == 0 || waitpid(keeper->child, &status, options) != keeper->child)
        return;
    report(keeper, LAUNCHER_ENDED, keeper->child, status);
    keeper->child = 0;
}

static void launch(struct keeper *keeper, int fd)
{
    pid_t pid;

    reap(keeper, WNOHANG);
    if (keeper->child) { /* never two at once, whatever the other side asks for */
        kill(keeper->child, SIGKILL);
        reap(keeper, 0);
    }
    pid = fork();
    if (pid == 0)
        become_program(keeper, fd);
    keeper->child = pid > 0 ? pid : 0;
    report(keeper, LAUNCHER_STARTED, keeper->child, pid > 0 ? 0 : errno);
}

/* Looking takes long on a busy machine, and orders wait behind it. */
static bool is_awaited(int fd)
{
    struct pollfd end = {fd, 0, 0};

    return poll(&end, 1, 0) == 0;
}

static void answer(const struct launcher_question *question, int fd)
{
    const sa_family_t family = question->address.family;
    struct port_holder holder = {0};

    if ((family != AF_INET && family != AF_INET6) || !is_awaited(fd))
        return;
    if (port_holder_find(&question->address, &holder))
        (void)!send(fd, &holder, sizeof(holder), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int descriptor_of(struct msghdr *packet)
{
    const struct cmsghdr *part = CMSG_FIRSTHDR(packet);
    int fd = -1;

    if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(part), sizeof(fd));
    return fd;
}

static void obey_order(struct keeper *keeper, const struct launcher_question *said, size_t len, int fd)
{
    if (said->order == LAUNCHER_LAUNCH && len == 1 && fd >= 0)
        launch(keeper, fd);
    else if (said->order == LAUNCHER_KILL && len == 1 && keeper->child)
        kill(keeper->child, SIGKILL);
    else if (said->order == LAUNCHER_WHO && len == sizeof(*said) && fd >= 0)
        answer(said, fd);
}

static void obey(struct keeper *keeper)
{
    struct launcher_question said = {0};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {&said, sizeof(said)};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = CMSG_LEN(sizeof(int))}; /* the kernel gives one and no more */
    const ssize_t got = recvmsg(keeper->start.socket, &packet, MSG_CMSG_CLOEXEC);
    int fd;

    if (got <= 0)
        _exit(0); /* nobody is there any more */
    fd = descriptor_of(&packet);
    if (!(packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        obey_order(keeper, &said, (size_t)got, fd);
    if (fd >= 0)
        close(fd);
}

/* ---- all of it ---- */

static void keep_little(struct keeper *keeper)
{
    const int place = FIRST_SOCKET + (int)keeper->start.sockets_count;

    if (keeper->start.socket != place) {
        dup2(keeper->start.socket, place);
        keeper->start.socket = place;
    }
    fcntl(place, F_SETFD, FD_CLOEXEC);
    close_range((unsigned)place + 1, ~0U, 0);
}

static void set_signals(struct keeper *keeper)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t ends;

    for (size_t i = 0; i < ARRAY_LEN(IGNORED); i++)
        sigaction(IGNORED[i], &ignore, &keeper->actions[i]);
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, &keeper->mask);
    keeper->children = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

NORETURN void launcher_run(struct launcher_start start)
{
    struct keeper keeper = {.start = start};
    struct signalfd_siginfo news;

    prctl(PR_SET_NAME, "portico-launch");
    keep_little(&keeper);
    set_signals(&keeper);
    for (;;) {
        struct pollfd ends[] = {{keeper.start.socket, POLLIN, 0}, {keeper.children, POLLIN, 0}};

        poll(ends, ARRAY_LEN(ends), -1);
        if (ends[1].revents && read(keeper.children, &news, sizeof(news)) > 0)
            reap(&keeper, WNOHANG);
        if (ends[0].revents)
            obey(&keeper);
    }
}
