#include "control/upgrade_message.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    int from, to;
    struct upgrade_message got;
    struct error error;
};

static struct pair *pair_open(void)
{
    static struct pair pair;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pair = (struct pair){.from = ends[0], .to = ends[1]};
    return &pair;
}

static void pair_close(struct pair *pair)
{
    close(pair->from);
    close(pair->to);
}

static int count_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static enum upgrade_got send_and_get(struct pair *pair, const struct upgrade_message *message)
{
    cr_assert_eq(upgrade_send(pair->from, message), 0, "%s", strerror(errno));
    return upgrade_receive(pair->to, &pair->got, &pair->error);
}

/* As a program of another version, or an enemy, would. */
static void expect_wrong(const uint32_t *words, size_t bytes, const char *why)
{
    struct pair *pair = pair_open();

    cr_assert_eq(send(pair->from, words, bytes, 0), (ssize_t)bytes);
    cr_expect_eq(upgrade_receive(pair->to, &pair->got, &pair->error), UPGRADE_WRONG, "%s", why);
    cr_expect_not_null(strstr(pair->error.text, why), "%s", pair->error.text);
    pair_close(pair);
}

Test(upgrade_message, what_is_sent_is_received)
{
    struct pair *pair = pair_open();
    const struct upgrade_message hello = {
        .kind = UPGRADE_HELLO, .number = UPGRADE_PROTOCOL, .pid = 812, .bytes = SLICE("0.2.0")};

    cr_expect_eq(upgrade_receive(pair->to, &pair->got, &pair->error), UPGRADE_NOTHING);
    cr_assert_eq(send_and_get(pair, &hello), UPGRADE_GOT, "%s", pair->error.text);
    cr_expect_eq(pair->got.kind, UPGRADE_HELLO);
    cr_expect_eq(pair->got.number, UPGRADE_PROTOCOL);
    cr_expect_eq(pair->got.pid, 812);
    cr_expect(slice_eq(pair->got.bytes, SLICE("0.2.0")));
    cr_expect_eq(pair->got.fds_count, 0);
    pair_close(pair);
}

Test(upgrade_message, descriptors_arrive_close_on_exec_and_are_closed_with_it)
{
    struct pair *pair = pair_open();
    struct upgrade_message sockets = {.kind = UPGRADE_SOCKETS, .fds_count = UPGRADE_FDS_MAX};
    const int before = count_open();

    for (int i = 0; i < UPGRADE_FDS_MAX; i++)
        sockets.fds[i] = pair->from;
    sockets.bytes = slice_of(sockets.data, UPGRADE_FDS_MAX);
    cr_assert_eq(send_and_get(pair, &sockets), UPGRADE_GOT, "%s", pair->error.text);
    cr_expect_eq(pair->got.fds_count, UPGRADE_FDS_MAX);
    cr_expect_eq(count_open(), before + UPGRADE_FDS_MAX);
    cr_expect(fcntl(pair->got.fds[7], F_GETFD) & FD_CLOEXEC);
    upgrade_message_fini(&pair->got);
    cr_expect_eq(count_open(), before);
    pair_close(pair);
}

Test(upgrade_message, an_end_comes_after_all_that_was_said)
{
    struct pair *pair = pair_open();
    const struct upgrade_message next = {.kind = UPGRADE_NEXT};

    cr_assert_eq(upgrade_send(pair->from, &next), 0);
    cr_assert_eq(upgrade_send(pair->to, &next), 0); /* which is never read: the end is a reset */
    close(pair->from);
    cr_expect_eq(upgrade_receive(pair->to, &pair->got, &pair->error), UPGRADE_GOT);
    cr_expect_eq(upgrade_receive(pair->to, &pair->got, &pair->error), UPGRADE_ENDED);
    cr_expect_eq(upgrade_send(pair->to, &next), -1);
    cr_expect_eq(errno, EPIPE);
    close(pair->to);
}

Test(upgrade_message, what_is_cut_off_is_refused)
{
    const uint32_t words[3] = {UPGRADE_NEXT};

    for (size_t bytes = 1; bytes < sizeof(words); bytes++)
        expect_wrong(words, bytes, "wrong length");
}

Test(upgrade_message, what_is_too_long_is_refused)
{
    static uint32_t words[3 + UPGRADE_BYTES_MAX / 4 + 1] = {UPGRADE_FAILED};

    expect_wrong(words, sizeof(words), "wrong length");
    words[0] = UPGRADE_HELLO;
    expect_wrong(words, sizeof(words) - 4, "of kind 1 with 2048 bytes");
}

Test(upgrade_message, unknown_kinds_are_refused)
{
    expect_wrong((uint32_t[3]){0}, 12, "unknown kind: 0");
    expect_wrong((uint32_t[3]){UPGRADE_LEFT + 1}, 12, "unknown kind: 13");
    expect_wrong((uint32_t[3]){UINT32_MAX}, 12, "unknown kind: 4294967295");
}

Test(upgrade_message, descriptors_where_none_belong_are_refused_and_closed)
{
    struct pair *pair = pair_open();
    struct upgrade_message wrong[] = {
        {.kind = UPGRADE_NEXT, .fds_count = 1},
        {.kind = UPGRADE_ADMIN, .bytes = SLICE("/a"), .fds_count = 2},
        {.kind = UPGRADE_ADMIN, .bytes = SLICE("/a")},
        {.kind = UPGRADE_SOCKETS, .bytes = SLICE("\1\1"), .fds_count = 1},
        {.kind = UPGRADE_SOCKETS, .bytes = SLICE("\1")},
    };
    const int before = count_open();

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        wrong[i].fds[0] = wrong[i].fds[1] = pair->from;
        cr_expect_eq(send_and_get(pair, &wrong[i]), UPGRADE_WRONG, "%zu", i);
        cr_expect_eq(count_open(), before, "%zu", i);
    }
    pair_close(pair);
}

Test(upgrade_message, too_many_descriptors_are_refused_and_closed)
{
    enum { MANY = UPGRADE_FDS_MAX + 20 };
    struct pair *pair = pair_open();
    uint32_t words[3] = {UPGRADE_SOCKETS};
    char flags[MANY] = {0};
    union {
        char bytes[CMSG_SPACE(MANY * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec parts[] = {{words, sizeof(words)}, {flags, sizeof(flags)}};
    struct msghdr packet = {.msg_iov = parts,
                            .msg_iovlen = 2,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    const int before = count_open();

    control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(MANY * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    for (size_t i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &pair->from, sizeof(int));
    cr_assert_eq(sendmsg(pair->from, &packet, 0), (ssize_t)(sizeof(words) + sizeof(flags)));
    cr_expect_eq(upgrade_receive(pair->to, &pair->got, &pair->error), UPGRADE_WRONG);
    cr_expect_eq(count_open(), before);
    pair_close(pair);
}
