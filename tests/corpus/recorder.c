#include "corpus/recorder.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/scene.h"

enum { TOKENS_MAX = 4, FIRST_ADDRESS = 0x7f010000 };

struct client {
    char *complete; /* entries, joined */
    unsigned heads, ended;
};

struct recorder {
    int epoll, front_port;
    const char *tokens;
    struct door {
        int fd, port;
        char token;
    } doors[TOKENS_MAX];
    const char *directory; /* NULL: bytes are not kept */
    unsigned connections;
    pthread_mutex_t lock; /* what follows */
    struct client *clients;
    char *garbage;
};

struct visit {
    const struct door *door;
    struct recorder *recorder;
    int fd, copy;
    char *bytes;
    size_t len, room;
    bool is_counted; /* the head at the front is */
};

/** One request, in parts that point into the bytes. */
struct request {
    char *method, *target, *host, *from;
    char *fields; /* those that Portico does not set, written as an entry has them */
    char *content, *trailers;
    size_t content_len, bytes;
    bool is_chunked, has_length;
    size_t length;
    const char *problem;
};

uint32_t recorder_address(uint32_t key)
{
    return htonl(FIRST_ADDRESS + key);
}

/* ---- one head ---- */

static bool is_token(const char *text)
{
    static const char allowed[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *text && text[strspn(text, allowed)] == 0;
}

static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/** The next line, without its CR LF and with a NUL; NULL when there is none, or one with stray CR, LF, NUL. */
static char *next_line(char **at, const char *end)
{
    char *line = *at, *stop = memmem(line, (size_t)(end - line), "\r\n", 2);

    if (!stop || !is_clean(line, (size_t)(stop - line)))
        return NULL;
    *stop = 0;
    *at = stop + 2;
    return line;
}

/** A backslash stands in the query alone. */
static bool is_target(const char *target)
{
    const size_t path_len = strcspn(target, "?");

    return target[strcspn(target, " \t#")] == 0 && !memchr(target, '\\', path_len);
}

static void read_request_line(struct request *request, char *line)
{
    char *target = strchr(line, ' '), *version = strrchr(line, ' ');

    if (!target || version == target || strcmp(version, " HTTP/1.1") != 0) {
        request->problem = "request line";
        return;
    }
    *target = *version = 0;
    request->method = line;
    request->target = target + 1;
    if (!is_token(line) || !is_target(request->target))
        request->problem = "method or target";
}

enum { SET_HOST, SET_FOR, SET_PROTO, SET_FORWARDED_HOST, SET_PORT, SET_ID, SET_VIA, SET_COUNT };

struct set_field {
    const char *name;
    unsigned times;
    char *value;
};

static void read_length(struct request *request, const char *value)
{
    if (request->has_length || !*value || value[strspn(value, "0123456789")] || strlen(value) > 19)
        request->problem = "Content-Length";
    request->has_length = true;
    request->length = strtoul(value, NULL, 10);
}

static void read_coding(struct request *request, const char *value)
{
    if (request->is_chunked || strcmp(value, "chunked") != 0)
        request->problem = "Transfer-Encoding";
    request->is_chunked = true;
}

static bool keep_set_field(struct set_field *set, const char *name, char *value)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcasecmp(set[i].name, name) == 0) {
            set[i].times++;
            set[i].value = value;
            return true;
        }
    }
    return false;
}

static void read_field(struct request *request, struct set_field *set, char *line)
{
    char *colon = strchr(line, ':'), *value;

    if (!colon || (colon[1] != ' ')) {
        request->problem = "a field line";
        return;
    }
    *colon = 0;
    value = colon + 2;
    if (!is_token(line))
        request->problem = "a field name";
    else if (strcasecmp(line, "Content-Length") == 0)
        read_length(request, value);
    else if (strcasecmp(line, "Transfer-Encoding") == 0)
        read_coding(request, value);
    else if (!keep_set_field(set, line, value))
        request->fields =
            scene_text("%s%s%s: %s", request->fields, *request->fields ? ", " : "", line, value);
}

