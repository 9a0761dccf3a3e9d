#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/tls_core.h"

/* Plaintext on its way to the owner. The lower stream lends from the loop's scratch buffer, so this is a
 * second one: full, it holds what one read below can bring. */
static _Thread_local struct {
    bool is_lent;
    char bytes[LOOP_SCRATCH_BYTES];
} scratch;

/* Far more than an owner who heeds flow control has waiting. */
enum { ANSWERS_WAITING_MAX = 1024 * 1024 };

static bool is_reading(const struct tls_stream *t)
{
    return t->phase == TLS_PHASE_OPEN && t->wants;
}

static bool has_input(const struct tls_stream *t)
{
    return t->wire.lent.len > 0 || SSL_has_pending(t->ssl);
}

static void note_failure(struct tls_stream *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return;
    case SSL_ERROR_ZERO_RETURN:
        t->incoming = TLS_INCOMING_ENDED;
        return;
    default:
        t->incoming = TLS_INCOMING_BROKEN;
        ERR_clear_error();
    }
}

/* As much as there is, up to the size of the scratch buffer. */
static size_t decrypt(struct tls_stream *t)
{
    size_t len = 0, got;

    ASSERT(!scratch.is_lent); /* TLS inside TLS would overwrite what it reads */
    tls_wire_enter(&t->wire, t->ssl);
    while (len < sizeof(scratch.bytes) && has_input(t)) {
        int rc = SSL_read_ex(t->ssl, scratch.bytes + len, sizeof(scratch.bytes) - len, &got);

        if (rc != 1) {
            note_failure(t, rc);
            break;
        }
        len += got;
    }
    tls_wire_leave(t->ssl);
    return len;
}

static size_t lend(struct tls_stream *t, struct slice bytes)
{
    size_t used;

    t->lend_again = TLS_LEND_NO;
    t->is_in_bytes = true;
    used = t->base.on->bytes(t->base.owner, bytes);
    t->is_in_bytes = false;
    ASSERT(used <= bytes.len);
    t->base.bytes_in += used;
    return used;
}

static void lend_kept(struct tls_stream *t)
{
    size_t used = lend(t, queue_peek(&t->kept));

    queue_drop(&t->kept, used);
    if (used == 0 && t->lend_again == TLS_LEND_IF_USED)
        t->lend_again = TLS_LEND_NO;
}

static void lend_new(struct tls_stream *t, struct slice bytes)
{
    size_t used;

    if (queue_len(&t->kept)) {
        queue_add(&t->kept, bytes);
        lend_kept(t);
        return;
    }
    scratch.is_lent = true;
    used = lend(t, bytes);
    scratch.is_lent = false;
    queue_add(&t->kept, slice_from(bytes, used));
}

static void tell_end(struct tls_stream *t)
{
    if (t->incoming == TLS_INCOMING_CUT) {
        tls_core_break(t, FAULT_CLIENT_GONE);
    } else if (t->incoming == TLS_INCOMING_BROKEN) {
        tls_core_break(t, FAULT_TLS_BROKEN);
    } else if (t->incoming == TLS_INCOMING_ENDED && !t->base.eof_is_told) {
        t->base.eof_is_told = true;
        t->base.on->eof(t->base.owner);
    }
}

/* What OpenSSL answered by itself leaves before the owner's own records. A peer that asks for new keys
 * without end and never reads the answers would make them pile up. */
static void send_answers(struct tls_stream *t)
{
    size_t waiting;

    if (tls_wire_is_empty(&t->wire))
        return;
    waiting = tls_wire_flush(&t->wire, STREAM_LATER);
    if (waiting > ANSWERS_WAITING_MAX)
        t->incoming = TLS_INCOMING_BROKEN;
}

void tls_read_on(struct tls_stream *t)
{
    if (is_reading(t) && t->lend_again != TLS_LEND_NO && queue_len(&t->kept))
        lend_kept(t);
    while (is_reading(t) && t->incoming == TLS_INCOMING_OPEN && has_input(t)) {
        size_t len = decrypt(t);

        send_answers(t);
        if (len == 0)
            break;
        lend_new(t, slice_of(scratch.bytes, len));
    }
    if (!is_reading(t))
        return;
    if (t->lend_again != TLS_LEND_NO && queue_len(&t->kept))
        loop_defer(t->base.loop, &t->work);
    else
        tell_end(t);
}

void tls_read_want(struct tls_stream *t, bool want)
{
    bool did_want = t->wants;

    if (t->phase != TLS_PHASE_OPEN)
        return;
    t->wants = want;
    if (want && (t->is_in_bytes || queue_len(&t->kept))) {
        enum tls_lend_again again = t->is_in_bytes && did_want ? TLS_LEND_IF_USED : TLS_LEND_YES;

        t->lend_again = (uint8_t)MAX(t->lend_again, again);
    }
    tls_core_update_lower(t);
    if (!want || t->is_in_bytes) /* who lends looks at all of this when bytes() returns */
        return;
    if (t->lend_again != TLS_LEND_NO || SSL_has_pending(t->ssl) ||
        (t->incoming != TLS_INCOMING_OPEN && !t->base.eof_is_told))
        loop_defer(t->base.loop, &t->work);
}
