/* The new process's side; the test plays the old one, which may say everything before it is asked. */
#include "control/takeover.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/upgrade_message.h"
#include "net/inherited.h"
#include "net/listener.h"
#include "net/loop.h"
#include "tls/ticket_keys.h"

struct rig {
    int old; /* the old process's end */
    struct takeover *takeover;
    struct inherited sockets;
    struct ticket_keys *keys;
    struct loop *loop;
    unsigned ours, speaks, given_up;
    bool wants_reload;
};

static struct rig *rig_new(void)
{
    static struct rig rig;
    struct error error;
    char number[16];
    int pair[2];

    rig = (struct rig){.keys = ticket_keys_new()};
    cr_assert_eq(loop_new(&rig.loop, &error), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    rig.old = pair[0];
    snprintf(number, sizeof(number), "%d", pair[1]);
    setenv("PORTICO_TAKES_OVER", number, 1);
    rig.takeover = takeover_find();
    cr_assert_not_null(rig.takeover);
    cr_expect_null(getenv("PORTICO_TAKES_OVER"));
    return &rig;
}

static void rig_free(struct rig *rig)
{
    takeover_free(rig->takeover);
    inherited_fini(&rig->sockets);
    ticket_keys_free(rig->keys);
    loop_free(rig->loop);
    if (rig->old >= 0)
        close(rig->old);
}

static void say(struct rig *rig, struct upgrade_message message)
{
    cr_assert_eq(upgrade_send(rig->old, &message), 0);
}

static void die(struct rig *rig)
{
    close(rig->old);
    rig->old = -1;
}

static int receive(struct rig *rig, struct error *error)
{
    return takeover_receive(rig->takeover, &rig->sockets, rig->keys, error);
}

/* The last one of that kind that the new process has said. */
static struct upgrade_message heard(struct rig *rig, enum upgrade_kind kind)
{
    struct upgrade_message message;
    struct error error;

    while (upgrade_receive(rig->old, &message, &error) == UPGRADE_GOT) {
        if (message.kind == kind)
            return message;
    }
    cr_assert(false, "nothing of kind %d was said", (int)kind);
    return message;
}

static void give_sockets(struct rig *rig, int count)
{
    struct upgrade_message sockets = {.kind = UPGRADE_SOCKETS, .fds_count = (size_t)count};
    const struct address any = address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, 0);

    for (int i = 0; i < count; i++) {
        sockets.fds[i] = listener_open(&any, false);
        cr_assert_geq(sockets.fds[i], 0);
    }
    sockets.data[0] = 1;
    sockets.bytes = slice_of(sockets.data, sockets.fds_count);
    say(rig, sockets);
    say(rig, sockets); /* the same ones again */
    upgrade_message_fini(&sockets);
}

static void on_ours(void *owner, bool wants_reload)
{
    struct rig *rig = owner;

    rig->ours++;
    rig->wants_reload = wants_reload;
}

static void on_speaks(void *owner)
{
    struct rig *rig = owner;

    cr_expect_eq(rig->ours, 1, "before");
    rig->speaks++;
}

static void on_given_up(void *owner)
{
    struct rig *rig = owner;

    rig->given_up++;
}

static void turn(struct rig *rig)
{
    for (int i = 0; i < 5; i++)
        loop_run_once(rig->loop);
}

static void serve(struct rig *rig)
{
    static const struct takeover_events EVENTS = {on_ours, on_speaks, on_given_up};

    takeover_serving(rig->takeover, rig->loop, &EVENTS, rig);
    turn(rig);
}

static struct rig *rig_that_serves(void)
{
    struct rig *rig = rig_new();
    struct error error;

    say(rig, (struct upgrade_message){.kind = UPGRADE_END});
    cr_assert_eq(receive(rig, &error), 0);
    serve(rig);
    cr_expect(takeover_is_under_way(rig->takeover));
    cr_expect_eq(rig->ours + rig->given_up, 0);
    cr_expect_eq(heard(rig, UPGRADE_SERVING).number, 0, "there was no admin socket");
    return rig;
}

Test(takeover, is_found_by_its_variable_alone)
{
    unsetenv("PORTICO_TAKES_OVER");
    cr_expect_null(takeover_find());
    setenv("PORTICO_TAKES_OVER", "0", 1);
    cr_expect_null(takeover_find(), "standard input is no channel");
    setenv("PORTICO_TAKES_OVER", "x", 1);
    cr_expect_null(takeover_find());
    cr_expect_null(getenv("PORTICO_TAKES_OVER"));
}

