/* How long a client waits: one that asks all the time, each time a millisecond after the answer, on a connection that it
 * keeps. Each line on standard input ends a window, of which a line is printed:
 *     answers=N longest_us=N
 * Ends with its input. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 1, CONNECTIONS_MOST = 64 };

struct window {
    uint64_t answers, longest_us;
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int connect_to(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(1, "port %s", port);
    return fd;
}

/* The answer is small: it ends with the pattern's bytes, of which only the number counts here. */
static size_t answer_length(const char *bytes)
{
    const char *end = strstr(bytes, "\r\n\r\n"), *length = strcasestr(bytes, "\r\nContent-Length:");

    return end && length ? (size_t)(end + 4 - bytes) + strtoul(length + 17, NULL, 10) : SIZE_MAX;
}

static void ask(int fd, const char *request)
{
    char bytes[4096] = "";
    size_t got = 0;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        err(1, "send");
    do {
        const ssize_t more = recv(fd, bytes + got, sizeof bytes - 1 - got, 0);

        if (more <= 0)
            errx(1, "the connection ended");
        got += (size_t)more;
        bytes[got] = 0;
    } while (got < answer_length(bytes));
    if (strncmp(bytes, "HTTP/1.1 200", 12) != 0)
        errx(1, "%.*s", (int)strcspn(bytes, "\r"), bytes);
}

/** @return false at the end of the input */
static bool window_ends(struct window *window)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[64];

    if (poll(&input, 1, PAUSE_MS) <= 0)
        return true;
    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return false;
    printf("answers=%llu longest_us=%llu\n", (unsigned long long)window->answers,
           (unsigned long long)window->longest_us);
    fflush(stdout);
    *window = (struct window){0};
    return true;
}

int main(int argc, char **argv)
{
    struct window window = {0};
    char request[256];
    int fds[CONNECTIONS_MOST], count = argc > 3 ? atoi(argv[3]) : 1;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (argc < 3 || count < 1 || count > CONNECTIONS_MOST)
        errx(2, "usage: waiter PORT HOST [CONNECTIONS]");
    snprintf(request, sizeof request, "GET /128 HTTP/1.1\r\nHost: %s\r\n\r\n", argv[2]);
    for (int i = 0; i < count; i++)
        fds[i] = connect_to(argv[1]);
    for (int next = 0; window_ends(&window); next = (next + 1) % count) {
        const uint64_t began_us = now_us();

        ask(fds[next], request);
        window.answers++;
        window.longest_us = now_us() - began_us > window.longest_us ? now_us() - began_us : window.longest_us;
    }
    return 0;
}
