#include "unit/tls/tls_end.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "net/socket_stream.h"
#include "tls/identity.h"
#include "unit/tls/pki.h"

struct loop *test_loop;
char *test_directory;
struct certificates *test_certificates;
struct ticket_keys *test_keys;

static struct tls_client_context *trusting, *careless;

static void write_signed_pair(const struct pki_pair *ca, const char *name, const char *san, const char *key)
{
    struct pki_pair pair = pki_make(&(struct pki_spec){.san = san, .key = key, .issuer = ca});
    struct text text = {0};
    struct error error = {0};
    char file[64];

    snprintf(file, sizeof(file), "%s.pem", name);
    pki_add_cert(&text, &pair);
    pki_add_key(&text, &pair);
    pki_write(test_directory, file, &text);
    pki_pair_fini(&pair);
    cr_assert_eq(certificates_add_pair(test_certificates, pki_path(test_directory, file),
                                       pki_path(test_directory, file), &error),
                 0, "%s", error.text);
}

void tls_set_up(void)
{
    struct pki_pair ca = pki_make(&(struct pki_spec){.is_ca = true});
    struct text text = {0};
    struct error error = {0};

    cr_assert_eq(loop_new(&test_loop, &error), 0, "%s", error.text);
    test_directory = pki_directory();
    test_keys = ticket_keys_new();
    test_certificates = certificates_new(test_keys);
    pki_add_cert(&text, &ca);
    pki_write(test_directory, "root.crt", &text);
    write_signed_pair(&ca, "ab", "DNS:a.test,DNS:b.test,IP:127.0.0.1", "P-256");
    write_signed_pair(&ca, "wild", "DNS:*.wild.test", "RSA");
    cr_assert_eq(
        tls_client_context_new(
            &(struct tls_client_settings){.ca_path = pki_path(test_directory, "root.crt"), .verifies = true},
            &trusting, &error),
        0, "%s", error.text);
    cr_assert_eq(tls_client_context_new(&(struct tls_client_settings){.verifies = false}, &careless, &error),
                 0);
    pki_pair_fini(&ca);
}

void tls_tear_down(void)
{
    settle();
    tls_client_context_unref(careless);
    tls_client_context_unref(trusting);
    certificates_free(test_certificates);
    ticket_keys_free(test_keys);
    loop_free(test_loop);
    pki_directory_remove(test_directory);
}

struct tls_identity *identity_of(const char *name, int max_version)
{
    struct tls_identity *identity = certificates_find(test_certificates, slice_str(name));

    cr_assert(identity);
    SSL_CTX_set_max_proto_version(identity->ctx, max_version);
    return identity;
}

