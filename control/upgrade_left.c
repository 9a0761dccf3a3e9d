#include "control/upgrade_left.h"

#include <string.h>

#include "base/mem.h"
#include "control/upgrade_message.h"
#include "net/inherited.h"

enum { COOKIE_BYTES = sizeof(uint64_t) };

static void send_some(int fd, struct upgrade_message *message, size_t count)
{
    if (count == 0)
        return;
    message->bytes = slice_of(message->data, count * COOKIE_BYTES);
    (void)!upgrade_send(fd, message); /* its end is heard of next */
}

void upgrade_left_send(int fd, const struct inherited *given)
{
    struct upgrade_message message = {.kind = UPGRADE_LEFT};
    size_t count = 0;

    for (size_t i = 0; i < given->count; i++) {
        const struct inherited_socket *socket = &given->sockets[i];

        if (!socket->is_ours || !socket->is_unused || !socket->cookie)
            continue;
        memcpy(message.data + count++ * COOKIE_BYTES, &socket->cookie, COOKIE_BYTES);
        if (count == UPGRADE_BYTES_MAX / COOKIE_BYTES) {
            send_some(fd, &message, count);
            count = 0;
        }
    }
    send_some(fd, &message, count);
}

void upgrade_left_add(struct upgrade_left *left, const struct upgrade_message *message)
{
    const size_t count = message->bytes.len / COOKIE_BYTES;

    if (count == 0)
        return;
    mem_grow((void **)&left->cookies, &left->cap, left->count + count, COOKIE_BYTES);
    memcpy(left->cookies + left->count, message->bytes.data, count * COOKIE_BYTES);
    left->count += count;
}

bool upgrade_left_has(const struct upgrade_left *left, int fd)
{
    const uint64_t cookie = left->count ? inherited_cookie(fd) : 0;

    for (size_t i = 0; cookie && i < left->count; i++) {
        if (left->cookies[i] == cookie)
            return true;
    }
    return false;
}

void upgrade_left_fini(struct upgrade_left *left)
{
    mem_free(left->cookies);
    *left = (struct upgrade_left){0};
}
