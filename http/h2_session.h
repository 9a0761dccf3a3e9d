/** What both sides of HTTP/2 share: one nghttp2 session over a stream, and the streams in it, each an http end. Part of
 *  h2_server.c and h2_client.c, which say by *h2_side* what is theirs.
 *
 *  Reading: bytes go to nghttp2 as they are lent; its callbacks end in the side's functions, which tell the exchange.
 *  Writing: what a turn brings leaves in one write at its end (or earlier, when it is much), and nothing is made while
 *  the stream below keeps bytes: what waits, waits in its own stream's queue, uncredited, so that the exchange stops
 *  reading at the other side. */
#ifndef HTTP_H2_SESSION_H
#define HTTP_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "base/queue.h"
#include "http/end.h"
#include "http/h2_fields.h"
#include "http/h2_glitches.h"
#include "http/h2_memory.h"
#include "http/h2_scan.h"
#include "net/loop.h"
#include "net/stream.h"

enum {
    H2_STREAMS_MAX = 100,        /* at once, of the peer's */
    H2_WINDOW_BYTES = 64 * 1024, /* of a stream, at first */
    H2_WINDOW_MAX = 1024 * 1024, /* of one that keeps up; and of a client's connection */
    H2_WINDOW_SHARED_MAX = H2_WINDOW_MAX / 2,
    H2_WINDOW_OPEN = INT32_MAX,               /* of a backend's connection: streams alone have bounds */
    H2_WINDOWS_GROWN_MAX = 4 * H2_WINDOW_MAX, /* what they have beyond their first ones, all together */
    H2_TABLE_BYTES = 4096,                    /* of HPACK, each way */
    H2_BLOCK_FACTOR = 4, /* a header list of so many times the limit ends the connection */
};

enum { H2_SESSION_MAGIC = 0x42a15e55, H2_STREAM_MAGIC = 0x42a157ae };

struct h2_session;
struct h2_stream;
struct h2_gather;

/** All are called from the loop or from inside nghttp2's reading, never from inside an op. */
struct h2_side {
    bool is_server;
    /** A peer's stream begins. @return false: refuse it (REFUSED_STREAM) */
    bool (*begins)(struct h2_session *session);
    /** A header block is complete in session->block: head or trailers, as the side knows. */
    void (*block)(struct h2_session *session, struct h2_stream *stream, bool last);
    /** nghttp2 found it malformed and resets the stream: nothing more will come of it. */
    void (*malformed)(struct h2_session *session, struct h2_stream *stream);
    /** Content. Not after *last*. */
    void (*data)(struct h2_session *session, struct h2_stream *stream, struct slice bytes, bool last);
    /** The stream has ended, well or not; the object goes at the end of the turn. *by_peer*: RST_STREAM came. */
    void (*gone)(struct h2_session *session, struct h2_stream *stream, uint32_t error_code, bool by_peer);
    /** SETTINGS, PING, GOAWAY that came, valid. */
    void (*frame)(struct h2_session *session, const nghttp2_frame *frame);
    /** The end of a turn in which something happened, everything written that could be. */
    void (*turn)(struct h2_session *session);
    /** No more can be done: the stream below is gone, or the peer broke the protocol. Ends the session. */
    void (*lost)(struct h2_session *session, enum fault fault, int error_number);
};

