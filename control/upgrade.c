#include "control/upgrade.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/admin_path.h"
#include "control/admin_socket.h"
#include "control/launcher.h"
#include "control/upgrade_left.h"
#include "control/upgrade_message.h"
#include "net/loop.h"
#include "net/watch.h"
#include "proxy/listen_set.h"
#include "tls/ticket_keys.h"

/* READY ──begin──► LAUNCHED ──SERVING──► SERVED, for ever
 *   ▲                 │ FAILED, the end of the process, the limit
 *   └─────────────────┘ */

enum { ENDING_MS = 5000 }; /* from the end of the channel to the end of the process */

/** What comes next. */
enum stage { STAGE_SOCKETS, STAGE_ADMIN, STAGE_KEYS, STAGE_END };

struct upgrade {
    struct loop *loop;
    struct launcher *launcher;
    const char *why_not;
    uint64_t limit_ms;
    const struct upgrade_events *on;
    void *owner;
    enum { READY, LAUNCHED, SERVED } state;
    struct upgrade_goods goods;
    struct watch channel; /* fd -1: none */
    struct timer limit;
    enum stage stage;
    size_t entry, worker; /* the next socket: of which entry, of which worker */
    pid_t pid;            /* of the new process, as it says */
    char version[64];
    char *reason; /* as it says; else NULL */
    struct upgrade_left left;
    struct upgrade_message message;
};

static void on_ready(struct watch *watch, unsigned events);

/* ---- the end of it ---- */

static void close_channel(struct upgrade *upgrade)
{
    if (upgrade->channel.fd >= 0)
        watch_close(&upgrade->channel);
}

/* A process that comes to life late, or whose parent alone has ended, must know that its time is over. */
static void fail(struct upgrade *upgrade, const char *reason)
{
    const struct upgrade_message over = {.kind = UPGRADE_GIVE_UP};
    char *said = TAKE(upgrade->reason);

    if (upgrade->channel.fd >= 0)
        (void)!upgrade_send(upgrade->channel.fd, &over);
    loop_cancel(upgrade->loop, &upgrade->limit);
    close_channel(upgrade);
    upgrade->state = READY;
    upgrade->on->failed(upgrade->owner, said ? said : reason);
    mem_free(said);
}

static void give_up(struct upgrade *upgrade, const char *reason)
{
    launcher_kill(upgrade->launcher);
    fail(upgrade, reason);
}

static void on_limit(struct timer *timer)
{
    struct upgrade *upgrade = CONTAINER_OF(timer, struct upgrade, limit);
    struct error error;

    error_set(&error, "the new process did not serve within %llu s and was given up",
              (unsigned long long)(upgrade->limit_ms + 999) / 1000);
    give_up(upgrade, error.text);
}

/* Its last words may not have been read yet. */
static void on_program_ended(void *owner, int status)
{
    struct upgrade *upgrade = owner;
    struct error error;

    if (upgrade->channel.fd >= 0)
        on_ready(&upgrade->channel, WATCH_READABLE);
    if (upgrade->state != LAUNCHED)
        return;
    if (status == -1)
        error_set(&error, "no process could be started");
    else if (WIFSIGNALED(status))
        error_set(&error, "the new process was killed by signal %d before it served", WTERMSIG(status));
    else
        error_set(&error, "the new process ended with exit code %d before it served", WEXITSTATUS(status));
    fail(upgrade, error.text);
}

/* What is under way goes on: the channel says how. */
static void on_launcher_gone(void *owner)
{
    struct upgrade *upgrade = owner;

    upgrade->why_not = "the process that would start the new one is gone; restart Portico instead";
    if (upgrade->state == LAUNCHED && upgrade->channel.fd < 0)
        fail(upgrade, "the new process ended before it served");
}

static const struct launcher_events LAUNCHER_EVENTS = {on_program_ended, on_launcher_gone};

/* Why, the launcher will say, which waits for its end. */
static void on_channel_ended(struct upgrade *upgrade)
{
    close_channel(upgrade);
    if (upgrade->state != LAUNCHED)
        return;
    if (launcher_is_there(upgrade->launcher))
        loop_arm(upgrade->loop, &upgrade->limit, ENDING_MS);
    else
        fail(upgrade, "the new process ended before it served");
}

/* ---- handing over ---- */

