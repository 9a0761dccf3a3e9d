/* A closed loop of connections: each sends a request, checks every byte of the answer, and sends the next.
 * The processor time of the proxy is read at both ends of the measured window by this same program, so that
 * the requests counted and the time counted belong together.
 *
 * Happy path:  CONNECTING → (HANDSHAKE →) SENDING → HEAD → BODY → SENDING …, or → ENDING → CONNECTING …
 * On failure:  counted, said once on stderr, and the connection starts anew.
 * At the end:  requests in flight get a grace; what is still unanswered then counts as a failure.
 *
 * Prints one line of name=value; see report(). */
#include "cpu.h"
#include "pattern.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SCRATCH = 256 * 1024, HEAD_LIMIT = 2048, PIDS = 16, OPENING = 64, HOST_DIGITS = 5 };

static const int64_t WARMUP_NS = 300000000, GRACE_NS = 3000000000;

enum state { CONNECTING, HANDSHAKE, SENDING, HEAD, BODY, ENDING, RESTING };

/** What a read or a write came to, when it did not move bytes. */
enum { IO_AGAIN = -1, IO_FAILED = -2 };

struct client {
    int fd;
    enum state state;
    bool is_reused;   /* an answer came on this connection before */
    bool peer_closes; /* the answer said so */
    SSL *ssl;
    size_t sent;
    size_t body_got, body_len;
    size_t head_len;
    char head[HEAD_LIMIT + 1];
};

/** The work, as the options say. */
static struct {
    uint16_t port;
    const char *certificate; /* TLS, with this one trusted */
    const char *host;
    unsigned hosts; /* names to choose from, h00000.HOST and so on; 0: HOST itself */
    unsigned connections;
    double seconds;
    uint64_t requests; /* so many and no more, whatever time they take; 0: as many as the time allows */
    size_t body_len;
    bool is_raw, is_post, closes, holds;
    pid_t pids[PIDS];
    size_t pid_count;
} plan = {.host = "bench.test", .connections = 64, .seconds = 2, .body_len = 128};

/** The request, the same for all but for the digits of the host. */
static struct {
    char *bytes;
    size_t len;
    char *digits;
} request;

static struct {
    uint64_t begun, answers, body_bytes, failures, reconnects;
    unsigned resting; /* connections that hold still: holding, or the run is over */
} count;

static int poll_fd;
static SSL_CTX *tls;
static char scratch[SCRATCH];
static bool is_over;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Bytes in and out, in clear or through TLS. */

static ssize_t tls_outcome(const struct client *client, int rc)
{
    int why = SSL_get_error(client->ssl, rc);

    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return IO_AGAIN;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : IO_FAILED;
}

static ssize_t plain_outcome(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN ? IO_AGAIN : IO_FAILED;
}

/** @return the number of bytes, 0 at the end, or one of IO_* */
static ssize_t client_read(struct client *client)
{
    if (!client->ssl)
        return plain_outcome(recv(client->fd, scratch, sizeof scratch, 0));
    int n = SSL_read(client->ssl, scratch, sizeof scratch);
    return n > 0 ? n : tls_outcome(client, n);
}

static ssize_t client_write(struct client *client, const char *bytes, size_t len)
{
    if (!client->ssl)
        return plain_outcome(send(client->fd, bytes, len, MSG_NOSIGNAL));
    int n = SSL_write(client->ssl, bytes, (int)len);
    return n > 0 ? n : tls_outcome(client, n);
}

/* The life of a connection. */

static void client_tls_begin(struct client *client)
{
    client->ssl = SSL_new(tls);
    if (!client->ssl || !SSL_set_fd(client->ssl, client->fd) || !SSL_set1_host(client->ssl, plan.host) ||
        !SSL_set_tlsext_host_name(client->ssl, plan.host))
        errx(1, "cannot begin TLS");
    SSL_set_connect_state(client->ssl);
}