static bool is_via(const char *value)
{
    return strcmp(value, "1.1 portico") == 0 || strcmp(value, "1.0 portico") == 0 ||
           strcmp(value, "2.0 portico") == 0;
}

/** What Portico sets stands there once, and says the truth. */
static void check_set_fields(struct request *request, const struct set_field *set, int front_port)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (set[i].times != 1) {
            request->problem = scene_text("%s stands there %u times", set[i].name, set[i].times);
            return;
        }
    }
    request->host = set[SET_HOST].value;
    request->from = set[SET_FOR].value;
    if (strcmp(set[SET_PROTO].value, "http") != 0 ||
        strcmp(set[SET_PORT].value, scene_text("%d", front_port)) != 0 ||
        strcmp(set[SET_FORWARDED_HOST].value, request->host) != 0)
        request->problem = "X-Forwarded-Proto, -Port or -Host";
    else if (!is_via(set[SET_VIA].value))
        request->problem = "Via";
    else if (strlen(set[SET_ID].value) != 16 ||
             set[SET_ID].value[strspn(set[SET_ID].value, "0123456789abcdef")])
        request->problem = "X-Request-Id";
}

static void read_head(struct request *request, char *at, size_t len, int front_port)
{
    const char *end = at + len;
    struct set_field set[SET_COUNT] = {{"Host"},
                                       {"X-Forwarded-For"},
                                       {"X-Forwarded-Proto"},
                                       {"X-Forwarded-Host"},
                                       {"X-Forwarded-Port"},
                                       {"X-Request-Id"},
                                       {"Via"}};
    char *line = next_line(&at, end);

    request->fields = scene_text("%s", "");
    if (!line) {
        request->problem = "stray bytes in the request line";
        return;
    }
    read_request_line(request, line);
    while (!request->problem && at < end) {
        if (!(line = next_line(&at, end)))
            request->problem = "stray bytes in a field line";
        else
            read_field(request, set, line);
    }
    if (!request->problem && request->is_chunked && request->has_length)
        request->problem = "both lengths";
    if (!request->problem)
        check_set_fields(request, set, front_port);
}

/* ---- content ---- */

/** @return bytes used; 0: not there yet */
static size_t read_chunks(struct request *request, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len, *line;

    request->content = scene_alloc(len + 1);
    for (;;) {
        size_t digits, size;

        line = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!line)
            return 0;
        digits = strspn(at, "0123456789abcdefABCDEF");
        if (digits == 0 || digits > 8 || at + digits != line) {
            request->problem = "a chunk's size";
            return 0;
        }
        size = strtoul(at, NULL, 16);
        at = line + 2;
        if (size == 0)
            break;
        if ((size_t)(end - at) < size + 2)
            return 0;
        if (memcmp(at + size, "\r\n", 2) != 0) {
            request->problem = "a chunk's end";
            return 0;
        }
        memcpy(request->content + request->content_len, at, size);
        request->content_len += size;
        at += size + 2;
    }
    request->trailers = scene_text("%s", "");
    while ((line = memmem(at, (size_t)(end - at), "\r\n", 2)) && line != at) {
        request->trailers =
            scene_text("%s%s%.*s", request->trailers, *request->trailers ? ", " : "", (int)(line - at), at);
        at = line + 2;
    }
    return line ? (size_t)(line + 2 - bytes) : 0;
}

static size_t read_counted(struct request *request, const char *bytes, size_t len)
{
    if (len < request->length)
        return 0;
    request->content = scene_alloc(request->length + 1);
    memcpy(request->content, bytes, request->length);
    request->content_len = request->length;
    return request->length;
}

/* ---- what is kept ---- */

static char *entry_of(const struct request *request, char token)
{
    char *text = scene_text("%c %s %s", token, request->method, request->target);

    if (strcmp(request->host, scene_text("%c.test", token)) != 0)
        text = scene_text("%s @%s", text, request->host);
    if (*request->fields)
        text = scene_text("%s {%s}", text, request->fields);
    if (request->content_len)
        text = scene_text("%s \"%s\"", text, request->content);
    if (request->trailers && *request->trailers)
        text = scene_text("%s +{%s}", text, request->trailers);
    return text;
}

