#include "tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "tls/identity.h"
#include "tls/tls_client_context.h"
#include "tls/tls_core.h"

/* Happy path:  accept/connect → records come → SSL_do_handshake → established() → bytes() and stream_write().
 *              What OpenSSL says at the end of a handshake waits for the owner's first write: one send.
 * On failure:  in the handshake: alert, end below, failed(). Later: alert, end below, closed().
 * On close:    leave(); stream_end() says close_notify first, stream_close() says nothing.
 *
 * OpenSSL's queue of errors is the thread's: it is emptied before each call whose result is asked for. */

static const struct stream_ops ops;

/* Ends. */

static void tls_stream_free(void *object)
{
    struct tls_stream *t = object;

    queue_fini(&t->kept);
    queue_fini(&t->unsent);
    handshake_fini(&t->handshake);
    t->base.magic = 0;
    mem_free(t);
}

static void leave(struct tls_stream *t)
{
    tls_wire_drop(&t->wire);
    t->phase = TLS_PHASE_GONE;
    t->wants = false;
    t->wire.lower = NULL;
    loop_undefer(&t->work);
    SSL_free(TAKE(t->ssl));
    loop_retire(t->base.loop, t, tls_stream_free);
}

static void on_close(struct stream *stream)
{
    struct tls_stream *t = tls_of(stream);

    if (t->phase == TLS_PHASE_GONE)
        return;
    stream_close(t->wire.lower);
    leave(t);
}

static void on_reset(struct stream *stream)
{
    struct tls_stream *t = tls_of(stream);

    if (t->phase == TLS_PHASE_GONE)
        return;
    stream_reset(t->wire.lower);
    leave(t);
}

static void on_end(struct stream *stream, bool linger)
{
    struct tls_stream *t = tls_of(stream);

    if (t->phase == TLS_PHASE_GONE)
        return;
    if (t->phase == TLS_PHASE_OPEN && !t->is_shut)
        tls_write_close_notify(t);
    tls_wire_flush(&t->wire, STREAM_LATER);
    stream_end(t->wire.lower, linger);
    leave(t);
}

void tls_core_break(struct tls_stream *t, enum fault fault)
{
    const struct stream_events *on = t->base.on;

    tls_wire_flush(&t->wire, STREAM_LATER);
    stream_end(t->wire.lower, true);
    leave(t);
    on->closed(t->base.owner, fault, 0);
}

/* Handshake. */

static bool is_server(const struct tls_stream *t)
{
    return t->identity != NULL;
}

static const char *reason_of(const struct tls_stream *t)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (t->handshake.detail)
        return t->handshake.detail;
    return reason ? reason : "the peer broke the handshake";
}

/* The lower stream, if it is still there, takes the alert along. */
static void fail(struct tls_stream *t, enum fault fault, const char *detail)
{
    if (t->wire.lower) {
        tls_wire_flush(&t->wire, STREAM_LATER);
        stream_end(t->wire.lower, true);
    }
    leave(t);
    t->on->failed(t->on_owner, fault,
                  detail); /* *detail* may live in t, which lives to the end of the turn */
    ERR_clear_error();
}

static void establish(struct tls_stream *t)
{
    t->phase = TLS_PHASE_OPEN;
    t->version = SSL_get_version(t->ssl);
    tls_wire_flush(&t->wire, STREAM_LATER);
    tls_wire_share(t->ssl);
    t->owes_drained =
        stream_queued(&t->base) > 0; /* the handshake's last words wait in front of the owner's */
    t->on->established(t->on_owner, &t->base);
    if (t->phase == TLS_PHASE_OPEN)
        tls_core_update_lower(t);
}

static void shake(struct tls_stream *t)
{
    int rc = t->is_doomed ? -1 : SSL_do_handshake(t->ssl);

    if (rc == 1)
        establish(t);
    else if (!t->is_doomed && SSL_get_error(t->ssl, rc) == SSL_ERROR_WANT_READ)
        tls_wire_flush(&t->wire, STREAM_NOW);
    else
        fail(t, is_server(t) ? FAULT_TLS_HANDSHAKE : FAULT_BACK_TLS, reason_of(t));
}

/* What the loop and the lower stream bring. */

void tls_core_update_lower(struct tls_stream *t)
{
    bool want = t->phase == TLS_PHASE_HANDSHAKE || t->wants || queue_len(&t->unsent) > 0;

    if (want == t->lower_wants)
        return;
    t->lower_wants = want;
    stream_want(t->wire.lower, want);
}

static void advance(struct tls_stream *t)
{
    ERR_clear_error();
    if (t->phase == TLS_PHASE_HANDSHAKE)
        shake(t);
    if (t->phase == TLS_PHASE_OPEN)
        tls_write_retry(t);
    if (t->phase == TLS_PHASE_OPEN)
        tls_read_on(t);
}

static void on_work(struct pending *pending)
{
    advance(CONTAINER_OF(pending, struct tls_stream, work));
}

static size_t on_lower_bytes(void *owner, struct slice lent)
{
    struct tls_stream *t = tls_of(owner);
    size_t used;

    if (t->incoming != TLS_INCOMING_OPEN) /* after close_notify nothing counts (RFC 8446 §6.1) */
        return lent.len;
    t->wire.lent = lent;
    advance(t);
    used = lent.len - t->wire.lent.len;
    t->wire.lent = slice_of(NULL, 0);
    return t->incoming == TLS_INCOMING_OPEN ? used : lent.len;
}

static void on_lower_drained(void *owner)
{
    struct tls_stream *t = tls_of(owner);

    if (t->phase == TLS_PHASE_OPEN)
        tls_write_tell_drained(t);
}

