/** HTTP servers that are processes of their own, so that a test can kill one with SIGKILL while it works and put
 *  another one in its place at once. Each answers with its name, keeps connections, and counts in memory that it
 *  shares with the test; some misbehave.
 *
 *    /up           the status of server_counts.up_status, counted as a check and not as a request
 *    /slow?ms=N    answers after N ms
 *    /serial       the body is the name, a space and which request this is for the server: "one 7"
 *
 *  To be used by the test's main thread alone: a server ends with the thread that started it. */
#ifndef E2E_SERVER_H
#define E2E_SERVER_H

#include <stdatomic.h>

#include "e2e/scene.h"

enum server_conduct {
    SERVER_ANSWERS,
    SERVER_SILENT,               /* takes connections and requests, and says nothing */
    SERVER_RESETS_AT_ONCE,       /* a connection that it takes is reset */
    SERVER_RESETS_AFTER_REQUEST, /* when it has the whole request; no byte of an answer */
    SERVER_RESETS_IN_ANSWER,     /* a head and a part of what the head promised, then a reset */
    SERVER_DRIPS,                /* its answer, a byte a second */
    SERVER_REFUSES,              /* holds the port and does not listen */
};

/** Written by the server unless said otherwise; goes on over restarts. */
struct server_counts {
    atomic_int connections, requests, checks;
    atomic_int open, open_most; /* connections */
    atomic_int busy, busy_most; /* requests that wait for their answer */
    atomic_int up_status;       /* the test's: what /up is answered with */
    atomic_int status;          /* the test's: of all other answers */
    atomic_int delay_ms;        /* the test's: before each answer but /up's */
    atomic_int places; /* the test's: connections that it takes at once, others wait; 0: any number */
};

struct server {
    const char *name; /* up to 15 letters */
    const char *host; /* "127.0.0.2" */
    int port;
    char *address; /* "127.0.0.2:8080" */
    enum server_conduct conduct;
    struct server_counts *counts;
    pid_t pid; /* 0: does not run */
    int bound; /* of one that refuses, else -1 */
};

/** On 127.0.0.1, at a free port; it listens when this returns. */
struct server *server_start(const char *name, enum server_conduct conduct);
struct server *server_start_at(const char *host, int port, const char *name, enum server_conduct conduct);
/** A server that does not run yet; server_restart() starts it. */
struct server *server_at(const char *host, int port, const char *name, enum server_conduct conduct);

/** SIGKILL; returns when it is gone. */
void server_kill(struct server *server);
/** Takes no more connections, answers what it has, closes each connection behind its answer, and ends; returns when
 *  it is gone. What still runs after PATIENCE_MS is killed. */
void server_stop(struct server *server);
/** On the same address and port, at once. */
void server_restart(struct server *server);

/** For a route's `to`: "[127.0.0.1:1, 127.0.0.1:2]". */
char *servers_list(struct server *const *servers, int count);

/** The server's own life, in its process. */
_Noreturn void server_live(int listener, const struct server *server);

#endif
