#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/tls_core.h"

/* Small slices that are written together become one record: a head and its body cost one seal, not two. */
static _Thread_local struct {
    size_t len;
    char bytes[RECORD_PLAIN_MAX];
} joined;

/* @return how many bytes OpenSSL took: all, unless it is in the middle of a message of the peer's (a session
 * ticket that came in pieces), which it must read first. */
static size_t encrypt(struct tls_stream *t, struct slice plain)
{
    size_t taken = 0, n;

    tls_wire_enter(&t->wire, t->ssl);
    while (taken < plain.len) {
        int rc = SSL_write_ex(t->ssl, plain.data + taken, plain.len - taken, &n);

        if (rc == 1) {
            taken += n;
            continue;
        }
        if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ) {
            t->incoming = TLS_INCOMING_BROKEN;
            loop_defer(t->base.loop, &t->work);
        }
        ERR_clear_error();
        break;
    }
    tls_wire_leave(t->ssl);
    return taken;
}

static void send_plain(struct tls_stream *t, struct slice plain)
{
    size_t taken = queue_len(&t->unsent) ? 0 : encrypt(t, plain);

    if (t->incoming != TLS_INCOMING_BROKEN)
        queue_add(&t->unsent, slice_from(plain, taken));
}

static void send_joined(struct tls_stream *t)
{
    if (joined.len)
        send_plain(t, slice_of(joined.bytes, joined.len));
    joined.len = 0;
}

static void join(struct tls_stream *t, struct slice plain)
{
    if (joined.len + plain.len > sizeof(joined.bytes))
        send_joined(t);
    if (plain.len > sizeof(joined.bytes)) {
        send_plain(t, plain);
        return;
    }
    if (plain.len)
        memcpy(joined.bytes + joined.len, plain.data, plain.len);
    joined.len += plain.len;
}

size_t tls_write(struct tls_stream *t, const struct slice *slices, size_t count, unsigned flags)
{
    size_t waiting;

    if (t->phase != TLS_PHASE_OPEN)
        return 0;
    if (t->is_shut || t->incoming == TLS_INCOMING_BROKEN)
        return stream_queued(&t->base);
    ERR_clear_error();
    for (size_t i = 0; i < count; i++) {
        if (count == 1)
            send_plain(t, slices[i]);
        else
            join(t, slices[i]);
        t->base.bytes_out += slices[i].len;
    }
    send_joined(t);
    waiting = tls_wire_flush(&t->wire, flags) + queue_len(&t->unsent);
    t->owes_drained = waiting > 0;
    tls_core_update_lower(t);
    return waiting;
}

void tls_write_close_notify(struct tls_stream *t)
{
    tls_wire_enter(&t->wire, t->ssl);
    /* 0 is success: ours is sent, the peer's did not come yet. */
    if (t->incoming == TLS_INCOMING_BROKEN || SSL_shutdown(t->ssl) < 0)
        ERR_clear_error();
    tls_wire_leave(t->ssl);
}

static void shut_now(struct tls_stream *t)
{
    tls_write_close_notify(t);
    tls_wire_flush(&t->wire, STREAM_LATER);
    t->wire.is_shut = true;
    stream_shut(t->wire.lower);
}

void tls_write_shut(struct tls_stream *t)
{
    if (t->phase != TLS_PHASE_OPEN || t->is_shut)
        return;
    t->is_shut = true;
    if (queue_len(&t->unsent) == 0)
        shut_now(t);
}

void tls_write_retry(struct tls_stream *t)
{
    if (queue_len(&t->unsent) == 0)
        return;
    queue_drop(&t->unsent, encrypt(t, queue_peek(&t->unsent)));
    if (t->incoming == TLS_INCOMING_BROKEN)
        queue_fini(&t->unsent);
    tls_wire_flush(&t->wire, STREAM_NOW);
    if (queue_len(&t->unsent))
        return;
    if (t->is_shut)
        shut_now(t);
    tls_core_update_lower(t);
    tls_write_tell_drained(t);
}

void tls_write_tell_drained(struct tls_stream *t)
{
    if (!t->owes_drained || stream_queued(&t->base) || !t->base.on)
        return;
    t->owes_drained = false;
    t->base.on->drained(t->base.owner);
}
