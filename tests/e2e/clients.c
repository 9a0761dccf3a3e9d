#include "e2e/clients.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_ROOM = 32768, DEFAULT_COUNT = 64, AFTER_FAILURE_MS = 20, LONGEST_WAIT_MS = 20 };
static const char post_content[] = "one=1&two=2";

/** Pauses until due_ms, or has asked and waits for its answer. */
struct client {
    int number, fd; /* fd -1: not connected */
    bool has_asked;
    int64_t due_ms;
    struct ask ask;
    int asked;
    char bytes[ANSWER_ROOM]; /* of the answer */
    size_t length;
};

struct crew {
    struct clients *clients;
    struct client *all;
    int epoll_fd;
};

/* ---- records ---- */

static bool is_good(const struct ask *ask)
{
    return ask->status >= 200 && ask->status < 300;
}

static void ask_record(struct clients *clients, const struct ask *ask)
{
    if (clients->count == clients->room) {
        clients->room = clients->room ? 2 * clients->room : 4096;
        clients->asks = realloc(clients->asks, clients->room * sizeof *clients->asks);
        if (!clients->asks)
            abort();
    }
    clients->asks[clients->count++] = *ask;
    atomic_fetch_add(is_good(ask) ? &clients->answered : &clients->failed, 1);
}

/* ---- one client ---- */

static void client_disconnect(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->length = 0;
}

static void client_ended(struct crew *crew, struct client *client, int pause_ms)
{
    client->ask.ended_ms = now_ms();
    client->has_asked = false;
    client->due_ms = client->ask.ended_ms + pause_ms;
    ask_record(crew->clients, &client->ask);
}

static void client_fail(struct crew *crew, struct client *client, const char *why)
{
    client_disconnect(client);
    client->ask.why = why;
    client_ended(crew, client, AFTER_FAILURE_MS);
}

/** To loopback this does not block. */
static bool client_connect(struct crew *crew, struct client *client)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)crew->clients->terms.port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int yes = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return false;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return epoll_ctl(crew->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0;
}

static bool client_send(const struct crew *crew, const struct client *client)
{
    const struct clients_terms *terms = &crew->clients->terms;
    char request[1024];
    int length;

    if (client->ask.is_post)
        length =
            snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     terms->path, terms->host, sizeof post_content - 1, post_content);
    else
        length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", terms->path,
                          terms->host);
    return send(client->fd, request, (size_t)length, MSG_NOSIGNAL) == length;
}

static void client_ask(struct crew *crew, struct client *client)
{
    const int posts_every = crew->clients->terms.posts_every;

    client->ask = (struct ask){.began_ms = now_ms(),
                               .client = client->number,
                               .is_post = posts_every > 0 && ++client->asked % posts_every == 0};
    client->has_asked = true;
    client->due_ms = client->ask.began_ms + crew->clients->terms.patience_ms;
    if (client->fd < 0 && !client_connect(crew, client))
        client_fail(crew, client, "no connection");
    else if (!client_send(crew, client))
        client_fail(crew, client, "cannot send");
}

/* ---- answers ---- */

/** The head, with its empty line, and the content that it promises; 0: not yet all there. */
static size_t answer_measure(struct client *client)
{
    static const char field[] = "\r\nContent-Length: ";
    const char *end, *length;
    size_t head;

    client->bytes[client->length] = 0;
    end = strstr(client->bytes, "\r\n\r\n");
    if (!end)
        return 0;
    head = (size_t)(end - client->bytes) + 4;
    length = strcasestr(client->bytes, field);
    return head + (length && length < end ? strtoul(length + sizeof field - 1, NULL, 10) : 0);
}

static void answer_take(struct crew *crew, struct client *client, size_t size)
{
    const char *body = strstr(client->bytes, "\r\n\r\n") + 4;
    const bool closes = strcasestr(client->bytes, "\r\nConnection: close") != NULL;

    client->ask.status = (int)strtol(client->bytes + strcspn(client->bytes, " "), NULL, 10);
    snprintf(client->ask.body, sizeof client->ask.body, "%.*s", (int)(client->bytes + size - body), body);
    client->length = 0;
    if (closes)
        client_disconnect(client);
    client_ended(crew, client, is_good(&client->ask) ? crew->clients->terms.pause_ms : AFTER_FAILURE_MS);
}

static void client_hear(struct crew *crew, struct client *client)
{
    ssize_t got =
        recv(client->fd, client->bytes + client->length, ANSWER_ROOM - 1 - client->length, MSG_DONTWAIT);
    size_t size;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 && client->has_asked) {
        client_fail(crew, client, got < 0 ? "reset" : client->length ? "cut off" : "closed");
        return;
    }
    if (got <= 0) {
        client_disconnect(client); /* a kept connection may be closed at any time */
        return;
    }
    client->length += (size_t)got;
    size = answer_measure(client);
    if (!client->has_asked || (size && client->length > size))
        client_fail(crew, client, "more bytes than were asked for");
    else if (size && client->length == size)
        answer_take(crew, client, size);
}

