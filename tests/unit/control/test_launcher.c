/* What the launcher answers, and to whom. That it launches is in test_upgrade.c. */
#include "control/launcher.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/launcher_parts.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/port_holder.h"

enum { ANSWER_MS = 5000 };

TestSuite(launcher, .timeout = 30);

/** A port that this process holds. */
static struct address hold_port(void)
{
    struct address address = address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, 0);
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    const int fd = listener_open(&address, false);

    cr_assert_geq(fd, 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    return address_from_sockaddr(&at);
}

/* ---- packets as somebody may send them who has the process in his hands ---- */

struct end {
    int orders, answers;
};

static struct end launcher_begin(void)
{
    static char *const ARGV[] = {NULL};
    struct end end;
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (fork() == 0)
        launcher_run((struct launcher_start){.program = "/bin/false", .argv = ARGV, .socket = pair[1]});
    close(pair[1]);
    end.orders = pair[0];
    end.answers = -1;
    return end;
}

/** With a way back, whose other end goes with it so many times. */
static void say_with(struct end *end, void *bytes, size_t len, size_t descriptors)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    const size_t control_bytes = descriptors * sizeof(int);
    struct iovec part = {bytes, len};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = CMSG_SPACE(control_bytes)};
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(control_bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    for (size_t i = 0; i < descriptors; i++)
        memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &pair[1], sizeof(int));
    cr_assert_eq(sendmsg(end->orders, &packet, 0), (ssize_t)len);
    close(pair[1]);
    end->answers = pair[0];
}

static void say(struct end *end, void *bytes, size_t len)
{
    say_with(end, bytes, len, 1);
}

/** @return how many bytes; 0: it has closed without a word */
static ssize_t hear(struct end *end, struct port_holder *out)
{
    struct pollfd answer = {end->answers, POLLIN, 0};
    ssize_t got;

    cr_assert_eq(poll(&answer, 1, ANSWER_MS), 1, "it answers or closes");
    got = recv(end->answers, out, sizeof(*out), 0);
    close(end->answers);
    return got;
}

static struct launcher_question question_of(struct address address)
{
    struct launcher_question question;

    memset(&question, 0, sizeof(question));
    question.order = LAUNCHER_WHO;
    question.address = address;
    return question;
}

static void assert_answers(struct end *end)
{
    struct launcher_question question = question_of(hold_port());
    struct port_holder holder;

    say(end, &question, sizeof(question));
    cr_assert_eq(hear(end, &holder), (ssize_t)sizeof(holder));
    cr_assert_eq(holder.pid, getpid());
    cr_assert(port_holder_is_valid(&holder));
}

Test(launcher, a_question_that_is_none_is_not_answered_and_harms_nothing)
{
    struct launcher_question question = question_of(hold_port()), other;
    char longer[sizeof(question) + 1] = {0};
    struct end end = launcher_begin();
    struct port_holder holder;

    memcpy(longer, &question, sizeof(question));
    say(&end, longer, sizeof(longer));
    cr_expect_eq(hear(&end, &holder), 0, "too long");
    say(&end, &question, sizeof(question) - 1);
    cr_expect_eq(hear(&end, &holder), 0, "too short");
    other = question;
    other.address.family = AF_UNIX;
    other.address.un.path = (const char *)8; /* nobody follows it */
    say(&end, &other, sizeof(other));
    cr_expect_eq(hear(&end, &holder), 0, "of a unix socket");
    other = question;
    other.order = LAUNCHER_LAUNCH;
    say(&end, &other, sizeof(other));
    cr_expect_eq(hear(&end, &holder), 0, "an order with something behind it");
    say_with(&end, &question, sizeof(question), 2);
    cr_expect_eq(hear(&end, &holder), 0, "with two ways back, of which it keeps none");
    assert_answers(&end);
    close(end.orders);
}

/* ---- from the main process's side ---- */

static void on_ended(void *owner, int status)
{
}

static void on_gone(void *owner)
{
}

static const struct launcher_events EVENTS = {on_ended, on_gone};

static pid_t only_child(void)
{
    char path[64];
    FILE *file;
    int pid = 0;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "re");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

/** Of a port that nobody holds: only the launcher's answer is waited for. @return milliseconds */
static uint64_t ask_of_nobody(void)
{
    const struct address address = address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, 1);
    const uint64_t begin_us = loop_now_us();
    struct port_holder holder;

    cr_expect_not(port_holder_find(&address, &holder));
    return (loop_now_us() - begin_us) / 1000;
}

/** Of three times: a busy machine may be slow now and then. */
static uint64_t ask_of_nobody_at_best(void)
{
    uint64_t best_ms = UINT64_MAX;

    for (int i = 0; i < 3; i++) {
        const uint64_t ms = ask_of_nobody();

        best_ms = ms < best_ms ? ms : best_ms;
    }
    return best_ms;
}

Test(launcher, one_that_does_not_answer_is_waited_for_a_second_and_one_that_is_gone_not_at_all)
{
    static char *const ARGV[] = {NULL};
    struct error error = {0};
    struct launcher *launcher = launcher_new("/bin/false", ARGV, &error);
    struct loop *loop;
    uint64_t ms;

    cr_assert_not_null(launcher, "%s", error.text);
    cr_assert_eq(loop_new(&loop, &error), 0);
    cr_assert_eq(launcher_watch(launcher, loop, &EVENTS, NULL, &error), 0);
    cr_assert_eq(kill(only_child(), SIGSTOP), 0);
    ms = ask_of_nobody();
    cr_expect(ms >= 900 && ms < 8000, "%d ms", (int)ms);
    cr_assert_eq(kill(only_child(), SIGKILL), 0);
    cr_expect_lt(ask_of_nobody_at_best(), 900);
    launcher_close(launcher);
    launcher_free(launcher);
    loop_free(loop);
    cr_expect_lt(ask_of_nobody_at_best(), 900, "nobody is asked any more");
}