struct h2_session {
    unsigned magic;
    const struct h2_side *side;
    nghttp2_session *ng;
    struct h2_memory memory;
    struct stream *stream; /* NULL once the session has ended */
    struct loop *loop;
    struct link streams;   /* open ones, in the order of their beginning */
    struct link held;      /* those whose head leaves with content or at the end of the turn */
    struct link lingering; /* of a server: answered, and the request goes on; by held_link */
    struct timer linger;
    struct link closed;  /* closed while we wrote: to be told */
    struct link retired; /* gone; spare at the end of the turn */
    unsigned count;      /* of streams */
    unsigned
        answered; /* of those in closed: for the peer they have ended, and it may have begun others already */
    struct queue out;         /* frames of this turn */
    struct h2_gather *gather; /* while an op lends content */
    struct pending due;
    struct h2_block *block; /* the header block under way; NULL when there is none */
    size_t limit_bytes, limit_lines;
    struct h2_stream *chunk_stream; /* content not yet told, as it may be the last */
    struct slice chunk;
    struct h2_stream *wide; /* has more than its share of the connection's window */
    uint32_t grown;         /* what the windows of all streams have beyond their first ones */
    struct h2_scan scan;
    struct h2_glitches glitches;
    uint64_t last_bytes_ms; /* when something came */
    uint64_t moved_bytes;   /* content that left */
    unsigned window_updates_earned;
    uint64_t late_bytes;                  /* may still come on streams that have ended */
    uint32_t newest_id, newest_id_before; /* of the peer's header blocks; without what one read brings */
    uint32_t error_code;                  /* of a GOAWAY that we sent */
    uint8_t padded;                       /* frames of DATA that were padding for the most part */
    bool is_reading;                      /* inside nghttp2_session_mem_recv() … */
    bool is_writing;                      /* … or nghttp2_session_mem_send() */
    bool must_pause;                      /* what was made is to be written first */
    bool is_blocked;                      /* the stream below keeps bytes */
    bool is_paused;                       /* not reading: too much waits to be answered */
    bool is_flooded, is_failing;
    bool has_moved;     /* content since the last PING */
    bool has_content;   /* the DATA frame under way brought some, and not padding alone */
    bool takes_no_more; /* streams: GOAWAY told the peer */
};

struct h2_stream {
    struct http_end end; /* on == NULL: detached */
    unsigned magic;
    int32_t id; /* 0: no request was sent yet */
    struct h2_session *session;
    struct link link, held_link;
    struct arena arena; /* what nghttp2 is lent until it has left */
    /* in */
    uint32_t window;      /* bytes it may have outstanding */
    uint32_t window_used; /* credited since: */
    uint64_t window_began_ms;
    uint32_t uncredited; /* of the connection's window */
    struct queue early;  /* came before the tunnel was agreed */
    /* out */
    struct queue waiting;           /* content that has not left … */
    struct slice lent;              /* … and behind it what an op lends right now */
    uint64_t left;                  /* of a declared length */
    uint64_t taken_bytes;           /* left in frames */
    struct h2_lines head, trailers; /* held; to follow the content */
    bool is_counted, is_overrun;
    bool has_head;      /* the peer's final head came */
    bool in_ended;      /* END_STREAM came … */
    bool in_told;       /* … and the exchange knows it */
    bool has_answer;    /* of a server: the final head was given. Of a client: the request was */
    bool out_ended;     /* the last was given … */
    bool out_left;      /* … and has left */
    bool drops_content; /* HEAD, 204, 304 */
    bool has_trailers;
    bool is_deferred; /* nghttp2 waits for content */
    bool is_held;     /* head is not submitted yet */
    bool is_head;     /* the request's method */
    bool asks_upgrade, is_tunnel;
    bool is_declined; /* it asked, and got another answer: the request is complete */
    bool early_ended;
    bool is_reset;        /* RST_STREAM is submitted, or counted */
    bool is_peer_reset;   /* RST_STREAM came */
    bool is_closed;       /* nghttp2 does not know it any more */
    bool is_queued_data;  /* the frame under way takes from waiting, not from lent */
    bool was_processed;   /* of a client: the server may have seen it … */
    bool is_refused;      /* … or says that it did nothing with it */
    bool awaits_settings; /* of a client: may the server be asked for a tunnel? */
    bool is_too_large;    /* of a client: its head, for the server */
    uint8_t interims;
    uint32_t close_code; /* in session->closed */
    uint64_t lingers_until_ms;
};

/** Takes the stream over; the side submits its SETTINGS next. *session* lies in the side's own object. */
void h2_session_init(struct h2_session *session, const struct h2_side *side, struct stream *stream,
                     size_t limit_bytes, size_t limit_lines);
