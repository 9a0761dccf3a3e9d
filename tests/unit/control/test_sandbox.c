/* What a running Portico does goes on in the sandbox, and what it says of itself. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/capabilities.h"
#include "control/privileges.h"
#include "control/sandbox.h"
#include "unit/control/confined.h"

TestSuite(sandbox, .init = confined_open, .fini = confined_close, .timeout = 60);

/* ---- what goes on ---- */

static int reads_configuration(void)
{
    return attempt_open(confined_path("conf/portico.yaml"), O_RDONLY);
}

static int reads_certificate(void)
{
    return attempt_open(confined_path("certs/now/a.pem"), O_RDONLY);
}

/* As deployments do it: the link is swapped for one to a directory that stands beside. */
static int reads_what_a_link_is_swapped_to(void)
{
    return attempt_open(confined_path("certs/new/a.pem"), O_RDONLY);
}

static int sets_mode(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    const int rc = fd < 0 ? -1 : fchmod(fd, 0644);

    if (fd >= 0)
        close(fd);
    return rc;
}

static int keeps_state(void)
{
    if (mkdir(confined_path("state/ca"), 0700) < 0 ||
        attempt_open(confined_path("state/ca/x"), O_RDWR | O_CREAT | O_TRUNC) != 0 ||
        sets_mode(confined_path("state/ca/x")) < 0 ||
        rename(confined_path("state/ca/x"), confined_path("state/ca/y")) < 0)
        return errno;
    return attempt_result(unlink(confined_path("state/ca/y")));
}

static int appends_to_log(void)
{
    return attempt_open(confined_path("logs/access.log"), O_WRONLY | O_APPEND | O_CREAT);
}

static int makes_rotated_log(void)
{
    return attempt_open(confined_path("logs/another.log"), O_WRONLY | O_APPEND | O_CREAT);
}

static int removes_admin_socket(void)
{
    return attempt_result(unlink(confined_path("run/admin.sock")));
}

static void *end_at_once(void *argument)
{
    return argument;
}

static int starts_thread(void)
{
    pthread_t thread;
    const int rc = pthread_create(&thread, NULL, end_at_once, NULL);

    return rc ? rc : pthread_join(thread, NULL);
}

static void *sleep_long(void *argument)
{
    for (;;)
        poll(NULL, 0, 1000);
    return argument;
}

static int cancels_thread(void)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, sleep_long, NULL);

    if (rc == 0)
        rc = pthread_cancel(thread);
    return rc ? rc : pthread_join(thread, NULL);
}

static int connects(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) < 0)
        return errno;
    return attempt_result(connect(client, (struct sockaddr *)&at, sizeof(at)));
}

static int asks_names(void)
{
    const int ipv6 = attempt_socket(AF_INET6, SOCK_DGRAM, 0),
              resolv = attempt_open("/etc/resolv.conf", O_RDONLY);

    return ipv6 ? ipv6 : resolv == ENOENT ? 0 : resolv;
}

static int has_local_sockets(void)
{
    return attempt_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int watches_files(void)
{
    const int fd = inotify_init1(IN_CLOEXEC);

    return fd < 0 ? errno : attempt_result(inotify_add_watch(fd, confined_path("conf"), IN_MODIFY));
}

static int loops(void)
{
    const int epoll = epoll_create1(EPOLL_CLOEXEC), wake = eventfd(1, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll < 0 || wake < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) < 0)
        return errno;
    return epoll_wait(epoll, &event, 1, 1000) == 1 ? 0 : EIO;
}

static int grows(void)
{
    char *bytes = malloc(64 << 20);

    if (!bytes)
        return ENOMEM;
    memset(bytes, 1, 64 << 20);
    free(bytes);
    return 0;
}

static int names_thread(void)
{
    return pthread_setname_np(pthread_self(), "renamed");
}

static const struct {
    const char *name;
    int (*attempt)(void);
} ALLOWED[] = {
    {"read the configuration", reads_configuration},
    {"read a certificate", reads_certificate},
    {"read what a link is swapped to", reads_what_a_link_is_swapped_to},
    {"keep state", keeps_state},
    {"append to the log", appends_to_log},
    {"make the log anew", makes_rotated_log},
    {"remove the admin socket", removes_admin_socket},
    {"start a thread", starts_thread},
    {"cancel a thread", cancels_thread},
    {"name a thread", names_thread},
    {"connect", connects},
    {"ask name servers", asks_names},
    {"local sockets", has_local_sockets},
    {"inotify", watches_files},
    {"epoll", loops},
    {"malloc", grows},
};

