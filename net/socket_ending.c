#include "net/socket_ending.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/loop.h"
#include "net/socket_send.h"
#include "net/watch.h"

enum {
    ENDING_MS = 10 * 1000,
    LINGER_MS = 1000,
    LINGER_BYTES = 256 * 1024,
    DROP_BYTES = 16 * 1024,
};

/* Happy path:  FLUSH → FIN → LINGER, if wanted or bytes were unread → closed.
 * On failure, or when the time is over: closed, with a reset if bytes were still to be sent.
 *
 * What was sent last is held back for the FIN to go with it (MSG_MORE). The FIN must not be left to close(), which
 * resets where unread bytes wait, and then drops what it holds. */
struct ending {
    struct loop_guest guest;
    struct watch watch;
    struct timer timer;
    struct queue out;
    size_t dropped_bytes;
    bool linger;
};

static void ending_free(void *object)
{
    struct ending *ending = object;

    queue_fini(&ending->out);
    mem_free(ending);
}

static void finish(struct ending *ending)
{
    struct loop *loop = ending->watch.loop;

    if (queue_len(&ending->out))
        socket_reset_on_close(ending->watch.fd);
    watch_close(&ending->watch);
    loop_cancel(loop, &ending->timer);
    loop_no_guest(&ending->guest);
    loop_retire(loop, ending, ending_free);
}

static void on_leave(struct loop_guest *guest)
{
    finish(CONTAINER_OF(guest, struct ending, guest));
}

static void on_time_over(struct timer *timer)
{
    finish(CONTAINER_OF(timer, struct ending, timer));
}

/* @return false when nothing more can come */
static bool drop_input(struct watch *watch, size_t *dropped_bytes)
{
    char buffer[DROP_BYTES];

    while (*dropped_bytes < LINGER_BYTES) {
        ssize_t got = recv(watch->fd, buffer, sizeof(buffer), 0);

        if (got > 0) {
            *dropped_bytes += (size_t)got;
            continue;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return false;
        watch_wait(watch, WATCH_READABLE);
        return true;
    }
    return false;
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct ending *ending = CONTAINER_OF(watch, struct ending, watch);

    if (queue_len(&ending->out)) {
        if (events & WATCH_BROKEN || socket_send(watch->fd, &ending->out, NULL, 0, true) < 0) {
            finish(ending);
            return;
        }
        if (queue_len(&ending->out)) {
            watch_wait(watch, WATCH_WRITABLE);
            return;
        }
        shutdown(watch->fd, SHUT_WR);
        loop_arm(watch->loop, &ending->timer, LINGER_MS);
    }
    if (!drop_input(watch, &ending->dropped_bytes) || !(ending->linger || ending->dropped_bytes))
        finish(ending);
}

static void go_on_without_owner(struct watch *watch, struct queue *out, bool linger)
{
    struct ending *ending = mem_new(struct ending);

    ending->out = *out;
    *out = (struct queue){0};
    ending->linger = linger;
    ending->guest.leave = on_leave;
    ending->watch.on_ready = on_ready;
    watch_move(watch, &ending->watch);
    loop_guest(ending->watch.loop, &ending->guest);
    timer_init(&ending->timer, on_time_over);
    loop_arm(ending->watch.loop, &ending->timer, queue_len(&ending->out) ? ENDING_MS : LINGER_MS);
    if (queue_len(&ending->out))
        watch_wait(&ending->watch, WATCH_WRITABLE);
}

void socket_ending_start(struct watch *watch, struct queue *out, bool has_input, bool linger)
{
    size_t dropped_bytes = 0;
    bool may_come;

    if (socket_send(watch->fd, out, NULL, 0, true) < 0) {
        watch_close(watch);
        return;
    }
    if (queue_len(out)) {
        go_on_without_owner(watch, out, linger);
        return;
    }
    shutdown(watch->fd, SHUT_WR);
    may_come = (linger && !has_input) || drop_input(watch, &dropped_bytes);
    if (may_come && (linger || dropped_bytes))
        go_on_without_owner(watch, out, true);
    else
        watch_close(watch);
}