/* ---- the thread ---- */

/** @return whether it has nothing more to do */
static bool client_look(struct crew *crew, struct client *client, int64_t at_ms)
{
    if (!client->has_asked && crew->clients->stops)
        return true;
    if (client->due_ms > at_ms)
        return false;
    if (client->has_asked)
        client_fail(crew, client, "no answer in time");
    else
        client_ask(crew, client);
    return false;
}

static int64_t crew_next_ms(const struct crew *crew)
{
    int64_t next_ms = now_ms() + LONGEST_WAIT_MS;

    for (int i = 0; i < crew->clients->terms.count; i++)
        next_ms = crew->all[i].due_ms < next_ms ? crew->all[i].due_ms : next_ms;
    return next_ms;
}

/** @return whether some have still to do */
static bool crew_turn(struct crew *crew)
{
    struct epoll_event events[64];
    const int64_t wait_ms = crew_next_ms(crew) - now_ms();
    const int count = epoll_wait(crew->epoll_fd, events, 64, wait_ms > 0 ? (int)wait_ms : 0);
    int idle = 0;

    for (int i = 0; i < count; i++)
        client_hear(crew, events[i].data.ptr);
    for (int i = 0; i < crew->clients->terms.count; i++)
        idle += client_look(crew, &crew->all[i], now_ms());
    return idle < crew->clients->terms.count;
}

static void *crew_work(void *arg)
{
    struct clients *clients = arg;
    struct crew crew = {.clients = clients, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};

    crew.all = scene_alloc((size_t)clients->terms.count * sizeof *crew.all);
    for (int i = 0; i < clients->terms.count; i++)
        crew.all[i] = (struct client){.number = i, .fd = -1};
    while (crew_turn(&crew)) {
    }
    for (int i = 0; i < clients->terms.count; i++)
        client_disconnect(&crew.all[i]);
    close(crew.epoll_fd);
    return NULL;
}

struct clients *clients_start(struct clients_terms terms)
{
    struct clients *clients = scene_alloc(sizeof *clients);

    terms.host = terms.host ? terms.host : "a.test";
    terms.path = terms.path ? terms.path : "/";
    terms.count = terms.count ? terms.count : DEFAULT_COUNT;
    terms.patience_ms = terms.patience_ms ? terms.patience_ms : PATIENCE_MS;
    clients->terms = terms;
    cr_assert_eq(pthread_create(&clients->thread, NULL, crew_work, clients), 0);
    return clients;
}

void clients_stop(struct clients *clients)
{
    clients->stops = true;
    pthread_join(clients->thread, NULL);
}

/* ---- what they met ---- */

int clients_failed(const struct clients *clients, bool with_posts)
{
    int failed = 0;

    for (size_t i = 0; i < clients->count; i++)
        failed += !is_good(&clients->asks[i]) && (with_posts || !clients->asks[i].is_post);
    return failed;
}

int clients_served_by(const struct clients *clients, const char *name, int64_t since_ms)
{
    int served = 0;

    for (size_t i = 0; i < clients->count; i++) {
        const struct ask *ask = &clients->asks[i];

        served += is_good(ask) && ask->began_ms >= since_ms && strncmp(ask->body, name, strlen(name)) == 0;
    }
    return served;
}

int clients_longest_ms(const struct clients *clients)
{
    int64_t longest_ms = 0;

    for (size_t i = 0; i < clients->count; i++) {
        const int64_t took_ms = clients->asks[i].ended_ms - clients->asks[i].began_ms;

        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    return (int)longest_ms;
}

char *clients_describe(const struct clients *clients)
{
    enum { SHOWN = 12 };
    const int64_t start_ms = clients->count ? clients->asks[0].began_ms : 0;
    char *text = scene_text("%zu asked, %d failed", clients->count, clients->failed);
    int shown = 0;

    for (size_t i = 0; i < clients->count && shown < SHOWN; i++) {
        const struct ask *ask = &clients->asks[i];

        if (is_good(ask))
            continue;
        shown++;
        text =
            scene_text("%s\n  %s of client %d, from %lld to %lld ms: %d %s", text,
                       ask->is_post ? "POST" : "GET", ask->client, (long long)(ask->began_ms - start_ms),
                       (long long)(ask->ended_ms - start_ms), ask->status, ask->why ? ask->why : ask->body);
    }
    return text;
}