void socket_pair(int fds[2], int type)
{
    cr_assert_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

struct stream *socket_end(int fd)
{
    struct address peer = {.family = AF_UNIX};
    struct stream *stream = socket_stream_new(test_loop, fd, &peer, false);

    cr_assert(stream);
    return stream;
}

void run_a_little(void)
{
    struct pollfd loop = {.fd = uv_backend_fd((uv_loop_t *)loop_uv(test_loop)), .events = POLLIN};

    loop_run_once(test_loop);
    poll(&loop, 1, 1);
    loop_run_once(test_loop);
}

void settle(void)
{
    for (int i = 0; i < 10; i++)
        loop_run_once(test_loop);
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct tls_end *end = owner;
    size_t used = MIN(lent.len, end->use_limit);

    cr_assert_not(end->is_gone, "bytes() after the end");
    end->calls++;
    end->last_lent = lent.len;
    text_add(&end->got, slice_head(lent, used));
    if (end->on_bytes)
        end->on_bytes(end, lent);
    return used;
}

static void on_drained(void *owner)
{
    struct tls_end *end = owner;

    cr_assert_not(end->is_gone, "drained() after the end");
    cr_assert_eq(stream_queued(end->stream), 0);
    end->drained++;
    if (end->on_drained)
        end->on_drained(end);
}

static void on_eof(void *owner)
{
    struct tls_end *end = owner;

    cr_assert_not(end->is_gone, "eof() after the end");
    end->eofs++;
    if (end->on_eof)
        end->on_eof(end);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct tls_end *end = owner;

    cr_assert_not(end->is_gone, "closed() after the end");
    end->closeds++;
    end->fault = fault;
    end->is_gone = true;
}

static const struct stream_events stream_events = {on_bytes, on_drained, on_eof, on_closed};

static void on_established(void *owner, struct stream *stream)
{
    struct tls_end *end = owner;

    cr_assert_eq(stream, end->stream);
    cr_assert_not(end->is_gone, "established() after the end");
    end->established++;
    stream_own(stream, &stream_events, end);
    if (end->on_established)
        end->on_established(end);
    if (!end->is_gone && !end->is_paused)
        stream_want(stream, true);
}

static void on_failed(void *owner, enum fault fault, const char *detail)
{
    struct tls_end *end = owner;

    cr_assert_not(end->is_gone, "failed() after the end");
    end->failed++;
    end->fault = fault;
    snprintf(end->detail, sizeof(end->detail), "%s", detail);
    end->is_gone = true;
}

static const struct tls_stream_events handshake_events = {on_established, on_failed};

void tls_end_accept(struct tls_end *end, struct stream *lower, struct tls_identity *identity,
                    const char *const *alpn)
{
    end->use_limit = SIZE_MAX;
    end->stream = tls_stream_accept(lower, identity, &(struct tls_server_options){.alpn = alpn},
                                    &handshake_events, end);
}

void tls_end_connect_by(struct tls_end *end, struct stream *lower, struct tls_client_context *context,
                        const char *server_name, const char *verify_name, const char *const *alpn)
{
    struct tls_client_options options = {
        .server_name = server_name, .verify_name = verify_name, .alpn = alpn};

    end->use_limit = SIZE_MAX;
    end->stream = tls_stream_connect(lower, context, &options, &handshake_events, end);
}

void tls_end_connect(struct tls_end *end, struct stream *lower, const char *server_name,
                     const char *verify_name, const char *const *alpn)
{
    tls_end_connect_by(end, lower, verify_name ? trusting : careless, server_name, verify_name, alpn);
}

void tls_ends_meet(struct tls_end *server, struct tls_end *client, int max_version)
{
    int fds[2];

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(server, socket_end(fds[0]), identity_of("a.test", max_version), NULL);
    tls_end_connect(client, socket_end(fds[1]), "a.test", "a.test", NULL);
    RUN_UNTIL((server->established || server->failed) && (client->established || client->failed));
    cr_assert_str_eq(client->detail, "");
    cr_assert_str_eq(server->detail, "");
}

void tls_end_close(struct tls_end *end)
{
    if (!end->is_gone)
        stream_close(end->stream);
    end->is_gone = true;
}

void tls_end_fini(struct tls_end *end)
{
    tls_end_close(end);
    text_fini(&end->got);
    settle();
}

size_t tls_end_say(struct tls_end *end, const char *text, unsigned flags)
{
    return stream_write(end->stream, &(struct slice){text, strlen(text)}, 1, flags);
}

SSL *raw_client(int fd, const char *server_name, int max_version, SSL_SESSION *session)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_max_proto_version(ctx, max_version);
    ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (server_name)
        SSL_set_tlsext_host_name(ssl, server_name);
    if (session)
        SSL_set_session(ssl, session);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    return ssl;
}

int raw_handshake(SSL *ssl)
{
    int verdict = SSL_ERROR_WANT_READ;

    for (int i = 0; i < 10000 && verdict == SSL_ERROR_WANT_READ; i++) {
        ERR_clear_error();
        verdict = SSL_get_error(ssl, SSL_do_handshake(ssl));
        run_a_little();
    }
    return verdict;
}

size_t raw_read(SSL *ssl, char *out, size_t want)
{
    size_t len = 0, got;

    for (int i = 0; i < 10000 && len < want; i++) {
        int rc;

        ERR_clear_error();
        rc = SSL_read_ex(ssl, out + len, want - len, &got);
        if (rc == 1)
            len += got;
        else if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ)
            break;
        else
            run_a_little();
    }
    return len;
}

void raw_free(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}
