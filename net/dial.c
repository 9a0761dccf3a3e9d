#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop.h"
#include "net/socket_stream.h"
#include "net/watch.h"

/* Happy path:  start_next() → EINPROGRESS → writable → winner → on_told(): connected().
 * On failure:  the attempt ends, the next one starts at once; after the last one that ends → failed().
 * Every 250 ms another one joins those under way (RFC 8305 §5). The events leave from on_told() only. */

enum { ATTEMPT_DELAY_MS = 250 };

struct attempt {
    struct watch watch;
    struct dial *dial;
    struct address address;
    bool has_source; /* the one that was asked for is there, or none was */
};

struct dial {
    struct loop *loop;
    const struct dial_events *on;
    void *owner;
    struct timer next_attempt, deadline;
    struct pending told;
    struct attempt *winner;
    unsigned winner_events; /* WATCH_* so far: they do not come again */
    enum fault fault;
    int error;
    const struct address *failed; /* the last one */
    struct dial_options options;
    size_t count, started, under_way;
    struct attempt attempts[];
};

static void dial_free(void *object)
{
    mem_free(object);
}

/* Leaves the winner's socket to whom it was given. */
static void dial_end(struct dial *dial)
{
    for (size_t i = 0; i < dial->started; i++)
        watch_close(&dial->attempts[i].watch);
    loop_cancel(dial->loop, &dial->next_attempt);
    loop_cancel(dial->loop, &dial->deadline);
    loop_undefer(&dial->told);
    loop_retire(dial->loop, dial, dial_free);
}

static void on_told(struct pending *pending)
{
    struct dial *dial = CONTAINER_OF(pending, struct dial, told);

    if (dial->winner) {
        struct attempt *winner = dial->winner;
        struct stream *stream = socket_stream_of_watch(&winner->watch, &winner->address, dial->winner_events);

        socket_stream_find_local(stream);
        dial_end(dial);
        dial->on->connected(dial->owner, stream);
    } else {
        dial_end(dial);
        dial->on->failed(dial->owner, dial->fault, dial->error, dial->failed);
    }
}

static void win(struct attempt *attempt, unsigned events)
{
    struct dial *dial = attempt->dial;

    dial->winner = attempt;
    dial->winner_events = events;
    loop_cancel(dial->loop, &dial->next_attempt);
    loop_cancel(dial->loop, &dial->deadline);
    loop_defer(dial->loop, &dial->told);
}

static int connect_to(int fd, const struct address *address)
{
    struct sockaddr_storage to;
    socklen_t len = address_to_sockaddr(address, &to);

    return connect(fd, (struct sockaddr *)&to, len);
}

/* EADDRNOTAVAIL says both that no port is free and that this machine has no address of that family. A datagram socket
 * needs the same source address, has ports of its own, and sends nothing to connect. */
static bool has_source_for(const struct address *address)
{
    int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has_one = fd >= 0 && connect_to(fd, address) == 0;

    if (fd >= 0)
        close(fd);
    return has_one;
}

static enum fault fault_of(int error, const struct attempt *attempt)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a unix socket that nobody has made yet */
        return FAULT_BACK_REFUSED;
    case ETIMEDOUT:
        return FAULT_BACK_CONNECT_TIMEOUT;
    case EADDRINUSE:
        return FAULT_BACK_NO_LOCAL_PORT;
    case EADDRNOTAVAIL:
        return attempt->has_source && has_source_for(&attempt->address) ? FAULT_BACK_NO_LOCAL_PORT
                                                                        : FAULT_BACK_UNREACHABLE;
    case EMFILE:
    case ENFILE:
        return FAULT_OVERLOADED; /* ours: nothing was asked of the backend */
    default:
        return FAULT_BACK_UNREACHABLE;
    }
}

static atomic_uint_least64_t no_local_port;

uint64_t dial_count_no_local_port(void)
{
    return atomic_load_explicit(&no_local_port, memory_order_relaxed);
}

static void lose(struct attempt *attempt, int error)
{
    struct dial *dial = attempt->dial;
    enum fault fault = fault_of(error, attempt);

    if (fault == FAULT_BACK_NO_LOCAL_PORT)
        atomic_fetch_add_explicit(&no_local_port, 1, memory_order_relaxed);
    watch_close(&attempt->watch);
    dial->under_way--;
    if (dial->fault == FAULT_BACK_REFUSED && fault == FAULT_BACK_UNREACHABLE)
        return; /* the machine was reached: that it has no way by the other family is no news */
    dial->fault = fault;
    dial->error = error;
    dial->failed = &attempt->address;
}

static int socket_for(const struct address *address, bool sends_first)
{
    int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0 || address->family == AF_UNIX)
        return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (sends_first) /* the ACK of the handshake leaves with the first bytes */
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
    return fd;
}

