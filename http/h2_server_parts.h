/** What the two files of the server codec share: h2_server.c has the connection and its requests, h2_server_answer.c the
 *  answers. Nobody else includes this. */
#ifndef HTTP_H2_SERVER_PARTS_H
#define HTTP_H2_SERVER_PARTS_H

#include "http/h2_server.h"
#include "http/h2_session.h"

enum { H2_SERVER_MAGIC = 0x42a1005e };

/* How far the client is told that no more requests are taken (RFC 9113 §6.8). */
enum h2_farewell { H2_STAYS, H2_NOTICE, H2_GOODBYE };

struct h2_server {
    struct http_server server;
    unsigned magic;
    struct h2_session session;
    const struct http_server_limits *limits;
    const struct http_server_events *on;
    void *owner;
    /** Runs always: when it expires, is nothing to be waited for? Of an idle one first for its rest. */
    struct timer idle;
    struct timer heading; /* a header block, or the first SETTINGS, has begun and is not complete */
    struct timer notice;
    uint32_t heading_block; /* which one *heading* is about; session.scan.blocks */
    uint32_t answered_s;    /* when an answer's head left last, by the loop's clock */
    uint64_t moved_before;  /* what had been taken when the idle timer expired last … */
    bool was_waiting;       /* … and then only clients were waited for */
    uint64_t served;
    unsigned abandoned, abandoned_turn; /* requests that the client reset in this turn */
    uint8_t farewell;
    bool is_idle, is_resting;
    bool has_settings; /* the client's came */
    bool has_early;    /* content of a tunnel waits to be told */
    bool is_closing, is_ended;
    enum fault fault; /* for closed() */
    struct pending ending;
};

extern const struct http_end_ops h2_server_ops;

/** The parts of h2_side that are about one request. */
bool h2_server_takes_stream(struct h2_session *session);
void h2_server_take_block(struct h2_session *session, struct h2_stream *stream, bool last);
void h2_server_take_malformed(struct h2_session *session, struct h2_stream *stream);
void h2_server_take_data(struct h2_session *session, struct h2_stream *stream, struct slice bytes, bool last);
void h2_server_take_end(struct h2_session *session, struct h2_stream *stream, uint32_t error_code,
                        bool by_peer);
/** To tunnels that were agreed to in this turn: what came before that. */
void h2_server_tell_early(struct h2_server *server);
/** No further requests, but for those that are on their way. */
void h2_server_give_notice(struct h2_server *server);

#endif
