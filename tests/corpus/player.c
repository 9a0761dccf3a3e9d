#include "corpus/player.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/answer.h"

enum { PLAYING_MAX = 4 * PLAYER_DOORS };

/* Happy path:  READING ──/row, complete──► PLAYING ──all sent, and the end──► READING …
 * On failure:  where the answer came before the request's content, what comes behind is SPOILED. */
enum state { READING, PLAYING, SPOILED };

struct player {
    int epoll;
    struct door {
        int fd, port;
        struct play play;
        struct played result;
    } doors[PLAYER_DOORS];
    unsigned connections;
    struct visit *playing[PLAYING_MAX];
    size_t playing_count;
    pthread_mutex_t lock; /* what doors hold */
};

struct visit {
    struct player *player;
    struct door *door;
    int fd;
    unsigned number;
    enum state state;
    char *bytes;
    size_t len;
    struct play play;
    size_t sent;
    int64_t due_ms;
};

/* ---- requests ---- */

static size_t content_end(const struct visit *visit, const char *head, size_t head_len)
{
    const char *content = visit->bytes + head_len;
    size_t len = visit->len - head_len, length = strtoul(field_of(head, "Content-Length"), NULL, 10);
    const char *last;

    if (field_count(head, "Transfer-Encoding") == 0)
        return len < length ? 0 : head_len + length;
    last = memmem(content, len, "0\r\n\r\n", 5);
    return last ? head_len + (size_t)(last - content) + 5 : 0;
}

static void note_unexpected(struct visit *visit, const char *what)
{
    visit->door->result.unexpected =
        scene_text("%s on connection %u: %.200s", what, visit->number, visit->bytes);
}