/* Workers may share one: the receiver takes it once. */
static bool next_socket(struct upgrade *upgrade, int *fd, bool *is_inherited)
{
    const struct listen_set *listens = upgrade->goods.listens;

    for (; upgrade->entry < listens->count; upgrade->entry++, upgrade->worker = 0) {
        const struct listen_entry *entry = &listens->entries[upgrade->entry];

        while (upgrade->worker < listens->workers) {
            const size_t worker = upgrade->worker++;

            if (entry->fds[worker] < 0)
                continue;
            *fd = entry->fds[worker];
            *is_inherited = worker < entry->inherited;
            return true;
        }
    }
    return false;
}

static bool put_sockets(struct upgrade *upgrade, struct upgrade_message *message)
{
    bool is_inherited;

    message->kind = UPGRADE_SOCKETS;
    while (message->fds_count < UPGRADE_FDS_MAX &&
           next_socket(upgrade, &message->fds[message->fds_count], &is_inherited))
        message->data[message->fds_count++] = is_inherited;
    message->bytes = slice_of(message->data, message->fds_count);
    return message->fds_count > 0;
}

static bool put_admin(struct upgrade *upgrade, struct upgrade_message *message)
{
    const struct admin_socket *admin = upgrade->goods.admin;

    if (!admin)
        return false;
    message->kind = UPGRADE_ADMIN;
    message->number = admin_socket_is_default(admin);
    message->bytes = slice_str(admin_socket_path(admin));
    message->fds[message->fds_count++] = admin_socket_fd(admin);
    return true;
}

static bool put_keys(struct upgrade *upgrade, struct upgrade_message *message)
{
    message->kind = UPGRADE_KEYS;
    ticket_keys_export(upgrade->goods.keys, (unsigned char *)message->data);
    message->bytes = slice_of(message->data, TICKET_KEYS_BYTES);
    return true;
}

static bool put_end(struct upgrade *upgrade, struct upgrade_message *message)
{
    message->kind = UPGRADE_END;
    return true;
}

static void hand_over_next(struct upgrade *upgrade)
{
    static bool (*const PUTS[])(struct upgrade *, struct upgrade_message *) = {put_sockets, put_admin,
                                                                               put_keys, put_end};
    struct upgrade_message *message = &upgrade->message;

    for (;;) {
        *message = (struct upgrade_message){0};
        if (PUTS[upgrade->stage](upgrade, message))
            break;
        upgrade->stage++;
    }
    if (message->kind != UPGRADE_SOCKETS && upgrade->stage < STAGE_END)
        upgrade->stage++;
    if (upgrade_send(upgrade->channel.fd, message) < 0 && errno != EPIPE && errno != ECONNRESET) {
        struct error error;

        error_set(&error, "what is to be handed over cannot be sent: %s", strerror(errno));
        give_up(upgrade, error.text);
    }
    explicit_bzero(message->data, sizeof(message->data)); /* keys */
}

/* ---- what the new process says ---- */

static void on_hello(struct upgrade *upgrade, const struct upgrade_message *message)
{
    if (message->number != UPGRADE_PROTOCOL) {
        give_up(upgrade, "the new program cannot take over from this version: restart Portico instead");
        return;
    }
    upgrade->pid = (pid_t)message->pid;
    memcpy(upgrade->version, message->bytes.data, MIN(message->bytes.len, sizeof(upgrade->version) - 1));
    hand_over_next(upgrade);
}

/* It serves, and from here on it may also go on without us. */
static void on_serving(struct upgrade *upgrade, bool has_admin)
{
    const struct upgrade_message yours = {.kind = UPGRADE_YOURS,
                                          .number = upgrade->on->wants_reload(upgrade->owner),
                                          .pid = (uint32_t)getpid()};

    const struct upgrade_message speak = {.kind = UPGRADE_SPEAK};

    if (upgrade_send(upgrade->channel.fd, &yours) < 0) /* it is gone: the end of the channel comes next */
        return;
    loop_cancel(upgrade->loop, &upgrade->limit);
    upgrade->state = SERVED;
    upgrade->on->served(upgrade->owner, upgrade->pid, upgrade->version, has_admin);
    (void)!upgrade_send(upgrade->channel.fd, &speak);
}

