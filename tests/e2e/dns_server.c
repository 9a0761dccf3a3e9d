#include "e2e/dns_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "e2e/dns_zone.h"

enum { TCP_MAX = 64 };

/* Where an answer goes: over TCP when tcp >= 0. */
struct way {
    int tcp;
    struct sockaddr_in client;
};

struct late {
    int64_t due_ms;
    struct way way;
    struct dns_message *message;
};

struct tcp {
    int fd; /* -1: free */
    size_t got;
    uint8_t bytes[2 + DNS_MESSAGE_MAX];
};

struct dns_server {
    int udp, listener, wake;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t mutex; /* over these two */
    struct dns_zone zone;
    bool ends;
    struct dns_list lates; /* the thread's own, as what follows */
    struct tcp tcps[TCP_MAX];
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The client may be gone; that is its affair. */
static void deliver(const struct dns_server *server, const struct way *way, const struct dns_message *message)
{
    uint8_t framed[2 + DNS_MESSAGE_MAX];

    if (way->tcp < 0) {
        sendto(server->udp, message->bytes, message->len, 0, (const struct sockaddr *)&way->client,
               sizeof way->client);
        return;
    }
    framed[0] = (uint8_t)(message->len >> 8);
    framed[1] = (uint8_t)message->len;
    memcpy(framed + 2, message->bytes, message->len);
    send(way->tcp, framed, message->len + 2, MSG_NOSIGNAL);
}

static void on_question(struct dns_server *server, const uint8_t *bytes, size_t len, struct way way)
{
    struct dns_query query;
    struct dns_message *message;

    if (!dns_query_read(bytes, len, &query))
        return;
    message = malloc(sizeof *message);
    dns_must(message != NULL, "memory");
    pthread_mutex_lock(&server->mutex);
    dns_zone_count(&server->zone, &query, way.tcp >= 0);
    if (dns_zone_answer(&server->zone, &query, way.tcp >= 0, message)) {
        struct late *late = dns_list_add(&server->lates, sizeof *late);

        *late = (struct late){now_ms() + dns_zone_delay_ms(&server->zone, &query), way, message};
        message = NULL;
    }
    pthread_mutex_unlock(&server->mutex);
    free(message);
}

static void deliver_due(struct dns_server *server)
{
    size_t kept = 0;

    for (size_t i = 0; i < server->lates.count; i++) {
        struct late *late = dns_list_at(&server->lates, i);

        if (late->due_ms > now_ms()) {
            *(struct late *)dns_list_at(&server->lates, kept++) = *late;
            continue;
        }
        deliver(server, &late->way, late->message);
        free(late->message);
    }
    server->lates.count = kept;
}

static int wait_ms(const struct dns_server *server)
{
    int64_t left_ms = -1;

    for (size_t i = 0; i < server->lates.count; i++) {
        const struct late *late = dns_list_at(&server->lates, i);
        int64_t ms = late->due_ms - now_ms();

        ms = ms < 0 ? 0 : ms;
        left_ms = left_ms < 0 || ms < left_ms ? ms : left_ms;
    }
    return (int)left_ms;
}

/* ---- sockets ---- */

static void read_udp(struct dns_server *server)
{
    uint8_t bytes[DNS_MESSAGE_MAX];
    struct way way = {.tcp = -1};
    socklen_t size = sizeof way.client;
    ssize_t len;

    while ((len = recvfrom(server->udp, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&way.client,
                           &size)) >= 0)
        on_question(server, bytes, (size_t)len, way);
}

/* What waits to be sent there is dropped. */
static void tcp_close(struct dns_server *server, struct tcp *tcp)
{
    size_t kept = 0;

    for (size_t i = 0; i < server->lates.count; i++) {
        struct late *late = dns_list_at(&server->lates, i);

        if (late->way.tcp == tcp->fd)
            free(late->message);
        else
            *(struct late *)dns_list_at(&server->lates, kept++) = *late;
    }
    server->lates.count = kept;
    close(tcp->fd);
    tcp->fd = -1;
}

static void read_tcp(struct dns_server *server, struct tcp *tcp)
{
    ssize_t len = recv(tcp->fd, tcp->bytes + tcp->got, sizeof tcp->bytes - tcp->got, 0);
    size_t want;

    if (len <= 0) {
        tcp_close(server, tcp);
        return;
    }
    tcp->got += (size_t)len;
    while (tcp->got >= 2 && tcp->got >= (want = 2 + (size_t)(tcp->bytes[0] << 8 | tcp->bytes[1]))) {
        on_question(server, tcp->bytes + 2, want - 2, (struct way){.tcp = tcp->fd});
        memmove(tcp->bytes, tcp->bytes + want, tcp->got - want);
        tcp->got -= want;
    }
}

static void accept_tcp(struct dns_server *server)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

    for (unsigned i = 0; fd >= 0 && i < TCP_MAX; i++) {
        if (server->tcps[i].fd >= 0)
            continue;
        server->tcps[i].fd = fd;
        server->tcps[i].got = 0;
        return;
    }
    if (fd >= 0)
        close(fd);
}

