/** What the two files of the server codec share: h1_server.c has the connection and its requests,
 *  h1_server_answer.c the answers. Nobody else includes this. */
#ifndef HTTP_H1_SERVER_PARTS_H
#define HTTP_H1_SERVER_PARTS_H

#include "base/flow.h"
#include "base/macro.h"
#include "http/h1_sender.h"
#include "http/h1_server.h"
#include "net/loop.h"

/* Drawn at the top of h1_server.c. */
enum phase { IDLE, HEAD, BUSY, TUNNEL, REFUSED, ENDED };

enum { H1_SERVER_MAGIC = 0x41a1005e };

struct h1_server {
    struct http_server server;
    unsigned magic;
    uint8_t phase;
    uint8_t minor;      /* version of the request under way */
    bool is_head;       /* its method */
    bool request_ended; /* its content came whole, or the tunnel's way in is shut */
    bool answer_ended;  /* of a tunnel: the way out is shut */
    bool has_answer;    /* the final head was written */
    bool asks_upgrade;  /* the request may become a tunnel */
    bool closes;        /* no further request after this answer */
    bool is_draining;
    bool awaits_next;    /* bytes of a further request wait in the stream */
    bool awaits_drained; /* the last answer waits in the stream */
    uint32_t served;
    enum fault fault; /* for closed() */
    struct h1_progress progress;
    struct h1_body body;
    struct flow flow;        /* request content given to the exchange */
    struct h1_sender sender; /* the answer; holds the stream */
    struct http_end end;
    const struct http_server_limits *limits;
    const struct http_server_events *on;
    void *owner;
    struct timer timer; /* IDLE and HEAD */
    struct pending due; /* BUSY: what is held of the answer goes out; ENDED: closed() is told */
};

_Static_assert(sizeof(struct h1_server) <= 250, "an idle connection must stay small");

/** Draining, or the connection has had its number of requests. */
bool h1_server_is_at_last_request(const struct h1_server *server);
/** Reading on, unless something speaks against it. */
void h1_server_want_more(struct h1_server *server);
void h1_server_enter_idle(struct h1_server *server);
/** What was written still goes out. */
void h1_server_end(struct h1_server *server, enum fault fault, bool linger);
void h1_server_cut(struct h1_server *server, enum fault fault);

extern const struct http_end_ops h1_server_ops;
void h1_server_give_credit(struct h1_server *server, size_t n);
/** Ends the connection once both directions of the tunnel have. */
void h1_server_finish_tunnel(struct h1_server *server);

#endif
