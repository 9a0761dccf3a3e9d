#include "unit/backends/peers.h"

#include <stdio.h>

#include "net/socket_stream.h"
#include "unit/tls/pki.h"

/* --- Endpoints */

static struct address address_of(const struct target *target)
{
    static const struct ip LOOPBACK = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct address address;

    if (target->kind != TARGET_UNIX)
        return address_from_ip(target->kind == TARGET_IP ? target->ip : LOOPBACK, target->port);
    cr_assert_eq(address_from_path(target->name, &address), 0);
    return address;
}

struct endpoint *peer_endpoint(struct office *office, const char *target)
{
    struct endpoint *endpoint = arena_new(&office->arena, struct endpoint);
    struct pool_target *behind = arena_new(&office->arena, struct pool_target);

    *behind = office_endpoint(office, target);
    endpoint->target = behind;
    endpoint->addresses[0] = address_of(&behind->target);
    endpoint->addresses_count = 1;
    endpoint->text = endpoint->identity = behind->target.text;
    return endpoint;
}

struct endpoint *peer_endpoint_at(struct office *office, const char *host, const struct server *server)
{
    char target[96];

    snprintf(target, sizeof(target), "%s:%u", host, server->port);
    return peer_endpoint(office, target);
}

struct pool_target *peer_target(const struct endpoint *endpoint)
{
    return (struct pool_target *)endpoint->target;
}

/* --- TLS */

void tls_peer_init(struct tls_peer *peer, struct loop *loop, const char *san)
{
    struct error error;
    char cert[256], key[256];

    *peer = (struct tls_peer){.loop = loop, .directory = pki_directory(), .offer = {"http/1.1", NULL}};
    pki_write_pair(peer->directory, "peer", &(struct pki_spec){.san = san});
    snprintf(cert, sizeof(cert), "%s", pki_path(peer->directory, "peer.crt"));
    snprintf(key, sizeof(key), "%s", pki_path(peer->directory, "peer.key"));
    peer->certificates = certificates_new(NULL);
    cr_assert_eq(certificates_add_pair(peer->certificates, cert, key, &error), 0, "%s", error.text);
    cr_assert_eq(tls_client_context_new(&(struct tls_client_settings){.ca_path = cert, .verifies = true},
                                        &peer->trusting, &error),
                 0, "%s", error.text);
}

void tls_peer_fini(struct tls_peer *peer)
{
    if (peer->stream)
        stream_close(peer->stream);
    text_fini(&peer->got);
    tls_client_context_unref(peer->trusting);
    certificates_free(peer->certificates);
    pki_directory_remove(peer->directory);
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct tls_peer *peer = owner;

    text_add(&peer->got, lent);
    return lent.len;
}

static void on_drained(void *owner)
{
}

static void on_eof(void *owner)
{
    struct tls_peer *peer = owner;

    peer->ended++;
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct tls_peer *peer = owner;

    peer->stream = NULL;
}

static const struct stream_events STREAM_EVENTS = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

static void on_established(void *owner, struct stream *stream)
{
    struct tls_peer *peer = owner;

    peer->established++;
    snprintf(peer->server_name, sizeof(peer->server_name), "%s", tls_stream_server_name(stream));
    snprintf(peer->alpn, sizeof(peer->alpn), "%.*s", FMT_SLICE(tls_stream_alpn(stream)));
    stream_own(stream, &STREAM_EVENTS, peer);
    stream_want(stream, true);
}

static void on_failed(void *owner, enum fault fault, const char *detail)
{
    struct tls_peer *peer = owner;

    peer->failed++;
    peer->stream = NULL;
}

static const struct tls_stream_events TLS_EVENTS = {on_established, on_failed};

void tls_peer_take(struct tls_peer *peer, struct server *server, size_t conn)
{
    struct tls_identity *identity = certificates_find(peer->certificates, SLICE("a.test"));
    struct stream *lower = socket_stream_new(peer->loop, server->conns[conn], &(struct address){0}, true);

    cr_assert_not_null(identity);
    cr_assert_not_null(lower);
    server->conns[conn] = -1; /* the stream's now */
    peer->stream = tls_stream_accept(
        lower, identity, &(struct tls_server_options){.alpn = peer->offer[0] ? peer->offer : NULL},
        &TLS_EVENTS, peer);
}

void tls_peer_says(struct tls_peer *peer, const char *text)
{
    struct slice bytes = slice_str(text);

    stream_write(peer->stream, &bytes, 1, STREAM_NOW);
}
