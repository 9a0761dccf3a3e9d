/* A server's own life: one thread, one epoll. It was forked from a test with threads: no asserts, no stdio, no heap. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/server.h"

enum { VISITORS = 1024, HEAD_ROOM = 16384, DRIP_MS = 1000, POLL_MS = 50, QUIET_MS = 200 };

/** One connection, by its descriptor. */
struct visitor {
    char bytes[HEAD_ROOM]; /* what came and is not used yet */
    size_t length;
    size_t body_left; /* of the request whose head was read */
    bool is_here, has_request, is_check, wants_serial;
    int64_t due_ms; /* of its answer, or of the next byte of it */
    int serial;
    size_t dripped;
};

static struct visitor visitors[VISITORS];
static int highest; /* of those that were ever here */
static const struct server *self;
static struct server_counts *counts;
static int epoll_fd, listening;
static volatile sig_atomic_t stops;

static void on_stop(int signal_number)
{
    stops = 1;
}

static void count_up(atomic_int *now, atomic_int *most)
{
    const int count = atomic_fetch_add(now, 1) + 1;

    if (count > *most)
        *most = count; /* nobody else writes it */
}

/* ---- ends ---- */

static void visitor_leave(int fd, bool resets)
{
    const struct linger now = {.l_onoff = 1};

    if (visitors[fd].has_request)
        atomic_fetch_sub(&counts->busy, 1);
    visitors[fd].has_request = visitors[fd].is_here = false;
    if (resets)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    atomic_fetch_sub(&counts->open, 1);
    close(fd);
}

/* ---- answers ---- */

static size_t answer_write(const struct visitor *visitor, char *text, size_t room)
{
    const int status = visitor->is_check ? counts->up_status : counts->status;
    char body[40];

    snprintf(body, sizeof body, visitor->wants_serial ? "%s %d" : "%s", self->name, visitor->serial);
    return (size_t)snprintf(text, room, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                            strlen(body), stops ? "Connection: close\r\n" : "", body);
}

static void request_end(struct visitor *visitor)
{
    visitor->has_request = false;
    visitor->dripped = 0;
    atomic_fetch_sub(&counts->busy, 1);
}

static void answer_whole(int fd)
{
    char text[256];
    const size_t length = answer_write(&visitors[fd], text, sizeof text);

    request_end(&visitors[fd]); /* before it leaves: who reads it may look at the counts */
    if (send(fd, text, length, MSG_NOSIGNAL) != (ssize_t)length || stops)
        visitor_leave(fd, false);
}

static void answer_part_and_reset(int fd)
{
    static const char part[] = "HTTP/1.1 200 Said\r\nContent-Length: 1000\r\n\r\npart";

    send(fd, part, sizeof part - 1, MSG_NOSIGNAL);
    visitor_leave(fd, true);
}

static void answer_drip(int fd)
{
    struct visitor *visitor = &visitors[fd];
    char text[256];
    const size_t length = answer_write(visitor, text, sizeof text);

    visitor->due_ms = now_ms() + DRIP_MS;
    if (send(fd, text + visitor->dripped++, 1, MSG_NOSIGNAL) != 1)
        visitor_leave(fd, false);
    else if (visitor->dripped == length)
        request_end(visitor);
}

static void answer(int fd)
{
    static void (*const by_conduct[])(int fd) = {
        [SERVER_ANSWERS] = answer_whole,
        [SERVER_RESETS_IN_ANSWER] = answer_part_and_reset,
        [SERVER_DRIPS] = answer_drip,
    };

    if (self->conduct == SERVER_RESETS_AFTER_REQUEST)
        visitor_leave(fd, true);
    else if (self->conduct == SERVER_SILENT)
        visitors[fd].due_ms = INT64_MAX;
    else
        by_conduct[self->conduct](fd);
}

/* ---- requests ---- */

/** The number behind that text in the head, 0 when it is not there. */
static size_t number_in(const char *head, const char *text)
{
    const char *found = strcasestr(head, text);

    return found ? strtoul(found + strlen(text), NULL, 10) : 0;
}

/** @param head  with a NUL where it ends */
static void request_note(struct visitor *visitor, const char *head)
{
    const char *path = strchr(head, ' ');

    visitor->is_check = path && strncmp(path, " /up ", 5) == 0;
    visitor->wants_serial = path && strncmp(path, " /serial ", 9) == 0;
    visitor->body_left = number_in(head, "\r\nContent-Length: ");
    visitor->due_ms = now_ms();
    if (visitor->is_check) {
        atomic_fetch_add(&counts->checks, 1);
    } else {
        visitor->serial = atomic_fetch_add(&counts->requests, 1) + 1;
        visitor->due_ms += counts->delay_ms + (int64_t)number_in(path ? path : "", " /slow?ms=");
    }
    visitor->has_request = true;
    count_up(&counts->busy, &counts->busy_most);
}