static void send_all(const struct visit *visit, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(visit->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* Portico has left; epoll tells */
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void answer_honestly(const struct visit *visit, const char *head)
{
    const char *path = strchr(head, ' ') + 1;
    const char *content = scene_text("%.*s", (int)strcspn(path, " "), path);
    const char *answer =
        scene_text("HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n%s",
                   strncmp(path, "/last", 5) == 0 ? "Connection: close\r\n" : "", strlen(content), content);

    send_all(visit, answer, strlen(answer));
}

static void begin_play(struct visit *visit, bool is_whole)
{
    struct player *player = visit->player;

    visit->state = PLAYING;
    visit->play = visit->door->play;
    visit->sent = 0;
    visit->due_ms = 0;
    visit->door->result.times++;
    visit->door->result.row_on = visit->number;
    visit->door->result.row_is_open = true;
    if (is_whole)
        visit->play.is_early = false; /* all that follows is a request again */
    if (player->playing_count == PLAYING_MAX)
        abort();
    player->playing[player->playing_count++] = visit;
}

/** @return bytes used by the request at the front; 0: more must come */
static size_t take_request(struct visit *visit)
{
    const char *end = memmem(visit->bytes, visit->len, "\r\n\r\n", 4);
    size_t head_len = end ? (size_t)(end - visit->bytes) + 4 : 0, used;
    char *head = scene_text("%.*s", (int)head_len, visit->bytes);
    bool is_row = strstr(head, " /row ") || strstr(head, " /slow/row ");

    if (!end)
        return 0;
    used = content_end(visit, head, head_len);
    if (is_row && (used || visit->door->play.is_early)) {
        begin_play(visit, used > 0);
        return used ? used : visit->len;
    }
    if (used == 0)
        return 0;
    if (strncmp(head, "GET /", 5) != 0) {
        note_unexpected(visit, "no request");
        return visit->len;
    }
    visit->door->result.next_on = visit->number;
    answer_honestly(visit, head);
    return used;
}

static void take_bytes(struct visit *visit)
{
    size_t used;

    if (visit->state == SPOILED || (visit->state == PLAYING && visit->play.is_early)) {
        if (memmem(visit->bytes, visit->len, " HTTP/1.", 8))
            note_unexpected(visit, "a request behind unfinished content");
        return;
    }
    while (visit->state == READING && visit->len > 0 && (used = take_request(visit)) > 0) {
        visit->len -= used;
        memmove(visit->bytes, visit->bytes + used, visit->len + 1);
    }
}

/* ---- plays ---- */

static void visit_end(struct visit *visit)
{
    struct player *player = visit->player;

    for (size_t i = 0; i < player->playing_count; i++) {
        if (player->playing[i] == visit) {
            visit->door->result.is_over = true;
            player->playing[i] = player->playing[--player->playing_count];
        }
    }
    if (visit->door->result.row_on == visit->number)
        visit->door->result.row_is_open = false;
    close(visit->fd);
    visit->fd = -1;
    free(visit->bytes);
    visit->bytes = NULL;
}

static void end_play(struct visit *visit)
{
    const struct linger at_once = {.l_onoff = 1};

    visit->state = visit->play.is_early ? SPOILED : READING;
    visit->door->result.is_over = true;
    if (visit->play.end == ANSWER_CLOSES)
        shutdown(visit->fd, SHUT_WR); /* and reads on, so that no reset overtakes the answer */
    if (visit->play.end == ANSWER_RESETS) {
        setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        visit_end(visit);
    } else {
        take_bytes(visit); /* that came meanwhile */
    }
}

/** @return false when it is over */
static bool play_on(struct visit *visit)
{
    size_t left = visit->play.len - visit->sent, piece = visit->sent ? visit->play.step : visit->play.first;

    if (now_ms() < visit->due_ms)
        return true;
    if (piece > left)
        piece = left;
    send_all(visit, visit->play.bytes + visit->sent, piece);
    visit->sent += piece;
    visit->due_ms = now_ms() + visit->play.pause_ms;
    return piece > 0;
}

static void play_all(struct player *player)
{
    for (size_t i = 0; i < player->playing_count;) {
        struct visit *visit = player->playing[i];

        if (play_on(visit)) {
            i++;
            continue;
        }
        player->playing[i] = player->playing[--player->playing_count];
        end_play(visit);
    }
}

/* ---- sockets ---- */

static void watch(const struct player *player, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    if (epoll_ctl(player->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        abort();
}

static void visit_begin(struct player *player, struct door *door)
{
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC), yes = 1;
    struct visit *visit;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    visit = scene_alloc(sizeof *visit);
    *visit = (struct visit){.player = player, .door = door, .fd = fd, .number = ++player->connections};
    watch(player, fd, visit);
}

static void visit_read(struct visit *visit)
{
    char part[16384];
    ssize_t got = recv(visit->fd, part, sizeof part, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        visit_end(visit);
        return;
    }
    visit->bytes = realloc(visit->bytes, visit->len + (size_t)got + 1);
    if (!visit->bytes)
        abort();
    memcpy(visit->bytes + visit->len, part, (size_t)got);
    visit->len += (size_t)got;
    visit->bytes[visit->len] = 0;
    take_bytes(visit);
}

static void take_event(struct player *player, void *what)
{
    for (size_t i = 0; i < PLAYER_DOORS; i++) {
        if (what == &player->doors[i]) {
            visit_begin(player, what);
            return;
        }
    }
    visit_read(what);
}

static void *serve(void *argument)
{
    struct player *player = argument;
    struct epoll_event events[256];

    for (;;) {
        int count = epoll_wait(player->epoll, events, 256, player->playing_count ? 1 : -1);

        if (count < 0 && errno != EINTR)
            abort();
        pthread_mutex_lock(&player->lock);
        for (int i = 0; i < count; i++)
            take_event(player, events[i].data.ptr);
        play_all(player);
        pthread_mutex_unlock(&player->lock);
    }
    return NULL;
}

static void door_open(struct door *door)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(door->fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(door->fd, 256), 0);
    cr_assert_eq(getsockname(door->fd, (struct sockaddr *)&at, &size), 0);
    door->port = ntohs(at.sin_port);
}

struct player *player_start(void)
{
    struct player *player = scene_alloc(sizeof *player);
    pthread_t thread;

    player->epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_init(&player->lock, NULL);
    for (size_t i = 0; i < PLAYER_DOORS; i++) {
        door_open(&player->doors[i]);
        watch(player, player->doors[i].fd, &player->doors[i]);
    }
    cr_assert_eq(pthread_create(&thread, NULL, serve, player), 0);
    pthread_detach(thread);
    return player;
}

int player_port(const struct player *player, size_t door)
{
    return player->doors[door].port;
}

void player_stage(struct player *player, size_t door, const struct play *play)
{
    pthread_mutex_lock(&player->lock);
    player->doors[door].play = *play;
    player->doors[door].result = (struct played){0};
    pthread_mutex_unlock(&player->lock);
}

struct played player_result(struct player *player, size_t door)
{
    struct played result;

    pthread_mutex_lock(&player->lock);
    result = player->doors[door].result;
    pthread_mutex_unlock(&player->lock);
    return result;
}
