/* The server behind every proxy of the benchmark: fixed answers, made once, sent with as few calls as
 * possible, so that the core it shares with the load generator is left to the latter.
 *
 *   GET /N        N bytes of the pattern, with a Content-Length
 *   GET /echo     the head as it came, for checking what a proxy adds
 *   POST /N       the same answer as GET /N, if the body is the pattern; else 400
 *   raw port      "keep N" or "once N" in 16 bytes: N bytes of the pattern; after "once" it closes
 *
 * It prints the two ports that it listens on, at every address of this machine, so that it can be as many servers as
 * 127.0.0.0/8 has addresses, and serves until it is killed. */
#include "pattern.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_LIMIT = 8192, SCRATCH = 256 * 1024, ANSWERS = 8, RAW_REQUEST = 16 };

/** Bytes ready to be sent, made when first asked for. */
struct answer {
    char *bytes;
    size_t len;
    size_t body_len;
    bool is_raw;
};

struct conn {
    int fd;
    bool is_raw, is_listener;
    bool closes;     /* after the answer */
    bool body_wrong; /* of the request */
    size_t head_len; /* bytes in head[], which is the whole request on a raw port */
    size_t body_got, body_len;
    struct answer own; /* an echo or a refusal */
    const struct answer *answer;
    size_t sent;
    char head[HEAD_LIMIT + 1];
};

static int poll_fd;
static char scratch[SCRATCH];

static void conn_close(struct conn *conn)
{
    close(conn->fd);
    free(conn->own.bytes);
    free(conn);
}

static void answer_make(struct answer *answer, int status, const char *body, size_t len)
{
    char head[128];
    int head_len = 0;

    if (!answer->is_raw)
        head_len = snprintf(head, sizeof head,
                            "HTTP/1.1 %d Bench\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                            status, len);
    answer->len = (size_t)head_len + len;
    answer->body_len = len;
    answer->bytes = malloc(answer->len + 1);
    if (!answer->bytes)
        err(1, "answer");
    memcpy(answer->bytes, head, (size_t)head_len);
    if (body)
        memcpy(answer->bytes + head_len, body, len);
    else
        pattern_fill(answer->bytes + head_len, len);
}

static const struct answer *answer_of(size_t body_len, bool is_raw)
{
    static struct answer made[ANSWERS];

    for (size_t i = 0; i < ANSWERS; i++) {
        if (!made[i].bytes) {
            made[i].is_raw = is_raw;
            answer_make(&made[i], 200, NULL, body_len);
        }
        if (made[i].body_len == body_len && made[i].is_raw == is_raw)
            return &made[i];
    }
    errx(1, "more than %d different answers asked for", ANSWERS);
}

static const struct answer *answer_own(struct conn *conn, int status, const char *body)
{
    free(conn->own.bytes);
    answer_make(&conn->own, status, body, strlen(body));
    return &conn->own;
}

/** The value of a field of the head, or NULL. */
static const char *field_find(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

static void http_answer(struct conn *conn)
{
    const char *path = strchr(conn->head, ' ');

    if (conn->body_wrong)
        conn->answer = answer_own(conn, 400, "the body is not the pattern\n");
    else if (path && strncmp(path, " /echo ", 7) == 0)
        conn->answer = answer_own(conn, 200, conn->head);
    else
        conn->answer = answer_of(path ? strtoul(path + 2, NULL, 10) : 0, false);
}

static void body_take(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->body_got + len > conn->body_len || !pattern_holds(bytes, len, conn->body_got))
        conn->body_wrong = true;
    conn->body_got += len;
    if (conn->body_got >= conn->body_len)
        http_answer(conn);
}

static void head_read(struct conn *conn)
{
    const char *length = field_find(conn->head, "\r\ncontent-length:");
    const char *connection = field_find(conn->head, "\r\nconnection:");

    conn->body_len = length ? strtoul(length, NULL, 10) : 0;
    conn->closes = connection && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0;
}

/** The takers get bytes in any split. @return whether the connection lives on */
static bool http_take(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->body_len) {
        body_take(conn, bytes, len);
        return true;
    }
    size_t before = conn->head_len, room = HEAD_LIMIT - before, kept = len < room ? len : room;
    memcpy(conn->head + before, bytes, kept);
    conn->head_len += kept;
    conn->head[conn->head_len] = '\0';

    char *end = strstr(conn->head, "\r\n\r\n");
    if (!end)
        return conn->head_len < HEAD_LIMIT;
    end[4] = '\0';
    head_read(conn);
    size_t used = (size_t)(end + 4 - conn->head) - before;
    if (conn->body_len || used < len)
        body_take(conn, bytes + used, len - used);
    else
        http_answer(conn);
    return true;
}

static bool raw_take(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->head_len + len > RAW_REQUEST)
        return false;
    memcpy(conn->head + conn->head_len, bytes, len);
    conn->head_len += len;
    if (conn->head_len < RAW_REQUEST)
        return true;
    conn->head[RAW_REQUEST] = '\0';
    conn->closes = strncmp(conn->head, "once", 4) == 0;
    conn->answer = answer_of(strtoul(conn->head + 5, NULL, 10), true);
    return true;
}

static void conn_rearm(struct conn *conn)
{
    conn->answer = NULL;
    conn->sent = conn->head_len = conn->body_got = conn->body_len = 0;
    conn->body_wrong = false;
}

/** @return whether the connection lives on */
static bool conn_send(struct conn *conn)
{
    const struct answer *answer = conn->answer;
    ssize_t n = send(conn->fd, answer->bytes + conn->sent, answer->len - conn->sent, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN;
    conn->sent += (size_t)n;
    if (conn->sent < answer->len)
        return true;
    if (conn->closes)
        return false;
    conn_rearm(conn);
    return true;
}

/** Runs until the socket has nothing more to give or to take: events are edge-triggered. */
static void conn_drive(struct conn *conn)
{
    for (;;) {
        if (conn->answer) {
            if (!conn_send(conn)) {
                conn_close(conn);
                return;
            }
            if (conn->answer)
                return; /* the socket is full */
        }
        ssize_t n = recv(conn->fd, scratch, sizeof scratch, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || !(conn->is_raw ? raw_take : http_take)(conn, scratch, (size_t)n)) {
            conn_close(conn);
            return;
        }
    }
}

static void conn_watch(int fd, bool is_raw, bool is_listener)
{
    struct conn *conn = calloc(1, is_listener ? offsetof(struct conn, head) : sizeof *conn);
    if (!conn)
        err(1, "connection");
    conn->fd = fd;
    conn->is_raw = is_raw;
    conn->is_listener = is_listener;
    uint32_t events = is_listener ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET;
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void listener_accept(const struct conn *listener)
{
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        conn_watch(fd, listener->is_raw, false);
    }
}

/** @return the port, chosen by the system */
static uint16_t listener_open(bool is_raw)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        err(1, "listen");
    conn_watch(fd, is_raw, true);
    return ntohs(address.sin_port);
}

int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    uint16_t http = listener_open(false), raw = listener_open(true);
    printf("http=%u raw=%u\n", http, raw);
    fflush(stdout);

    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poll_fd, events, 256, -1);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn->is_listener)
                listener_accept(conn);
            else
                conn_drive(conn);
        }
    }
}
