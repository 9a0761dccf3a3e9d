#include "control/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/admin_socket.h"
#include "control/launcher.h"
#include "control/upgrade_left.h"
#include "control/upgrade_message.h"
#include "net/inherited.h"
#include "net/loop.h"
#include "net/watch.h"
#include "tls/ticket_keys.h"

/* RECEIVES ──serving──► SERVES ──YOURS, or the old one's end──► ALONE
 *                         └─────GIVE_UP──────────────────────► ALONE, and ends */

enum {
    ANSWER_MS = 20000, /* the old process's loop is busy at most so long */
    ENDING_MS = 5000,  /* and its end, once it has begun, takes no longer */
};

struct takeover {
    struct watch channel; /* fd -1: the old process is gone */
    enum { RECEIVES, SERVES, ALONE } state;
    int fd;
    int process;  /* the old one, as a descriptor; -1: the system has none */
    bool is_mute; /* ALONE, and the service manager does not know it yet */
    const struct takeover_events *on;
    void *owner;
    pid_t predecessor;
    size_t sockets;
    const struct inherited *given; /* the owner's */
    int admin;                     /* -1: none, or taken */
    bool admin_is_default, has_admin;
    char *admin_path;
};

static void on_ready(struct watch *watch, unsigned events);

static bool is_channel(int fd)
{
    int type = 0, domain = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

/* Whoever made the channel, which is of both ends the same; nobody waits for his own end. */
static int process_behind(int fd)
{
    struct ucred creator = {0};
    socklen_t len = sizeof(creator);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creator, &len) < 0 || creator.pid == getpid())
        return -1;
    return (int)syscall(SYS_pidfd_open, creator.pid, 0);
}

struct takeover *takeover_find(void)
{
    const char *value = getenv(LAUNCHER_VARIABLE);
    struct takeover *takeover;
    uint64_t fd;

    if (!value)
        return NULL;
    if (!slice_to_u64(slice_str(value), INT32_MAX, &fd) || !is_channel((int)fd)) {
        log_event(LOG_WARN, "takeover_ignored", "reason=\"%s names no channel\"", LAUNCHER_VARIABLE);
        unsetenv(LAUNCHER_VARIABLE);
        return NULL;
    }
    unsetenv(LAUNCHER_VARIABLE);
    fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    takeover = mem_new(struct takeover);
    takeover->channel = (struct watch){.fd = -1, .on_ready = on_ready};
    takeover->fd = (int)fd;
    takeover->process = process_behind(takeover->fd);
    takeover->admin = -1;
    return takeover;
}

static int tell(struct takeover *takeover, const struct upgrade_message *message)
{
    return takeover->fd < 0 ? -1 : upgrade_send(takeover->fd, message);
}

static void tell_kind(struct takeover *takeover, enum upgrade_kind kind)
{
    const struct upgrade_message message = {.kind = kind};

    (void)!tell(takeover, &message); /* its end is heard of next */
}

/* ---- receiving ---- */

static void take_sockets(struct takeover *takeover, struct upgrade_message *message,
                         struct inherited *sockets)
{
    takeover->sockets += message->fds_count;
    for (size_t i = 0; i < message->fds_count; i++) {
        inherited_add(sockets, message->fds[i], message->data[i] != 1);
        message->fds[i] = -1;
    }
}

static void take_admin(struct takeover *takeover, struct upgrade_message *message)
{
    if (takeover->admin >= 0)
        return;
    takeover->admin = message->fds[0];
    takeover->admin_is_default = message->number == 1;
    takeover->admin_path = mem_string(message->bytes);
    message->fds[0] = -1;
}

static void take_keys(struct upgrade_message *message, struct ticket_keys *keys)
{
    if (message->bytes.len ==
        TICKET_KEYS_BYTES) /* else of a version that has others: sessions are made anew */
        ticket_keys_import(keys, (const unsigned char *)message->data);
    explicit_bzero(message->data, sizeof(message->data));
}

/* @return 1: go on; 0: that was all; -1 */
static int take(struct takeover *takeover, struct upgrade_message *message, struct inherited *sockets,
                struct ticket_keys *keys, struct error *error)
{
    switch (message->kind) {
    case UPGRADE_SOCKETS:
        take_sockets(takeover, message, sockets);
        return 1;
    case UPGRADE_ADMIN:
        take_admin(takeover, message);
        return 1;
    case UPGRADE_KEYS:
        take_keys(message, keys);
        return 1;
    case UPGRADE_END:
        return 0;
    case UPGRADE_GIVE_UP:
        return error_set(error, "the running Portico gave the upgrade up");
    default:
        return error_set(error, "the running Portico says what only a new one may");
    }
}

static bool is_heard_in_time(const struct takeover *takeover)
{
    struct pollfd end = {.fd = takeover->fd, .events = POLLIN};
    int rc;

    while ((rc = poll(&end, 1, ANSWER_MS)) < 0 && errno == EINTR) {
    }
    return rc > 0;
}

static void close_channel(struct takeover *takeover)
{
    if (takeover->channel.fd >= 0)
        watch_close(&takeover->channel);
    else if (takeover->fd >= 0)
        close(takeover->fd);
    takeover->fd = -1;
}

/* A process that is killed closes its files one after the other, and its ports may be open yet. */
static void await_end(struct takeover *takeover)
{
    struct pollfd end = {.fd = takeover->process, .events = POLLIN};
    int rc;

    while ((rc = poll(&end, 1, ENDING_MS)) < 0 && errno == EINTR) {
    }
    if (rc == 0)
        log_event(LOG_WARN, "takeover_alone", "reason=\"the process before has hung up, but has not ended\"");
}

