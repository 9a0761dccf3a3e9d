/** Clients of all kinds at once, a thread each, for as long as a test does something to Portico beneath them. Every
 *  exchange is accounted for, and every byte of it is checked; none is judged by its time. One load at a time. */
#ifndef E2E_MIXED_LOAD_H
#define E2E_MIXED_LOAD_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "e2e/account.h"

enum load_kind {
    LOAD_KEPT,      /* requests on kept connections */
    LOAD_CLOSED,    /* a connection a request */
    LOAD_PACED,     /* a download of known length, as long as the run; its backend sets the pace */
    LOAD_ENDLESS,   /* the same in chunks, of unknown length */
    LOAD_SIPPED,    /* the same of known length; its reader sets the pace */
    LOAD_UPLOAD,    /* a second each */
    LOAD_WEBSOCKET, /* a frame there and back each 100 ms, as long as the run */
    LOAD_TLS_NEW,   /* two requests behind each full handshake */
    LOAD_TLS_AGAIN, /* the same behind a session of before */
    LOAD_TUNNEL,    /* bytes there and back over raw TCP, as long as the run */
    LOAD_TUNNELS,   /* the same, a connection each time */
    LOAD_KINDS
};

struct mixed_terms {
    int http_port, tls_port, tcp_port;
    const char *short_host; /* of requests that end soon, in clear */
    const char *long_host;  /* of downloads and WebSockets */
    const char *tls_host;
    const char *ca;     /* path of whom TLS clients believe */
    int64_t lasts_ms;   /* about how long the run will be */
    bool has_only_kept; /* of the kinds, LOAD_KEPT */
    int pause_ms;       /* of those, between requests */
};

struct mixed_load {
    struct mixed_terms terms;
    struct account accounts[LOAD_KINDS];
    atomic_bool stops;
    pthread_t threads[32];
    int count;
};

/** Returns when each kind has begun. The backends must be those of mixed_backend.h. */
struct mixed_load *mixed_load_start(struct mixed_terms terms);
/** Ends all exchanges in good order, and returns when they have ended: not before lasts_ms. */
void mixed_load_stop(struct mixed_load *load);
/** After mixed_load_stop(): how many exchanges failed. */
int mixed_load_failures(const struct mixed_load *load);
/** All accounts, for messages. */
char *mixed_load_describe(const struct mixed_load *load);

/** A context for clients that believe that authority. */
SSL_CTX *mixed_tls(const char *ca);

#endif
