/** HTTP/2 towards a backend (RFC 9113): one connection, any number of requests at once.
 *  Owned by backends/ (backends/shared_conns.h); each request has its own end, which detaches as http/end.h says and
 *  needs no giving back. A head with head.protocol is sent as extended CONNECT (RFC 8441), once the server's SETTINGS say
 *  that it can; a 200 to it is told as 101. A server that cannot, for which
 *  clients may ask as they like: reset(UPGRADE_REFUSED). */
#ifndef HTTP_H2_CLIENT_H
#define HTTP_H2_CLIENT_H

#include "http/end.h"
#include "net/stream.h"

struct h2_client;

struct h2_client_limits {
    size_t head_bytes, fields; /* of an answer; past them BACK_BAD_ANSWER */
    bool is_secure;            /* over TLS: requests are of the scheme https (RFC 9113 §8.3.1) */
    uint64_t silence_ms,
        ping_ms; /* 0: a PING after 10 s without a byte while requests are under way, 5 s for it */
};

/** From the loop, never from inside a call that the owner made. */
struct h2_client_events {
    /** h2_client_room() has grown, or h2_client_is_doubtful() has ended: a stream ended, the server allows more, or spoke
     * again. */
    void (*room)(void *owner);
    /** No request can be begun here any more (GOAWAY, stream ids used up); those under way go on. Once, before closed(). */
    void (*leaving)(void *owner);
    /** The connection is gone, its ends have been reset, and so is the client, at the end of the turn. Last, once; not after
     * h2_client_close(). */
    void (*closed)(void *owner, enum fault fault, int error_number);
};

/** Takes the stream over; requests may begin at once, ahead of the server's SETTINGS. */
struct h2_client *h2_client_new(struct stream *stream, const struct h2_client_limits *limits,
                                const struct h2_client_events *on, void *owner);
/** How many more requests may begin now: what the server allows (100 until it has said so), less those under way; 0 once
 * it is leaving. */
unsigned h2_client_room(const struct h2_client *client);
/** A PING awaits its answer, and nothing has come since: who has another connection begins no request here. room() tells
 * of the end of that. */
bool h2_client_is_doubtful(const struct h2_client *client);
/** Requests under way. */
unsigned h2_client_in_use(const struct h2_client *client);
/** Begins a request, where there is room: own the end, then give it the head. */
struct http_end *h2_client_begin(struct h2_client *client);
/** For addresses; not for writing. */
struct stream *h2_client_stream(struct h2_client *client);
/** Ends it when no request is under way any more: leaving() at once if that had not come, closed() then. */
void h2_client_drain(struct h2_client *client);
/** Closes the connection; ends under way are reset(BACK_RESET) from the loop. No event comes to the owner afterwards. */
void h2_client_close(struct h2_client *client);

#endif
