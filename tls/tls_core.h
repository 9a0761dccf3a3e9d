/** What a TLS stream consists of; shared by tls_stream.c (its life), tls_read.c and tls_write.c. */
#ifndef TLS_TLS_CORE_H
#define TLS_TLS_CORE_H

#include <openssl/types.h>

#include "base/queue.h"
#include "net/loop.h"
#include "tls/handshake.h"
#include "tls/tls_stream.h"
#include "tls/tls_wire.h"

enum { RECORD_PLAIN_MAX = 16 * 1024 };

/* HANDSHAKE → OPEN → GONE, or HANDSHAKE → GONE; GONE frees at the end of the turn. */
enum tls_phase { TLS_PHASE_HANDSHAKE, TLS_PHASE_OPEN, TLS_PHASE_GONE };

/* The peer's direction. All but the first are final, and told once all that came before was lent. */
enum tls_incoming {
    TLS_INCOMING_OPEN,
    TLS_INCOMING_ENDED,  /* close_notify */
    TLS_INCOMING_CUT,    /* FIN without it: what came may be a part only */
    TLS_INCOMING_BROKEN, /* a record that is not one, or an alert */
};

/* As socket_stream has it: is what was kept to be lent again without new bytes? */
enum tls_lend_again { TLS_LEND_NO, TLS_LEND_IF_USED, TLS_LEND_YES };

struct tls_stream {
    struct stream base;
    struct tls_wire wire;
    SSL *ssl;            /* NULL once GONE */
    const char *version; /* of the established stream; remembered for the log when it has ended */
    struct handshake handshake;
    const struct tls_stream_events *on; /* of the handshake */
    void *on_owner;
    struct tls_identity *identity; /* NULL on the client's side */
    struct pending work;
    struct queue kept;   /* plaintext that was lent and not used */
    struct queue unsent; /* plaintext that OpenSSL does not take yet */
    uint8_t phase, incoming, lend_again;
    bool wants : 1;
    bool lower_wants : 1;
    bool is_in_bytes : 1;
    bool owes_drained : 1;
    bool is_shut : 1;   /* the owner ended our direction */
    bool is_doomed : 1; /* the handshake cannot begin; handshake.detail says why */
};

/** For OpenSSL's callbacks. Not by the SSL's app data: it would cost each connection a list of its own. */
static inline struct handshake *tls_core_handshake_of(const SSL *ssl)
{
    return &CONTAINER_OF(tls_wire_of(ssl), struct tls_stream, wire)->handshake;
}

static inline struct tls_stream *tls_of(struct stream *stream)
{
    ASSERT(stream && stream->magic == STREAM_MAGIC);
    return CONTAINER_OF(stream, struct tls_stream, base);
}

/** Reads on below as long as the handshake, the owner or waiting writes need it. */
void tls_core_update_lower(struct tls_stream *t);
/** Ends the stream from within and tells the owner. */
void tls_core_break(struct tls_stream *t, enum fault fault);

/** Decrypts and lends while the owner wants, then tells what ended. Phase OPEN; afterwards it may be GONE. */
void tls_read_on(struct tls_stream *t);
void tls_read_want(struct tls_stream *t, bool want);

size_t tls_write(struct tls_stream *t, const struct slice *slices, size_t count, unsigned flags);
/** Tries what could not be encrypted, after new records came. */
void tls_write_retry(struct tls_stream *t);
/** close_notify, and FIN below; behind what is unsent. */
void tls_write_shut(struct tls_stream *t);
/** Puts a close_notify into the outbox. */
void tls_write_close_notify(struct tls_stream *t);
void tls_write_tell_drained(struct tls_stream *t);

#endif