static void on_lower_eof(void *owner)
{
    struct tls_stream *t = tls_of(owner);

    if (t->phase == TLS_PHASE_HANDSHAKE) {
        fail(t, is_server(t) ? FAULT_CLIENT_GONE : FAULT_BACK_TLS,
             "the connection ended during the handshake");
        return;
    }
    if (t->incoming == TLS_INCOMING_OPEN)
        t->incoming = TLS_INCOMING_CUT;
    tls_read_on(t);
}

static void on_lower_closed(void *owner, enum fault fault, int error_number)
{
    struct tls_stream *t = tls_of(owner);
    bool was_open = t->phase == TLS_PHASE_OPEN;
    const struct stream_events *on = t->base.on;

    t->wire.lower = NULL;
    if (!was_open) {
        fail(t, is_server(t) ? fault : FAULT_BACK_RESET, "the connection broke during the handshake");
        return;
    }
    leave(t);
    if (on)
        on->closed(t->base.owner, fault, error_number);
}

static const struct stream_events lower_events = {
    .bytes = on_lower_bytes,
    .drained = on_lower_drained,
    .eof = on_lower_eof,
    .closed = on_lower_closed,
};

/* What the owner calls. */

static size_t on_write(struct stream *stream, const struct slice *slices, size_t count, unsigned flags)
{
    return tls_write(tls_of(stream), slices, count, flags);
}

static void on_want(struct stream *stream, bool want)
{
    tls_read_want(tls_of(stream), want);
}

static void on_shut(struct stream *stream)
{
    tls_write_shut(tls_of(stream));
}

static int on_raw_fd(struct stream *stream)
{
    return -1;
}

static size_t on_queued(const struct stream *stream)
{
    const struct tls_stream *t = CONTAINER_OF(stream, const struct tls_stream, base);

    return t->wire.lower ? stream_queued(t->wire.lower) + queue_len(&t->unsent) : 0;
}

static uint64_t on_taken(const struct stream *stream)
{
    const struct tls_stream *t = CONTAINER_OF(stream, const struct tls_stream, base);

    return t->wire.lower ? stream_taken(t->wire.lower) : stream->bytes_out;
}

static const struct stream_ops ops = {
    .write = on_write,
    .want = on_want,
    .shut = on_shut,
    .close = on_close,
    .reset = on_reset,
    .end = on_end,
    .raw_fd = on_raw_fd,
    .queued = on_queued,
    .taken = on_taken,
};

/* Beginnings. */

static struct tls_stream *tls_stream_new(struct stream *lower, SSL_CTX *ctx,
                                         const struct tls_stream_events *on, void *owner)
{
    struct tls_stream *t = mem_new(struct tls_stream);

    ASSERT(lower->ops != &ops);
    t->base = (struct stream){
        .magic = STREAM_MAGIC, .ops = &ops, .loop = lower->loop, .peer = lower->peer, .local = lower->local};
    t->wire.lower = lower;
    t->on = on;
    t->on_owner = owner;
    t->work.run = on_work;
    t->ssl = SSL_new(ctx);
    ASSERT(t->ssl);
    tls_wire_connect(&t->wire, t->ssl);
    stream_own(lower, &lower_events, t);
    tls_core_update_lower(t);
    return t;
}

struct stream *tls_stream_accept(struct stream *lower, struct tls_identity *identity,
                                 const struct tls_server_options *options, const struct tls_stream_events *on,
                                 void *owner)
{
    struct tls_stream *t = tls_stream_new(lower, identity->ctx, on, owner);

    t->identity = identity;
    t->handshake.alpn = options->alpn;
    SSL_set_accept_state(t->ssl);
    return &t->base;
}

struct stream *tls_stream_connect(struct stream *lower, struct tls_client_context *context,
                                  const struct tls_client_options *options,
                                  const struct tls_stream_events *on, void *owner)
{
    struct tls_stream *t = tls_stream_new(lower, tls_client_context_ssl(context), on, owner);

    SSL_set_connect_state(t->ssl);
    if (!tls_client_context_prepare(context, t->ssl, options)) {
        t->is_doomed = true;
        t->handshake.detail =
            mem_string(SLICE("the server name or a protocol cannot be put into a ClientHello"));
    }
    loop_defer(lower->loop, &t->work); /* says the first word */
    return &t->base;
}

/* Of an established stream. Its name and version are asked for by logs, when it may have just ended. */

static const struct tls_stream *as_tls(const struct stream *stream)
{
    const struct tls_stream *t = CONTAINER_OF(stream, const struct tls_stream, base);

    return stream->ops == &ops ? t : NULL;
}

const char *tls_stream_version(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    return t ? t->version : NULL;
}

const char *tls_stream_cipher(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    return t && t->ssl ? SSL_get_cipher_name(t->ssl) : NULL;
}

struct tls_identity *tls_stream_identity(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    return t ? t->identity : NULL;
}

const char *tls_stream_server_name(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    if (!t)
        return NULL;
    return t->handshake.server_name ? t->handshake.server_name : "";
}

struct slice tls_stream_alpn(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);
    const unsigned char *protocol = NULL;
    unsigned len = 0;

    if (t && t->ssl)
        SSL_get0_alpn_selected(t->ssl, &protocol, &len);
    return slice_of(protocol, len);
}

bool tls_stream_is_resumed(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    return t && t->ssl && SSL_session_reused(t->ssl);
}

const struct stream *tls_stream_lower(const struct stream *stream)
{
    const struct tls_stream *t = as_tls(stream);

    return t ? t->wire.lower : NULL;
}

const char *tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