static void note_garbage(struct visit *visit, const char *problem)
{
    struct recorder *recorder = visit->recorder;

    pthread_mutex_lock(&recorder->lock);
    recorder->garbage =
        scene_text("%sbackend %c: %s in: %.300s\n", recorder->garbage ? recorder->garbage : "",
                   visit->door->token, problem, visit->bytes);
    pthread_mutex_unlock(&recorder->lock);
}

static struct client *client_of(struct visit *visit, const char *from)
{
    struct in_addr address;
    uint32_t key;

    if (inet_pton(AF_INET, from, &address) != 1)
        return NULL;
    key = ntohl(address.s_addr) - FIRST_ADDRESS;
    if (ntohl(address.s_addr) == INADDR_LOOPBACK) /* honest requests come from there */
        key = 0;
    return key < RECORDER_KEYS ? &visit->recorder->clients[key] : NULL;
}

/** The bytes up to there are copied, since reading writes into them. */
static char *copy_of(const char *bytes, size_t len)
{
    char *copy = scene_alloc(len + 1);

    memcpy(copy, bytes, len);
    return copy;
}

static void answer_request(struct visit *visit, const struct request *request)
{
    const char *content = strcmp(request->method, "HEAD") == 0 ? "" : scene_text("%c", visit->door->token);
    const char *answer = scene_text("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%s", content);

    if (send(visit->fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        return; /* Portico has left; epoll tells */
}

/** @return bytes used by the request at the front; 0: more must come */
static size_t read_request(const struct visit *visit, struct request *request)
{
    const char *end = memmem(visit->bytes, visit->len, "\r\n\r\n", 4);
    size_t head, content;

    if (!end)
        return 0;
    head = (size_t)(end - visit->bytes) + 4;
    read_head(request, copy_of(visit->bytes, head - 2), head - 2, visit->recorder->front_port);
    if (request->problem || (!request->is_chunked && !request->length))
        return head;
    content = request->is_chunked ? read_chunks(request, visit->bytes + head, visit->len - head)
                                  : read_counted(request, visit->bytes + head, visit->len - head);
    return content ? head + content : 0;
}

static void note_request(struct visit *visit, const struct request *request, bool is_complete)
{
    struct client *client = client_of(visit, request->from);

    if (!client) {
        note_garbage(visit, "an unknown client");
        return;
    }
    pthread_mutex_lock(&visit->recorder->lock);
    client->heads += !visit->is_counted;
    visit->is_counted = !is_complete;
    if (is_complete) {
        client->ended++;
        client->complete = scene_text("%s%s%s", client->complete ? client->complete : "",
                                      client->complete ? "; " : "", entry_of(request, visit->door->token));
    }
    pthread_mutex_unlock(&visit->recorder->lock);
}

/** @return false when nothing more can be done with what is there */
static bool take_request(struct visit *visit)
{
    struct request request = {0};
    size_t used = read_request(visit, &request);

    if (request.problem) {
        note_garbage(visit, request.problem);
        visit->len = 0;
        return false;
    }
    if (request.from)
        note_request(visit, &request, used > 0);
    if (used == 0)
        return false;
    answer_request(visit, &request);
    visit->len -= used;
    memmove(visit->bytes, visit->bytes + used, visit->len);
    return visit->len > 0;
}

/* ---- sockets ---- */

static void watch(const struct recorder *recorder, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    if (epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        abort();
}

static void visit_begin(struct recorder *recorder, const struct door *door)
{
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    struct visit *visit;

    if (fd < 0)
        return;
    visit = scene_alloc(sizeof *visit);
    *visit = (struct visit){.door = door, .recorder = recorder, .fd = fd, .copy = -1};
    if (recorder->directory)
        visit->copy =
            open(scene_text("%s/%c-%06u", recorder->directory, door->token, recorder->connections++),
                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    watch(recorder, fd, visit);
}

static void visit_end(struct visit *visit)
{
    if (visit->len > 0 && !visit->is_counted)
        note_garbage(visit, "half a head");
    close(visit->fd);
    if (visit->copy >= 0)
        close(visit->copy);
    free(visit->bytes);
    visit->bytes = NULL;
}

static void visit_read(struct visit *visit)
{
    char part[16384];
    ssize_t got = recv(visit->fd, part, sizeof part, 0);

    if (got <= 0) {
        visit_end(visit);
        return;
    }
    if (visit->copy >= 0 && write(visit->copy, part, (size_t)got) != got)
        abort();
    if (visit->len + (size_t)got + 1 > visit->room) {
        visit->room = 2 * (visit->len + (size_t)got + 1);
        visit->bytes = realloc(visit->bytes, visit->room);
        if (!visit->bytes)
            abort();
    }
    memcpy(visit->bytes + visit->len, part, (size_t)got);
    visit->len += (size_t)got;
    visit->bytes[visit->len] = 0;
    while (take_request(visit)) {
    }
}

static struct door *door_of(struct recorder *recorder, const void *what)
{
    for (size_t i = 0; recorder->tokens[i]; i++) {
        if (what == &recorder->doors[i])
            return &recorder->doors[i];
    }
    return NULL;
}

static void *serve(void *argument)
{
    struct recorder *recorder = argument;
    struct epoll_event events[64];

    for (;;) {
        int count = epoll_wait(recorder->epoll, events, 64, -1);

        if (count < 0 && errno != EINTR)
            abort();
        for (int i = 0; i < count; i++) {
            const struct door *door = door_of(recorder, events[i].data.ptr);

            if (door)
                visit_begin(recorder, door);
            else
                visit_read(events[i].data.ptr);
        }
    }
    return NULL;
}

static void door_open(struct door *door, char token)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    door->token = token;
    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(door->fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(door->fd, 4096), 0);
    cr_assert_eq(getsockname(door->fd, (struct sockaddr *)&at, &size), 0);
    door->port = ntohs(at.sin_port);
}

struct recorder *recorder_start(const char *tokens, int front_port, const char *directory)
{
    struct recorder *recorder = scene_alloc(sizeof *recorder);
    pthread_t thread;

    cr_assert_leq(strlen(tokens), TOKENS_MAX);
    recorder->tokens = tokens;
    recorder->front_port = front_port;
    recorder->directory = directory;
    recorder->clients = scene_alloc(RECORDER_KEYS * sizeof(struct client));
    recorder->epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_init(&recorder->lock, NULL);
    for (size_t i = 0; tokens[i]; i++) {
        door_open(&recorder->doors[i], tokens[i]);
        watch(recorder, recorder->doors[i].fd, &recorder->doors[i]);
    }
    cr_assert_eq(pthread_create(&thread, NULL, serve, recorder), 0);
    pthread_detach(thread);
    return recorder;
}

/* ---- what it got ---- */

int recorder_port(const struct recorder *recorder, char token)
{
    return recorder->doors[strchr(recorder->tokens, token) - recorder->tokens].port;
}

char *recorder_garbage(struct recorder *recorder)
{
    char *garbage;

    pthread_mutex_lock(&recorder->lock);
    garbage = recorder->garbage;
    pthread_mutex_unlock(&recorder->lock);
    return garbage;
}

const char *recorder_entries(struct recorder *recorder, uint32_t key)
{
    const char *complete;

    pthread_mutex_lock(&recorder->lock);
    complete = recorder->clients[key].complete;
    pthread_mutex_unlock(&recorder->lock);
    return complete ? complete : "";
}

bool recorder_has_part(struct recorder *recorder, uint32_t key)
{
    bool has_part;

    pthread_mutex_lock(&recorder->lock);
    has_part = recorder->clients[key].heads > recorder->clients[key].ended;
    pthread_mutex_unlock(&recorder->lock);
    return has_part;
}
