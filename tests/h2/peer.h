/** An HTTP/2 client in a test's hands: what it sends is made by hand, what it gets is read by rules as strict as the
 *  RFC's, and what breaks them is told as garbage. nghttp2 inflates heads; nothing else of it is used. */
#ifndef H2_PEER_H
#define H2_PEER_H

#include <stdbool.h>

#include "h2/frames.h"

/** What a PING says whose answers are counted. */
#define PEER_SYNC "a sync.."
enum { PEER_SYNC_BYTES = 8 };

/** What came on one stream. */
struct answer_stream {
    int status;    /* of the final head; 0: none yet */
    char *interim; /* "103," for each interim head */
    char *fields;  /* of the final head: "name: value\n" each */
    char *content; /* with a NUL behind it; not kept when the peer keeps none */
    size_t content_len;
    char *trailers;  /* NULL: none */
    bool has_length; /* Content-Length */
    uint64_t length;
    int64_t window; /* added by WINDOW_UPDATE */
    bool is_ended, was_reset;
    uint32_t reset_code;
};

struct peer {
    int fd;         /* -1: over */
    uint8_t *bytes; /* received, not yet read */
    size_t len, room;
    struct nghttp2_hd_inflater *inflater;
    struct frames block; /* a head that goes on in CONTINUATION */
    uint32_t block_stream;
    unsigned block_flags;
    struct answer_stream *streams; /* of ids 1, 3, 5 … */
    size_t streams_room;
    bool keeps_content;
    bool opens_windows; /* gives back what it read */
    /* of the connection */
    bool was_ended; /* by the other side */
    bool has_goaway;
    bool spoke_http1; /* it took this connection for one of HTTP/1.1, and answered as such */
    uint32_t goaway_code, goaway_last;
    unsigned settings, settings_to_ack, pings, ping_acks, resets, heads, ended;
    uint32_t max_streams, initial_window; /* as the server's SETTINGS say; UINT32_MAX: unlimited */
    int64_t window;                       /* bytes of content that may be sent on this connection */
    uint64_t received, sent;              /* bytes */
    const char *garbage;                  /* NULL: none */
};

/** @param address  to come from, in network order; 0: any */
struct peer *peer_open(int port, uint32_t address);
/** Blocks while the other side does not read; false: it is gone. */
bool peer_send(struct peer *peer, const void *bytes, size_t count);
/** Sends what goes at once. @return how much; -1: the other side is gone */
long peer_try_send(struct peer *peer, const void *bytes, size_t count);
/** Reads what is there, or comes within that time. */
void peer_read(struct peer *peer, int ms);
/** SETTINGS and PINGs of the other side that wait for their answer get it. */
void peer_acknowledge(struct peer *peer);
/** Sends PING and reads until its answer, or the end, is there. @return false: neither came */
bool peer_sync(struct peer *peer);
/** Reads until that stream is answered or reset, or all is over. @return false: none of it came */
bool peer_await(struct peer *peer, uint32_t stream);
void peer_close(struct peer *peer);

/** Never NULL. */
struct answer_stream *peer_stream(struct peer *peer, uint32_t id);
/** The value of that field in the final head, NULL when it has none. */
const char *answer_field(const struct answer_stream *stream, const char *name);

#endif