static int receive_all(struct takeover *takeover, struct inherited *sockets, struct ticket_keys *keys,
                       struct error *error)
{
    struct upgrade_message message;

    for (;;) {
        int rc = 1;

        if (!is_heard_in_time(takeover))
            return error_set(error, "the running Portico hands nothing over");
        switch (upgrade_receive(takeover->fd, &message, error)) {
        case UPGRADE_GOT:
            rc = take(takeover, &message, sockets, keys, error);
            upgrade_message_fini(&message);
            break;
        case UPGRADE_NOTHING:
            continue;
        case UPGRADE_ENDED: /* it died; somebody must serve */
            log_event(LOG_WARN, "takeover_alone", "sockets=%zu reason=\"the process before is gone\"",
                      takeover->sockets);
            close_channel(takeover);
            if (takeover->process >= 0)
                await_end(takeover);
            return 0;
        case UPGRADE_WRONG:
            return -1;
        }
        if (rc <= 0)
            return rc;
        tell_kind(takeover, UPGRADE_NEXT);
    }
}

int takeover_receive(struct takeover *takeover, struct inherited *sockets, struct ticket_keys *keys,
                     struct error *error)
{
    const struct upgrade_message hello = {
        .kind = UPGRADE_HELLO,
        .number = UPGRADE_PROTOCOL,
        .pid = (uint32_t)getpid(),
        .bytes = SLICE(PORTICO_VERSION),
    };

    (void)!tell(takeover, &hello); /* where nobody is, that is heard next */
    takeover->given = sockets;
    return receive_all(takeover, sockets, keys, error);
}

struct admin_socket *takeover_admin(struct takeover *takeover, struct slice path, struct slice user)
{
    struct admin_socket *admin = NULL;

    if (takeover->admin >= 0 && takeover->admin_is_default == !path.data)
        admin = admin_socket_adopt(takeover->admin, takeover->admin_path, path, user);
    if (!admin)
        return NULL;
    takeover->admin = -1;
    takeover->has_admin = true;
    return admin;
}

void takeover_fail(struct takeover *takeover, const char *reason)
{
    const struct slice text = slice_head(slice_str(reason), UPGRADE_BYTES_MAX);
    const struct upgrade_message failed = {
        .kind = UPGRADE_FAILED, .bytes = text.len ? text : SLICE("it could not start; its log says why")};

    if (takeover)
        (void)!tell(takeover, &failed);
}

/* ---- serving ---- */

static void end_wait(struct takeover *takeover, bool wants_reload)
{
    if (takeover->state != SERVES)
        return;
    takeover->state = ALONE;
    takeover->is_mute = true;
    takeover->on->ours(takeover->owner, wants_reload);
}

static void speak(struct takeover *takeover)
{
    if (!takeover->is_mute)
        return;
    takeover->is_mute = false;
    takeover->on->speaks(takeover->owner);
}

/* The old one is gone, now or for long. */
static void be_alone(struct takeover *takeover)
{
    takeover->predecessor = 0;
    end_wait(takeover, false);
    speak(takeover);
}

static void hear(struct takeover *takeover, const struct upgrade_message *message)
{
    if (message->kind == UPGRADE_YOURS && takeover->state == SERVES) {
        takeover->predecessor = (pid_t)message->pid;
        log_event(LOG_INFO, "took_over", "from=%d sockets=%zu", (int)takeover->predecessor,
                  takeover->sockets);
        end_wait(takeover, message->number == 1);
    } else if (message->kind == UPGRADE_SPEAK) {
        speak(takeover);
    } else if (message->kind == UPGRADE_GIVE_UP && takeover->state == SERVES) {
        takeover->state = ALONE;
        takeover->on->given_up(takeover->owner);
    }
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct takeover *takeover = CONTAINER_OF(watch, struct takeover, channel);
    struct upgrade_message message;
    struct error error;

    for (;;) {
        const enum upgrade_got got = upgrade_receive(takeover->fd, &message, &error);

        if (got == UPGRADE_NOTHING)
            break;
        if (got != UPGRADE_GOT) {
            close_channel(takeover);
            be_alone(takeover);
            return;
        }
        hear(takeover, &message);
        upgrade_message_fini(&message);
    }
    watch_wait(&takeover->channel, WATCH_READABLE);
}

void takeover_serving(struct takeover *takeover, struct loop *loop, const struct takeover_events *on,
                      void *owner)
{
    const struct upgrade_message serving = {.kind = UPGRADE_SERVING, .number = takeover->has_admin};

    takeover->on = on;
    takeover->owner = owner;
    takeover->state = SERVES;
    if (takeover->given && takeover->fd >= 0)
        upgrade_left_send(takeover->fd, takeover->given);
    (void)!tell(takeover, &serving); /* to nobody: what it said before its end is heard all the same */
    if (takeover->fd < 0 || watch_add(loop, &takeover->channel, takeover->fd) < 0)
        be_alone(takeover);
}

bool takeover_is_under_way(const struct takeover *takeover)
{
    return takeover && takeover->state != ALONE;
}

pid_t takeover_predecessor(const struct takeover *takeover)
{
    return takeover ? takeover->predecessor : 0;
}

void takeover_free(struct takeover *takeover)
{
    if (!takeover)
        return;
    close_channel(takeover);
    if (takeover->admin >= 0)
        close(takeover->admin);
    if (takeover->process >= 0)
        close(takeover->process);
    mem_free(takeover->admin_path);
    mem_free(takeover);
}
