/** What the two files of the client codec share: h2_client.c has the connection, h2_client_request.c its requests and
 *  their answers. Nobody else includes this. */
#ifndef HTTP_H2_CLIENT_PARTS_H
#define HTTP_H2_CLIENT_PARTS_H

#include "http/h2_client.h"
#include "http/h2_session.h"

enum { H2_CLIENT_MAGIC = 0x42a1c11e };

struct h2_client {
    unsigned magic;
    struct h2_session session;
    struct h2_client_limits limits;
    const struct h2_client_events *on;
    void *owner;
    struct timer silence;   /* armed while requests are under way */
    uint64_t busy_since_ms; /* at least one was, without a break */
    bool is_pinged;         /* a PING is on its way … */
    uint64_t pinged_bytes;  /* … and so much had come when it left */
    uint64_t asked_ms;      /* when the last PING left … */
    uint64_t useful_ms;     /* … and when something of an answer came */
    unsigned room_before;   /* what the owner knows */
    bool is_leaving, leaving_is_told;
    bool has_settings; /* the server's came */
    bool is_closed;    /* by the owner, who hears nothing more */
    bool is_ended;
    enum fault fault; /* for closed() */
    int error_number;
    struct pending ending;
};

extern const struct http_end_ops h2_client_ops;

/** The parts of h2_side that are about one request. */
void h2_client_take_block(struct h2_session *session, struct h2_stream *stream, bool last);
void h2_client_take_malformed(struct h2_session *session, struct h2_stream *stream);
void h2_client_take_data(struct h2_session *session, struct h2_stream *stream, struct slice bytes, bool last);
void h2_client_take_end(struct h2_session *session, struct h2_stream *stream, uint32_t error_code,
                        bool by_peer);
/** Tunnels that were asked for before the server's SETTINGS came: now it is known whether it can. */
void h2_client_ask_for_tunnels(struct h2_client *client);
/** The connection is gone: what does that mean to this request? */
void h2_client_lose_request(struct h2_stream *stream, enum fault fault, int error_number);

#endif
