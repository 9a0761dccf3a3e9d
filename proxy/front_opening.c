#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/front_parts.h"
#include "proxy/lease.h"
#include "proxy/snapshot.h"
#include "proxy/sniff.h"
#include "proxy/worker.h"
#include "tls/client_hello.h"
#include "tls/tls_stream.h"

/* What a new connection is: SNIFF, then TLS where that is what came. Drawn at the top of front.h. */

/** What a connection needs only until it is known what it is. */
struct opening {
    struct front *front;
    struct timer deadline;
    bool has_spoken; /* the client sent a byte */
    bool is_tls;     /* a ClientHello is on its way */
    struct client_hello hello;
    const struct route *inner; /* TLS: the tcps route whose bytes are inside, or NULL for https */
};

static void on_deadline(struct timer *timer);

static void open_front(struct front *front)
{
    front->opening = mem_new(struct opening);
    front->opening->front = front;
    timer_init(&front->opening->deadline, on_deadline);
}

static void arm(struct front *front, uint64_t delay_ms)
{
    loop_arm(front->client.worker->loop, &front->opening->deadline, delay_ms);
}

static void opening_free(void *object)
{
    struct opening *opening = object;

    client_hello_fini(&opening->hello);
    mem_free(opening);
}

/* Retired, not freed: its ClientHello may be what is being looked at. */
void front_leave_opening(struct front *front)
{
    struct loop *loop = front->client.worker->loop;

    if ((front->state != FRONT_SNIFF && front->state != FRONT_TLS) || !front->opening)
        return;
    loop_cancel(loop, &front->opening->deadline);
    loop_retire(loop, TAKE(front->opening), opening_free);
}

static void front_refuse(struct front *front, enum fault fault, const char *detail)
{
    front_log_refused(front, fault, detail);
    stream_end(front->client.stream, false);
    front_gone(front);
}

static void front_alert(struct front *front, enum tls_alert alert, enum fault fault, const char *detail)
{
    front_log_refused(front, fault, detail);
    tls_refuse(front->client.stream, alert);
    front_gone(front);
}

/* ---- TLS ---- */

static void on_established(void *owner, struct stream *stream)
{
    struct front *front = CAST(front, FRONT, owner);

    front->client.stream = stream;
    if (front->opening->inner)
        front_tunnel(front, front->opening->inner, false);
    else
        front_http(front);
}

static void on_handshake_failed(void *owner, enum fault fault, const char *detail)
{
    struct front *front = CAST(front, FRONT, owner);

    front_log_refused(front, fault, detail);
    front_gone(front);
}

static const struct tls_stream_events TLS_EVENTS = {on_established, on_handshake_failed};

static void front_tls(struct front *front, struct tls_identity *identity, const struct route *inner)
{
    static const char *const ALPN[] = {"h2", "http/1.1", NULL};
    const char *const *alpn = front->lease->snapshot->http2 ? ALPN : ALPN + 1;
    const struct tls_server_options options = {.alpn = inner ? NULL : alpn};

    front->state = FRONT_TLS;
    front->opening->inner = inner;
    front->client.identity = identity;
    arm(front, front->lease->snapshot->timeouts.handshake);
    front->client.stream = tls_stream_accept(front->client.stream, identity, &options, &TLS_EVENTS, front);
}

/* ---- sniffing ---- */

const struct port_table *front_port(const struct front *front)
{
    return table_port(front->lease->snapshot->table, front->client.port);
}

static struct ip local_ip(const struct front *front)
{
    return address_ip(front->client.stream->local);
}

static const struct route *raw_route(const struct front *front, enum scheme scheme)
{
    return port_table_raw(front_port(front), scheme, address_ip(front->client.stream->peer), local_ip(front));
}

void front_silent(struct front *front, bool is_silent)
{
    const struct route *route = raw_route(front, SCHEME_TCP);

    if (!route && is_silent)
        route = raw_route(front, SCHEME_SSH);
    if (route)
        front_tunnel(front, route, front->opening && front->opening->has_spoken);
    else
        front_refuse(front, is_silent ? FAULT_CLIENT_IDLE : FAULT_SNIFF_UNKNOWN,
                     is_silent ? "the client sent nothing"
                               : "the first bytes are of no kind that this port knows");
}

/* A client without SNI may have asked for the address that it dialled: literals are not sent (RFC 6066 §3).
 * Where no route takes the name, only a default certificate may answer, so that HTTP can say 404 or 421. */
static struct tls_identity *find_identity(const struct front *front, struct slice name, bool has_route)
{
    struct certificates *certificates = front->lease->snapshot->certificates;
    struct tls_identity *identity = NULL;
    char ip[IP_TEXT];

    if (!has_route)
        return certificates_find(certificates, SLICE(""));
    if (name.len == 0)
        identity = certificates_find(certificates, slice_str(ip_describe(local_ip(front), ip)));
    return identity ? identity : certificates_find(certificates, name);
}

static void refuse_name(struct front *front, struct slice name, const char *why)
{
    char detail[SNI_MAX + 80];

    snprintf(detail, sizeof(detail), "server name \"%.*s\": %s", FMT_SLICE(name), why);
    /* RFC 8446 §9.2 for who sends none. */
    front_alert(front, name.len ? TLS_ALERT_UNRECOGNIZED_NAME : TLS_ALERT_MISSING_EXTENSION,
                FAULT_SNI_UNKNOWN, detail);
}

