/* Deprecated in 1.34 for ares_query_dnsrec(), which Debian 12's 1.18 does not have. */
#define CARES_NO_DEPRECATED

#include "backends/dns_channel.h"

#include <ares.h>
#include <poll.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/watch.h"

/* c-ares says which sockets it has. It reads them dry in some versions and places, and takes one piece a call in
 * others, while readiness is reported once: so it is called until nothing more is readable. Whatever happens ends in
 * settle(), once a turn, which looks what c-ares waits for next. */

enum {
    TRIES = 3,
    UDP_BYTES = 1232, /* what passes everywhere unfragmented */
    ROUNDS = 64,      /* of one socket in one turn */
    NOTHING = ARES_SOCKET_BAD,
};

struct dns_channel {
    struct loop *loop;
    ares_channel ares;
    struct link sockets;
    struct timer timer;
    struct pending settling;
    size_t load;
};

struct dns_socket {
    struct link link;
    struct watch watch;
    struct dns_channel *channel;
    struct pending again;
    bool wants_write;
    bool must_try; /* it may have been writable before it was wanted */
};

static void stir(struct dns_channel *channel)
{
    loop_defer(channel->loop, &channel->settling);
}

static void object_free(void *object)
{
    mem_free(object);
}

/* Sockets. */

static bool is_open(const struct dns_socket *socket)
{
    return socket->watch.fd >= 0;
}

static bool is_readable(const struct dns_socket *socket)
{
    struct pollfd waits = {.fd = socket->watch.fd, .events = POLLIN};

    return poll(&waits, 1, 0) > 0;
}

static void socket_serve(struct dns_socket *socket)
{
    struct dns_channel *channel = socket->channel;
    unsigned round = 0;

    do
        ares_process_fd(channel->ares, socket->watch.fd, socket->wants_write ? socket->watch.fd : NOTHING);
    while (++round < ROUNDS && is_open(socket) && is_readable(socket));
    if (is_open(socket)) {
        watch_wait(&socket->watch, WATCH_READABLE | (socket->wants_write ? WATCH_WRITABLE : 0));
        if (round == ROUNDS)
            loop_defer_next(channel->loop, &socket->again);
    }
    stir(channel);
}

static void on_ready(struct watch *watch, unsigned events)
{
    socket_serve(CONTAINER_OF(watch, struct dns_socket, watch));
}

static void on_again(struct pending *pending)
{
    socket_serve(CONTAINER_OF(pending, struct dns_socket, again));
}

/* c-ares closes the descriptor itself. */
static void socket_end(struct dns_socket *socket)
{
    watch_remove(&socket->watch);
    loop_undefer(&socket->again);
    list_remove(&socket->link);
    loop_retire(socket->channel->loop, socket, object_free);
}

/* Where the kernel refuses to watch, the question times out. */
static struct dns_socket *socket_add(struct dns_channel *channel, int fd)
{
    struct dns_socket *socket = mem_new(struct dns_socket);

    socket->channel = channel;
    socket->again.run = on_again;
    socket->watch.on_ready = on_ready;
    if (watch_add(channel->loop, &socket->watch, fd) < 0) {
        mem_free(socket);
        return NULL;
    }
    list_push_back(&channel->sockets, &socket->link);
    return socket;
}

static struct dns_socket *socket_find(struct dns_channel *channel, int fd)
{
    LIST_EACH(&channel->sockets, item) {
        struct dns_socket *socket = CONTAINER_OF(item, struct dns_socket, link);

        if (socket->watch.fd == fd)
            return socket;
    }
    return NULL;
}

static void on_socket_state(void *argument, ares_socket_t fd, int readable, int writable)
{
    struct dns_channel *channel = argument;
    struct dns_socket *socket = socket_find(channel, fd);

    if (!readable && !writable) {
        if (socket)
            socket_end(socket);
        return;
    }
    if (!socket && !(socket = socket_add(channel, fd)))
        return;
    socket->must_try = socket->must_try || (writable && !socket->wants_write);
    socket->wants_write = writable;
    stir(channel);
}

/* Time. */

