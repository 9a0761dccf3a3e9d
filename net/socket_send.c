#include "net/socket_send.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/macro.h"

#ifndef MSG_MORE
#define MSG_MORE 0
#endif

enum { SLICES_MAX = 8, FLAT_BYTES = 2048 };

static size_t gather(struct iovec *parts, const struct queue *kept, const struct slice *slices, size_t count)
{
    size_t used = 0;

    ASSERT(count <= SLICES_MAX);
    if (queue_len(kept))
        parts[used++] = (struct iovec){(char *)queue_peek(kept).data, queue_len(kept)};
    for (size_t i = 0; i < count; i++) {
        if (slices[i].len)
            parts[used++] = (struct iovec){(char *)slices[i].data, slices[i].len};
    }
    return used;
}

static ssize_t send_parts(int fd, struct iovec *parts, size_t count, int flags)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;

    do
        sent =
            count == 1 ? send(fd, parts[0].iov_base, parts[0].iov_len, flags) : sendmsg(fd, &message, flags);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return sent;
}

static void keep_rest(struct queue *kept, const struct slice *slices, size_t count, size_t sent)
{
    size_t of_kept = MIN(sent, queue_len(kept));

    sent -= of_kept;
    if (of_kept)
        queue_drop(kept, of_kept);
    for (size_t i = 0; i < count; i++) {
        size_t of_slice = MIN(sent, slices[i].len);

        queue_add(kept, slice_from(slices[i], of_slice));
        sent -= of_slice;
    }
}

ssize_t socket_send(int fd, struct queue *kept, const struct slice *slices, size_t count, bool is_last)
{
    struct iovec parts[SLICES_MAX + 1];
    size_t used;
    ssize_t sent;

    /* Few bytes in several places are cheaper copied than described to the kernel. */
    if (count + (queue_len(kept) > 0) > 1 && queue_len(kept) + slices_len(slices, count) <= FLAT_BYTES) {
        for (size_t i = 0; i < count; i++)
            queue_add(kept, slices[i]);
        count = 0;
    }
    used = gather(parts, kept, slices, count);
    if (used == 0)
        return 0;
    sent = send_parts(fd, parts, used, MSG_NOSIGNAL | (is_last ? MSG_MORE : 0));
    if (sent >= 0)
        keep_rest(kept, slices, count, (size_t)sent);
    return sent;
}

void socket_reset_on_close(int fd)
{
    struct linger none = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}
