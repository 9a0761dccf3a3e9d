/* The test's side of a server: its socket, its process, and what both share. */
#include "e2e/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server_counts *counts_new(void)
{
    struct server_counts *counts =
        mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(counts, MAP_FAILED);
    counts->up_status = counts->status = 200;
    return counts;
}

struct server *server_at(const char *host, int port, const char *name, enum server_conduct conduct)
{
    struct server *server = scene_alloc(sizeof *server);

    *server = (struct server){.name = name,
                              .host = host,
                              .port = port,
                              .address = scene_text("%s:%d", host, port),
                              .conduct = conduct,
                              .counts = counts_new(),
                              .bound = -1};
    return server;
}

struct server *server_start_at(const char *host, int port, const char *name, enum server_conduct conduct)
{
    struct server *server = server_at(host, port, name, conduct);

    server_restart(server);
    return server;
}

struct server *server_start(const char *name, enum server_conduct conduct)
{
    return server_start_at("127.0.0.1", scene_port(), name, conduct);
}

/* ---- its process ---- */

/** With SO_REUSEADDR, so that connections of the one before that linger do not keep the address. */
static int socket_bound(const struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    cr_assert_eq(inet_pton(AF_INET, server->host, &at.sin_addr), 1, "%s", server->host);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0, "cannot bind %s", server->address);
    return fd;
}

/** Keeps the listener, as number 3, and nothing else of the test: what it held open would seem to live on. */
static _Noreturn void process_become(int listener, const struct server *server, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (listener != 3)
        dup2(listener, 3);
    close_range(4, ~0U, 0);
    server_live(3, server);
}

void server_restart(struct server *server)
{
    const pid_t parent = getpid();
    int fd;

    cr_assert(server->pid == 0 && server->bound < 0, "%s runs", server->name);
    fd = socket_bound(server);
    if (server->conduct == SERVER_REFUSES) {
        server->bound = fd;
        return;
    }
    cr_assert_eq(listen(fd, 1024), 0);
    server->counts->open = server->counts->busy = 0; /* what a killed one had is gone */
    server->pid = fork();
    cr_assert_geq(server->pid, 0);
    if (server->pid == 0)
        process_become(fd, server, parent);
    setpgid(server->pid, server->pid);
    scene_watch(server->pid);
    close(fd);
}

static void server_end(struct server *server, int signal_number)
{
    const pid_t pid = server->pid;

    if (server->bound >= 0)
        close(server->bound);
    server->bound = -1;
    if (pid == 0)
        return;
    kill(pid, signal_number);
    if (!WAIT_FOR(waitpid(pid, NULL, WNOHANG) == pid, PATIENCE_MS)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    scene_unwatch(pid);
    server->pid = 0;
}

void server_kill(struct server *server)
{
    server_end(server, SIGKILL);
}

void server_stop(struct server *server)
{
    server_end(server, SIGTERM);
}

char *servers_list(struct server *const *servers, int count)
{
    char *list = scene_text("%s", "[");

    for (int i = 0; i < count; i++)
        list = scene_text("%s%s%s", list, i ? ", " : "", servers[i]->address);
    return scene_text("%s]", list);
}