static void rearm(struct dns_channel *channel)
{
    struct timeval left;

    if (ares_timeout(channel->ares, NULL, &left))
        loop_arm(channel->loop, &channel->timer,
                 (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1);
    else
        loop_cancel(channel->loop, &channel->timer);
}

static struct dns_socket *socket_to_try(struct dns_channel *channel)
{
    LIST_EACH(&channel->sockets, item) {
        struct dns_socket *socket = CONTAINER_OF(item, struct dns_socket, link);

        if (socket->must_try)
            return socket;
    }
    return NULL;
}

static void settle(struct pending *pending)
{
    struct dns_channel *channel = CONTAINER_OF(pending, struct dns_channel, settling);
    struct dns_socket *socket;

    while ((socket = socket_to_try(channel)) != NULL) {
        socket->must_try = false;
        ares_process_fd(channel->ares, NOTHING, socket->watch.fd);
        if (is_open(socket) && socket->wants_write)
            watch_wait(&socket->watch, WATCH_READABLE | WATCH_WRITABLE);
    }
    rearm(channel);
}

static void on_timer(struct timer *timer)
{
    struct dns_channel *channel = CONTAINER_OF(timer, struct dns_channel, timer);

    ares_process_fd(channel->ares, NOTHING, NOTHING);
    stir(channel);
}

/* Beginning and end. */

static int set_servers(struct dns_channel *channel, const struct dns_servers *servers)
{
    struct text list = {0};
    char one[ADDRESS_TEXT];
    int rc;

    for (size_t i = 0; i < servers->count; i++)
        text_printf(&list, "%s%s", i ? "," : "", address_describe(&servers->servers[i], one));
    rc = list.len ? ares_set_servers_ports_csv(channel->ares, list.data) : ARES_SUCCESS;
    text_fini(&list);
    return rc;
}

static int open_ares(struct dns_channel *channel, const struct dns_servers *servers, bool passes_failures)
{
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS | (passes_failures ? ARES_FLAG_NOCHECKRESP : 0),
        .timeout = (int)servers->try_ms,
        .tries = passes_failures ? 1 : TRIES,
        .ednspsz = UDP_BYTES,
        .resolvconf_path = (char *)servers->resolv_conf,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_RESOLVCONF |
               ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE; /* of no length: who asks decides for how long an answer is used */
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
    /* A port for each question: harder to guess, and a malformed answer, at which the socket is closed, takes no
     * others with it. */
    options.udp_max_queries = 1;
    mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
    return ares_init_options(&channel->ares, &options, mask);
}

int dns_channel_new(struct loop *loop, const struct dns_servers *servers, bool passes_failures,
                    struct dns_channel **out, struct error *error)
{
    struct dns_channel *channel = mem_new(struct dns_channel);
    int rc;

    channel->loop = loop;
    list_init(&channel->sockets);
    timer_init(&channel->timer, on_timer);
    channel->settling.run = settle;
    rc = open_ares(channel, servers, passes_failures);
    if (rc == ARES_SUCCESS)
        rc = set_servers(channel, servers);
    if (rc != ARES_SUCCESS) {
        dns_channel_free(channel);
        return error_set(error, "cannot set up name resolution: %s", ares_strerror(rc));
    }
    *out = channel;
    return 0;
}

void dns_channel_free(struct dns_channel *channel)
{
    if (!channel)
        return;
    if (channel->ares)
        ares_destroy(channel->ares);
    loop_cancel(channel->loop, &channel->timer);
    loop_undefer(&channel->settling);
    loop_retire(channel->loop, channel, object_free);
}

/* Questions. */

struct errand {
    struct dns_channel *channel;
    dns_channel_answer *on_answer;
    void *owner;
};

static enum dns_outcome outcome_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_FOUND;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
        return DNS_NO_NAME;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_ETIMEOUT:
        return DNS_SILENT;
    case ARES_ECONNREFUSED:
        return DNS_UNREACHABLE;
    case ARES_ESERVFAIL:
        return DNS_SERVFAIL;
    case ARES_EREFUSED:
        return DNS_REFUSED;
    case ARES_EBADRESP:
        return DNS_MALFORMED;
    default:
        return DNS_FAILED;
    }
}

static void on_ares_answer(void *argument, int status, int timeouts, unsigned char *bytes, int len)
{
    struct errand *errand = argument;

    errand->channel->load--;
    errand->on_answer(errand->owner, outcome_of(status), slice_of(bytes, bytes && len > 0 ? (size_t)len : 0));
    mem_free(errand);
}

void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_type type,
                     dns_channel_answer *on_answer, void *owner)
{
    enum { CLASS_IN = 1 };
    struct errand *errand = mem_new(struct errand);

    *errand = (struct errand){channel, on_answer, owner};
    channel->load++;
    ares_query(channel->ares, name, CLASS_IN, (int)type, on_ares_answer, errand);
    stir(channel);
}

size_t dns_channel_load(const struct dns_channel *channel)
{
    return channel->load;
}
