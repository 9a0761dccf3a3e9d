#include "net/listener.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/socket_stream.h"
#include "net/watch.h"

enum {
    BACKLOG = 4096, /* the kernel caps it at net.core.somaxconn */
    DEFER_S = 1,    /* a silent client is passed on after about this long */
    ACCEPTS_A_TURN = 16,
    PAUSE_MS = 100,
};

/* Interfaces that there are not, and never will be. */
enum { NOWHERE = INT_MAX, NOWHERE_ELSE = INT_MAX - 1 };

/* Opening. */

/** Beside whom a socket may be bound. */
enum company {
    NOBODY,
    SHARERS, /* sockets of ours, and of our user's other processes */
    DEAF,    /* sockets of other interfaces alone, as those are that were deafened */
};

static int set_on(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on));
}

static int move_to(int fd, int interface)
{
    return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, sizeof(interface));
}

static int bound_socket(const struct address *address, enum company company)
{
    struct sockaddr_storage at;
    socklen_t len = address_to_sockaddr(address, &at);
    int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    if (set_on(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
        (company != SHARERS || set_on(fd, SOL_SOCKET, SO_REUSEPORT) == 0) &&
        (company != DEAF || move_to(fd, NOWHERE_ELSE) == 0) &&
        (address->family != AF_INET6 || set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
        bind(fd, (struct sockaddr *)&at, len) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

void listener_set_waits(int fd, bool waits_for_client)
{
    const int seconds = waits_for_client ? DEFER_S : 0;

    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

/* Of an interface that there is not: the kernel looks for a socket whose interface is that of the first segment, and finds
 * another one or none, while handshakes that began know their socket. Who waits for the client's first bytes waits no
 * more: what the kernel holds back for that would be reset when the socket is closed. */
void listener_deafen(int fd)
{
    (void)!move_to(fd, NOWHERE);
    listener_set_waits(fd, false);
}

void listener_adopt(int fd, bool waits_for_client)
{
    /* What accept() returns inherits these. */
    (void)!set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    (void)!set_on(fd, SOL_SOCKET, SO_KEEPALIVE);
    listener_set_waits(fd, waits_for_client);
}

int listener_bind(const struct address *address, bool waits_for_client)
{
    int fd = bound_socket(address, SHARERS);

    if (fd >= 0)
        listener_adopt(fd, waits_for_client);
    return fd;
}

int listener_begin(int fd)
{
    int listens = 0;
    socklen_t size = sizeof(listens);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
        return 0;
    return listen(fd, BACKLOG) == 0 ? 0 : errno;
}

int listener_open(const struct address *address, bool waits_for_client)
{
    int fd = listener_bind(address, waits_for_client);
    int error_number = fd < 0 ? errno : listener_begin(fd);

    if (error_number == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = error_number;
    return -1;
}

static int try_beside(const struct address *address, enum company company)
{
    int fd = bound_socket(address, company);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int listener_try(const struct address *address)
{
    return try_beside(address, NOBODY);
}

/* A Portico that left the port a moment ago still has deaf sockets there, which take nothing from anybody. */
bool listener_is_taken(const struct address *address)
{
    return listener_try(address) == EADDRINUSE && try_beside(address, DEAF) == EADDRINUSE;
}

/* Accepting. */

struct listener {
    struct loop *loop;
    struct watch watch;
    struct pending work;
    struct timer pause;
    int fd;
    bool waits_for_client;
    bool is_paused;
    bool is_freed;
    listener_accepted *accepted;
    void *owner;
};

enum outcome { ACCEPTED, NOTHING_WAITS, OUT_OF_MEANS };

static enum outcome accept_failed(int error)
{
    switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
        return NOTHING_WAITS;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return OUT_OF_MEANS;
    default: /* that one connection is gone already (accept(2): ECONNABORTED, network errors) */
        return ACCEPTED;
    }
}

static enum outcome accept_one(struct listener *listener)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof(from);
    struct address peer;
    struct stream *stream;
    int fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return accept_failed(errno);
    peer = address_from_sockaddr(&from);
    stream = socket_stream_new(listener->loop, fd, &peer, listener->waits_for_client);
    if (!stream)
        return accept_failed(errno);
    socket_stream_find_local(stream);
    listener->accepted(listener->owner, stream);
    return ACCEPTED;
}

static void pause_for_a_while(struct listener *listener, int error)
{
    log_event(LOG_WARN, "accept_paused", "ms=%d reason=\"%s\"", PAUSE_MS, strerror(error));
    listener->is_paused = true;
    loop_arm(listener->loop, &listener->pause, PAUSE_MS);
}

/* After accepted() the listener may be paused or freed. */
static void accept_some(struct listener *listener)
{
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        enum outcome outcome;

        if (listener->is_paused || listener->is_freed)
            return;
        outcome = accept_one(listener);
        if (outcome == NOTHING_WAITS) {
            watch_wait(&listener->watch, WATCH_READABLE);
            return;
        }
        if (outcome == OUT_OF_MEANS) {
            pause_for_a_while(listener, errno);
            return;
        }
    }
    if (!listener->is_paused && !listener->is_freed)
        loop_defer_next(listener->loop, &listener->work);
}

static void on_ready(struct watch *watch, unsigned events)
{
    accept_some(CONTAINER_OF(watch, struct listener, watch));
}

static void on_work(struct pending *pending)
{
    accept_some(CONTAINER_OF(pending, struct listener, work));
}

static void on_pause_over(struct timer *timer)
{
    listener_resume(CONTAINER_OF(timer, struct listener, pause));
}

struct listener *listener_new(struct loop *loop, int fd, bool waits_for_client, listener_accepted *accepted,
                              void *owner, struct error *error)
{
    struct listener *listener = mem_new(struct listener);

    listener->loop = loop;
    listener->fd = fd;
    listener->waits_for_client = waits_for_client;
    listener->accepted = accepted;
    listener->owner = owner;
    listener->work.run = on_work;
    listener->watch.on_ready = on_ready;
    timer_init(&listener->pause, on_pause_over);
    if (watch_add(loop, &listener->watch, fd) == 0)
        return listener;
    error_set(error, "a listening socket cannot be watched: %s", strerror(errno));
    mem_free(listener);
    return NULL;
}

void listener_pause(struct listener *listener)
{
    listener->is_paused = true;
    loop_cancel(listener->loop, &listener->pause);
    loop_undefer(&listener->work);
}

void listener_resume(struct listener *listener)
{
    if (!listener->is_paused)
        return;
    listener->is_paused = false;
    loop_cancel(listener->loop, &listener->pause);
    loop_defer(listener->loop, &listener->work);
}

static void listener_release(void *object)
{
    mem_free(object);
}

void listener_free(struct listener *listener, bool drain)
{
    if (!listener)
        return;
    for (unsigned i = 0; drain && i < BACKLOG; i++) {
        if (accept_one(listener) != ACCEPTED)
            break;
    }
    listener->is_freed = true;
    loop_cancel(listener->loop, &listener->pause);
    loop_undefer(&listener->work);
    watch_remove(&listener->watch);
    loop_retire(listener->loop, listener, listener_release);
}
