#include "control/upgrade_left.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/upgrade_message.h"
#include "net/inherited.h"

enum { SOCKETS = 600 }; /* more than one message names */

/* All that it was given, of which it took every third; the last one is real. */
static struct inherited given_with(int real)
{
    static struct inherited_socket sockets[SOCKETS];

    for (size_t i = 0; i < SOCKETS; i++)
        sockets[i] = (struct inherited_socket){
            .fd = -1, .is_ours = true, .is_unused = i % 3 != 0, .cookie = UINT64_MAX - i};
    sockets[SOCKETS - 1].cookie = inherited_cookie(real);
    return (struct inherited){.sockets = sockets, .count = SOCKETS};
}

static struct upgrade_left told(const struct inherited *given)
{
    struct upgrade_left left = {0};
    struct upgrade_message message;
    struct error error;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    upgrade_left_send(ends[0], given);
    while (upgrade_receive(ends[1], &message, &error) == UPGRADE_GOT) {
        cr_assert_eq(message.kind, UPGRADE_LEFT);
        upgrade_left_add(&left, &message);
    }
    close(ends[0]);
    close(ends[1]);
    return left;
}

Test(upgrade_left, names_what_was_not_taken)
{
    const int real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct inherited given = given_with(real);
    struct upgrade_left left = told(&given);

    cr_expect_eq(left.count, SOCKETS / 3 * 2);
    cr_expect(upgrade_left_has(&left, real));
    cr_expect_not(upgrade_left_has(&left, other));
    upgrade_left_fini(&left);
    given.sockets[SOCKETS - 1].is_unused = false;
    left = told(&given);
    cr_expect_not(upgrade_left_has(&left, real));
    upgrade_left_fini(&left);
    close(real);
    close(other);
}

/* The service manager goes on with it. */
Test(upgrade_left, names_none_that_another_program_opened)
{
    const int real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct inherited given = given_with(real);
    struct upgrade_left left;

    given.sockets[SOCKETS - 1].is_ours = false;
    left = told(&given);
    cr_expect_not(upgrade_left_has(&left, real));
    upgrade_left_fini(&left);
    close(real);
}
