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
    size_t outstanding; /* given and not yet credited */
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
    struct queue held; /* content that came before there was a back end */
    struct fields held_trailers;
    bool has_held_trailers;
    bool is_replayed;
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

void exchange_phase_init(struct exchange *x);
/** The only way to change phase: every phase that waits has its deadline. */
void exchange_enter(struct exchange *x, enum phase phase);
/** Something moved: the phase follows from what has been said by whom, and its time begins anew. */
void exchange_progress(struct exchange *x);

/** Answers if that is still possible, else cuts the client off; the exchange is over. */
void exchange_fail(struct exchange *x, enum fault fault, struct slice detail);

/** The access line, when the exchange has ended. */
void exchange_log(struct exchange *x);
/** What an operator must see of a failure, with the id that the client was given. */
void exchange_log_failure(const struct exchange *x);

#endif
