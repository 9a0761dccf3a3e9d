/** What the files of the exchange share. For them alone. */
#ifndef PROXY_EXCHANGE_PARTS_H
#define PROXY_EXCHANGE_PARTS_H

#include "backends/acquire.h"
#include "base/digits.h"
#include "base/queue.h"
#include "proxy/access_log.h"
#include "proxy/forward.h"
#include "routing/host.h"

struct client;
struct lease;
struct worker;

enum { EXCHANGE_MAGIC = 0xe8c4a29e };

enum phase {
#define PHASE(name, timeout, fault, words) PHASE_##name,
#include "proxy/phase.def"
#undef PHASE
};

/** One direction's content. */
struct half {
    uint64_t bytes;
    uint64_t given;     /* of the request: to a backend, once or more often */
    size_t outstanding; /* given and not yet credited */
    size_t given_again; /* of the request: credited once already, and now to be credited again */
    bool is_begun;      /* of the answer: its final head was passed on */
    bool is_ended;      /* last was seen */
};

struct exchange {
    unsigned magic;
    enum phase phase;
    struct timer deadline;
    uint64_t taken;   /* by the peer that a blocked phase waits for, when that was last looked at */
    struct link link; /* in the worker's spare ones */
    struct arena arena;
    struct worker *worker;
    const struct client *client;
    struct lease *lease;
    const struct route *route;     /* NULL: none yet */
    const struct action *action;   /* of the route */
    struct http_end *front, *back; /* NULL: detached */
    struct head head;              /* the request as it came */
    struct host host;
    struct half request, response;
    struct queue
        kept; /* content for the next back end: that came before there was one, or may be wanted again */
    bool is_dropped; /* what the present back end was given is not kept */
    struct fields held_trailers;
    bool has_held_trailers;
    bool is_moved;     /* routed a second time, by a newer snapshot */
    bool is_continued; /* a 100 was passed on: the content is the client's to send */
    struct acquisition attempt;
    struct forward forward;
    struct stamps when;
    uint64_t id;
    int status; /* given to the client; 0: none */
    enum fault fault;
    struct slice detail;
    char id_text[HEX64_LEN], client_ip[ADDRESS_TEXT];
};

/** Has no content of its own, though its head is not the last (http/end.h): what is awaited is the answer. */
static inline bool exchange_asks_to_upgrade(const struct exchange *x)
{
    return x->head.protocol.len > 0;
}

/** Towards HTTP/2 any 2xx agrees to what CONNECT asks for (RFC 8441 §5): one that does not must not be told. */
static inline bool exchange_is_mistakable(const struct exchange *x, int status)
{
    return exchange_asks_to_upgrade(x) && x->head.major > 1 && status >= 200 && status < 300;
}

void exchange_phase_init(struct exchange *x);
/** The only way to change phase: every phase that waits has its deadline. */
void exchange_enter(struct exchange *x, enum phase phase);
/** Something moved: the phase follows from what has been said by whom, and its time begins anew. */
void exchange_progress(struct exchange *x);

/** Behind everything that was passed on. The ends are detached by the lasts that they gave and were given. */
void exchange_moved(struct exchange *x);

/** By the lease that it has. */
void exchange_route(struct exchange *x);
/** From a backend of the action's pool. */
void exchange_acquire(struct exchange *x);
/** Content of the request, counted already: to the backend, or kept until there is one. */
void exchange_give(struct exchange *x, struct slice bytes, bool last);
/** The same for what moves past us. */
struct spliced exchange_give_moved(struct exchange *x, struct stream *from, size_t max);
struct spliced exchange_move_to(struct http_end *to, struct stream *from, size_t max);

/** Answers if that is still possible, else cuts the client off; the exchange is over. */
void exchange_fail(struct exchange *x, enum fault fault, struct slice detail);

/** The access line, when the exchange has ended. */
void exchange_log(struct exchange *x);
/** What an operator must see of a failure, with the id that the client was given. */
void exchange_log_failure(const struct exchange *x);
/** For whoever asks why: what the client was given the id for. */
void exchange_keep_failure(const struct exchange *x);

#endif
