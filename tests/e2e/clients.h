/** Many clients that ask a port again and again, each one request after the other on a connection that it keeps: one
 *  thread, one epoll. Every answer, and every failure, is recorded with its times. */
#ifndef E2E_CLIENTS_H
#define E2E_CLIENTS_H

#include <stdatomic.h>

#include "e2e/process.h"

struct clients_terms {
    int port;
    const char *host; /* NULL: "a.test" */
    const char *path; /* NULL: "/" */
    int count;        /* of clients; 0: 64 */
    int pause_ms;     /* of each, between an answer and the next request */
    int posts_every;  /* each so-many-th request of a client is a POST with content; 0: all are GETs */
    int patience_ms;  /* for an answer; 0: PATIENCE_MS */
};

/** One request and what came of it. */
struct ask {
    int64_t began_ms, ended_ms;
    int client;
    bool is_post;
    int status;      /* 0: no answer came */
    const char *why; /* of one without an answer; else NULL */
    char body[16];   /* its beginning */
};

struct clients {
    struct clients_terms terms;
    atomic_int answered, failed; /* a failure is all that is no 2xx */
    atomic_bool stops;
    pthread_t thread;
    struct ask *asks; /* after clients_stop(), in the order in which they ended */
    size_t count, room;
};

/** Returns at once; what is asked is heard of by `answered` and `failed`. */
struct clients *clients_start(struct clients_terms terms);
/** Each ends the request that it has; returns when all have. */
void clients_stop(struct clients *clients);

/* ---- after clients_stop() ---- */

/** How many failed, of the GETs and, unless told otherwise, of the POSTs. */
int clients_failed(const struct clients *clients, bool with_posts);
/** How many were answered well with a body that begins so, and began at that time or later. */
int clients_served_by(const struct clients *clients, const char *name, int64_t since_ms);
/** The longest that one took. */
int clients_longest_ms(const struct clients *clients);
/** For messages: how many were asked, and the first failures with their times. */
char *clients_describe(const struct clients *clients);

#endif
