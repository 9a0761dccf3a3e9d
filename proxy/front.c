#include "base/log.h"
#include "base/mem.h"
#include "http/h1_server.h"
#include "http/h2_server.h"
#include "proxy/client_counts.h"
#include "proxy/exchange.h"
#include "proxy/front_parts.h"
#include "proxy/lease.h"
#include "proxy/snapshot.h"
#include "proxy/tunnel.h"
#include "proxy/worker.h"
#include "tls/tls_stream.h"

void front_gone(struct front *front)
{
    struct worker *worker = front->client.worker;

    front_leave_opening(front);
    if (front->counted)
        client_counts_remove(worker->counts, *front->counted);
    mem_free(front->counted);
    lease_drop(front->lease);
    loop_retire(worker->loop, front, mem_free);
    worker_front_removed(worker, &front->link);
}

void front_log_refused(const struct front *front, enum fault fault, const char *detail)
{
    char client[ADDRESS_TEXT];

    log_event(LOG_INFO, "connection_refused", "id=%016llx client=%s port=%u reason=%s detail=%s",
              (unsigned long long)worker_id(front->client.worker),
              address_describe(front->client.stream->peer, client), front->client.port,
              fault_row(fault)->token, log_quote(slice_str(detail)));
}

/* ---- tunnels ---- */

static void on_tunnel_closed(void *owner)
{
    front_gone(CAST(front, FRONT, owner));
}

void front_tunnel(struct front *front, const struct route *route, bool has_spoken)
{
    struct lease *lease = lease_take(front->lease);

    front_leave_opening(front);
    front->state = FRONT_TUNNEL;
    front->tunnel = tunnel_start(&front->client, lease, route, has_spoken, on_tunnel_closed, front);
}

/* ---- HTTP ---- */

static void on_request(void *owner, struct http_end *end, const struct head *head, bool last)
{
    struct front *front = CAST(front, FRONT, owner);

    exchange_start(&front->client, end, head, last);
}

static void on_refused(void *owner, struct http_end *end, const struct head *head, enum fault fault,
                       const char *detail)
{
    struct front *front = CAST(front, FRONT, owner);

    exchange_refuse(&front->client, end, head, front->client.is_plain_on_tls ? FAULT_PLAIN_ON_TLS : fault,
                    detail);
}

static void on_http_closed(void *owner, enum fault fault)
{
    struct front *front = CAST(front, FRONT, owner);

    if (fault == FAULT_CLIENT_FLOODS || fault == FAULT_H2_BROKEN)
        front_log_refused(front, fault, fault_row(fault)->sentence);
    log_event(LOG_DEBUG, "connection_closed", "port=%u end=%s", front->client.port, fault_row(fault)->token);
    front_gone(front);
}

static const struct http_server_events HTTP_EVENTS = {
    .request = on_request, .refused = on_refused, .closed = on_http_closed};

/* It was accepted before the drain, or in its first moments. */
static void drain_if_due(struct front *front)
{
    if (front->client.worker->is_draining)
        http_server_drain(front->server, true);
}

/* Over TLS ALPN says it (RFC 9113 §3.3). */
static bool speaks_h2(const struct front *front)
{
    return slice_eq(tls_stream_alpn(front->client.stream), SLICE("h2"));
}

static void begin_h2(struct front *front)
{
    front->server =
        h2_server_new(front->client.stream, &front->client.worker->h2_limits, &HTTP_EVENTS, front);
}

/* In clear a client that knows of it just begins (RFC 9113 §3.3). */
static void on_preface(void *owner)
{
    struct front *front = CAST(front, FRONT, owner);

    begin_h2(front);
    drain_if_due(front);
}

static const struct http_server_events CLEAR_EVENTS = {
    .request = on_request, .refused = on_refused, .closed = on_http_closed, .preface = on_preface};

static void begin_h1(struct front *front)
{
    const struct worker *worker = front->client.worker;
    bool is_clear = !front->client.identity && !front->client.is_plain_on_tls;
    bool may_be_h2 = is_clear && worker->lease->snapshot->http2;

    front->server = h1_server_new(front->client.stream, &worker->http_limits,
                                  may_be_h2 ? &CLEAR_EVENTS : &HTTP_EVENTS, front);
}

void front_http(struct front *front)
{
    front_leave_opening(front);
    if (!front->client.identity) {
        lease_drop(
            front->lease); /* each request takes the newest; a TLS connection's certificate is its lease's */
        front->lease = NULL;
    }
    front->state = FRONT_HTTP;
    if (speaks_h2(front))
        begin_h2(front);
    else
        begin_h1(front);
    drain_if_due(front);
}

/* ---- a client's share ---- */