static void front_client_hello(struct front *front)
{
    const struct client_hello *hello = &front->opening->hello;
    struct slice name = slice_of(hello->name, hello->has_name ? hello->name_len : 0);
    struct ip from = address_ip(front->client.stream->peer);
    struct sni_match match = port_table_sni(front_port(front), name, from, local_ip(front));
    struct tls_identity *identity;

    if ((match.kind == SNI_TLS || match.kind == SNI_TCPS) && !match.route) {
        refuse_name(front, name, "its route's conditions do not hold");
    } else if (match.kind == SNI_TLS) {
        front_tunnel(front, match.route, true);
    } else {
        identity = find_identity(front, name, match.kind != SNI_NONE);
        if (identity)
            front_tls(front, identity, match.kind == SNI_TCPS ? match.route : NULL);
        else
            refuse_name(front, name,
                        match.kind == SNI_NONE ? "no route takes it" : "no certificate covers it");
    }
}

static void refuse_hello(struct front *front, enum tls_alert alert)
{
    if (alert == TLS_ALERT_UNRECOGNIZED_NAME)
        front_alert(front, alert, FAULT_SNI_UNKNOWN, "the server name is no host name");
    else
        front_alert(front, alert, FAULT_TLS_HANDSHAKE, "the ClientHello is malformed");
}

/* The handshake's time runs from the hello's first byte. */
static void expect_hello(struct front *front)
{
    if (front->opening->is_tls)
        return;
    front->opening->is_tls = true;
    arm(front, front->lease->snapshot->timeouts.handshake);
}

static void sniff_tls(struct front *front, struct slice bytes)
{
    expect_hello(front);
    switch (client_hello_read(&front->opening->hello, bytes)) {
    case CLIENT_HELLO_MORE:
        return;
    case CLIENT_HELLO_DONE:
        front_client_hello(front);
        return;
    case CLIENT_HELLO_NOT_TLS: /* such first bytes were not taken for TLS */
    case CLIENT_HELLO_BAD:
        refuse_hello(front, front->opening->hello.alert);
        return;
    }
}

static void sniff_other(struct front *front, struct port_kinds kinds)
{
    if (kinds.has_tcp) {
        front_silent(front, false);
    } else if (kinds.has_http || kinds.has_tls_layer) {
        front->client.is_plain_on_tls = !kinds.has_http;
        front_http(front); /* where the codec says what is wrong with it */
    } else {
        front_silent(front, false);
    }
}

/* Where raw bytes have no route, the first byte tells TLS from HTTP: the time that either has begins with it. */
static void sniff_beginning(struct front *front, struct slice bytes, struct port_kinds kinds)
{
    if (kinds.has_tcp || kinds.has_ssh)
        return; /* timeouts.sniff runs */
    if (kinds.has_tls_layer && slice_starts(bytes, SLICE("\x16")))
        expect_hello(front);
    else
        sniff_other(front, kinds);
}

static void sniff(struct front *front, struct slice bytes)
{
    struct port_kinds kinds = port_table_kinds(front_port(front));
    enum sniffed sniffed = sniff_first_bytes(bytes);

    if (sniffed == SNIFF_TLS && kinds.has_tls_layer) {
        sniff_tls(front, bytes);
    } else if (sniffed == SNIFF_SSH && kinds.has_ssh) {
        const struct route *route = raw_route(front, SCHEME_SSH);

        if (route)
            front_tunnel(front, route, true);
        else
            front_silent(front, false);
    } else if (sniffed == SNIFF_HTTP && kinds.has_http) {
        front_http(front);
    } else if (sniffed == SNIFF_HTTP && kinds.has_tls_layer && !kinds.has_tcp) {
        front->client.is_plain_on_tls = true;
        front_http(front);
    } else if (sniffed == SNIFF_MORE) {
        sniff_beginning(front, bytes, kinds);
    } else {
        sniff_other(front, kinds);
    }
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct front *front = CAST(front, FRONT, owner);

    front->opening->has_spoken = true;
    sniff(front, lent);
    return 0; /* whoever comes next reads them again */
}

static void on_drained(void *owner)
{
    (void)CAST(front, FRONT, owner); /* a front writes nothing itself */
}

static void on_eof(void *owner)
{
    front_silent(CAST(front, FRONT, owner), false);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    front_gone(CAST(front, FRONT, owner));
}

static const struct stream_events SNIFF_EVENTS = {on_bytes, on_drained, on_eof, on_closed};

static void on_deadline(struct timer *timer)
{
    struct opening *opening = CONTAINER_OF(timer, struct opening, deadline);
    struct front *front = opening->front;

    if (opening->is_tls) {
        front_log_refused(front, FAULT_TLS_HANDSHAKE_TIMEOUT, "timeouts.handshake");
        stream_close(front->client.stream);
        front_gone(front);
        return;
    }
    front_silent(front, !opening->has_spoken);
}

/* Where a server may have to speak first, silence is an answer; elsewhere browsers open connections ahead of
 * need. */
static uint64_t silence_ms(const struct front *front, struct port_kinds kinds)
{
    const struct timeouts *timeouts = &front->lease->snapshot->timeouts;

    return kinds.has_tcp || kinds.has_ssh ? timeouts->sniff : timeouts->idle;
}

void front_sniff(struct front *front, struct port_kinds kinds)
{
    open_front(front);
    stream_own(front->client.stream, &SNIFF_EVENTS, front);
    arm(front, silence_ms(front, kinds));
    stream_want(front->client.stream, true);
}