static void hear(struct upgrade *upgrade, const struct upgrade_message *message)
{
    switch (message->kind) {
    case UPGRADE_HELLO:
        on_hello(upgrade, message);
        break;
    case UPGRADE_NEXT:
        hand_over_next(upgrade);
        break;
    case UPGRADE_LEFT:
        upgrade_left_add(&upgrade->left, message);
        break;
    case UPGRADE_SERVING:
        on_serving(upgrade, message->number == 1);
        break;
    case UPGRADE_FAILED: /* its end follows */
        mem_free(upgrade->reason);
        upgrade->reason = mem_string(message->bytes);
        break;
    default:
        give_up(upgrade, "the new process says what only an old one may");
    }
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct upgrade *upgrade = CONTAINER_OF(watch, struct upgrade, channel);
    struct upgrade_message message;
    struct error error;

    while (upgrade->channel.fd >= 0) {
        switch (upgrade_receive(upgrade->channel.fd, &message, &error)) {
        case UPGRADE_GOT:
            if (upgrade->state == LAUNCHED)
                hear(upgrade, &message);
            upgrade_message_fini(&message);
            break;
        case UPGRADE_NOTHING:
            watch_wait(&upgrade->channel, WATCH_READABLE);
            return;
        case UPGRADE_ENDED:
            on_channel_ended(upgrade);
            return;
        case UPGRADE_WRONG:
            if (upgrade->state == LAUNCHED)
                give_up(upgrade, error.text);
            else
                close_channel(upgrade);
            return;
        }
    }
}

/* ---- begin ---- */

struct upgrade *upgrade_new(struct loop *loop, struct launcher *launcher, const char *why_not,
                            uint64_t limit_ms, const struct upgrade_events *on, void *owner)
{
    struct upgrade *upgrade = mem_new(struct upgrade);
    struct error error;

    upgrade->loop = loop;
    upgrade->launcher = launcher;
    upgrade->why_not = why_not;
    upgrade->limit_ms = limit_ms;
    upgrade->on = on;
    upgrade->owner = owner;
    upgrade->channel = (struct watch){.fd = -1, .on_ready = on_ready};
    timer_init(&upgrade->limit, on_limit);
    if (launcher && launcher_watch(launcher, loop, &LAUNCHER_EVENTS, upgrade, &error) < 0) {
        launcher_free(TAKE(upgrade->launcher));
        upgrade->why_not = "the process that would start the new one cannot be watched";
    }
    return upgrade;
}

static int launch(struct upgrade *upgrade, struct error *error)
{
    int pair[2], rc = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(error, "no pair of sockets: %s", strerror(errno));
    if (watch_add(upgrade->loop, &upgrade->channel, pair[0]) < 0)
        error_set(error, "the new process cannot be watched: %s", strerror(errno));
    else
        rc = launcher_launch(upgrade->launcher, pair[1], error);
    close(pair[1]);
    if (rc == 0)
        return 0;
    if (upgrade->channel.fd >= 0)
        watch_close(&upgrade->channel);
    else
        close(pair[0]);
    return -1;
}

int upgrade_begin(struct upgrade *upgrade, const struct upgrade_goods *goods, struct error *error)
{
    if (upgrade->state == LAUNCHED)
        return error_set(error, "an upgrade is under way already");
    if (upgrade->state == SERVED)
        return error_set(error, "process %d has taken the place of this one: ask that", (int)upgrade->pid);
    if (!launcher_is_there(upgrade->launcher))
        return error_set(error, "%s", upgrade->why_not);
    close_channel(upgrade);
    if (launch(upgrade, error) < 0)
        return -1;
    upgrade->goods = *goods;
    upgrade->stage = STAGE_SOCKETS;
    upgrade->entry = upgrade->worker = 0;
    upgrade->pid = 0;
    upgrade_left_fini(&upgrade->left);
    memset(upgrade->version, 0, sizeof(upgrade->version));
    upgrade->state = LAUNCHED;
    loop_arm(upgrade->loop, &upgrade->limit, upgrade->limit_ms);
    return 0;
}

void upgrade_cancel(struct upgrade *upgrade, const char *reason)
{
    if (upgrade_is_under_way(upgrade))
        give_up(upgrade, reason);
}

bool upgrade_is_under_way(const struct upgrade *upgrade)
{
    return upgrade && upgrade->state == LAUNCHED;
}

bool upgrade_leaves(const struct upgrade *upgrade, int fd)
{
    return upgrade_left_has(&upgrade->left, fd);
}

void upgrade_free(struct upgrade *upgrade)
{
    if (!upgrade)
        return;
    loop_cancel(upgrade->loop, &upgrade->limit);
    close_channel(upgrade);
    launcher_close(upgrade->launcher);
    launcher_free(upgrade->launcher);
    mem_free(upgrade->reason);
    upgrade_left_fini(&upgrade->left);
    mem_free(upgrade);
}