/* A proxy in front of us speaks for many. @return false when the client has its share already */
static bool count_connection(struct front *front)
{
    const struct snapshot *snapshot = front->lease->snapshot;
    const struct address *peer = front->client.stream->peer;
    uint64_t limit = snapshot->limits.connections_per_client;

    if (limit == SETTING_NONE || snapshot_trusts(snapshot, peer))
        return true;
    if (!client_counts_add(front->client.worker->counts, address_ip(peer), limit))
        return false;
    front->counted = mem_new(struct ip);
    *front->counted = address_ip(peer);
    return true;
}

/* Cut rather than ended: who is over the limit holds nothing of ours, but for the second in which an answer arrives. */
static void refuse_surplus(struct front *front, bool is_http)
{
    if (!is_http) {
        front_log_refused(front, FAULT_TOO_MANY_CONNECTIONS, "limits.connections_per_client");
        stream_close(front->client.stream);
        front_gone(front);
        return;
    }
    front_http(front);
    h1_server_refuse(front->server, FAULT_TOO_MANY_CONNECTIONS, "limits.connections_per_client");
}

static bool is_http_alone(struct port_kinds kinds)
{
    return kinds.has_http && !kinds.has_tls_layer && !kinds.has_ssh && !kinds.has_tcp;
}

static bool is_tcp_alone(struct port_kinds kinds)
{
    return kinds.has_tcp && !kinds.has_http && !kinds.has_tls_layer && !kinds.has_ssh;
}

void front_accept(struct worker *worker, struct lease *lease, uint16_t port, struct stream *stream)
{
    struct front *front = mem_new(struct front);
    const struct port_table *table;
    struct port_kinds kinds;

    MAGIC_SET(front, FRONT);
    front->client = (struct client){.worker = worker, .stream = stream, .port = port};
    front->lease = lease_take(lease);
    worker_front_added(worker, &front->link);
    table = front_port(front);
    if (!table) { /* the table changed while it waited to be accepted */
        stream_close(stream);
        front_gone(front);
        return;
    }
    kinds = port_table_kinds(table);
    if (!count_connection(front))
        refuse_surplus(front, is_http_alone(kinds));
    else if (is_http_alone(kinds))
        front_http(front);
    else if (is_tcp_alone(kinds))
        front_silent(front, false);
    else
        front_sniff(front, kinds);
}

/* ---- ending ---- */

static bool is_fresh(const struct front *front)
{
    return front->state == FRONT_HTTP ? http_server_load(front->server).is_fresh
                                      : front->state != FRONT_TUNNEL;
}

void fronts_drain(struct worker *worker, enum drain_pace pace)
{
    LIST_EACH(&worker->fronts, link) {
        struct front *front = CONTAINER_OF(link, struct front, link);

        if (pace == DRAIN_SPARING && is_fresh(front))
            continue;
        if (front->state == FRONT_HTTP) {
            http_server_drain(front->server, pace == DRAIN_AT_ANSWER);
        } else if (front->state != FRONT_TUNNEL && pace != DRAIN_AT_ANSWER) {
            stream_close(front->client.stream);
            front_gone(front);
        }
    }
}

void fronts_drain_closed_ports(struct worker *worker)
{
    const struct table *table = worker->lease->snapshot->table;

    LIST_EACH(&worker->fronts, link) {
        struct front *front = CONTAINER_OF(link, struct front, link);

        if (front->state == FRONT_HTTP && !table_port(table, front->client.port))
            http_server_drain(front->server, false);
    }
}

void fronts_each(const struct worker *worker, void (*each)(void *argument, const struct front_view *front),
                 void *argument)
{
    LIST_EACH(&worker->fronts, link) {
        const struct front *front = CONTAINER_OF(link, struct front, link);
        const bool is_http = front->state == FRONT_HTTP;
        const struct http_server_load load =
            is_http ? http_server_load(front->server) : (struct http_server_load){0};
        const struct front_view view = {
            .port = front->client.port,
            .is_http = is_http,
            .requests = load.requests,
            .tunnels = is_http ? load.tunnels : front->state == FRONT_TUNNEL,
            .lease = front->lease,
        };

        each(argument, &view);
    }
}

void fronts_close(struct worker *worker, bool tunnels_too)
{
    LIST_EACH(&worker->fronts, link) {
        struct front *front = CONTAINER_OF(link, struct front, link);

        switch (front->state) {
        case FRONT_HTTP:
            http_server_close(front->server, tunnels_too);
            break;
        case FRONT_TUNNEL:
            if (tunnels_too)
                tunnel_close(front->tunnel, FAULT_DRAINED);
            break;
        case FRONT_SNIFF:
        case FRONT_TLS:
            stream_close(front->client.stream);
            front_gone(front);
            break;
        }
    }
}