static void client_connect(struct client *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(plan.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};

    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (client->fd < 0)
        err(1, "socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        err(1, "connect to port %u", plan.port);
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void client_close(struct client *client)
{
    SSL_free(client->ssl);
    close(client->fd);
    client->ssl = NULL;
    client->fd = -1;
}

static void client_rest(struct client *client)
{
    client->state = RESTING;
    count.resting++;
}

static bool is_enough(void)
{
    return is_over || (plan.requests && count.begun >= plan.requests);
}

/** A new connection for the next request, unless there is none. */
static void client_renew(struct client *client)
{
    client_close(client);
    if (is_enough())
        client_rest(client);
    else
        client_connect(client);
}

static void client_fail(struct client *client, const char *what)
{
    static const char *const states[] = {"connecting",    "handshake", "sending", "answer's head",
                                         "answer's body", "end",       "rest"};

    if (count.failures++ == 0)
        warnx("port %u, %s: %s", plan.port, states[client->state], what);
    client_renew(client);
}

/** A connection may be closed between two requests, and the next request has met that: it is sent again. */
static bool client_was_dropped(const struct client *client)
{
    return client->is_reused && client->head_len == 0 && client->body_got == 0;
}

static void client_lost(struct client *client, const char *what)
{
    if (!client_was_dropped(client)) {
        client_fail(client, what);
        return;
    }
    count.reconnects++;
    client_renew(client);
}

/* The request. */

static void host_choose(void)
{
    static uint32_t state = 2463534242;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    uint32_t host = state % plan.hosts;
    for (int i = HOST_DIGITS - 1; i >= 0; i--, host /= 10)
        request.digits[i] = (char)('0' + host % 10);
}

static void client_begin(struct client *client)
{
    client->sent = client->head_len = client->body_got = 0;
    client->body_len = plan.body_len;
    client->peer_closes = false;
    client->state = SENDING;
    count.begun++;
    if (plan.hosts)
        host_choose();
}

static void request_make(void)
{
    char head[512];
    int len;

    if (plan.is_raw)
        len = snprintf(head, sizeof head, "%s %-11zu", plan.closes ? "once" : "keep", plan.body_len);
    else
        len = snprintf(head, sizeof head,
                       "%s /%zu HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: bench/1\r\nAccept: */*\r\n%s",
                       plan.is_post ? "POST" : "GET", plan.is_post ? 128 : plan.body_len,
                       plan.hosts ? "h00000." : "", plan.host, plan.closes ? "Connection: close\r\n" : "");
    if (plan.is_post)
        len += snprintf(head + len, sizeof head - (size_t)len, "Content-Length: %zu\r\n", plan.body_len);
    if (!plan.is_raw)
        len += snprintf(head + len, sizeof head - (size_t)len, "\r\n");

    size_t body_len = plan.is_post ? plan.body_len : 0;
    request.len = (size_t)len + body_len;
    request.bytes = malloc(request.len + 1);
    if (!request.bytes)
        err(1, "request");
    memcpy(request.bytes, head, (size_t)len + 1);
    if (plan.hosts)
        request.digits = strstr(request.bytes, "Host: h") + strlen("Host: h");
    pattern_fill(request.bytes + len, body_len);
}

/* The steps. Each says whether the next one can be tried now. */

static bool step_connect(struct client *client)
{
    int error = 0;
    socklen_t len = sizeof error;

    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        client_fail(client, strerror(error));
        return false;
    }
    struct tcp_info info;
    len = sizeof info;
    if (getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_state == TCP_SYN_SENT)
        return false;
    if (tls) {
        client_tls_begin(client);
        client->state = HANDSHAKE;
    } else {
        client_begin(client);
    }
    return true;
}

static bool step_handshake(struct client *client)
{
    int rc = SSL_do_handshake(client->ssl);

    if (rc == 1) {
        client_begin(client);
        return true;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (tls_outcome(client, rc) != IO_AGAIN)
        client_fail(client, reason ? reason : "the connection ended early");
    return false;
}

static bool step_send(struct client *client)
{
    ssize_t n = client_write(client, request.bytes + client->sent, request.len - client->sent);

    if (n == IO_AGAIN)
        return false;
    if (n == IO_FAILED) {
        client_lost(client, "the connection broke");
        return false;
    }
    client->sent += (size_t)n;
    if (client->sent == request.len)
        client->state = plan.is_raw ? BODY : HEAD;
    return true;
}

static bool answer_done(struct client *client)
{
    count.answers++;
    count.body_bytes += plan.body_len;
    client->is_reused = true;
    if (plan.closes || client->peer_closes) {
        client->state = ENDING;
        return true;
    }
    if (plan.holds || is_enough()) {
        client_rest(client);
        return false;
    }
    client_begin(client);
    return true;
}

static bool body_take(struct client *client, const char *bytes, size_t len)
{
    if (len > client->body_len - client->body_got || !pattern_holds(bytes, len, client->body_got)) {
        client_fail(client, "the body is not what the backend sent");
        return false;
    }
    client->body_got += len;
    return client->body_got < client->body_len || answer_done(client);
}

/** The value of a field of a head, or NULL. */
static const char *field_find(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) + strspn(at + strlen(name), " ") : NULL;
}

/** @return what is wrong with the head, or NULL */
static const char *head_check(struct client *client)
{
    size_t expected = plan.is_post ? 128 : plan.body_len;
    const char *length = field_find(client->head, "\r\ncontent-length:");
    const char *connection = field_find(client->head, "\r\nconnection:");

    if (strncmp(client->head, "HTTP/1.1 200", strlen("HTTP/1.1 200")) != 0)
        return client->head;
    if (!length || strtoul(length, NULL, 10) != expected)
        return "another Content-Length than the backend's";
    client->body_len = expected;
    client->peer_closes = connection && strncasecmp(connection, "close", 5) == 0;
    return NULL;
}

static bool head_take(struct client *client, const char *bytes, size_t len)
{
    size_t before = client->head_len, kept = len < HEAD_LIMIT - before ? len : HEAD_LIMIT - before;

    memcpy(client->head + before, bytes, kept);
    client->head_len += kept;
    client->head[client->head_len] = '\0';
    char *end = strstr(client->head, "\r\n\r\n");
    if (!end) {
        if (client->head_len == HEAD_LIMIT)
            client_fail(client, "the head has no end");
        return client->state == HEAD;
    }
    end[2] = '\0';
    const char *wrong = head_check(client);
    if (wrong) {
        client_fail(client, wrong);
        return false;
    }
    size_t used = (size_t)(end + 4 - client->head) - before;
    client->state = BODY;
    return body_take(client, bytes + used, len - used);
}

static bool step_read(struct client *client)
{
    ssize_t n = client_read(client);

    if (n == IO_AGAIN)
        return false;
    if (n > 0)
        return client->state == HEAD ? head_take(client, scratch, (size_t)n)
                                     : body_take(client, scratch, (size_t)n);
    client_lost(client, n == 0 ? "the connection ended early" : "the connection broke");
    return false;
}

/** The answer is whole: only the end may follow, and it must be one that is not a reset. */
static bool step_end(struct client *client)
{
    ssize_t n = client_read(client);

    if (n == IO_AGAIN)
        return false;
    if (n == 0)
        client_renew(client);
    else
        client_fail(client, n > 0 ? "bytes after the answer" : "a reset after the answer");
    return false;
}

static bool step_rest(struct client *client)
{
    if (is_over)
        return false;
    ssize_t n = client_read(client);
    if (n != IO_AGAIN)
        errx(1, "port %u: a held connection was closed", plan.port);
    return false;
}

static void client_drive(struct client *client)
{
    static bool (*const steps[])(struct client *) = {
        [CONNECTING] = step_connect, [HANDSHAKE] = step_handshake, [SENDING] = step_send, [HEAD] = step_read,
        [BODY] = step_read,          [ENDING] = step_end,          [RESTING] = step_rest,
    };

    while (steps[client->state](client))
        ;
}

/* The run. */

static void poll_once(int timeout_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(poll_fd, events, 256, timeout_ms);

    if (n < 0 && errno != EINTR)
        err(1, "epoll_wait");
    for (int i = 0; i < n; i++)
        client_drive(events[i].data.ptr);
}

static int64_t proxy_cpu_ns(void)
{
    int64_t total = 0;

    for (size_t i = 0; i < plan.pid_count; i++) {
        int64_t ns = cpu_ns(plan.pids[i]);
        if (ns < 0)
            errx(1, "process %d is gone", (int)plan.pids[i]);
        total += ns;
    }
    return total;
}

static void report(int64_t cpu, int64_t elapsed_ns, uint64_t answers, uint64_t bytes)
{
    printf("answers=%llu bytes=%llu cpu_ns=%lld elapsed_ns=%lld failures=%llu reconnects=%llu\n",
           (unsigned long long)answers, (unsigned long long)bytes, (long long)cpu, (long long)elapsed_ns,
           (unsigned long long)count.failures, (unsigned long long)count.reconnects);
    fflush(stdout);
}

static void run_measure(struct client *clients)
{
    for (unsigned i = 0; i < plan.connections; i++)
        client_connect(&clients[i]);
    for (int64_t end = now_ns() + WARMUP_NS; now_ns() < end;)
        poll_once(100);

    uint64_t answers = count.answers, bytes = count.body_bytes;
    int64_t cpu = proxy_cpu_ns(), begin = now_ns(), end = begin + (int64_t)(plan.seconds * 1e9);
    while (now_ns() < end)
        poll_once(100);
    int64_t elapsed_ns = now_ns() - begin;
    cpu = proxy_cpu_ns() - cpu;
    answers = count.answers - answers;
    bytes = count.body_bytes - bytes;

    is_over = true;
    for (int64_t limit = now_ns() + GRACE_NS; count.resting < plan.connections && now_ns() < limit;)
        poll_once(100);
    if (count.resting < plan.connections) {
        warnx("port %u: %u requests were never answered", plan.port, plan.connections - count.resting);
        count.failures += plan.connections - count.resting;
    }
    report(cpu, elapsed_ns, answers, bytes);
}

/** A fixed number of requests, for who counts instructions. */
static void run_count(struct client *clients)
{
    int64_t begin = now_ns(), limit = begin + 300000000000;

    for (unsigned i = 0; i < plan.connections; i++)
        client_connect(&clients[i]);
    while (count.resting < plan.connections && count.failures == 0) {
        poll_once(100);
        if (now_ns() > limit)
            errx(1, "port %u: %llu of %llu requests in time", plan.port, (unsigned long long)count.answers,
                 (unsigned long long)plan.requests);
    }
    report(0, now_ns() - begin, count.answers, count.body_bytes);
}

/** Opens all connections, a few at a time, makes a request on each, reports, and holds them until its input
 *  ends. */
static void run_hold(struct client *clients)
{
    int64_t limit = now_ns() + 60000000000;

    for (unsigned opened = 0; count.resting < plan.connections;) {
        while (opened < plan.connections && opened - count.resting < OPENING)
            client_connect(&clients[opened++]);
        poll_once(100);
        if (count.failures || now_ns() > limit)
            errx(1, "port %u: %u of %u connections held", plan.port, count.resting, plan.connections);
    }
    report(0, 0, count.answers, count.body_bytes);

    struct epoll_event input = {.events = EPOLLIN};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0)
        err(1, "standard input");
    for (struct epoll_event event; epoll_wait(poll_fd, &event, 1, 60000) == 1 && event.data.ptr;)
        client_drive(event.data.ptr);
}

