#include "tls/tls_wire.h"

#include <pthread.h>

#include <openssl/ssl.h>

enum {
    RECORD_WIRE_MAX = 5 + 16 * 1024 + 256,
    OUTBOX_BYTES = 4 * RECORD_WIRE_MAX, /* 64 KiB of plaintext: what one round of copying brings */
};

static _Thread_local struct {
    struct tls_wire *of;
    size_t len;
    char bytes[OUTBOX_BYTES];
} outbox;

/* Lives as long as an SSL has it. */
static _Thread_local BIO *shared;

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static int on_bio_read(BIO *bio, char *out, size_t size, size_t *got)
{
    struct tls_wire *wire = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (wire->lent.len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *got = MIN(size, wire->lent.len);
    memcpy(out, wire->lent.data, *got);
    wire->lent = slice_from(wire->lent, *got);
    return 1;
}

/* Never says "later": what the socket does not take, the lower stream keeps. */
static int on_bio_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    struct tls_wire *wire = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    ASSERT(outbox.len == 0 || outbox.of == wire);
    *written = size;
    if (outbox.len + size > OUTBOX_BYTES)
        tls_wire_flush(wire, STREAM_LATER);
    if (size > OUTBOX_BYTES) {
        if (!wire->is_shut)
            stream_write(wire->lower, &(struct slice){data, size}, 1, STREAM_LATER);
        return 1;
    }
    memcpy(outbox.bytes + outbox.len, data, size);
    outbox.len += size;
    outbox.of = wire;
    return 1;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static int on_bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static int on_bio_destroy(BIO *bio)
{
    if (bio == shared)
        shared = NULL;
    return 1;
}

static void make_method(void)
{
    bool ok;

    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    ok = method && BIO_meth_set_read_ex(method, on_bio_read) && BIO_meth_set_write_ex(method, on_bio_write) &&
         BIO_meth_set_ctrl(method, on_bio_ctrl) && BIO_meth_set_create(method, on_bio_create) &&
         BIO_meth_set_destroy(method, on_bio_destroy);
    ASSERT(ok);
}

static BIO *bio_new(struct tls_wire *wire)
{
    BIO *bio;

    pthread_once(&method_once, make_method);
    bio = BIO_new(method);
    ASSERT(bio);
    BIO_set_data(bio, wire);
    return bio;
}

void tls_wire_connect(struct tls_wire *wire, SSL *ssl)
{
    BIO *bio = bio_new(wire);

    SSL_set_bio(ssl, bio, bio);
}

struct tls_wire *tls_wire_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

void tls_wire_share(SSL *ssl)
{
    if (shared)
        BIO_up_ref(shared);
    else
        shared = bio_new(NULL);
    SSL_set_bio(ssl, shared, shared);
}

/* The SSL knows which BIO that is: its thread may have ended, and another ends what that one left. */
void tls_wire_enter(struct tls_wire *wire, SSL *ssl)
{
    BIO_set_data(SSL_get_rbio(ssl), wire);
}

void tls_wire_leave(SSL *ssl)
{
    BIO_set_data(SSL_get_rbio(ssl), NULL);
}

size_t tls_wire_flush(struct tls_wire *wire, unsigned flags)
{
    struct slice gathered = slice_of(outbox.bytes, outbox.len);

    ASSERT(outbox.len == 0 || outbox.of == wire);
    outbox.len = 0;
    if (gathered.len == 0 || wire->is_shut)
        return stream_queued(wire->lower);
    return stream_write(wire->lower, &gathered, 1, flags);
}

bool tls_wire_is_empty(const struct tls_wire *wire)
{
    return outbox.len == 0 || outbox.of != wire;
}

void tls_wire_drop(struct tls_wire *wire)
{
    if (outbox.of == wire)
        outbox.len = 0;
}