static void visitor_use(struct visitor *visitor, size_t count)
{
    memmove(visitor->bytes, visitor->bytes + count, visitor->length - count);
    visitor->length -= count;
}

/** Content is read and not looked at. */
static void body_skip(struct visitor *visitor)
{
    const size_t part = visitor->length < visitor->body_left ? visitor->length : visitor->body_left;

    visitor->body_left -= part;
    visitor_use(visitor, part);
}

/** One request at a time: what comes behind it waits for its answer. */
static void request_look(struct visitor *visitor)
{
    char *end;

    if (!visitor->has_request) {
        visitor->bytes[visitor->length] = 0;
        end = strstr(visitor->bytes, "\r\n\r\n");
        if (!end)
            return;
        end[2] = 0;
        request_note(visitor, visitor->bytes);
        visitor_use(visitor, (size_t)(end + 4 - visitor->bytes));
    }
    body_skip(visitor);
}

static bool is_due(const struct visitor *visitor, int64_t at_ms)
{
    return visitor->is_here && visitor->has_request && visitor->body_left == 0 && visitor->due_ms <= at_ms;
}

/** Also the requests that stand behind the one that is answered now. */
static void visitor_turn(int fd)
{
    struct visitor *visitor = &visitors[fd];

    request_look(visitor);
    while (is_due(visitor, now_ms())) {
        answer(fd);
        if (visitor->is_here && !visitor->has_request)
            request_look(visitor);
    }
}

static void visitor_hear(int fd)
{
    struct visitor *visitor = &visitors[fd];
    const size_t room = HEAD_ROOM - 1 - visitor->length;
    ssize_t got = recv(fd, visitor->bytes + visitor->length, room, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) { /* gone, or says too much at once */
        visitor_leave(fd, false);
        return;
    }
    visitor->length += (size_t)got;
    visitor_turn(fd);
}

/* ---- the loop ---- */

/** False when nobody waits. */
static bool visitor_welcome(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    if (fd >= VISITORS)
        _exit(126);
    atomic_fetch_add(&counts->connections, 1);
    count_up(&counts->open, &counts->open_most);
    visitors[fd] = (struct visitor){.is_here = true};
    highest = fd > highest ? fd : highest;
    event.data.fd = fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    if (self->conduct == SERVER_RESETS_AT_ONCE)
        visitor_leave(fd, true);
    return true;
}

/** Takes no connection while all places are taken. */
static void door_set(void)
{
    static bool is_shut;
    const bool shuts = counts->places > 0 && counts->open >= counts->places;
    struct epoll_event event = {.events = shuts ? 0 : EPOLLIN, .data.fd = listening};

    if (shuts == is_shut || listening < 0)
        return;
    is_shut = shuts;
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listening, &event);
}

/** Until the next answer is due; never long, as a signal may come just before the wait. */
static int wait_ms(void)
{
    int64_t left_ms = POLL_MS;
    const int64_t at_ms = now_ms();

    for (int fd = 0; fd <= highest; fd++) {
        if (is_due(&visitors[fd], at_ms + left_ms))
            left_ms = visitors[fd].due_ms - at_ms;
    }
    return left_ms > 0 ? (int)left_ms : 0;
}

/** New connections come last, one a turn: who left before one came has been counted by then. */
static void turn(void)
{
    struct epoll_event events[VISITORS];
    bool knocks = false;
    int count;

    door_set();
    count = epoll_wait(epoll_fd, events, VISITORS, wait_ms());
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == listening)
            knocks = true;
        else
            visitor_hear(events[i].data.fd);
    }
    for (int fd = 0; fd <= highest; fd++) {
        if (is_due(&visitors[fd], now_ms()))
            visitor_turn(fd);
    }
    if (knocks)
        visitor_welcome();
}

static bool has_visitors(bool with_requests)
{
    for (int fd = 0; fd <= highest; fd++) {
        if (visitors[fd].is_here && visitors[fd].has_request >= with_requests)
            return true;
    }
    return false;
}

/** Who came before the end is served, and a request that is on its way over a kept connection as well. */
static void farewell(void)
{
    const int64_t quiet_end_ms = now_ms() + QUIET_MS;

    while (visitor_welcome()) {
    }
    close(listening);
    listening = -1;
    while (has_visitors(false) && now_ms() < quiet_end_ms)
        turn();
    while (has_visitors(true))
        turn();
}

void server_live(int listener, const struct server *server)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    sigset_t none;

    self = server;
    counts = server->counts;
    listening = listener;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_stop);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    while (!stops)
        turn();
    farewell();
    _exit(0);
}
