/** One line for every exchange and every raw connection, in combined form with more behind it, or as JSON.
 *  Pure: an entry goes in, bytes come out. */
#ifndef PROXY_ACCESS_LOG_H
#define PROXY_ACCESS_LOG_H

#include "base/fault.h"
#include "base/text.h"
#include "conf/settings.h"
#include "net/address.h"

/** Times of an exchange in microseconds of loop_now_us(); 0: that point was not reached. */
struct stamps {
    uint64_t started;   /* head there, or connection accepted */
    uint64_t connected; /* a backend's connection was there */
    uint64_t answered;  /* first byte of the final answer's head */
    uint64_t ended;
};

struct access_entry {
    const char *kind; /* "http", "https", "tls", "tcps", "ssh", "tcp" */
    uint64_t id;
    int64_t unix_ms;
    const struct address *client, *local;                   /* the client's connection: its side, ours */
    const struct address *back_local, *back_remote;         /* the backend's: ours, its; NULL: none */
    struct slice method, target, host, referer, user_agent; /* of a request; else empty */
    const char *version;                                    /* of HTTP: "1.1"; NULL: no request */
    int status;                                             /* 0: none was sent */
    uint64_t bytes_in, bytes_out; /* content, towards the backend and towards the client */
    struct slice server_name;     /* SNI, where there was TLS */
    const char *tls_version;      /* NULL: no TLS */
    struct slice route, backend;  /* as written in the table; empty: none */
    unsigned tries;               /* backends that failed before */
    bool is_reused;
    struct stamps when;
    enum fault fault;
    struct slice detail;
};

/** Adds the line with its newline. */
void access_log_format(struct text *line, const struct access_entry *entry, enum access_format format);

#endif