static void try_allowed(struct outcome *outcome)
{
    confined_enter(0);
    confined_note(outcome);
    for (size_t i = 0; i < ARRAY_LEN(ALLOWED); i++)
        outcome->results[i] = ALLOWED[i].attempt();
}

Test(sandbox, what_a_running_portico_does_goes_on)
{
    struct outcome *outcome = confined_run(try_allowed);

    for (size_t i = 0; i < ARRAY_LEN(ALLOWED); i++)
        cr_expect_eq(outcome->results[i], 0, "%s: %s", ALLOWED[i].name, strerror(outcome->results[i]));
}

/* ---- what it says ---- */

static void ask_why(struct outcome *outcome)
{
    confined_enter(0);
    confined_note(outcome);
    outcome->results[0] = sandbox_why_unread(confined_path("outside/file")) != NULL;
    outcome->results[1] = sandbox_why_unread(confined_path("conf/portico.yaml")) != NULL;
    outcome->results[2] = sandbox_why_unread(confined_path("outside/nothing")) != NULL;
    outcome->results[3] = sandbox_why_unwritten(confined_path("outside/new/log")) != NULL;
    outcome->results[4] = sandbox_why_unwritten(confined_path("state/ca")) != NULL;
    outcome->results[5] = sandbox_why_unwritten(confined_path("logs/access.log")) != NULL;
}

Test(sandbox, a_file_that_it_hides_has_a_reason_and_others_have_none)
{
    struct outcome *outcome = confined_run(ask_why);

    confined_needs_all(outcome);
    cr_expect_eq(outcome->results[0], 1, "hidden");
    cr_expect_eq(outcome->results[1], 0, "in reach");
    cr_expect_eq(outcome->results[2], 0, "not there at all");
    cr_expect_eq(outcome->results[3], 1, "to be made where it may not");
    cr_expect_eq(outcome->results[4], 0, "to be made where it may");
    cr_expect_eq(outcome->results[5], 0, "to be written");
    cr_expect_null(sandbox_why_unread(confined_path("outside/file")), "no sandbox, no reason");
}

static void keep_one(struct outcome *outcome)
{
    confined_enter(CAPABILITY(CAP_NET_BIND_SERVICE));
    confined_note(outcome);
    outcome->results[0] = capabilities_have(CAP_NET_BIND_SERVICE);
    outcome->results[1] = capabilities_have(CAP_SYS_ADMIN);
}

Test(sandbox, a_capability_is_kept_only_where_it_was_held)
{
    const uint64_t held = capabilities_held() & CAPABILITY(CAP_NET_BIND_SERVICE);
    struct outcome *outcome = confined_run(keep_one);

    cr_expect_eq(outcome->capabilities, held);
    cr_expect_eq(outcome->results[0], held != 0);
    cr_expect_eq(outcome->results[1], 0);
}

/** As containers do that allow neither. */
static void forbid_walls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    privileges_give_up_new();
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0);
    cr_assert_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
}

static void enter_where_walls_are_forbidden(struct outcome *outcome)
{
    forbid_walls();
    confined_enter(0);
    confined_note(outcome);
    outcome->results[0] = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

Test(sandbox, what_the_system_lacks_is_said_and_the_rest_is_done)
{
    struct outcome *outcome = confined_run(enter_where_walls_are_forbidden);

#ifdef PORTICO_INSTRUMENTED
    cr_skip_test("has the first wall alone");
#endif
    cr_expect_not_null(strstr(outcome->missing, "landlock ("), "%s", outcome->missing);
    cr_expect_not_null(strstr(outcome->missing, "seccomp ("), "%s", outcome->missing);
    cr_expect_eq(outcome->landlock, 0);
    cr_expect_not(outcome->has_seccomp);
    cr_expect_eq(outcome->capabilities, 0);
    cr_expect_eq(outcome->results[0], 0, "no dumps");
}

/* A name with a slip in it would be a call that is missing one day. */
Test(sandbox, every_call_that_is_allowed_is_known)
{
    static const char *const names[] = {
#define HOT(name)  #name,
#define CALL(name) #name,
#define PROBED(name)
#include "control/seccomp_calls.def"
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        cr_expect_neq(seccomp_syscall_resolve_name(names[i]), __NR_SCMP_ERROR, "%s", names[i]);
}
