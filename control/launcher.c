#include "control/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/launcher_parts.h"
#include "net/inherited.h"
#include "net/loop.h"
#include "net/port_holder.h"
#include "net/watch.h"

/* A reload waits for it, and with it whatever the main thread does. */
enum { ANSWER_MS = 1000 };

struct launcher {
    int fd;        /* -1: it is gone */
    pid_t pid;     /* the launcher's */
    pid_t child;   /* what it launched last; 0: not heard of yet, or ended */
    bool is_asked; /* by port_holder_find() */
    struct watch watch;
    const struct launcher_events *on;
    void *owner;
};

static void on_ready(struct watch *watch, unsigned events);
static bool find_holder(void *owner, const struct address *address, struct port_holder *out);

static bool is_own_pid(const char *variable)
{
    const char *value = getenv(variable);
    uint64_t pid;

    return value && slice_to_u64(slice_str(value), INT32_MAX, &pid) && pid == (uint64_t)getpid();
}

/* The numbers of sockets that are said to be inherited are theirs, even where they are missing. */
static int out_of_the_way(int fd, size_t sockets)
{
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SOCKET + (int)sockets);

    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

struct launcher *launcher_new(const char *program, char *const *argv, struct error *error)
{
    struct launcher_start start = {
        .program = program,
        .argv = argv,
        .sockets_count = inherited_count(),
        .has_watchdog = is_own_pid("WATCHDOG_PID"),
    };
    struct launcher *launcher;
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        error_set(error, "no pair of sockets: %s", strerror(errno));
        return NULL;
    }
    start.socket = pair[1];
    pid = fork();
    if (pid == 0)
        launcher_run(start);
    close(pair[1]);
    if (pid < 0) {
        error_set(error, "no process: %s", strerror(errno));
        close(pair[0]);
        return NULL;
    }
    launcher = mem_new(struct launcher);
    *launcher = (struct launcher){.fd = out_of_the_way(pair[0], start.sockets_count),
                                  .pid = pid,
                                  .watch = {.fd = -1, .on_ready = on_ready}};
    return launcher;
}

void launcher_close(struct launcher *launcher)
{
    if (launcher && launcher->watch.fd >= 0)
        watch_remove(&launcher->watch);
}

void launcher_free(struct launcher *launcher)
{
    if (!launcher)
        return;
    if (launcher->is_asked)
        port_holder_set_other(NULL, NULL);
    if (launcher->fd >= 0)
        close(launcher->fd);
    mem_free(launcher);
}

/* ---- what it says ---- */

static void hear(struct launcher *launcher, const struct launcher_report *report)
{
    if (report->kind == LAUNCHER_STARTED && report->value == 0) {
        launcher->child = report->pid;
    } else if (report->kind == LAUNCHER_STARTED) {
        launcher->on->ended(launcher->owner, -1);
    } else if (report->pid == launcher->child) { /* else of one that was given up before */
        launcher->child = 0;
        launcher->on->ended(launcher->owner, report->value);
    }
}

/* It was killed: nobody else does away with what is left of it. */
static void bury(struct launcher *launcher)
{
    watch_remove(&launcher->watch);
    close(launcher->fd);
    launcher->fd = -1;
    waitpid(launcher->pid, NULL, 0);
    launcher->on->gone(launcher->owner);
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct launcher *launcher = CONTAINER_OF(watch, struct launcher, watch);
    struct launcher_report report;

    for (;;) {
        const ssize_t got = recv(launcher->fd, &report, sizeof(report), MSG_DONTWAIT);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got != sizeof(report)) {
            bury(launcher);
            return;
        }
        hear(launcher, &report);
    }
    watch_wait(&launcher->watch, WATCH_READABLE);
}

int launcher_watch(struct launcher *launcher, struct loop *loop, const struct launcher_events *on,
                   void *owner, struct error *error)
{
    launcher->on = on;
    launcher->owner = owner;
    if (watch_add(loop, &launcher->watch, launcher->fd) < 0)
        return error_set(error, "the launcher cannot be watched: %s", strerror(errno));
    port_holder_set_other(find_holder, launcher);
    launcher->is_asked = true;
    return 0;
}

/* ---- what it is told ---- */

bool launcher_is_there(const struct launcher *launcher)
{
    return launcher && launcher->fd >= 0;
}

/* @param fd  that goes with it; -1: none */
static int give(const struct launcher *launcher, void *bytes, size_t len, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {bytes, len};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *rights = &control.align;

        packet.msg_control = control.bytes;
        packet.msg_controllen = sizeof(control.bytes);
        *rights = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    }
    return sendmsg(launcher->fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int give_order(const struct launcher *launcher, char order, int fd)
{
    return give(launcher, &order, sizeof(order), fd);
}

int launcher_launch(struct launcher *launcher, int fd, struct error *error)
{
    launcher->child = 0;
    if (give_order(launcher, LAUNCHER_LAUNCH, fd) < 0)
        return error_set(error, "the launcher cannot be told: %s", strerror(errno));
    return 0;
}

void launcher_kill(struct launcher *launcher)
{
    if (launcher_is_there(launcher))
        (void)!give_order(launcher, LAUNCHER_KILL, -1);
}

/* ---- what it is asked ---- */

static bool waits_for_answer(int fd)
{
    const uint64_t end_us = loop_now_us() + ANSWER_MS * 1000ULL;
    struct pollfd answer = {fd, POLLIN, 0};

    for (;;) {
        const uint64_t now_us = loop_now_us();
        const int rc = poll(&answer, 1, now_us < end_us ? (int)((end_us - now_us) / 1000) : 0);

        if (rc >= 0 || errno != EINTR)
            return rc > 0;
    }
}

static bool hear_holder(int fd, struct port_holder *out)
{
    struct port_holder holder;

    if (!waits_for_answer(fd) || recv(fd, &holder, sizeof(holder), MSG_DONTWAIT) != sizeof(holder) ||
        !port_holder_is_valid(&holder))
        return false;
    *out = holder;
    return true;
}

/* It has its own way back, so that an answer that comes late is not taken for another one, nor for a report. */
static bool find_holder(void *owner, const struct address *address, struct port_holder *out)
{
    const struct launcher *launcher = owner;
    struct launcher_question question;
    bool is_found;
    int pair[2];

    if (!launcher_is_there(launcher) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    memset(&question, 0, sizeof(question));
    question.order = LAUNCHER_WHO;
    question.address = *address;
    is_found = give(launcher, &question, sizeof(question), pair[1]) == 0;
    close(pair[1]);
    is_found = is_found && hear_holder(pair[0], out);
    close(pair[0]);
    return is_found;
}
