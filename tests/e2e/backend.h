/** Backends inside the test: each connection gets a thread, and every byte that arrives is kept. */
#ifndef E2E_BACKEND_H
#define E2E_BACKEND_H

#include <stdatomic.h>

#include "e2e/answer.h"

struct backend {
    int port;
    int listener;
    const char *answer;                                       /* to every request; bodyless for HEAD */
    void (*play)(struct wire *wire, struct backend *backend); /* or this, instead */
    struct transcript seen;                                   /* of all connections, as it came */
    atomic_int connections, requests, open;
    atomic_ullong sent; /* for plays that count */
};

/** 200 with that text, kept alive. */
struct backend *backend_saying(const char *body);
/** Those bytes after each request. */
struct backend *backend_answering(const char *bytes);
/** That function on each connection; the connection is closed when it returns. It must not assert. */
struct backend *backend_playing(void (*play)(struct wire *wire, struct backend *backend));
/** As backend_saying(), on a unix socket. */
struct backend *backend_on_unix(const char *path, const char *body);
/** As backend_saying(), on [::1]. */
struct backend *backend_on_v6(const char *body);
/** No longer listens; connections that stand go on. */
void backend_deafen(struct backend *backend);

bool backend_sees(struct backend *backend, const char *text);
char *backend_seen(struct backend *backend);
/** The head of the last request that it got. */
char *backend_last_head(struct backend *backend);

/** For plays: the next request's head, its body read too; NULL at the end. */
char *request_read(struct wire *wire);

#endif