static void tls_set_up(void)
{
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls || !SSL_CTX_load_verify_file(tls, plan.certificate) ||
        !SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") ||
        !SSL_CTX_set1_groups_list(tls, "X25519:P-256"))
        errx(1, "cannot set TLS up with %s", plan.certificate);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); /* every handshake is a full one */
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void pids_read(char *list)
{
    for (char *pid = strtok(list, ","); pid; pid = strtok(NULL, ",")) {
        if (plan.pid_count == PIDS)
            errx(2, "more than %d processes", PIDS);
        plan.pids[plan.pid_count++] = (pid_t)atoi(pid);
    }
}

static void plan_read(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"tls", required_argument, NULL, 't'},
        {"host", required_argument, NULL, 'h'},
        {"hosts", required_argument, NULL, 'n'},
        {"connections", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},
        {"requests", required_argument, NULL, 'q'},
        {"body", required_argument, NULL, 'b'},
        {"pids", required_argument, NULL, 'i'},
        {"raw", no_argument, NULL, 'r'},
        {"post", no_argument, NULL, 'o'},
        {"close", no_argument, NULL, 'x'},
        {"hold", no_argument, NULL, 'k'},
        {0},
    };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p':
            plan.port = (uint16_t)atoi(optarg);
            break;
        case 't':
            plan.certificate = optarg;
            break;
        case 'h':
            plan.host = optarg;
            break;
        case 'n':
            plan.hosts = (unsigned)atoi(optarg);
            break;
        case 'c':
            plan.connections = (unsigned)atoi(optarg);
            break;
        case 's':
            plan.seconds = atof(optarg);
            break;
        case 'q':
            plan.requests = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            plan.body_len = strtoul(optarg, NULL, 10);
            break;
        case 'i':
            pids_read(optarg);
            break;
        case 'r':
            plan.is_raw = true;
            break;
        case 'o':
            plan.is_post = true;
            break;
        case 'x':
            plan.closes = true;
            break;
        case 'k':
            plan.holds = true;
            break;
        default:
            exit(2);
        }
    }
    if (!plan.port || !plan.connections)
        errx(2, "usage: loadgen --port N [--tls CERTIFICATE] [--host NAME] [--hosts N] [--connections N]"
                " [--seconds S] [--requests N] [--body BYTES] [--pids PID,…] [--raw] [--post] [--close] "
                "[--hold]");
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    plan_read(argc, argv);
    request_make();
    if (plan.certificate)
        tls_set_up();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc(plan.connections, sizeof *clients);
    if (!clients)
        err(1, "connections");
    alarm((unsigned)plan.seconds + (plan.requests ? 320 : 120)); /* whatever happens, this ends */
    (plan.holds ? run_hold : plan.requests ? run_count : run_measure)(clients);
    return count.failures ? 1 : 0;
}