/** The last that is written goes out; the stream below is given up. No event comes any more; h2_session_fini() at the end
 * of the turn. */
void h2_session_end(struct h2_session *session, bool linger);
/** The same, and what waits below is dropped. */
void h2_session_cut(struct h2_session *session);
void h2_session_fini(struct h2_session *session);

/** What is to be written leaves at the end of the turn. */
void h2_session_write_soon(struct h2_session *session);
/** … or now, not from inside nghttp2. */
void h2_session_write(struct h2_session *session);
/** Ends with GOAWAY, from anywhere; lost() follows from the loop. */
void h2_session_fail(struct h2_session *session, uint32_t error_code);
/** One more thing done for nothing. @return false: the budget is spent, and the session fails */
bool h2_session_glitch(struct h2_session *session, enum h2_glitch glitch);
/** The same for what comes of one request, once: a client spends by it. A server does not: what it is asked is up to clients,
 * and none of them may end the connection that others share. */
void h2_session_glitch_of_request(struct h2_session *session, enum h2_glitch glitch);

/* ---- streams ---- */

struct h2_stream *h2_stream_new(struct h2_session *session, const struct http_end_ops *ops);
struct h2_stream *h2_stream_of(struct http_end *end);
/** Takes it out; the object lives to the end of the turn. */
void h2_stream_retire(struct h2_stream *stream);
/** RST_STREAM; what waits to be sent is dropped. */
void h2_stream_reset(struct h2_stream *stream, uint32_t error_code);
/** Tells the exchange, which is detached. */
void h2_stream_tell_reset(struct h2_stream *stream, enum fault fault, int error_number);
/** Held until content, or the end of the turn, takes it along. */
void h2_stream_hold_head(struct h2_stream *stream, struct h2_lines head);
/** Content, as far as the peer takes it; the rest is kept. *last* may be without any. */
void h2_stream_send(struct h2_stream *stream, struct slice bytes, bool last);
/** Ends the content with these; may be none. */
void h2_stream_send_trailers(struct h2_stream *stream, const struct fields *trailers);
/** The exchange has moved on *n* bytes of what came: the windows follow. */
void h2_stream_credit(struct h2_stream *stream, size_t n);
/** Came, and will be credited. */
void h2_stream_count(struct h2_stream *stream, size_t n);
uint64_t h2_stream_taken(const struct h2_stream *stream);

/* ---- between the files of the session ---- */

enum { H2_WINDOW_UPDATES_FREE = 32 };

/** Our callbacks and options in it. */
nghttp2_session *h2_session_ng_new(struct h2_session *session, bool is_server);
/** Looks at the frames that these bytes begin. */
void h2_session_watch(struct h2_session *session, struct slice bytes);
/** Content that was kept, as it may have been the last. */
void h2_session_give_chunk(struct h2_session *session, bool last);
/** The whole answer has left, and its request goes on: what still comes is dropped, and RST_STREAM follows in a while. */
void h2_session_linger(struct h2_stream *stream);
/** Tells the side, and retires the stream. */
void h2_session_tell_closed(struct h2_stream *stream);
void h2_stream_submit_head(struct h2_stream *stream);
void h2_stream_free(struct h2_stream *stream);
/** nghttp2's callback for DATA frames. */
int h2_session_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                         nghttp2_data_source *source, void *user_data);

/** Pieces that leave in one write without being copied, while an op lends them: all that one read brings. Less than that
 *  is cheaper copied, and leaves with the rest of the turn. */
enum { H2_GATHER_FRAMES = 4, H2_GATHER_MIN_BYTES = 8192, H2_GATHER_SLICES = 2 * H2_GATHER_FRAMES - 1 };
struct h2_gather {
    struct slice slices[H2_GATHER_SLICES]; /* behind session->out, which ends with the first frame's head */
    size_t count;
    uint8_t heads[H2_GATHER_FRAMES][H2_FRAME_HEAD_BYTES];
    unsigned frames;
};

#endif
