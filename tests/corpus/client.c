#include "corpus/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/scene.h"

void client_connect(struct client *client, int port, uint32_t address)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = address};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int yes = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (address)
        cr_assert_eq(bind(client->fd, (struct sockaddr *)&from, sizeof from), 0, "%s", strerror(errno));
    cr_assert_eq(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0, "%s", strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

void client_send(const struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

void client_shut(struct client *client)
{
    client->was_shut = true;
    shutdown(client->fd, SHUT_WR);
}

void client_close(struct client *client)
{
    close(client->fd);
    client->fd = -1;
}

static void client_make_room(struct client *client, size_t bytes)
{
    if (bytes <= client->room)
        return;
    client->room = 2 * bytes;
    client->bytes = realloc(client->bytes, client->room);
    if (!client->bytes)
        abort();
}

/** @return false when nothing came */
static bool client_read(struct client *client)
{
    char part[8192];
    ssize_t got = recv(client->fd, part, sizeof part, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        client->was_ended = true;
        client->was_reset = got < 0;
        client_close(client);
        return true;
    }
    client_make_room(client, client->len + (size_t)got + 1);
    memcpy(client->bytes + client->len, part, (size_t)got);
    client->len += (size_t)got;
    client->bytes[client->len] = 0;
    return true;
}

static size_t watch_all(int epoll, struct client *const *clients, size_t count)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = clients[i]};

        if (clients[i]->fd < 0)
            continue;
        open++;
        cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i]->fd, &event), 0);
    }
    return open;
}

void clients_await(struct client *const *clients, size_t count, bool (*on_news)(struct client *client))
{
    const int64_t end_ms = now_ms() + PATIENCE_MS;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    size_t open = watch_all(epoll, clients, count);

    while (open > 0 && now_ms() < end_ms) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, 100);

        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            bool is_enough = client_read(client) && on_news(client);

            if (is_enough && client->fd >= 0)
                epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
            open -= is_enough || client->fd < 0;
        }
    }
    close(epoll);
}

void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}