static const struct ip *source_for(const struct dial_options *options, const struct address *to)
{
    unsigned family = address_ip(to).family;
    size_t fitting = 0, turn;

    for (size_t i = 0; i < options->sources_count; i++)
        fitting += options->sources[i].family == family;
    turn = fitting ? options->turn % fitting : 0;
    for (size_t i = 0; i < options->sources_count; i++) {
        if (options->sources[i].family == family && turn-- == 0)
            return &options->sources[i];
    }
    return NULL;
}

/* The port is left to connect(), which may take one that is in use towards other addresses: bind() would need one that
 * is free altogether, and 28,000 of these are soon gone. */
static int bind_source(int fd, const struct attempt *attempt)
{
    const struct ip *source = source_for(&attempt->dial->options, &attempt->address);
    struct sockaddr_storage from;
    struct address address;
    socklen_t len;
    int on = 1;

    if (!source)
        return 0;
    address = address_from_ip(*source, 0);
    len = address_to_sockaddr(&address, &from);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&from, len);
}

/* @return false when it failed at once */
static bool attempt_start(struct attempt *attempt)
{
    struct dial *dial = attempt->dial;
    int fd = socket_for(&attempt->address, dial->options.sends_first);
    int error;

    dial->under_way++;
    if (fd < 0) {
        lose(attempt, errno);
        return false;
    }
    attempt->has_source = bind_source(fd, attempt) == 0;
    error = attempt->has_source && connect_to(fd, &attempt->address) == 0 ? 0 : errno;
    if ((error == 0 || error == EINPROGRESS) && watch_add(dial->loop, &attempt->watch, fd) == 0) {
        if (error == 0)
            win(attempt, 0);
        return true;
    }
    error = error == 0 || error == EINPROGRESS ? errno : error;
    close(fd);
    lose(attempt, error);
    return false;
}

static void start_next(struct dial *dial)
{
    while (dial->started < dial->count) {
        if (!attempt_start(&dial->attempts[dial->started++]))
            continue;
        if (!dial->winner && dial->started < dial->count)
            loop_arm(dial->loop, &dial->next_attempt, ATTEMPT_DELAY_MS);
        return;
    }
    loop_cancel(dial->loop, &dial->next_attempt);
    if (dial->under_way == 0)
        loop_defer(dial->loop, &dial->told);
}

static void on_ready(struct watch *watch, unsigned events)
{
    struct attempt *attempt = CONTAINER_OF(watch, struct attempt, watch);
    struct dial *dial = attempt->dial;
    int error = 0;
    socklen_t len = sizeof(error);

    if (dial->winner) {
        if (dial->winner == attempt)
            dial->winner_events |= events;
        return;
    }
    if (!(events & (WATCH_WRITABLE | WATCH_BROKEN)))
        return;
    if (!(events & WATCH_BROKEN)) { /* writable and nothing else: no need to ask */
        win(attempt, events);
        return;
    }
    if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0 && events & WATCH_WRITABLE) {
        win(attempt, events);
        return;
    }
    lose(attempt, error ? error : ECONNREFUSED);
    start_next(dial);
}

static void on_next_attempt(struct timer *timer)
{
    start_next(CONTAINER_OF(timer, struct dial, next_attempt));
}

static void on_deadline(struct timer *timer)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, deadline);

    dial->fault = FAULT_BACK_CONNECT_TIMEOUT;
    dial->error = ETIMEDOUT;
    dial->failed = &dial->attempts[dial->started - 1].address;
    loop_cancel(dial->loop, &dial->next_attempt);
    loop_defer(dial->loop, &dial->told);
}

/* The first one's family leads, then both take turns as long as both have some (RFC 8305 §4). */
static void interleave(struct dial *dial, const struct address *addresses, size_t count)
{
    size_t at[2] = {0, 0}; /* next of the leading family, next of the others */

    for (size_t i = 0; i < count; i++) {
        for (unsigned tries = 0; tries < 2; tries++) {
            unsigned others = (i + tries) % 2;
            size_t *next = &at[others];

            while (*next < count && (addresses[*next].family != addresses[0].family) != others)
                ++*next;
            if (*next < count) {
                dial->attempts[i].address = addresses[(*next)++];
                break;
            }
        }
    }
}

struct dial *dial_start(struct loop *loop, const struct address *addresses, size_t count,
                        const struct dial_options *options, const struct dial_events *on, void *owner)
{
    struct dial *dial;

    ASSERT(count > 0);
    dial = mem_zeroed(1, sizeof(*dial) + count * sizeof(dial->attempts[0]));
    dial->loop = loop;
    dial->on = on;
    dial->owner = owner;
    dial->options = *options;
    dial->count = count;
    dial->told.run = on_told;
    for (size_t i = 0; i < count; i++) {
        dial->attempts[i].dial = dial;
        dial->attempts[i].watch = (struct watch){.fd = -1, .on_ready = on_ready};
    }
    interleave(dial, addresses, count);
    timer_init(&dial->next_attempt, on_next_attempt);
    timer_init(&dial->deadline, on_deadline);
    loop_arm(loop, &dial->deadline, options->timeout_ms);
    start_next(dial);
    return dial;
}

void dial_cancel(struct dial *dial)
{
    dial_end(dial);
}