static bool has_ended(struct dns_server *server)
{
    bool ends;

    pthread_mutex_lock(&server->mutex);
    ends = server->ends;
    pthread_mutex_unlock(&server->mutex);
    return ends;
}

static void *serve(void *argument)
{
    struct dns_server *server = argument;
    struct pollfd waits[3 + TCP_MAX];

    while (!has_ended(server)) {
        waits[0] = (struct pollfd){.fd = server->udp, .events = POLLIN};
        waits[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        waits[2] = (struct pollfd){.fd = server->wake, .events = POLLIN};
        for (unsigned i = 0; i < TCP_MAX; i++)
            waits[3 + i] = (struct pollfd){.fd = server->tcps[i].fd, .events = POLLIN};
        poll(waits, 3 + TCP_MAX, wait_ms(server));
        if (waits[0].revents)
            read_udp(server);
        for (unsigned i = 0; i < TCP_MAX; i++)
            if (waits[3 + i].fd >= 0 && waits[3 + i].revents)
                read_tcp(server, &server->tcps[i]);
        if (waits[1].revents)
            accept_tcp(server);
        deliver_due(server);
    }
    return NULL;
}

/** Both sockets on one port that is free for both. */
static bool open_sockets(struct dns_server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    dns_must(server->listener >= 0 && server->udp >= 0, "socket");
    dns_must(bind(server->listener, (struct sockaddr *)&at, size) == 0, "bind");
    dns_must(getsockname(server->listener, (struct sockaddr *)&at, &size) == 0, "getsockname");
    dns_must(listen(server->listener, TCP_MAX) == 0, "listen");
    server->port = ntohs(at.sin_port);
    if (bind(server->udp, (struct sockaddr *)&at, size) == 0)
        return true;
    close(server->listener);
    close(server->udp);
    return false;
}

struct dns_server *dns_server_new(void)
{
    struct dns_server *server = calloc(1, sizeof *server);
    unsigned tries = 0;

    dns_must(server != NULL, "memory");
    while (!open_sockets(server))
        dns_must(++tries < 100, "no port is free for UDP and TCP");
    for (unsigned i = 0; i < TCP_MAX; i++)
        server->tcps[i].fd = -1;
    server->wake = eventfd(0, EFD_CLOEXEC);
    dns_must(server->wake >= 0, "eventfd");
    pthread_mutex_init(&server->mutex, NULL);
    dns_must(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
    return server;
}

void dns_server_free(struct dns_server *server)
{
    const uint64_t one = 1;

    if (!server)
        return;
    pthread_mutex_lock(&server->mutex);
    server->ends = true;
    pthread_mutex_unlock(&server->mutex);
    dns_must(write(server->wake, &one, sizeof one) == sizeof one, "write");
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < TCP_MAX; i++)
        if (server->tcps[i].fd >= 0)
            tcp_close(server, &server->tcps[i]);
    for (size_t i = 0; i < server->lates.count; i++)
        free(((struct late *)dns_list_at(&server->lates, i))->message);
    close(server->udp);
    close(server->listener);
    close(server->wake);
    dns_list_empty(&server->lates);
    dns_zone_fini(&server->zone);
    free(server);
}

/* ---- what the test says and asks ---- */

uint16_t dns_server_port(const struct dns_server *server)
{
    return server->port;
}

void dns_server_add(struct dns_server *server, const char *name, enum dns_record_type type, uint32_t ttl_s,
                    const char *data)
{
    pthread_mutex_lock(&server->mutex);
    dns_zone_add(&server->zone, name, type, ttl_s, data);
    pthread_mutex_unlock(&server->mutex);
}

void dns_server_clear(struct dns_server *server)
{
    pthread_mutex_lock(&server->mutex);
    dns_zone_clear(&server->zone);
    pthread_mutex_unlock(&server->mutex);
}

void dns_server_behave(struct dns_server *server, const char *name, enum dns_record_type type,
                       enum dns_manner manner)
{
    pthread_mutex_lock(&server->mutex);
    dns_zone_behave(&server->zone, name, type, manner);
    pthread_mutex_unlock(&server->mutex);
}

void dns_server_delay(struct dns_server *server, const char *name, enum dns_record_type type,
                      unsigned delay_ms)
{
    pthread_mutex_lock(&server->mutex);
    dns_zone_delay(&server->zone, name, type, delay_ms);
    pthread_mutex_unlock(&server->mutex);
}

unsigned dns_server_asked(struct dns_server *server, const char *name, enum dns_record_type type)
{
    unsigned asked;

    pthread_mutex_lock(&server->mutex);
    asked = dns_zone_asked(&server->zone, name, type);
    pthread_mutex_unlock(&server->mutex);
    return asked;
}

unsigned dns_server_asked_by_tcp(struct dns_server *server)
{
    unsigned asked;

    pthread_mutex_lock(&server->mutex);
    asked = server->zone.asked_by_tcp;
    pthread_mutex_unlock(&server->mutex);
    return asked;
}
