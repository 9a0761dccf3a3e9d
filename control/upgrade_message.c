#include "control/upgrade_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* In front of the bytes; both sides run on this machine. */
struct header {
    uint32_t kind, number, pid;
};

/* Room for one descriptor more than is allowed, so that it is seen. */
union control {
    char bytes[CMSG_SPACE((UPGRADE_FDS_MAX + 1) * sizeof(int))];
    struct cmsghdr align;
};

struct rule {
    size_t bytes_min, bytes_max, fds_min, fds_max;
};

static const struct rule RULES[] = {
    [UPGRADE_HELLO] = {1, 64, 0, 0},
    [UPGRADE_NEXT] = {0},
    [UPGRADE_SERVING] = {0},
    [UPGRADE_FAILED] = {1, UPGRADE_BYTES_MAX, 0, 0},
    [UPGRADE_SOCKETS] = {1, UPGRADE_FDS_MAX, 1, UPGRADE_FDS_MAX},
    [UPGRADE_ADMIN] = {1, 256, 1, 1},
    [UPGRADE_KEYS] = {1, UPGRADE_BYTES_MAX, 0, 0},
    [UPGRADE_END] = {0},
    [UPGRADE_YOURS] = {0},
    [UPGRADE_SPEAK] = {0},
    [UPGRADE_GIVE_UP] = {0},
    [UPGRADE_LEFT] = {sizeof(uint64_t), UPGRADE_BYTES_MAX, 0, 0},
};

/* ---- sending ---- */

static void add_descriptors(struct msghdr *packet, union control *control,
                            const struct upgrade_message *message)
{
    const size_t bytes = message->fds_count * sizeof(int);
    struct cmsghdr *rights;

    if (bytes == 0)
        return;
    packet->msg_control = control->bytes;
    packet->msg_controllen = CMSG_SPACE(bytes);
    rights = CMSG_FIRSTHDR(packet);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(rights), message->fds, bytes);
}

int upgrade_send(int fd, const struct upgrade_message *message)
{
    struct header header = {message->kind, message->number, message->pid};
    struct iovec parts[] = {
        {&header, sizeof(header)},
        {(void *)message->bytes.data, MIN(message->bytes.len, (size_t)UPGRADE_BYTES_MAX)},
    };
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    union control control = {0};

    add_descriptors(&packet, &control, message);
    return sendmsg(fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

/* ---- receiving ---- */

static void take_descriptors(struct msghdr *packet, struct upgrade_message *out)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(packet); part; part = CMSG_NXTHDR(packet, part)) {
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
            if (out->fds_count < UPGRADE_FDS_MAX)
                out->fds[out->fds_count++] = fd;
            else
                close(fd);
        }
    }
}

static bool is_within(size_t value, size_t min, size_t max)
{
    return value >= min && value <= max;
}

static int check(const struct upgrade_message *message, size_t got, int flags, struct error *error)
{
    const struct rule *rule;

    if (got < sizeof(struct header) || (flags & MSG_TRUNC))
        return error_set(error, "a message of the wrong length: %zu bytes", got);
    if (message->kind < UPGRADE_HELLO || message->kind >= ARRAY_LEN(RULES))
        return error_set(error, "a message of an unknown kind: %u", message->kind);
    rule = &RULES[message->kind];
    if (!is_within(message->bytes.len, rule->bytes_min, rule->bytes_max))
        return error_set(error, "a message of kind %u with %zu bytes", message->kind, message->bytes.len);
    if ((flags & MSG_CTRUNC) || !is_within(message->fds_count, rule->fds_min, rule->fds_max))
        return error_set(error, "a message of kind %u with %zu descriptors%s", message->kind,
                         message->fds_count, (flags & MSG_CTRUNC) ? " and more that could not be taken" : "");
    if (message->kind == UPGRADE_SOCKETS && message->bytes.len != message->fds_count)
        return error_set(error, "%zu sockets, but %zu words about them", message->fds_count,
                         message->bytes.len);
    return 0;
}

/* An end that had not read all from us is told first, and once; what it said before waits behind that. */
static ssize_t receive(int fd, struct msghdr *packet)
{
    const ssize_t got = recvmsg(fd, packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    return got < 0 && errno == ECONNRESET ? recvmsg(fd, packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) : got;
}

static enum upgrade_got nothing_came(struct error *error)
{
    if (errno == EAGAIN || errno == EINTR)
        return UPGRADE_NOTHING;
    error_set(error, "no message can be received: %s", strerror(errno));
    return UPGRADE_WRONG;
}

enum upgrade_got upgrade_receive(int fd, struct upgrade_message *out, struct error *error)
{
    struct header header = {0};
    struct iovec parts[] = {{&header, sizeof(header)}, {out->data, sizeof(out->data)}};
    union control control;
    struct msghdr packet = {
        .msg_iov = parts,
        .msg_iovlen = ARRAY_LEN(parts),
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    const ssize_t got = receive(fd, &packet);

    out->fds_count = 0;
    if (got < 0)
        return nothing_came(error);
    if (got == 0)
        return UPGRADE_ENDED;
    take_descriptors(&packet, out);
    out->kind = header.kind;
    out->number = header.number;
    out->pid = header.pid;
    out->bytes = slice_of(out->data, (size_t)got > sizeof(header) ? (size_t)got - sizeof(header) : 0);
    if (check(out, (size_t)got, packet.msg_flags, error) == 0)
        return UPGRADE_GOT;
    upgrade_message_fini(out);
    return UPGRADE_WRONG;
}

void upgrade_message_fini(struct upgrade_message *message)
{
    for (size_t i = 0; i < message->fds_count; i++) {
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    }
    message->fds_count = 0;
}