Test(takeover, takes_what_is_handed_over_each_socket_once)
{
    struct rig *rig = rig_new();
    struct error error;
    struct upgrade_message hello;

    give_sockets(rig, 3);
    say(rig, (struct upgrade_message){.kind = UPGRADE_KEYS, .bytes = SLICE("of a version that has others")});
    say(rig, (struct upgrade_message){.kind = UPGRADE_END});
    cr_assert_eq(receive(rig, &error), 0, "%s", error.text);
    cr_expect_eq(rig->sockets.count, 3);
    cr_expect_not(rig->sockets.sockets[0].is_ours, "it was inherited");
    cr_expect(rig->sockets.sockets[1].is_ours);
    cr_expect(fcntl(rig->sockets.sockets[1].fd, F_GETFD) & FD_CLOEXEC);
    hello = heard(rig, UPGRADE_HELLO);
    cr_expect_eq(hello.pid, (uint32_t)getpid());
    cr_expect(slice_eq(slice_of(hello.data, hello.bytes.len), SLICE(PORTICO_VERSION)));
    rig_free(rig);
}

Test(takeover, goes_on_alone_with_what_it_got)
{
    struct rig *rig = rig_new();
    struct error error;

    give_sockets(rig, 2);
    die(rig);
    cr_expect_eq(receive(rig, &error), 0);
    cr_expect_eq(rig->sockets.count, 2);
    serve(rig);
    cr_expect_eq(rig->ours, 1);
    cr_expect_not(takeover_is_under_way(rig->takeover));
    rig_free(rig);
}

Test(takeover, ends_where_the_old_one_gave_it_up_before)
{
    struct rig *rig = rig_new();
    struct error error = {0};

    say(rig, (struct upgrade_message){.kind = UPGRADE_GIVE_UP});
    die(rig);
    cr_expect_eq(receive(rig, &error), -1);
    cr_expect_not_null(strstr(error.text, "gave the upgrade up"));
    rig_free(rig);
}

Test(takeover, ends_where_the_old_one_gives_it_up_while_it_serves)
{
    struct rig *rig = rig_that_serves();

    say(rig, (struct upgrade_message){.kind = UPGRADE_GIVE_UP});
    die(rig);
    turn(rig);
    cr_expect_eq(rig->given_up, 1);
    cr_expect_eq(rig->ours, 0);
    rig_free(rig);
}

/* The old one gave it up, and is gone, before it could hear that this one serves. */
Test(takeover, hears_what_was_said_before_the_end)
{
    struct rig *rig = rig_new();
    struct error error;

    say(rig, (struct upgrade_message){.kind = UPGRADE_END});
    cr_assert_eq(receive(rig, &error), 0);
    say(rig, (struct upgrade_message){.kind = UPGRADE_GIVE_UP});
    die(rig);
    serve(rig);
    cr_expect_eq(rig->given_up, 1);
    cr_expect_eq(rig->ours, 0);
    rig_free(rig);
}

Test(takeover, is_the_service_once_the_old_one_says_so_or_dies)
{
    struct rig *rig = rig_that_serves();

    say(rig, (struct upgrade_message){.kind = UPGRADE_YOURS, .number = 1, .pid = 812});
    turn(rig);
    cr_expect_eq(rig->ours, 1);
    cr_expect(rig->wants_reload);
    cr_expect_eq(takeover_predecessor(rig->takeover), 812, "which drains");
    cr_expect_eq(rig->speaks, 0);
    say(rig, (struct upgrade_message){.kind = UPGRADE_SPEAK});
    turn(rig);
    cr_expect_eq(rig->speaks, 1);
    die(rig);
    turn(rig);
    cr_expect_eq(rig->speaks, 1);
    cr_expect_eq(takeover_predecessor(rig->takeover), 0);
    cr_expect_eq(rig->ours, 1);
    rig_free(rig);

    rig = rig_that_serves();
    die(rig);
    turn(rig);
    cr_expect_eq(rig->ours, 1);
    cr_expect_eq(rig->speaks, 1);
    cr_expect_not(rig->wants_reload);
    rig_free(rig);
}
